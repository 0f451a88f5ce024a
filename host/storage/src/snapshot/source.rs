use super::{
    group_folder::{GroupFolder, damaged},
    manifest::{Chunk, Manifest},
    place::DATA,
};
use crate::StorageError;
use bytes::Bytes;
use quorate_replica::ports::SnapshotInfo;
use std::{
    fmt,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
    sync::Arc,
};

/// The data of a snapshot, from any place on, for a peer. No byte is given out before its chunk was checked.
///
/// It goes on while the snapshot is removed.
pub struct SnapshotFile {
    manifest: Arc<Manifest>,
    path: PathBuf,
    file: File,
    /// The chunk that was read last, so that small reads do not check it over and over.
    last: Option<(Chunk, Bytes)>,
}

impl SnapshotFile {
    pub(super) fn open(store: &GroupFolder, index: u64) -> Result<Self, StorageError> {
        let finished = store.find(index)?;
        let path = finished.place.path(&store.path).join(DATA);
        let file = File::open(&path).map_err(StorageError::io("open", &path))?;
        Ok(Self { manifest: finished.manifest, path, file, last: None })
    }

    /// What it holds.
    #[must_use]
    pub fn info(&self) -> &SnapshotInfo {
        &self.manifest.info
    }

    /// What the receiver needs before the first byte: see [`SnapshotStore::receive`](crate::SnapshotStore::receive).
    #[must_use]
    pub fn manifest(&self) -> Bytes {
        self.manifest.bytes.clone()
    }

    /// How many bytes there are.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.manifest.info.bytes
    }

    /// Up to `bytes_max` bytes from `offset` on; at least one, unless the end is reached or `bytes_max` is 0.
    ///
    /// # Errors
    /// When the data cannot be read, or is damaged.
    pub fn read_at(&mut self, offset: u64, bytes_max: usize) -> Result<Bytes, StorageError> {
        let Some(chunk) = self.manifest.chunk_at(offset) else { return Ok(Bytes::new()) };
        let bytes = self.chunk(chunk)?;
        let Ok(from) = usize::try_from(offset - chunk.start) else { return Ok(Bytes::new()) };
        Ok(bytes.slice(from..bytes.len().min(from.saturating_add(bytes_max))))
    }

    fn chunk(&mut self, chunk: Chunk) -> Result<Bytes, StorageError> {
        if let Some((last, bytes)) = &self.last
            && *last == chunk
        {
            return Ok(bytes.clone());
        }
        let mut bytes = vec![0; chunk.bytes];
        let read =
            self.file.seek(SeekFrom::Start(chunk.start)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => damaged(&self.manifest, "its data ends too early"),
            _ => StorageError::io("read", &self.path)(source),
        })?;
        chunk.check(&bytes).map_err(|what| damaged(&self.manifest, what))?;
        let bytes = Bytes::from(bytes);
        self.last = Some((chunk, bytes.clone()));
        Ok(bytes)
    }
}

impl fmt::Debug for SnapshotFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SnapshotFile").field("path", &self.path).finish_non_exhaustive()
    }
}
