//! Runs a machine in a unit test, as a group of one replica would.
//!
//! [`StoreHarness`] and [`MemoryHarness`] apply commands and answer queries, drop what a rejected or panicking
//! command did, and keep what the machine emitted, logged and proposed. A memory machine's harness also checks what
//! a cluster relies on: that a rejection leaves the state as it was, and that saving and loading loses nothing.
//!
//! ```
//! use quorate_guest::testing::StoreHarness;
//! # use quorate_guest::{Context, Host, Rejection, Reply, Store, StoreMachine, StoreView};
//! # #[derive(Default)]
//! # struct Notes;
//! # impl StoreMachine for Notes {
//! #     fn apply(&self, context: &Context, store: &mut Store, note: &[u8]) -> Result<Reply, Rejection> {
//! #         store.put(context.position().index.to_be_bytes(), note);
//! #         context.emit("noted", note);
//! #         if note.is_empty() { Err("an empty note".into()) } else { Ok(Reply::empty()) }
//! #     }
//! #     fn query(&self, _: &Host, store: &StoreView, _: &[u8]) -> Result<Reply, Rejection> {
//! #         Ok(store.prefix("").count().to_string().into())
//! #     }
//! # }
//! let mut notes = StoreHarness::<Notes>::new();
//! notes.apply("milk").reply_text();
//! assert_eq!(notes.apply("").rejection_text(), "an empty note");
//! assert_eq!(notes.query("count").reply_text(), "1");
//! assert_eq!(notes.events().len(), 1, "the rejected command's event is dropped");
//! ```

mod harness;
pub(crate) mod host;
mod lifecycle;
mod memory;
mod outcome;
mod store;

pub use host::{Event, LogLine};
pub use lifecycle::LifecycleEvent;
pub use memory::MemoryHarness;
pub use outcome::Outcome;
pub use store::StoreHarness;

#[cfg(test)]
mod tests;
