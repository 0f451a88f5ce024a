//! Write a replicated state machine in Rust.
