//! One suite for the guest SDKs of every language. All of it is in `tests/`: the same scripts (`counter.toml`, `kv.toml`)
//! through the examples in every language, on the real engine.
