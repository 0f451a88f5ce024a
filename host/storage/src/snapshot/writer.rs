use super::{
    group_folder::GroupFolder,
    manifest::{Manifest, SNAPSHOT_CHUNK_BYTES},
    place::{DATA, MANIFEST, Place},
    shelf::Origin,
};
use crate::{
    StorageError,
    disk::{create_folder, remove_folder, write_file_atomically},
    steady_file::SteadyFile,
};
use quorate_replica::ports::{HostFault, SnapshotHeader, SnapshotInfo, SnapshotWriter};
use std::{
    fs::File,
    io::{self, Cursor, Read, Write},
    path::PathBuf,
    sync::Arc,
};

/// A snapshot being written, in a folder of its own that is removed when this is dropped.
pub(super) struct Writer {
    store: Arc<GroupFolder>,
    header: SnapshotHeader,
    folder: PathBuf,
    file: SteadyFile,
    /// The chunk that is not full yet.
    chunk: Vec<u8>,
    chunk_crc32c: Vec<u32>,
    bytes: u64,
}

impl Writer {
    pub(super) fn begin(store: Arc<GroupFolder>, header: &SnapshotHeader) -> Result<Self, StorageError> {
        let folder = {
            let mut shelf = store.lock();
            store.prepare(&shelf)?;
            Place::Taking { number: shelf.next_number() }.path(&store.path)
        };
        create_folder(&folder)?;
        let data = folder.join(DATA);
        let file = File::create(&data).map_err(StorageError::io("create", &data))?;
        Ok(Self {
            store,
            header: header.clone(),
            folder,
            file: SteadyFile::new(file),
            chunk: Vec::with_capacity(CHUNK_BYTES),
            chunk_crc32c: Vec::new(),
            bytes: 0,
        })
    }

    fn write_chunk(&mut self) -> io::Result<()> {
        self.file.write_all(&self.chunk)?;
        self.chunk_crc32c.push(crc32c::crc32c(&self.chunk));
        self.bytes += u64::try_from(self.chunk.len()).map_err(io::Error::other)?;
        self.chunk.clear();
        Ok(())
    }

    fn complete(mut self) -> Result<SnapshotInfo, StorageError> {
        let data = self.folder.join(DATA);
        // They come last: only now is it known as of where the snapshot stands.
        let sessions = self.header.point.sessions.encode();
        self.header.point.sessions = self.header.point.sessions.without_rows();
        self.write_all(&sessions).map_err(StorageError::io("write", &data))?;
        let sessions_bytes = u64::try_from(sessions.len()).unwrap_or(u64::MAX);
        if !self.chunk.is_empty() {
            self.write_chunk().map_err(StorageError::io("write", &data))?;
        }
        self.file.sync_all().map_err(StorageError::io("sync", &data))?;
        let checksums = std::mem::take(&mut self.chunk_crc32c);
        let (group, header) = (self.store.group, self.header.clone());
        let manifest = Manifest::new(group, header, self.bytes, sessions_bytes, checksums);
        write_file_atomically(&self.folder.join(MANIFEST), &manifest.bytes)?;
        // What is dropped from here on finds its folder gone, or removes what could not be placed.
        self.store.place(&self.folder, manifest, Origin::Own)
    }
}

/// [`SNAPSHOT_CHUNK_BYTES`], as lengths are counted.
const CHUNK_BYTES: usize = SNAPSHOT_CHUNK_BYTES as usize;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.len() == CHUNK_BYTES {
            self.write_chunk()?;
        }
        let taken = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        // A chunk that is not full stays: all that matters is written by `finish`.
        Ok(())
    }
}

impl SnapshotWriter for Writer {
    fn read_back(&mut self) -> Result<Box<dyn Read + Send>, HostFault> {
        let data = self.folder.join(DATA);
        let file = File::open(&data).map_err(StorageError::io("open", &data))?;
        let written = file.take(self.bytes);
        Ok(Box::new(written.chain(Cursor::new(self.chunk.clone()))))
    }

    fn set_header(&mut self, header: &SnapshotHeader) {
        self.header = header.clone();
    }

    fn finish(self: Box<Self>) -> Result<SnapshotInfo, HostFault> {
        Ok(self.complete()?)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Err(error) = remove_folder(&self.folder) {
            tracing::warn!(%error, "an unfinished snapshot cannot be removed; it will be when the node starts again");
        }
    }
}
