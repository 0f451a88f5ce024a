use super::{
    group_folder::{GroupFolder, damaged},
    manifest::{Chunk, Manifest},
    place::DATA,
    shelf::Finished,
};
use crate::StorageError;
use bytes::Bytes;
use quorate_replica::ports::SnapshotHeader;
use std::{
    fmt,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
    sync::Arc,
};

/// Reads the data of a snapshot from beginning to end, but for the sessions behind it, which are in its header. No byte is given
/// out before its chunk was checked, and the end only when the whole was.
///
/// It goes on while the snapshot is removed.
pub struct SnapshotReader {
    manifest: Arc<Manifest>,
    header: SnapshotHeader,
    path: PathBuf,
    file: File,
    chunk: Vec<u8>,
    /// How much of the chunk was given out.
    given: usize,
    /// Where the next chunk begins.
    offset: u64,
    /// How many bytes are left before the sessions.
    left: u64,
    end: End,
}

/// How the reading ended, which it does once: asked again, it says the same.
enum End {
    NotYet,
    Whole,
    Failed(String),
}

impl SnapshotReader {
    pub(super) fn open(store: &GroupFolder, finished: Finished) -> Result<Self, StorageError> {
        let path = finished.place.path(&store.path).join(DATA);
        let file = File::open(&path).map_err(StorageError::io("open", &path))?;
        let manifest = finished.manifest;
        let left = manifest.info.bytes.saturating_sub(manifest.sessions_bytes);
        let header = manifest.info.header.clone();
        let mut reader = Self {
            manifest,
            header,
            path,
            file,
            chunk: Vec::new(),
            given: 0,
            offset: 0,
            left,
            end: End::NotYet,
        };
        if reader.manifest.sessions_bytes > 0 {
            reader.read_sessions()?;
        }
        Ok(reader)
    }

    /// Reads and checks what stands behind the data, and goes back to the beginning.
    fn read_sessions(&mut self) -> Result<(), StorageError> {
        let Some(first) = self.manifest.chunk_at(self.left) else { return Ok(()) };
        let seeking = || StorageError::io("read", &self.path);
        self.file.seek(SeekFrom::Start(first.start)).map_err(seeking())?;
        self.offset = first.start;
        let before = usize::try_from(self.left - first.start).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        while let Some(chunk) = self.manifest.chunk_at(self.offset) {
            self.read_chunk(chunk)?;
            bytes.extend_from_slice(&self.chunk);
        }
        let sessions = Bytes::from(bytes.split_off(before.min(bytes.len())));
        let decoded = self.header.point.sessions.decode(sessions);
        decoded.map_err(|fault| damaged(&self.manifest, fault.to_string()))?;
        self.file.rewind().map_err(StorageError::io("read", &self.path))?;
        self.chunk.clear();
        self.offset = 0;
        Ok(())
    }

    /// Reads and checks this chunk, which comes next.
    fn read_chunk(&mut self, chunk: Chunk) -> Result<(), StorageError> {
        self.chunk.resize(chunk.bytes, 0);
        self.file.read_exact(&mut self.chunk).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => damaged(&self.manifest, "its data ends too early"),
            _ => StorageError::io("read", &self.path)(source),
        })?;
        chunk.check(&self.chunk).map_err(|what| damaged(&self.manifest, what))?;
        self.offset = self.offset.saturating_add(u64::from(self.manifest.chunk_bytes));
        Ok(())
    }

    /// What the manifest says of the content.
    #[must_use]
    pub fn header(&self) -> &SnapshotHeader {
        &self.header
    }

    /// Reads and checks the next chunk; leaves none when all was read and the whole is as it should be.
    fn next_chunk(&mut self) -> Result<(), StorageError> {
        let Some(chunk) = self.manifest.chunk_at(self.offset) else {
            let read = self.file.read(&mut [0]).map_err(StorageError::io("read", &self.path))?;
            if read != 0 {
                return Err(damaged(&self.manifest, "its data goes on behind its end"));
            }
            self.end = End::Whole;
            return Ok(());
        };
        self.read_chunk(chunk)?;
        let bytes = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.chunk.len());
        self.chunk.truncate(bytes);
        self.left = self.left.saturating_sub(u64::try_from(bytes).unwrap_or(u64::MAX));
        Ok(())
    }
}

impl Read for SnapshotReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.given == self.chunk.len() {
            self.chunk.clear();
            self.given = 0;
            match &self.end {
                End::NotYet => {}
                End::Whole => return Ok(0),
                End::Failed(what) => return Err(io::Error::new(io::ErrorKind::InvalidData, what.clone())),
            }
            // A chunk may hold sessions and nothing else.
            while self.chunk.is_empty() && matches!(self.end, End::NotYet) {
                if let Err(error) = self.next_chunk() {
                    self.chunk.clear();
                    self.end = End::Failed(error.to_string());
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            }
        }
        let rest = &self.chunk[self.given..];
        let given = rest.len().min(buffer.len());
        buffer[..given].copy_from_slice(&rest[..given]);
        self.given += given;
        Ok(given)
    }
}

impl fmt::Debug for SnapshotReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SnapshotReader").field("path", &self.path).finish_non_exhaustive()
    }
}
