//! The Rust client: finds leaders, retries what is safe, pipelines commands.
//!
//! ```no_run
//! # async fn example() -> Result<(), quorate_client::ClientError> {
//! use quorate_client::{Client, Consistency, Outcome};
//!
//! let client = Client::connect(["10.0.0.1:7300", "10.0.0.2:7300", "10.0.0.3:7300"]).await?;
//! let submitted = client.submit("acme/counter", "add 3").await?;
//! if let Outcome::Reply(reply) = submitted.outcome {
//!     println!("{reply:?} at index {}", submitted.position.index);
//! }
//! let queried = client.query("acme/counter", "get", Consistency::Linearizable).await?;
//! # drop(queried); Ok(())
//! # }
//! ```
//!
//! # What is retried
//! A call is repeated until its deadline while that is safe: when the node says that nothing was done (it does not
//! lead the group, is not ready, is overloaded, shuts down, found no quorum), or could not be connected to. What only
//! reads is repeated also when an answer is lost. A command whose answer is lost is **not** submitted again, since it
//! may have been applied: the call fails and [`ClientError::outcome_unknown`] says so. In a [`Session`] it is: the group
//! applies it once, however often it is submitted.
//!
//! The plugin's own verdict is no error: see [`Outcome`].

mod answer;
mod attempt;
mod client;
mod commands;
mod config;
mod connections;
mod error;
mod failed;
mod groups;
mod leaders;
mod nodes;
mod pipeline;
mod plugins;
mod recovery;
mod retry;
mod session;
mod watch;

pub use answer::{Consistency, Outcome, Queried, Submitted};
pub use client::Client;
pub use config::ClientConfig;
pub use error::ClientError;
pub use pipeline::{Pipeline, Submission};
pub use plugins::UploadProgress;
/// The codes in [`ClientError::reason`].
pub use quorate_proto::reason;
/// Answers that are the same as on the wire.
pub use quorate_proto::v1::{
    ChangeMembersRequest, CreateGroupRequest, DescribeGroupResponse, Event, Group, GroupLimits, LeaderSeen,
    ListNodesResponse, MachineKind, Member, MemberRole, MemberSet, MemberStatus, MembersChange, Node,
    NodeStatusResponse, NodeUse, Plugin, Position, RecoverGroupResponse, ReplicaRole, ReplicaState,
    ReplicaStatus, SnapshotGroupResponse, TransferGroupResponse, TrapKind, Upgrade, UpgradeDifference,
    UpgradeOutcome, VerifyUpgradeResponse,
};
pub use session::{OnceCommand, Session};
pub use watch::{Watch, Watched};

#[cfg(test)]
mod tests;
