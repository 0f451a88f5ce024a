//! What comes in from other nodes.

use super::Simulation;
use crate::{disk::WrittenSnapshot, faults::FaultKind, planted::Bug};
use quorate_consensus::{Input, RaftMessage, RaftMessageType, answer_for_stopped};
use quorate_vocabulary::{GroupId, NodeId, ReplicaId};

/// So often the way back is cut when a snapshot arrives.
const CUT_BEHIND_SNAPSHOT_PER_MILLE: u64 = 200;

impl Simulation {
    /// A message arrives, if its way is open and there is somebody to take it.
    pub(super) fn deliver(&mut self, from: NodeId, message: RaftMessage) {
        let (to, group) = (NodeId(message.to_node), GroupId(message.group));
        if !self.network.hears(from, to) {
            self.coverage.messages_cut += 1;
            return;
        }
        // A beat is of no group: the shard looks at what is in it.
        if message.r#type() == RaftMessageType::Beat || self.is_here(to, group, message.to_replica) {
            self.tell(to, [Input::Message(message)]);
        } else if self.has_stopped(to, group, ReplicaId(message.to_replica))
            && let Some(answer) = answer_for_stopped(&message)
        {
            self.send(to, &answer);
        }
    }

    /// Whether a replica is on this node's disk, and does not run because it is of no use any more.
    pub(crate) fn has_stopped(&mut self, id: NodeId, group: GroupId, replica: ReplicaId) -> bool {
        let is_held = self.node(id).disk.replicas().get(&group) == Some(&replica);
        let is_damaged = self.node(id).disk.damaged().contains_key(&group);
        is_held && self.running(id).is_some_and(|running| is_damaged || running.failed.contains(&group))
    }

    fn is_here(&mut self, id: NodeId, group: GroupId, replica: u64) -> bool {
        let local = self.local(id, group).map(|local| local.replica_id);
        let here = local.or_else(|| self.witness(id, group).map(|witness| witness.replica_id));
        here.is_some_and(|here| here.0 == replica)
    }

    /// A snapshot has been sent whole: it is put on disk, then its message is handed in.
    pub(super) fn snapshot_arrives(
        &mut self,
        from: NodeId,
        life: u64,
        snapshot: WrittenSnapshot,
        message: RaftMessage,
    ) {
        let (to, group, replica) = (NodeId(message.to_node), GroupId(message.group), message.to_replica);
        let index = snapshot.info.header.point.index;
        // What came last may have come, and the way back be cut just then.
        let reachable = self.network.hears(from, to);
        let here = reachable && self.is_here(to, group, replica);
        let applied = self.local(to, group).map_or(0, |local| local.replica.applied().index);
        let needless = applied >= index;
        let wanted = here && !(needless && self.settings.bug == Some(Bug::RefuseNeedlessSnapshot));
        if wanted && let Some(local) = self.local(to, group) {
            if !needless {
                local.snapshots.receive(snapshot);
            }
            // Also of one that it does not need: raft answers how far the replica has come.
            self.tell(to, [Input::Message(message)]);
        }
        // Now and then the way back is cut just then: neither that it arrived is heard, nor what comes of it.
        let cuts = self.faults.has(FaultKind::LostSnapshot)
            && self.random.network.chance(CUT_BEHIND_SNAPSHOT_PER_MILLE);
        if cuts && !needless {
            self.network.cut(to, from);
            self.disturbed = self.now;
        }
        // The answer may be lost, though the snapshot was not.
        let heard =
            wanted && self.network.hears(to, from) && !self.random.network.chance(self.faults.drop_per_mille);
        if !heard {
            self.coverage.snapshots_lost += 1;
        }
        self.snapshot_sent(from, life, group, ReplicaId(replica), heard);
    }
}
