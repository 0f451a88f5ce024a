//! What a replica needs from outside, in memory, and a plugin in native code: for the tests of this and other crates, and
//! for simulations. Nothing in here is fit for data anybody wants to keep.

mod history;
mod plugin;
mod snapshots;
mod state_store;

pub use history::MemoryHistory;
pub use plugin::NativePlugin;
pub use snapshots::MemorySnapshots;
pub use state_store::MemoryStore;
