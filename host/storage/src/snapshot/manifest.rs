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
/// The most that sessions may have: above what the limits of any group allow.
const SESSIONS_BYTES_MAX: u64 = 2 << 30;
/// What a manifest's envelope has in place of a key.
const KEY: &[u8] = b"quorate snapshot manifest";

/// A manifest that was checked, with the bytes that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) group: GroupId,
    pub(super) info: SnapshotInfo,
    pub(super) chunk_bytes: u32,
    pub(super) chunk_crc32c: Vec<u32>,
    /// How many bytes are sessions: at the end of the data, at the beginning of a stream, or in a file beside tables.
    pub(super) sessions_bytes: u64,
    pub(super) form: Form,
    pub(super) bytes: Bytes,
}

/// How the data of a snapshot is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In a file, checked in chunks.
    Data,
    /// Nowhere: it is made while it is sent.
    Stream,
    /// In table files.
    Tables(TableFiles),
}

/// The table files that a state is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TableFiles {
    /// The incarnation of the state whose keys are in them.
    pub(super) incarnation: u64,
    /// Their sizes, in order.
    pub(super) bytes: Vec<u64>,
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
        Self::of_form(group, header, data_bytes, sessions_bytes, chunk_crc32c, Form::Data)
    }

    /// The manifest of a state that is sent without being kept, behind so many bytes of sessions.
    pub(super) fn of_stream(group: GroupId, header: SnapshotHeader, sessions_bytes: u64) -> Self {
        Self::of_form(group, header, 0, sessions_bytes, Vec::new(), Form::Stream)
    }

    /// The manifest of a state that came as a stream of so many bytes, and is in table files.
    pub(super) fn of_tables(
        group: GroupId,
        header: SnapshotHeader,
        stream_bytes: u64,
        sessions_bytes: u64,
        tables: TableFiles,
    ) -> Self {
        Self::of_form(group, header, stream_bytes, sessions_bytes, Vec::new(), Form::Tables(tables))
    }

    fn of_form(
        group: GroupId,
        header: SnapshotHeader,
        data_bytes: u64,
        sessions_bytes: u64,
        chunk_crc32c: Vec<u32>,
        form: Form,
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
            form: match form {
                Form::Data => snapshot_manifest::Form::Unspecified,
                Form::Stream => snapshot_manifest::Form::Stream,
                Form::Tables(_) => snapshot_manifest::Form::Tables,
            }
            .into(),
            sessions_bytes,
            table_bytes: if let Form::Tables(tables) = &form { tables.bytes.clone() } else { Vec::new() },
            incarnation: if let Form::Tables(tables) = &form { tables.incarnation } else { 0 },
        };
        let bytes = seal(KEY, &[&message.encode_to_vec()]).into();
        let info = SnapshotInfo { header, bytes: data_bytes };
        Self { group, info, chunk_bytes: SNAPSHOT_CHUNK_BYTES, chunk_crc32c, sessions_bytes, form, bytes }
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
        if message.chunk_bytes == 0 || message.chunk_bytes > CHUNK_BYTES_MAX {
            return Err(format!("its chunks have {} bytes", message.chunk_bytes));
        }
        let form = match snapshot_manifest::Form::try_from(message.form) {
            Ok(snapshot_manifest::Form::Unspecified) => Form::Data,
            Ok(snapshot_manifest::Form::Stream) => Form::Stream,
            Ok(snapshot_manifest::Form::Tables) => {
                Form::Tables(TableFiles { incarnation: message.incarnation, bytes: message.table_bytes })
            }
            Err(_) => return Err("its data is kept in a form that this version does not know".into()),
        };
        if form != Form::Data && kind != MachineKind::Store {
            return Err("it is of a memory machine, and is kept like that of a store machine".into());
        }
        let sessions_max = if form == Form::Data { message.data_bytes } else { SESSIONS_BYTES_MAX };
        if message.sessions_bytes > sessions_max {
            return Err("its manifest has more of sessions than there can be".into());
        }
        let chunked_bytes = if form == Form::Data { message.data_bytes } else { 0 };
        let chunks = chunked_bytes.div_ceil(u64::from(message.chunk_bytes));
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
            form,
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
