use quorate_replica::ports::HostFault;
use quorate_vocabulary::{GroupId, NodeId, PluginDigest, ReplicaId};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why something cannot be kept on, or read back from, this node's disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Another process holds the data folder.
    #[error(
        "the data folder {path} is in use by another process{}: stop that process, or give this node a folder of its own",
        holder.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process that holds it, if it left its number.
        holder: Option<u32>,
    },

    /// The data folder was written for another node.
    #[error(
        "the data folder {path} belongs to node {found} of cluster {cluster:?}, and this is node {expected}: start it with the \
         folder of node {expected}; only a node that has never run begins with an empty one"
    )]
    OtherNode {
        /// The folder.
        path: PathBuf,
        /// The cluster of both.
        cluster: String,
        /// The node that it belongs to.
        found: NodeId,
        /// The node that was to open it.
        expected: NodeId,
    },

    /// The data folder was written for another cluster.
    #[error(
        "the data folder {path} belongs to cluster {found:?}, and this node to cluster {expected:?}: correct the name of the \
         cluster or the folder in the configuration; only a node that has never run begins with an empty folder"
    )]
    OtherCluster {
        /// The folder.
        path: PathBuf,
        /// The cluster that it belongs to.
        found: String,
        /// The cluster of the node that was to open it.
        expected: String,
    },

    /// The data folder was written by a version with another format.
    #[error(
        "the data folder {path} has format {found}, and this version reads format {supported}: run the version that wrote it; \
         never start a node that has run before with an empty folder"
    )]
    OtherFormat {
        /// The folder.
        path: PathBuf,
        /// The format that it has.
        found: u32,
        /// The format that this version reads.
        supported: u32,
    },

    /// The folder holds something, and nothing says that it is a data folder.
    #[error(
        "{path} is no data folder: it holds {found:?} but no file {identity:?}; nothing in it was touched; give the node an empty \
         folder, or one that does not exist yet"
    )]
    ForeignContent {
        /// The folder.
        path: PathBuf,
        /// Something that it holds.
        found: String,
        /// The file that a data folder has.
        identity: &'static str,
    },

    /// The path leads to something that is no folder.
    #[error("{path} is not a folder: give the node an empty folder, or one that does not exist yet")]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },

    /// The identity of a data folder cannot be read.
    #[error(
        "the file {path} of the data folder cannot be understood ({why}): put it back as it was when the node was stopped, \
         never an older copy of the folder; if that cannot be, leave this node off: the groups go on while a majority of their replicas runs"
    )]
    DamagedIdentity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },

    /// Something that a data folder must have is gone.
    #[error(
        "{path} is missing from the data folder: put the whole folder back as it was when the node was stopped, never an older \
         copy; if that cannot be, leave this node off, because what it promised to its peers is lost: the groups go on while a majority of their replicas runs"
    )]
    Missing {
        /// What is missing.
        path: PathBuf,
    },

    /// The name of the cluster cannot be kept.
    #[error(
        "the cluster name {cluster:?} cannot be used: it must have 1 to {bytes_max} bytes and no control characters"
    )]
    ClusterName {
        /// The name.
        cluster: String,
        /// The longest name.
        bytes_max: usize,
    },

    /// What is on disk is not what was written.
    #[error(
        "what group {group} has on disk is damaged: {what}{}: remove its replica from this node with `quorate group members remove`, and \
         place a new one with `quorate group members add`; if other groups are damaged too, check the disk",
        index.map(|index| format!(" at index {index}")).unwrap_or_default()
    )]
    Corruption {
        /// The group.
        group: GroupId,
        /// The index of the damaged entry, or of the snapshot.
        index: Option<u64>,
        /// What is damaged, and how that was seen.
        what: String,
    },

    /// A record in a database of the node cannot be understood.
    #[error(
        "the database {path} holds a record that is damaged ({what}): check the disk, and put the whole folder back as it \
         was when the node was stopped, never an older copy; if that cannot be, leave this node off: the groups go on while a \
         majority of their replicas runs"
    )]
    DamagedRecord {
        /// The database's folder.
        path: PathBuf,
        /// What is damaged, and how that was seen.
        what: String,
    },

    /// The bytes of a plugin are not those that were stored.
    #[error(
        "the stored bytes of plugin {digest} are damaged ({what}): fetch them again from another node; check this node's disk"
    )]
    DamagedPlugin {
        /// The plugin.
        digest: PluginDigest,
        /// What is damaged, and how that was seen.
        what: String,
    },

    /// Bytes to be stored are not those of their digest.
    #[error("the bytes are not those of plugin {expected}: their digest is {found}; fetch them again")]
    OtherDigest {
        /// The digest that they were to have.
        expected: PluginDigest,
        /// The digest that they have.
        found: PluginDigest,
    },

    /// This node holds no replica of the group.
    #[error("this node holds no replica of group {group}")]
    NoReplica {
        /// The group.
        group: GroupId,
    },

    /// This node holds another replica of the group.
    #[error(
        "this node holds replica {found} of group {group}, not replica {expected}: remove that one first"
    )]
    OtherReplica {
        /// The group.
        group: GroupId,
        /// The replica that it holds.
        found: ReplicaId,
        /// The replica that was asked for.
        expected: ReplicaId,
    },

    /// This node holds that replica already.
    #[error("this node holds replica {replica} of group {group} already: it cannot be created twice")]
    ReplicaExists {
        /// The group.
        group: GroupId,
        /// The replica.
        replica: ReplicaId,
    },

    /// The replica was removed from this node.
    #[error(
        "replica {replica} of group {group} was removed from this node and cannot come back: place a new replica"
    )]
    Removed {
        /// The group.
        group: GroupId,
        /// The replica.
        replica: ReplicaId,
    },

    /// A write that would leave a hole in a log, or go back behind its beginning. A mistake of the caller.
    #[error("the log of group {group} cannot take that: {what}")]
    LogOrder {
        /// The group.
        group: GroupId,
        /// What was asked for, and what the log holds.
        what: String,
    },

    /// Entries that were asked for are no longer in the log.
    #[error("the log of group {group} begins behind index {truncated}: entry {index} is only in a snapshot")]
    Compacted {
        /// The group.
        group: GroupId,
        /// The entry that was asked for.
        index: u64,
        /// The last index that was cut.
        truncated: u64,
    },

    /// Something is larger than storage takes.
    #[error("{what} of {bytes} bytes is too large: at most {bytes_max} bytes can be stored")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        bytes: u64,
        /// How large it may be.
        bytes_max: u64,
    },

    /// The replica whose state or snapshots these were is gone.
    #[error(
        "the {what} of group {group} were removed from this node while something still used them: open them again"
    )]
    Gone {
        /// The group.
        group: GroupId,
        /// What is gone.
        what: &'static str,
    },

    /// The state is not whole, because a load was begun and not finished.
    #[error(
        "the state of group {group} is not whole, because a load of it was not finished: load a snapshot first"
    )]
    Loading {
        /// The group.
        group: GroupId,
    },

    /// There is no such snapshot.
    #[error("group {group} has no snapshot at index {index} on this node")]
    NoSnapshot {
        /// The group.
        group: GroupId,
        /// The index.
        index: u64,
    },

    /// A snapshot is on its way that cannot be taken.
    #[error("the snapshot of group {group} cannot be received: {why}")]
    SnapshotRefused {
        /// The group.
        group: GroupId,
        /// Why not, and what to do.
        why: String,
    },

    /// A state that is to be sent cannot be read.
    #[error("the state of group {group} at index {index} cannot be read to be sent: {why}")]
    SnapshotUnreadable {
        /// The group.
        group: GroupId,
        /// Where the state stands.
        index: u64,
        /// What failed.
        why: String,
    },

    /// What arrived of a snapshot is not what its manifest says.
    #[error("the snapshot of group {group} at index {index} was damaged on its way: {what}; send it again")]
    SnapshotDamaged {
        /// The group.
        group: GroupId,
        /// The snapshot's index.
        index: u64,
        /// What is wrong with it.
        what: String,
    },

    /// A chunk does not begin where the last one ended.
    #[error(
        "the chunk begins at byte {found} of the snapshot, and byte {expected} is next: go on from there"
    )]
    ChunkOffset {
        /// The next offset.
        expected: u64,
        /// The offset of the chunk.
        found: u64,
    },

    /// The operating system failed.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },

    /// A database cannot be opened because its files are damaged.
    #[error(
        "the database {path} is damaged ({message}): check the disk, and put the whole folder back as it was when the node was \
         stopped, never an older copy; if that cannot be, leave this node off: the groups go on while a majority of their replicas runs"
    )]
    DamagedDatabase {
        /// The database's folder.
        path: PathBuf,
        /// What the database says.
        message: String,
    },

    /// The states of the groups are damaged. Everything in them can be had again.
    #[error(
        "the states in {path} are damaged ({message}): check the disk, and restart this node, which then makes them anew from \
         snapshots and logs"
    )]
    DamagedStates {
        /// The database's folder.
        path: PathBuf,
        /// What the database says.
        message: String,
    },

    /// The database failed.
    #[error(
        "the database {path} cannot {action}: {message}; check the disk's space and health, and the process's limit of open files"
    )]
    Database {
        /// The database's folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the database says.
        message: String,
    },
}

impl StorageError {
    /// Whether it is about what one group has, and says nothing of the others.
    pub(crate) fn is_of_one_group(&self) -> bool {
        matches!(
            self,
            Self::Corruption { .. }
                | Self::NoReplica { .. }
                | Self::OtherReplica { .. }
                | Self::ReplicaExists { .. }
                | Self::Removed { .. }
                | Self::LogOrder { .. }
        )
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    pub(crate) fn database(action: &'static str, path: &Path) -> impl FnOnce(rocksdb::Error) -> Self {
        move |error| Self::Database { path: path.to_owned(), action, message: error.into_string() }
    }
}

impl From<StorageError> for HostFault {
    fn from(error: StorageError) -> Self {
        Self::new("the replica's storage failed", error)
    }
}
