use super::{
    group_folder::{GroupFolder, check_tables, read_manifest},
    manifest::{Form, Manifest, TableFiles},
    place::{MANIFEST, PROGRESS, SESSIONS, table},
    shelf::Origin,
};
use crate::{
    StorageError,
    disk::{create_folder, names, remove_folder, write_file_atomically},
    record::{seal, unseal},
    state::{DataKeys, GroupState, Table, TableWriter},
};
use bytes::{Bytes, BytesMut};
use prost::Message;
use quorate_proto::storage::v1::ReceivedTables;
use quorate_replica::{
    StreamDecoder, StreamMark,
    ports::{SnapshotHeader, SnapshotInfo},
};
use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What the envelope of the progress has in place of a key.
const KEY: &[u8] = b"quorate received tables";
/// The same for sessions.
const SESSIONS_KEY: &[u8] = b"quorate received sessions";

/// The state of a store machine that a peer sends as a stream. It is written once: into table files that the database takes in
/// as they are, and that are this replica's snapshot afterwards.
///
/// Dropped before it is finished, it keeps the tables it has, and [`SnapshotStore::receive_stream`](crate::SnapshotStore::receive_stream)
/// goes on behind them, also after a restart.
pub struct IncomingTables {
    store: Arc<GroupFolder>,
    state: Arc<GroupState>,
    header: SnapshotHeader,
    /// None when this very state is here already.
    transfer: Option<Transfer>,
}

struct Transfer {
    folder: PathBuf,
    decoder: StreamDecoder,
    writer: TableWriter<StreamMark>,
    /// Those from before this transfer, and where all are.
    tables: TableFiles,
    sessions: IncomingSessions,
}

/// The sessions, which come first and have a file of their own.
struct IncomingSessions {
    bytes: BytesMut,
    /// How many there are to be.
    total: usize,
}

impl IncomingSessions {
    fn are_here(&self) -> bool {
        self.bytes.len() >= self.total
    }
}

impl IncomingTables {
    pub(super) fn begin(
        store: Arc<GroupFolder>,
        state: Arc<GroupState>,
        manifest: &Bytes,
    ) -> Result<Self, StorageError> {
        let group = store.group;
        let refused = |why: String| StorageError::SnapshotRefused { group, why };
        let manifest = Manifest::read(group, manifest.clone()).map_err(refused)?;
        if manifest.form != Form::Stream {
            return Err(refused("it is not one that is made while it is sent".into()));
        }
        let header = manifest.info.header.clone();
        if store.find(manifest.index()).is_ok_and(|finished| finished.manifest.info.header == header) {
            return Ok(Self { store, state, header, transfer: None });
        }
        store.begin_to_receive()?;
        match Transfer::begin(&store, &state, &manifest) {
            Ok(transfer) => Ok(Self { store, state, header, transfer: Some(transfer) }),
            Err(error) => {
                store.lock().receiving = false;
                Err(error)
            }
        }
    }

    /// What state it is.
    #[must_use]
    pub fn header(&self) -> &SnapshotHeader {
        &self.header
    }

    /// How much of the stream is here: the offset of the first byte that is wanted. None when all of it is.
    #[must_use]
    pub fn received_bytes(&self) -> Option<u64> {
        self.transfer.as_ref().map(Transfer::received)
    }

    /// Takes the bytes from this offset on, which must be [`received_bytes`](Self::received_bytes).
    ///
    /// # Errors
    /// When they are others than the next ones, cannot be written, or are damaged: what is here is then thrown away.
    pub fn write(&mut self, offset: u64, bytes: &Bytes) -> Result<(), StorageError> {
        let Some(transfer) = &mut self.transfer else { return Ok(()) };
        let expected = transfer.received();
        if offset != expected {
            return Err(StorageError::ChunkOffset { expected, found: offset });
        }
        let mut bytes = bytes.clone();
        transfer.take_sessions(&mut bytes)?;
        if bytes.is_empty() {
            return Ok(());
        }
        transfer.decoder.push(bytes);
        loop {
            match transfer.decoder.next_block() {
                Ok(None) => return Ok(()),
                Ok(Some(page)) => {
                    if !transfer.writer.put(page, transfer.decoder.mark().clone()) {
                        transfer.writer.close()?;
                    }
                }
                Err(fault) => return Err(self.throw_away(fault.to_string())),
            }
        }
    }

