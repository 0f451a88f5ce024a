//! Plugins on their way from one node to another: bytes by their digest, verified where they arrive.

mod call;
mod collect;
mod refusal;
mod serve;

pub(crate) use serve::{fetch, push};
