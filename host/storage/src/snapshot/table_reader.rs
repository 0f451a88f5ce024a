use super::{
    group_folder::{GroupFolder, damaged},
    manifest::{Manifest, TableFiles},
    place::table,
};
use crate::{
    StorageError,
    disk::{create_folder, remove_folder},
    state::{DataKeys, OpenDatabase, View, ingest},
};
use bytes::Bytes;
use quorate_replica::{StoreStream, ports::HostFault};
use rocksdb::Cache;
use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Memory for the blocks of tables that are read once.
const CACHE_BYTES: usize = 4 << 20;
/// So much is read at a time.
const PART_BYTES: usize = 1 << 20;

/// Reads a snapshot that is kept in table files as the stream that it came as. It goes on while the snapshot is removed: the
/// files have further names for as long.
pub(super) struct TableReader {
    manifest: Arc<Manifest>,
    /// None before the first byte: most who open a snapshot only want to know what it is.
    stream: Option<StoreStream>,
    store: Arc<GroupFolder>,
    folder: PathBuf,
    offset: u64,
    part: Bytes,
}

impl TableReader {
    pub(super) fn open(
        store: &Arc<GroupFolder>,
        manifest: Arc<Manifest>,
        from: &Path,
        tables: &TableFiles,
    ) -> Result<Self, StorageError> {
        let folder = store.reading_folder();
        let reader =
            Self { manifest, stream: None, store: store.clone(), folder, offset: 0, part: Bytes::new() };
        create_folder(&reader.folder)?;
        for number in 0..tables.bytes.len() {
            let (from, to) = (from.join(table(number)), reader.folder.join(table(number)));
            fs::hard_link(&from, to).map_err(StorageError::io("link", &from))?;
        }
        Ok(reader)
    }

    fn next_part(&mut self) -> Result<(), HostFault> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.begin()?,
        };
        self.part = stream.read_at(self.offset, PART_BYTES)?;
        self.offset = self.offset.saturating_add(u64::try_from(self.part.len()).unwrap_or(u64::MAX));
        self.stream = Some(stream);
        Ok(())
    }

    fn begin(&self) -> Result<StoreStream, StorageError> {
        let super::manifest::Form::Tables(tables) = &self.manifest.form else {
            return Err(damaged(&self.manifest, "it is not in tables"));
        };
        let cache = Cache::new_lru_cache(CACHE_BYTES);
        let lock = self.store.folder_lock();
        let database = Arc::new(OpenDatabase::to_look_into(&self.folder.join("database"), &cache, lock)?);
        let paths = (0..tables.bytes.len()).map(|number| self.folder.join(table(number))).collect();
        ingest(&database, paths)?;
        let group = self.store.group;
        let view = View::new(database, group, DataKeys::new(group, tables.incarnation));
        Ok(StoreStream::new(self.manifest.info.header.clone(), Arc::new(view)))
    }
}

impl Read for TableReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.part.is_empty() && !buffer.is_empty() {
            self.next_part().map_err(|fault| {
                // Whoever reads a snapshot that is damaged looks for this, whatever the database said.
                io::Error::new(io::ErrorKind::InvalidData, damaged(&self.manifest, fault.to_string()))
            })?;
        }
        let given = self.part.split_to(self.part.len().min(buffer.len()));
        buffer[..given.len()].copy_from_slice(&given);
        Ok(given.len())
    }
}

impl Drop for TableReader {
    fn drop(&mut self) {
        self.stream = None;
        if let Err(error) = remove_folder(&self.folder) {
            tracing::warn!(%error, "what a snapshot was read with cannot be removed; it will be when the node starts again");
        }
    }
}

impl fmt::Debug for TableReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TableReader").field("folder", &self.folder).finish_non_exhaustive()
    }
}