    /// All bytes are here: makes the state durable, then visible.
    ///
    /// # Errors
    /// When bytes are missing (what is here stays), or when it cannot be placed.
    pub fn finish(mut self) -> Result<SnapshotInfo, StorageError> {
        let Some(transfer) = &mut self.transfer else {
            let index = self.header.point.index;
            return self.store.deliver_again(index, &self.header).ok_or_else(|| {
                StorageError::SnapshotRefused {
                    group: self.store.group,
                    why: "it was here and has been removed meanwhile; send it again".into(),
                }
            });
        };
        if !transfer.decoder.has_ended() {
            return Err(self.damaged("it has not come to its end".into()));
        }
        let written = transfer.writer.close()?;
        let mut tables = transfer.tables.clone();
        tables.bytes.extend(written.iter().map(|table| table.bytes));
        let (incarnation, count) = (tables.incarnation, tables.bytes.len());
        let (folder, stream_bytes) = (transfer.folder.clone(), transfer.received());
        let sessions = transfer.sessions.bytes.split().freeze();
        let (group, header) = (self.store.group, self.header.clone());
        let manifest = Manifest::of_tables(group, header, stream_bytes, sessions.len() as u64, tables);
        let mut point = self.header.point.clone();
        if let Err(fault) = point.sessions.decode(sessions) {
            return Err(self.throw_away(fault.to_string()));
        }
        write_file_atomically(&folder.join(MANIFEST), &manifest.bytes)?;
        let info = self.store.place(&folder, manifest, Origin::Received { deliveries: 1 })?;
        if let Some((placed, _)) = self.store.tables_at(info.header.point.index) {
            let paths = (0..count).map(|number| placed.join(table(number))).collect();
            self.state.prepared(point, incarnation, paths);
        }
        Ok(info)
    }

    /// What came is not what was sent: the next transfer begins anew.
    fn throw_away(&mut self, what: String) -> StorageError {
        let damaged = self.damaged(what);
        if let Some(Transfer { folder, writer, .. }) = &mut self.transfer {
            // What it says does not matter any more.
            let _ = writer.close();
            if let Err(error) = remove_folder(folder) {
                return error;
            }
        }
        damaged
    }

    fn damaged(&self, what: String) -> StorageError {
        StorageError::SnapshotDamaged { group: self.store.group, index: self.header.point.index, what }
    }
}

impl Transfer {
    /// Goes on with what an earlier transfer left, or begins anew.
    fn begin(store: &GroupFolder, state: &GroupState, manifest: &Manifest) -> Result<Self, StorageError> {
        let folder = store.incoming_folder(manifest)?;
        let incarnation = state.incarnation_for(manifest.index())?;
        let same = read_manifest(&folder, store.group)
            .is_ok_and(|before| before.form == Form::Stream && before.info == manifest.info);
        let left = if same { read_progress(&folder, incarnation) } else { None };
        let total = usize::try_from(manifest.sessions_bytes).unwrap_or(usize::MAX);
        let left = left.zip(read_sessions(&folder, total));
        let (tables, mark, bytes) = match left {
            Some(((tables, mark), sessions)) => {
                remove_unfinished(&folder, tables.bytes.len())?;
                (tables, mark, sessions)
            }
            None => {
                remove_folder(&folder)?;
                create_folder(&folder)?;
                write_file_atomically(&folder.join(MANIFEST), &manifest.bytes)?;
                (TableFiles { incarnation, bytes: Vec::new() }, StreamMark::default(), BytesMut::new())
            }
        };
        let (mut noted, into) = (tables.clone(), folder.clone());
        let note = move |table: &Table, mark: StreamMark| {
            noted.bytes.push(table.bytes);
            write_file_atomically(&into.join(PROGRESS), &progress(&noted, &mark))
        };
        let data = DataKeys::new(store.group, incarnation);
        let writer = TableWriter::begin(state.database(), folder.clone(), data, tables.bytes.len(), note)?;
        let sessions = IncomingSessions { bytes, total };
        Ok(Self { folder, decoder: StreamDecoder::new(mark), writer, tables, sessions })
    }

