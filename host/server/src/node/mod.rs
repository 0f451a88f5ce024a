//! One node at work: its threads, its replicas, and the handle the API calls.
//!
//! ```text
//!  NodeHandle ──► requests ──► shard inbox ──► shard thread ──┬──► log writer ──► disk ──► Persisted ──┐
//!  (API)                           ▲                          ├──► peers (tokio)                       │
//!                                  │                          └──► apply mailboxes ──► Applied ────────┤
//!                                  └──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The shard thread only computes; the log writer owns the log's disk; each replica's machine is owned by one worker
//! with a mailbox, and its queries and callbacks by others. Nothing waits for a full queue: what comes from outside is
//! refused, and what the shard asked for is always taken.

mod alarm;
mod applied_index;
mod apply_worker;
mod attesting;
mod catalog_answer;
mod catalog_changes;
mod config;
mod core;
mod draining;
mod events;
mod fetching;
mod group_clock;
mod groups;
mod hand_over;
mod handle;
mod healing;
mod hosting;
mod inbound;
mod inbox;
mod leadership;
mod life;
mod local_replica;
mod log_writer;
mod logs;
mod looking;
mod membership;
mod observe_worker;
mod opening;
mod outbound;
mod own_members;
mod plugins;
mod pool;
mod priorities;
mod recovery;
mod registration;
mod registry;
mod requests;
mod services;
mod sessions;
mod shard_thread;
mod snapshot_source;
mod start;
mod status;
mod storage_health;
#[cfg(test)]
mod tests;
mod upgrading;
mod uploads;
mod verifying;
mod view;
mod waiters;
mod witness;

pub use config::NodeConfig;
pub use handle::{Deadline, NodeHandle};
pub use plugins::PluginLoader;
pub use quorate_catalog::{Upgrade, UpgradeOutcome};
pub use start::{RunningNode, StartError};
pub use view::{
    ChangeMembers, Consistency, CreateGroup, GroupEvent, GroupRecovered, GroupView, LeadershipMoved,
    MemberView, MembersChangeView, NodeStatus, NodeView, PluginView, Queried, ReplicaRole, ReplicaState,
    ReplicaView, SnapshotTaken, Submitted, TermOfLeader,
};
