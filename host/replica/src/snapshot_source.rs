use crate::{
    ReplicaFault, ReplicaStart,
    ports::{HostFault, SnapshotHeader},
};
use std::io::Read;

/// Opens a snapshot, after checking that it is of this group's machine.
pub(crate) fn open_snapshot(
    start: &ReplicaStart,
    index: u64,
) -> Result<(SnapshotHeader, Box<dyn Read + Send>), ReplicaFault> {
    let opened = start.snapshots.open(index);
    let (header, source) = opened.map_err(ReplicaFault::while_doing("opening a snapshot"))?;
    if header.point.index != index {
        let found = header.point.index;
        let fault = HostFault::because(format!("the snapshot at entry {index} says it is at entry {found}"));
        return Err(ReplicaFault::Host { doing: "opening a snapshot", fault });
    }
    let expected = start.header(header.point.clone());
    let of = |header: &SnapshotHeader| (header.kind, header.plugin, header.state_version);
    if of(&header) != of(&expected) {
        return Err(ReplicaFault::SnapshotOfOther { index, found: text(&header), expected: text(&expected) });
    }
    Ok((header, source))
}

fn text(SnapshotHeader { kind, plugin, state_version, .. }: &SnapshotHeader) -> String {
    format!("a {kind} machine of plugin {plugin} with state version {state_version}")
}
