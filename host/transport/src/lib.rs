//! Peer streams between nodes over tonic.
//!
//! [`Peers`] is the calling half, [`PeerServer`] the called one. All traffic is one way: what a node has to say to
//! another leaves over streams that it opened itself, so that neither half waits for the other.
//!
//! Between two nodes run one control lane (votes, heartbeats, reads) and a few append lanes, to which groups are
//! hashed. Every lane has a connection and a bounded queue of its own, so that a heartbeat never stands behind an
//! append. Raft repeats what is lost: a lane that is full or broken drops messages and says so
//! ([`PeerInbound::unreachable`]); nothing here ever blocks the thread that sends.
//!
//! Snapshots and plugins use connections of their own. A snapshot is read, sent and written in chunks, goes on
//! where it broke off, and is throttled.
//!
//! This room knows nothing of what a message means, of storage, or of the catalog.

mod attest;
mod background;
mod catalog;
mod config;
mod connection;
mod error;
mod hello;
mod inbound;
mod lane;
mod outbound;
mod plugin;
mod server;
mod snapshot;

pub use attest::Attestation;
pub use config::{PROTOCOL_VERSION, PeerIdentity, PeersConfig};
pub use error::{AddressError, CallError, PluginSendError};
pub use hello::HelloRefused;
pub use inbound::{Admission, CatalogAnswer, PeerInbound, PluginRefusal, PluginUpload};
pub use lane::Lane;
pub use outbound::{LaneStatus, PeerStatus, Peers, PeersHandle};
pub use server::PeerServer;
pub use snapshot::{
    ALL_BYTES, SnapshotOffer, SnapshotReceiver, SnapshotRefusal, SnapshotSendError, SnapshotSource,
    SnapshotTransfer,
};

#[cfg(test)]
mod tests;
