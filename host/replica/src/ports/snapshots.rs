use super::{AppliedPoint, HostFault};
use quorate_vocabulary::{MachineKind, PluginDigest};
use std::io::{Read, Write};

/// What a snapshot's manifest says of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// How far the state in it has come, who the members were, and the sessions.
    pub point: AppliedPoint,
    /// How it is to be loaded.
    pub kind: MachineKind,
    /// The plugin whose state it is.
    pub plugin: PluginDigest,
    /// The version of the state, as that plugin numbers them.
    pub state_version: u32,
    /// Of a memory machine that was saved earlier than `point`.
    pub tail: Option<Box<SnapshotTail>>,
}

/// What a snapshot holds behind what the plugin saved: the entries from there to the snapshot's own point, which are applied
/// again whenever it is loaded, without the commands that trapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotTail {
    /// How far the state had come that the plugin saved.
    pub saved: AppliedPoint,
    /// How many bytes it saved.
    pub saved_bytes: u64,
}

/// A snapshot that is finished and durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// What it holds.
    pub header: SnapshotHeader,
    /// The size of its content.
    pub bytes: u64,
}

/// The snapshots of one replica on its node.
///
/// At most one stands at an index. One that is there is whole: it appears at once, by [`SnapshotWriter::finish`] or when
/// the last chunk of one sent by a peer was checked.
pub trait Snapshots: Send + Sync {
    /// Begins one. It replaces a finished one at the same index when it is finished itself.
    fn begin(&self, header: &SnapshotHeader) -> Result<Box<dyn SnapshotWriter>, HostFault>;

    /// The one with the highest index; the sessions in its header may be left out.
    fn newest(&self) -> Result<Option<SnapshotInfo>, HostFault>;

    /// The size of that one. Asked for often.
    fn newest_bytes(&self) -> Result<Option<u64>, HostFault> {
        Ok(self.newest()?.map(|newest| newest.bytes))
    }

    /// Opens the one at this index, with its sessions; its absence is a fault. Damaged content must come out as an error of the reader, at
    /// the latest where it would end.
    fn open(&self, index: u64) -> Result<(SnapshotHeader, Box<dyn Read + Send>), HostFault>;

    /// Removes the one at this index, if there is one.
    fn discard(&self, index: u64) -> Result<(), HostFault>;
}

/// A snapshot being written. Dropping it unfinished removes every trace of it.
pub trait SnapshotWriter: Write + Send {
    /// Reads what has been written so far.
    fn read_back(&mut self) -> Result<Box<dyn Read + Send>, HostFault>;

    /// Replaces what its manifest will say.
    fn set_header(&mut self, header: &SnapshotHeader);

    /// Makes it durable, then visible.
    fn finish(self: Box<Self>) -> Result<SnapshotInfo, HostFault>;
}
