use super::{
    lane_task::LaneTask,
    peers::Inner,
    queue::{LaneQueue, Pushed},
    status::{LaneStatus, PeerStatus},
};
use crate::{Lane, lane::append_lane, snapshot::Throttle};
use quorate_proto::peer::v1::RaftMessage;
use quorate_vocabulary::{GroupId, NodeId};
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Another node: its address and the lanes to it. Dropping it ends the lanes.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Dropped first: the lanes must not take a lost sender of addresses for a new address.
    _end: DropGuard,
    node: NodeId,
    address: watch::Sender<String>,
    control: Arc<LaneQueue>,
    appends: Vec<Arc<LaneQueue>>,
    /// How many snapshots may be sent there at once.
    pub(crate) snapshot_sends: Arc<Semaphore>,
    pub(crate) snapshot_throttle: Throttle,
}

impl Peer {
    pub(crate) fn start(inner: &Arc<Inner>, node: NodeId, address: String) -> Self {
        let end = inner.shutdown.child_token();
        let (sender, receiver) = watch::channel(address);
        let lane = |lane: Lane, number: usize, end: &CancellationToken| {
            let queue = Arc::new(LaneQueue::new(&inner.config));
            let task = LaneTask::new(inner, node, lane, number, queue.clone(), receiver.clone());
            inner.tasks.spawn_on(task.run(end.clone()), &inner.runtime);
            queue
        };
        Self {
            node,
            control: lane(Lane::Control, 0, &end),
            appends: (0..inner.config.append_lanes.max(1))
                .map(|number| lane(Lane::Append, number, &end))
                .collect(),
            address: sender,
            snapshot_sends: Arc::new(Semaphore::new(inner.config.snapshot_sends_per_node_max.max(1))),
            snapshot_throttle: Throttle::new(inner.config.snapshot_bytes_per_second_max),
            _end: end.drop_guard(),
        }
    }

    pub(crate) fn push(&self, lane: Lane, message: RaftMessage) -> Pushed {
        match lane {
            Lane::Control => self.control.push(message),
            Lane::Append => {
                let lane = append_lane(GroupId(message.group), self.appends.len());
                self.appends[lane].push(message)
            }
        }
    }

    pub(crate) fn address(&self) -> String {
        self.address.borrow().clone()
    }

    /// The lanes turn to the new address at once.
    pub(crate) fn set_address(&self, address: &str) {
        self.address.send_if_modified(|current| {
            let changed = current != address;
            if changed {
                address.clone_into(current);
            }
            changed
        });
    }

    pub(crate) fn queues(&self) -> impl Iterator<Item = &LaneQueue> {
        std::iter::once(&self.control).chain(&self.appends).map(AsRef::as_ref)
    }

    pub(crate) fn status(&self) -> PeerStatus {
        let control = LaneStatus::new(Lane::Control, 0, self.control.status());
        let appends = self.appends.iter().enumerate();
        let appends = appends.map(|(number, queue)| LaneStatus::new(Lane::Append, number, queue.status()));
        PeerStatus {
            node: self.node,
            address: self.address(),
            lanes: std::iter::once(control).chain(appends).collect(),
            other_folder: self.queues().any(LaneQueue::other_folder),
        }
    }
}