    fn received(&self) -> u64 {
        self.decoder.received().saturating_add(self.sessions.bytes.len() as u64)
    }

    /// Takes off what is of sessions. They are on disk before anything of the stream is.
    fn take_sessions(&mut self, bytes: &mut Bytes) -> Result<(), StorageError> {
        let Self { sessions, folder, .. } = self;
        if sessions.are_here() {
            return Ok(());
        }
        let missing = sessions.total - sessions.bytes.len();
        sessions.bytes.extend_from_slice(&bytes.split_to(missing.min(bytes.len())));
        if sessions.are_here() {
            write_file_atomically(&folder.join(SESSIONS), &seal(SESSIONS_KEY, &[&sessions.bytes]))?;
        }
        Ok(())
    }
}

/// The sessions beside table files, of which there are so many bytes. None when they are not whole.
pub(super) fn read_sessions(folder: &Path, total: usize) -> Option<BytesMut> {
    if total == 0 {
        return Some(BytesMut::new());
    }
    let record = fs::read(folder.join(SESSIONS)).ok()?;
    let sessions = unseal(SESSIONS_KEY, &record).ok()?;
    (sessions.len() == total).then(|| sessions.into())
}

fn progress(tables: &TableFiles, mark: &StreamMark) -> Vec<u8> {
    let message = ReceivedTables {
        table_bytes: tables.bytes.clone(),
        incarnation: tables.incarnation,
        offset: mark.offset,
        pairs: mark.pairs,
        checksum: mark.checksum,
        last_key: mark.last_key.clone(),
    };
    seal(KEY, &[&message.encode_to_vec()])
}

/// How far an earlier transfer came, if that is of use.
fn read_progress(folder: &Path, incarnation: u64) -> Option<(TableFiles, StreamMark)> {
    let record = fs::read(folder.join(PROGRESS)).ok()?;
    let message = ReceivedTables::decode(unseal(KEY, &record).ok()?).ok()?;
    let tables = TableFiles { incarnation: message.incarnation, bytes: message.table_bytes };
    let is_of_use = tables.incarnation == incarnation && check_tables(folder, &tables.bytes).is_ok();
    let ReceivedTables { offset, pairs, checksum, last_key, .. } = message;
    is_of_use.then_some((tables, StreamMark { offset, pairs, checksum, last_key }))
}

/// Removes what a transfer left behind its last whole table.
fn remove_unfinished(folder: &Path, tables: usize) -> Result<(), StorageError> {
    let whole: Vec<String> = (0..tables).map(table).collect();
    for name in names(folder)? {
        let path = folder.join(&name);
        if ![MANIFEST, PROGRESS, SESSIONS].contains(&&*name) && !whole.contains(&name) {
            fs::remove_file(&path).map_err(StorageError::io("remove", &path))?;
        }
    }
    Ok(())
}

impl Drop for IncomingTables {
    fn drop(&mut self) {
        if let Some(transfer) = self.transfer.take() {
            // Waits for the table that is being written: the next transfer goes on behind it.
            drop(transfer);
            self.store.lock().receiving = false;
        }
    }
}

impl fmt::Debug for IncomingTables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let received = self.received_bytes();
        formatter.debug_struct("IncomingTables").field("received", &received).finish_non_exhaustive()
    }
}
