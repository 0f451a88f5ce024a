use super::{database::OpenDatabase, keys::DataKeys};
use crate::{
    StorageError,
    disk::{create_folder, remove_folder},
};
use bytes::Bytes;
use rocksdb::{IngestExternalFileOptions, Options, SstFileWriter};
use std::{
    mem,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

/// A table file takes about so many bytes of keys and values.
const TABLE_BYTES: u64 = 32 << 20;
/// So many pages wait for the thread that writes, before whoever reads them waits for it.
const PAGES_WAITING_MAX: usize = 4;

/// Pairs whose keys ascend.
type Page = Vec<(Bytes, Bytes)>;

/// Table files with the pairs of one load, written beside the database and then taken into it as they are: no pair goes
/// through a write-ahead file, a buffer in memory or a compaction.
pub(super) struct Tables {
    folder: PathBuf,
    /// None once all pairs were handed over.
    pages: Option<SyncSender<Page>>,
    /// None once it was waited for.
    writing: Option<JoinHandle<Result<Vec<PathBuf>, StorageError>>>,
    /// Those that are written and on disk, once all are.
    paths: Vec<PathBuf>,
}

impl Tables {
    /// Begins to write into this folder, which is emptied, and removed when this is dropped.
    pub(super) fn begin(
        database: &Arc<OpenDatabase>,
        folder: PathBuf,
        data: DataKeys,
    ) -> Result<Self, StorageError> {
        remove_folder(&folder)?;
        create_folder(&folder)?;
        let (pages, waiting) = sync_channel(PAGES_WAITING_MAX);
        let (database, into) = (database.clone(), folder.clone());
        // Beside the thread that reads and checks: the two take about the same time.
        let writing = thread::Builder::new()
            .name("load-writer".to_owned())
            .spawn(move || write_all(&database.table_options, &into, &data, &waiting))
            .map_err(StorageError::io("start a thread that writes to", &folder))?;
        Ok(Self { folder, pages: Some(pages), writing: Some(writing), paths: Vec::new() })
    }

    /// Adds pairs behind those before.
    pub(super) fn put(&mut self, page: Page) -> Result<(), StorageError> {
        let is_taken = self.pages.as_ref().is_some_and(|pages| pages.send(page).is_ok());
        // It ends before it is told to only if it fails.
        if is_taken { Ok(()) } else { self.close() }
    }

    /// All pairs are there: waits until they are on disk.
    pub(super) fn close(&mut self) -> Result<(), StorageError> {
        self.pages = None;
        let ended = self.writing.take().map(JoinHandle::join);
        let failed = || {
            let source = std::io::Error::other("the thread that writes it has failed");
            StorageError::io("write", &self.folder)(source)
        };
        self.paths = ended.and_then(Result::ok).ok_or_else(failed)??;
        Ok(())
    }

    /// Takes what was written into the database, durably.
    pub(super) fn take_in(mut self, database: &OpenDatabase) -> Result<(), StorageError> {
        let paths = mem::take(&mut self.paths);
        if paths.is_empty() {
            return Ok(());
        }
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        let taken = database.db.ingest_external_file_opts(&options, paths);
        taken.map_err(|error| database.failed("be written", error))
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        if self.writing.is_some() {
            // Nobody waits for what came of it.
            let _ = self.close();
        }
        if let Err(error) = remove_folder(&self.folder) {
            tracing::warn!(%error, "what is left of a load cannot be removed; it will be when the node starts again");
        }
    }
}

/// Writes pages until no more come.
fn write_all(
    options: &Options,
    folder: &Path,
    data: &DataKeys,
    pages: &Receiver<Page>,
) -> Result<Vec<PathBuf>, StorageError> {
    let mut paths = Vec::new();
    while let Ok(page) = pages.recv() {
        let path = folder.join(format!("{}.sst", paths.len()));
        write_table(options, &path, data, page, pages)
            .map_err(StorageError::database("be written", &path))?;
        paths.push(path);
    }
    Ok(paths)
}

/// Writes one table file that begins with this page.
fn write_table(
    options: &Options,
    path: &Path,
    data: &DataKeys,
    first: Page,
    pages: &Receiver<Page>,
) -> Result<(), rocksdb::Error> {
    let mut table = SstFileWriter::create(options);
    table.open(path)?;
    let (mut page, mut bytes) = (first, 0_u64);
    loop {
        for (key, value) in &page {
            bytes = bytes.saturating_add(u64::try_from(key.len() + value.len()).unwrap_or(u64::MAX));
            table.put(data.key(key), value)?;
        }
        if bytes >= TABLE_BYTES {
            break;
        }
        match pages.recv() {
            Ok(next) => page = next,
            Err(_) => break,
        }
    }
    table.finish()
}
