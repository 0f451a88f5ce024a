//! One node at work: its threads, its replicas, and the handle the API calls.

mod config;
mod handle;
mod view;

pub use config::NodeConfig;
pub use handle::{Deadline, NodeHandle};
pub use view::{
    Consistency, CreateGroup, GroupEvent, GroupView, NodeStatus, NodeView, PluginView, Queried, ReplicaRole,
    ReplicaState, ReplicaView, SnapshotTaken, Submitted, TermOfLeader,
};
