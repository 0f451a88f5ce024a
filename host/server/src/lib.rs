//! The process: it wires the rooms together into a node and serves its API.

mod error;
pub mod node;

pub use error::{LeaderHint, RequestError};
