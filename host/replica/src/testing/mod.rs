//! What a replica needs from outside, in memory, and a plugin in native code: for the tests of this and other crates, and
//! for simulations, and plays with them ([`lives`]). Nothing in here is fit for data anybody wants to keep.

mod history;
pub mod lives;
mod plugin;
mod snapshots;
mod state_store;

pub use history::MemoryHistory;
pub use plugin::NativePlugin;
pub use snapshots::MemorySnapshots;
pub use state_store::MemoryStore;
