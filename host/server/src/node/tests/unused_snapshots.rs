//! Snapshots of other nodes that raft has no use for.

use super::{
    cluster::{Cluster, soon, until},
    machines::shelf,
};
use crate::node::inbound::Inbound;
use quorate_consensus::{RaftMessage, RaftMessageType};
use quorate_proto::peer::v1::SnapshotPoint;
use quorate_transport::{Lane, PeerInbound};
use quorate_vocabulary::NodeId;

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_the_log_has_passed_leaves_the_disk_again() {
    let mut cluster = Cluster::start(3).await;
    let group = cluster.group("acme/shelf", shelf()).await.id;
    for _ in 0..5 {
        cluster.submit(group, "a1").await;
    }
    cluster.converge(group).await;
    let leader = cluster.leader(group).await;
    let taken = cluster.node(leader).snapshot(group, soon()).await.expect("a snapshot").index;
    let sender = cluster.node(leader).core.registry.get(group).expect("it leads");
    let follower = cluster.running().into_iter().find(|number| *number != leader).expect("a follower");
    let node = cluster.node(follower);
    let replica = node.core.registry.get(group).expect("it follows");

    // It came while the follower went on by the log.
    let mut file = sender.shared.snapshots.send(taken).expect("just taken");
    let snapshots = replica.shared.snapshots.clone();
    let mut incoming = snapshots.receive(&file.manifest(), file.total_bytes()).expect("it is taken");
    incoming.write(0, &file.read_at(0, usize::MAX).expect("read")).expect("written");
    incoming.finish().expect("whole");
    assert_eq!(snapshots.list().len(), 1);
    let info = file.info().header.point.clone();
    let mut message = RaftMessage {
        group: group.0,
        from_replica: sender.shared.replica.0,
        to_replica: replica.shared.replica.0,
        from_node: founder(leader).0,
        to_node: founder(follower).0,
        term: info.term,
        snapshot: Some(SnapshotPoint {
            index: info.index,
            term: info.term,
            configuration: Some((&info.configuration).into()),
        }),
        ..RaftMessage::default()
    };
    message.set_type(RaftMessageType::Snapshot);
    let inbound = Inbound::default();
    inbound.connect(&node.core);
    inbound.receive(founder(leader), Lane::Append, vec![message]);

    until("the snapshot is gone", || async { snapshots.list().is_empty().then_some(()) }).await;
    cluster.submit(group, "a2").await;
    cluster.converge(group).await;
    drop((node, sender, replica, file, snapshots));
    cluster.stop_all().await;
}

fn founder(number: usize) -> NodeId {
    NodeId(u64::try_from(number).expect("small"))
}
