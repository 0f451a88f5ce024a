//! The process: it wires the rooms together into a node and serves its API.

pub mod api;
pub mod cli;
pub mod config;
mod demo;
mod error;
mod examine;
pub mod node;
mod refusal;

pub use error::{LeaderHint, RequestError};
