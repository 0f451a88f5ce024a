use crate::record::{seal, unseal};
use bytes::Bytes;
use prost::Message;
use quorate_proto::storage::v1::{SnapshotManifest, snapshot_manifest};
use quorate_replica::ports::{AppliedPoint, SnapshotHeader, SnapshotInfo, SnapshotTail};
use quorate_vocabulary::{GroupId, MachineKind, PluginDigest};

/// The data of a snapshot is checked in chunks of this many bytes.
pub const SNAPSHOT_CHUNK_BYTES: u32 = 1 << 20;
/// The longest manifest: with one checksum a chunk, enough for a terabyte of data.
pub const MANIFEST_BYTES_MAX: usize = 5 << 20;

/// The largest chunk that is read: another node may have been built with another size.
const CHUNK_BYTES_MAX: u32 = 16 << 20;
/// What a manifest's envelope has in place of a key.
const KEY: &[u8] = b"quorate snapshot manifest";

/// A manifest that was checked, with the bytes that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) group: GroupId,
    pub(super) info: SnapshotInfo,
    pub(super) chunk_bytes: u32,
    pub(super) chunk_crc32c: Vec<u32>,
    /// How many bytes at the end of the data are sessions.
    pub(super) sessions_bytes: u64,
    pub(super) bytes: Bytes,
}

impl Manifest {
    /// The manifest of data that was written in chunks of [`SNAPSHOT_CHUNK_BYTES`], with so many bytes of sessions at its end.
    pub(super) fn new(
        group: GroupId,
        header: SnapshotHeader,
        data_bytes: u64,
        sessions_bytes: u64,
        chunk_crc32c: Vec<u32>,
    ) -> Self {
        let kind = match header.kind {
            MachineKind::Memory => snapshot_manifest::Kind::Memory,
            MachineKind::Store => snapshot_manifest::Kind::Store,
        };
        let message = SnapshotManifest {
            group: group.0,
            index: header.point.index,
            term: header.point.term,
            kind: kind.into(),
            plugin: Bytes::copy_from_slice(header.plugin.as_bytes()),
            state_version: header.state_version,
            applied_point: header.point.encode().into(),
            data_bytes,
            chunk_bytes: SNAPSHOT_CHUNK_BYTES,
            chunk_crc32c: chunk_crc32c.clone(),
            saved_point: header.tail.as_ref().map(|tail| tail.saved.encode().into()).unwrap_or_default(),
            saved_bytes: header.tail.as_ref().map_or(0, |tail| tail.saved_bytes),
            sessions_bytes,
        };
        let bytes = seal(KEY, &[&message.encode_to_vec()]).into();
        let info = SnapshotInfo { header, bytes: data_bytes };
        Self { group, info, chunk_bytes: SNAPSHOT_CHUNK_BYTES, chunk_crc32c, sessions_bytes, bytes }
    }

    /// Reads a manifest of this group, or says what is wrong with it.
    pub(super) fn read(group: GroupId, bytes: Bytes) -> Result<Self, String> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(format!("its manifest has {} bytes, and may have {MANIFEST_BYTES_MAX}", bytes.len()));
        }
        let message =
            SnapshotManifest::decode(unseal(KEY, &bytes).map_err(|what| format!("its manifest: {what}"))?)
                .map_err(|error| format!("its manifest cannot be read: {error}"))?;
        if message.group != group.0 {
            return Err(format!("its manifest is of group {}", message.group));
        }
        let kind = match message.kind() {
            snapshot_manifest::Kind::Memory => MachineKind::Memory,
            snapshot_manifest::Kind::Store => MachineKind::Store,
            snapshot_manifest::Kind::Unspecified => {
                return Err("it is of a kind of machine that this version does not know".into());
            }
        };
        let plugin = PluginDigest::try_from(message.plugin.as_ref()).map_err(|error| error.to_string())?;
        let point = AppliedPoint::decode(&message.applied_point).map_err(|fault| fault.to_string())?;
        if (point.index, point.term) != (message.index, message.term) {
            return Err("its manifest names two places in the log".into());
        }
        let tail = if message.saved_point.is_empty() {
            None
        } else {
            let saved = AppliedPoint::decode(&message.saved_point).map_err(|fault| fault.to_string())?;
            if saved.index >= point.index || message.saved_bytes > message.data_bytes {
                return Err("its manifest has more saved than there is".into());
            }
            Some(Box::new(SnapshotTail { saved, saved_bytes: message.saved_bytes }))
        };
        if message.sessions_bytes > message.data_bytes {
            return Err("its manifest has more of sessions than there is".into());
        }
        if message.chunk_bytes == 0 || message.chunk_bytes > CHUNK_BYTES_MAX {
            return Err(format!("its chunks have {} bytes", message.chunk_bytes));
        }
        let chunks = message.data_bytes.div_ceil(u64::from(message.chunk_bytes));
        if u64::try_from(message.chunk_crc32c.len()) != Ok(chunks) {
            return Err(format!(
                "its manifest has {} checksums for {chunks} chunks",
                message.chunk_crc32c.len()
            ));
        }
        Ok(Self {
            group,
            info: SnapshotInfo {
                header: SnapshotHeader { point, kind, plugin, state_version: message.state_version, tail },
                bytes: message.data_bytes,
            },
            chunk_bytes: message.chunk_bytes,
            chunk_crc32c: message.chunk_crc32c,
            sessions_bytes: message.sessions_bytes,
            bytes,
        })
    }

    pub(super) fn index(&self) -> u64 {
        self.info.header.point.index
    }

    pub(super) fn term(&self) -> u64 {
        self.info.header.point.term
    }

    /// The chunk that this byte is in: where it begins, how long it is, and its checksum. None behind the end.
    pub(super) fn chunk_at(&self, offset: u64) -> Option<Chunk> {
        // The last chunk may be shorter, and what is behind the end is in none.
        let left = self.info.bytes.checked_sub(offset).filter(|left| *left > 0)?;
        let chunk_bytes = u64::from(self.chunk_bytes);
        let crc32c = *self.chunk_crc32c.get(usize::try_from(offset / chunk_bytes).ok()?)?;
        let within = offset % chunk_bytes;
        let (start, bytes) = (offset - within, usize::try_from(chunk_bytes.min(left + within)).ok()?);
        Some(Chunk { start, bytes, crc32c })
    }
}

/// One chunk of the data, as the manifest has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) start: u64,
    pub(super) bytes: usize,
    pub(super) crc32c: u32,
}

impl Chunk {
    pub(super) fn check(&self, bytes: &[u8]) -> Result<(), String> {
        if crc32c::crc32c(bytes) == self.crc32c {
            return Ok(());
        }
        Err(format!("the {} bytes from byte {} on do not match their checksum", bytes.len(), self.start))
    }
}
