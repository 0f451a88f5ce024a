use super::queue::{Phase, QueueStatus};
use crate::Lane;
use quorate_vocabulary::NodeId;

/// How one lane to a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    /// Which kind of lane.
    pub lane: Lane,
    /// Which of the lanes of this kind.
    pub number: usize,
    /// Whether the node listens.
    pub connected: bool,
    /// How many messages wait.
    pub waiting_messages: usize,
    /// How many bytes wait.
    pub waiting_bytes: usize,
    /// How many messages were handed to a connection since the start.
    pub sent_messages: u64,
    /// How many messages were dropped since the start.
    pub dropped_messages: u64,
}

impl LaneStatus {
    pub(crate) fn new(lane: Lane, number: usize, queue: QueueStatus) -> Self {
        Self {
            lane,
            number,
            connected: queue.phase == Phase::Connected,
            waiting_messages: queue.messages,
            waiting_bytes: queue.bytes,
            sent_messages: queue.sent,
            dropped_messages: queue.dropped,
        }
    }
}

/// How the way to one node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// The node.
    pub node: NodeId,
    /// Where it is looked for.
    pub address: String,
    /// The control lane first, then the append lanes.
    pub lanes: Vec<LaneStatus>,
    /// Whether it was last met in another data folder than it is known with, and is not listened to.
    pub other_folder: bool,
}

impl PeerStatus {
    /// Whether every lane is connected.
    #[must_use]
    pub fn connected(&self) -> bool {
        self.lanes.iter().all(|lane| lane.connected)
    }
}
