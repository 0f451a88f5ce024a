//! Sans-IO multi-group Raft: inputs in, effects out.
//!
//! A [`Shard`] drives the replicas of many groups on one thread. It reads no clock, does no IO and draws no
//! randomness: the host calls [`Shard::step`] with the time and with what happened, and carries out the effects.
//!
//! ```text
//!  Open, Propose, Read, Message ──►┌───────┐──► Persist ──► disk ──► Persisted ─┐
//!  Persisted, Applied, Fetched ───►│ Shard │──► Send, SendSnapshot ──► peers    │
//!            ▲                     │       │──► Apply, Restore ──► machine ──► Applied, Restored
//!            │                     └───────┘──► Fetch ──► disk ──► Fetched      │
//!            └──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! What the host must guarantee:
//! - effects of one group are carried out in the order they are given, and `Persist`s of one group reach the disk in
//!   that order; `Send` may overtake `Persist` (whatever must wait for the disk is held back until `Persisted`);
//! - [`Input::Persisted`] means that it survives a power failure;
//! - a message of type snapshot is handed in only when that snapshot is on disk;
//! - every snapshot that was asked for by [`Effect::SendSnapshot`] is answered by [`Input::SnapshotSent`];
//! - a node whose disk was lost comes back under new replica ids;
//! - [`Now::monotonic`] runs at the same speed on all nodes, but for
//!   [`lease_margin`](ShardConfig::lease_margin) an election timeout;
//! - a message of type beat, which is of no group, is handed in like any other.
//!
//! Heartbeats of all groups leave in one beat a node pair a tick. A group in which nothing happens
//! [sleeps](ShardConfig::hibernate_after) and costs nothing, on any node, until something comes for it; meanwhile beats
//! show that its nodes live, and a node that falls silent wakes only the groups that it led.

mod beats;
mod config;
mod configuration;
mod effect;
mod input;
mod liveness;
mod log_index;
mod log_window;
mod logger;
mod message;
mod random;
mod replica;
mod shard;
mod slot;
mod status;

pub use config::{ConfigError, ShardConfig};
pub use effect::{CommittedEntry, Effect, Persist, Refusal, RestoredLog};
pub use input::{HardState, Input, Now, ReadMode, ReplicaStart, RequestId};
pub use log_index::LogIndex;
pub use message::{Lane, lane, standing_at};
pub use quorate_proto::peer::v1::{RaftMessage, RaftMessageType};
pub use quorate_proto::{
    entry::{Activation, Configuration, EntryBody, EntryError, LogEntry, LogPoint, Order},
    session::{SessionCommand, Ticket},
};
pub use replica::answer_for_stopped;
pub use shard::{Shard, ShardWork};
pub use status::{MemberProgress, ReplicaStatus, Role};

#[cfg(test)]
mod tests;
