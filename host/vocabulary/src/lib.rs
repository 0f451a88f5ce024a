//! The words every room of the host shares: ids, names, digests, positions, members.
//!
//! Plain values, checked when they are made. This crate does no IO and knows no other room.

mod digest;
mod id;
mod kind;
mod member;
mod name;
mod position;
mod session;

pub use digest::{PluginDigest, PluginDigestError};
pub use id::{FolderId, GroupId, NodeId, ReplicaId};
pub use kind::{CheckpointMode, MachineKind};
pub use member::{Member, MemberRole};
pub use name::{
    GroupName, NAME_PART_BYTES_MAX, NameError, PluginName, PluginReference, PluginVersion, VERSION_BYTES_MAX,
};
pub use position::Position;
pub use session::{SessionId, SessionIdError};
