//! The calling half: lanes to every known node, and the calls that are made now and then.

mod lane_task;
mod losses;
mod peer;
mod peers;
mod queue;
mod status;

pub(crate) use peers::Inner;
pub use peers::{Peers, PeersHandle};
pub use status::{LaneStatus, PeerStatus};
