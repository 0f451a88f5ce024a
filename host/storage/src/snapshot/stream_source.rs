use super::{
    group_folder::GroupFolder,
    manifest::{Manifest, SNAPSHOT_CHUNK_BYTES},
};
use crate::StorageError;
use bytes::Bytes;
use quorate_replica::{StoreStream, ports::HostFault};
use std::fmt;

/// The state of a store machine on its way to a peer, read from a view while it is sent.
///
/// A state that fits into a chunk is sent like a snapshot in a file, which is what the receiver makes of it: table files of that
/// size would only be small files.
pub struct StreamSource {
    manifest: Bytes,
    /// What comes before a stream.
    sessions: Bytes,
    content: Content,
}

enum Content {
    Small(Bytes),
    Stream(Box<StoreStream>),
}

impl StreamSource {
    pub(super) fn open(store: &GroupFolder, mut stream: StoreStream) -> Result<Self, StorageError> {
        let header = stream.header().clone();
        let failed = |fault: HostFault| StorageError::SnapshotUnreadable {
            group: store.group,
            index: header.point.index,
            why: fault.to_string(),
        };
        let sessions = header.point.sessions.encode();
        let sessions_bytes = sessions.len() as u64;
        let mut small = Vec::new();
        let bytes_max = usize::try_from(SNAPSHOT_CHUNK_BYTES).unwrap_or(usize::MAX);
        loop {
            let part = stream.read_at(small.len() as u64, bytes_max).map_err(failed)?;
            if part.is_empty() {
                break;
            }
            if small.len() + part.len() > bytes_max {
                let manifest = Manifest::of_stream(store.group, header, sessions_bytes).bytes;
                return Ok(Self { manifest, sessions, content: Content::Stream(Box::new(stream)) });
            }
            small.extend_from_slice(&part);
        }
        // As in a file, they stand at the end.
        small.extend_from_slice(&sessions);
        let checksums = small.chunks(bytes_max.max(1)).map(crc32c::crc32c).collect();
        let bytes = small.len() as u64;
        let manifest = Manifest::new(store.group, header, bytes, sessions_bytes, checksums).bytes;
        Ok(Self { manifest, sessions: Bytes::new(), content: Content::Small(small.into()) })
    }

    /// What the receiver needs before the first byte.
    #[must_use]
    pub fn manifest(&self) -> Bytes {
        self.manifest.clone()
    }

    /// How many bytes there are; none when that shows at the end only.
    #[must_use]
    pub fn total_bytes(&self) -> Option<u64> {
        match &self.content {
            Content::Small(content) => Some(content.len() as u64),
            Content::Stream(_) => None,
        }
    }

    /// Up to `bytes_max` bytes from `offset` on; none at the end.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn read_at(&mut self, offset: u64, bytes_max: usize) -> Result<Bytes, HostFault> {
        match &mut self.content {
            Content::Stream(stream) => match offset.checked_sub(self.sessions.len() as u64) {
                Some(offset) => stream.read_at(offset, bytes_max),
                None => Ok(part(&self.sessions, offset, bytes_max)),
            },
            Content::Small(content) => Ok(part(content, offset, bytes_max)),
        }
    }
}

fn part(content: &Bytes, offset: u64, bytes_max: usize) -> Bytes {
    let from = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
    content.slice(from..content.len().min(from.saturating_add(bytes_max)))
}

impl fmt::Debug for StreamSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StreamSource")
            .field("total_bytes", &self.total_bytes())
            .finish_non_exhaustive()
    }
}
