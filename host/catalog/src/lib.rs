//! The system state machine of group 0: nodes, plugins and groups.
//!
//! A [`CatalogCommand`] is proposed to group 0, whose replicas run [`CatalogPlugin`]; readers see what their node has applied
//! through a [`CatalogHandle`]. [`reconcile()`] says what a node should do about it.

mod command;
mod error;
pub mod limits;
mod plugin;
mod reconcile;
mod record;
mod renewal;
mod state;
#[cfg(test)]
mod tests;
mod wire;

pub use command::{CatalogCommand, CatalogReply, Change, MembersEdit, PluginToPublish};
pub use error::CatalogError;
pub use plugin::{CatalogHandle, CatalogPlugin, catalog_digest, catalog_group};
pub use reconcile::{Hosted, Instruction, holders, reconcile};
pub use record::{
    Alarm, AuditRecord, Group, MembersChange, Node, NodeStatus, OwnMembers, PublishedPlugin, Tombstone,
    Upgrade, UpgradeOutcome,
};
pub use renewal::Renewal;
pub use state::CatalogState;
