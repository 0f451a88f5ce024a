//! The Rust client: finds leaders, retries what is safe, pipelines commands.
