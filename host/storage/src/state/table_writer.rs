use super::{database::OpenDatabase, keys::DataKeys};
use crate::{
    StorageError,
    steady_file::{SYNCED_BYTES, SyncBeside},
};
use bytes::Bytes;
use rocksdb::{DBCompressionType, Options, SstFileWriter};
use std::{
    fs::{self, File},
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
/// Of so many tables the first shows whether compressing them is worth the time that it takes.
const TABLES_PER_TRIAL: usize = 16;
/// It is when a compressed table has at most so many hundredths of its pairs.
const COMPRESSED_PERCENT_MAX: u64 = 80;

/// Pairs whose keys ascend.
pub(crate) type Page = Vec<(Bytes, Bytes)>;

/// A table file that is on disk.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// Writes pairs into table files that a database can take in as they are, on a thread of its own: beside the one that reads and
/// checks, which takes about as long.
pub(crate) struct TableWriter<M> {
    folder: PathBuf,
    /// None once all pairs were handed over.
    pages: Option<SyncSender<(Page, M)>>,
    /// None once it was waited for.
    writing: Option<JoinHandle<Result<Vec<Table>, StorageError>>>,
}

impl<M: Send + 'static> TableWriter<M> {
    /// Begins to write into this folder, where there are so many tables already. For every table that is on disk `written` is
    /// told, with the mark of its last page.
    pub(crate) fn begin(
        database: &Arc<OpenDatabase>,
        folder: PathBuf,
        data: DataKeys,
        tables: usize,
        written: impl FnMut(&Table, M) -> Result<(), StorageError> + Send + 'static,
    ) -> Result<Self, StorageError> {
        let (pages, waiting) = sync_channel(PAGES_WAITING_MAX);
        let (database, into) = (database.clone(), folder.clone());
        let writing = thread::Builder::new()
            .name("load-writer".to_owned())
            .spawn(move || write_all(&database.table_options, &into, &data, tables, &waiting, written))
            .map_err(StorageError::io("start a thread that writes to", &folder))?;
        Ok(Self { folder, pages: Some(pages), writing: Some(writing) })
    }

    /// Adds pairs behind those before. False when the thread has ended, as it does before it is told to only if it fails:
    /// [`close`](Self::close) says why.
    pub(crate) fn put(&self, page: Page, mark: M) -> bool {
        self.pages.as_ref().is_some_and(|pages| pages.send((page, mark)).is_ok())
    }

    /// All pairs are there: waits until they are on disk, and gives the tables.
    pub(crate) fn close(&mut self) -> Result<Vec<Table>, StorageError> {
        self.pages = None;
        let failed = || {
            let source = std::io::Error::other("the thread that writes it has failed");
            StorageError::io("write", &self.folder)(source)
        };
        self.writing.take().and_then(|writing| writing.join().ok()).ok_or_else(failed)?
    }
}

impl<M> Drop for TableWriter<M> {
    fn drop(&mut self) {
        self.pages = None;
        if let Some(writing) = self.writing.take() {
            // Nobody waits for what came of it, but for its end: the folder is somebody else's then.
            let _ = writing.join();
        }
    }
}

/// Writes pages until no more come.
fn write_all<M>(
    options: &Options,
    folder: &Path,
    data: &DataKeys,
    before: usize,
    pages: &Receiver<(Page, M)>,
    mut written: impl FnMut(&Table, M) -> Result<(), StorageError>,
) -> Result<Vec<Table>, StorageError> {
    let mut plain = options.clone();
    plain.set_compression_type(DBCompressionType::None);
    let mut is_worth_it = true;
    let mut tables = Vec::new();
    let mut syncing = SyncBeside::default();
    while let Ok(first) = pages.recv() {
        let is_trial = tables.len().is_multiple_of(TABLES_PER_TRIAL);
        let options = if is_trial || is_worth_it { options } else { &plain };
        let path = folder.join(format!("{}.sst", before + tables.len()));
        let (mark, pairs_bytes) = write_table(options, &path, data, first, pages, &mut syncing)?;
        let bytes = fs::metadata(&path).map_err(StorageError::io("look at", &path))?.len();
        if is_trial {
            is_worth_it = bytes.saturating_mul(100) <= pairs_bytes.saturating_mul(COMPRESSED_PERCENT_MAX);
        }
        let table = Table { path, bytes };
        written(&table, mark)?;
        tables.push(table);
    }
    Ok(tables)
}

/// Writes one table file that begins with this page, and syncs it meanwhile: the database's own writer would do so at its end, all
/// at once. Gives the mark of its last page, and how many bytes its pairs have.
fn write_table<M>(
    options: &Options,
    path: &Path,
    data: &DataKeys,
    first: (Page, M),
    pages: &Receiver<(Page, M)>,
    syncing: &mut SyncBeside,
) -> Result<(M, u64), StorageError> {
    let failed = || StorageError::database("be written", path);
    let not_synced = || StorageError::io("sync", path);
    let mut table = SstFileWriter::create(options);
    table.open(path).map_err(failed())?;
    let file = File::open(path).map_err(StorageError::io("open", path))?;
    let ((mut page, mut mark), mut bytes, mut synced) = (first, 0_u64, 0);
    loop {
        for (key, value) in &page {
            bytes = bytes.saturating_add(u64::try_from(key.len() + value.len()).unwrap_or(u64::MAX));
            table.put(data.key(key), value).map_err(failed())?;
            if bytes - synced >= SYNCED_BYTES {
                synced = bytes;
                let file = file.try_clone().map_err(StorageError::io("open", path))?;
                syncing.begin(file).map_err(not_synced())?;
            }
        }
        if bytes >= TABLE_BYTES {
            break;
        }
        match pages.recv() {
            Ok(next) => (page, mark) = next,
            Err(_) => break,
        }
    }
    syncing.wait().map_err(not_synced())?;
    table.finish().map_err(failed())?;
    Ok((mark, bytes))
}
