use super::{
    group_folder::{GroupFolder, damaged},
    incoming::IncomingSnapshot,
    incoming_tables::{IncomingTables, read_sessions},
    manifest::Form,
    reader::SnapshotReader,
    shelf::Finished,
    source::SnapshotFile,
    stream_source::StreamSource,
    table_reader::TableReader,
    writer::Writer,
};
use crate::{StorageError, state::GroupState};
use bytes::Bytes;
use quorate_replica::{
    StoreStream,
    ports::{HostFault, SnapshotHeader, SnapshotInfo, SnapshotWriter, Snapshots},
};
use quorate_vocabulary::GroupId;
use std::{fmt, io::Read, sync::Arc};

/// The snapshots of one group on this node: for its replica, by the port [`Snapshots`], and for peers.
pub struct SnapshotStore {
    folder: Arc<GroupFolder>,
}

impl SnapshotStore {
    pub(super) fn new(folder: Arc<GroupFolder>) -> Self {
        Self { folder }
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> GroupId {
        self.folder.group
    }

    /// The finished snapshots, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<SnapshotInfo> {
        self.folder.list()
    }

    /// The newest snapshot that is this replica's own: not one that was received and is not loaded yet.
    #[must_use]
    pub fn latest(&self) -> Option<SnapshotInfo> {
        self.folder.latest()
    }

    /// Reads a snapshot from beginning to end, checked.
    ///
    /// # Errors
    /// When there is none at this index, or it cannot be opened.
    pub fn read(&self, index: u64) -> Result<Box<dyn Read + Send>, StorageError> {
        self.reader(self.folder.find(index)?)
    }

    fn reader(&self, finished: Finished) -> Result<Box<dyn Read + Send>, StorageError> {
        let manifest = finished.manifest.clone();
        match &manifest.form {
            Form::Tables(tables) => {
                let from = finished.place.path(&self.folder.path);
                Ok(Box::new(TableReader::open(&self.folder, manifest.clone(), &from, tables)?))
            }
            Form::Data | Form::Stream => Ok(Box::new(SnapshotReader::open(&self.folder, finished)?)),
        }
    }

    /// Opens a snapshot to send it to a peer.
    ///
    /// # Errors
    /// When there is none at this index, or it cannot be opened.
    pub fn send(&self, index: u64) -> Result<SnapshotFile, StorageError> {
        SnapshotFile::open(&self.folder, index)
    }

    /// Begins to receive the snapshot that a peer announces, or goes on where an earlier transfer of the same one
    /// broke off. Finished, it is kept beside those that are here until it is loaded, or until the host says that raft
    /// has no use for it ([`remove_unused`](Self::remove_unused)).
    ///
    /// # Errors
    /// When the announcement is not one of this group, another one is being received, or it cannot be stored.
    pub fn receive(&self, manifest: &Bytes, total_bytes: u64) -> Result<IncomingSnapshot, StorageError> {
        IncomingSnapshot::begin(self.folder.clone(), manifest, total_bytes)
    }

    /// Makes a stream ready to be sent to a peer: see [`receive_stream`](Self::receive_stream).
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn send_stream(&self, stream: StoreStream) -> Result<StreamSource, StorageError> {
        StreamSource::open(&self.folder, stream)
    }

    /// Begins to receive the state of a store machine that a peer sends as a stream, or goes on where an earlier transfer of
    /// the same one broke off. Finished, it is a snapshot like one that was [received](Self::receive), and the state can take
    /// it in as it is.
    ///
    /// # Errors
    /// When the announcement is not one of this group, another one is being received, or it cannot be stored.
    pub fn receive_stream(
        &self,
        state: &Arc<GroupState>,
        manifest: &Bytes,
    ) -> Result<IncomingTables, StorageError> {
        IncomingTables::begin(self.folder.clone(), state.clone(), manifest)
    }

    /// Removes the finished snapshot at this index. One that is not there is no error.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, index: u64) -> Result<(), StorageError> {
        self.folder.remove_at(index)
    }

    /// Raft has no use for a snapshot that was received: removes it, unless it is this replica's own by now, or was
    /// delivered once more and raft has not said yet what it thinks of that. To be told once for every one
    /// [received](Self::receive) that raft did not take.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove_unused(&self, index: u64) -> Result<(), StorageError> {
        self.folder.remove_unused(index)
    }

    /// Removes the finished snapshots that do not belong to the log: received, when the node went down before its log
    /// was told. To be called when the node starts, before anything is restored. Gives their indexes.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn remove_foreign(&self, belongs: impl Fn(&SnapshotInfo) -> bool) -> Result<Vec<u64>, StorageError> {
        self.folder.remove_foreign(belongs)
    }
}

impl Snapshots for SnapshotStore {
    fn begin(&self, header: &SnapshotHeader) -> Result<Box<dyn SnapshotWriter>, HostFault> {
        Ok(Box::new(Writer::begin(self.folder.clone(), header)?))
    }

    fn newest(&self) -> Result<Option<SnapshotInfo>, HostFault> {
        Ok(self.latest())
    }

    fn newest_bytes(&self) -> Result<Option<u64>, HostFault> {
        Ok(self.folder.latest_bytes())
    }

    fn open(&self, index: u64) -> Result<(SnapshotHeader, Box<dyn Read + Send>), HostFault> {
        let finished = self.folder.adopt(index)?;
        match &finished.manifest.form {
            Form::Tables(_) => {
                let mut header = finished.manifest.info.header.clone();
                let total = usize::try_from(finished.manifest.sessions_bytes).unwrap_or(usize::MAX);
                let from = finished.place.path(&self.folder.path);
                let sessions = read_sessions(&from, total).ok_or("its sessions are not whole".to_owned());
                let decoded = sessions.and_then(|sessions| {
                    header.point.sessions.decode(sessions.freeze()).map_err(|fault| fault.to_string())
                });
                decoded.map_err(|what| damaged(&finished.manifest, what))?;
                Ok((header, self.reader(finished)?))
            }
            Form::Data | Form::Stream => {
                let reader = SnapshotReader::open(&self.folder, finished)?;
                Ok((reader.header().clone(), Box::new(reader)))
            }
        }
    }

    fn discard(&self, index: u64) -> Result<(), HostFault> {
        Ok(self.remove(index)?)
    }
}

impl fmt::Debug for SnapshotStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SnapshotStore").field("group", &self.folder.group).finish_non_exhaustive()
    }
}
