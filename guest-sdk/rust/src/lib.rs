//! Write a replicated state machine in Rust.
//!
//! A machine is a type with a few functions: it is given committed commands in the order of the log, on every
//! replica, and must do the same on each. Quorate does the rest. There are two kinds:
//!
//! - A [`StoreMachine`] keeps its state in an ordered [`Store`] of keys and values that the host holds for it. The
//!   kind to start with: state may be larger than memory, and nothing has to be saved or loaded.
//! - A [`MemoryMachine`] keeps its state in its own fields, and can save and load it.
//!
//! ```
//! use quorate_guest::{Context, Host, Rejection, Reply, Store, StoreMachine, StoreView};
//!
//! /// Counts how often it was greeted by whom.
//! #[derive(Default)]
//! struct Greeter;
//!
//! impl StoreMachine for Greeter {
//!     fn apply(&self, context: &Context, store: &mut Store, command: &[u8]) -> Result<Reply, Rejection> {
//!         let name = std::str::from_utf8(command).map_err(|_| "a name is UTF-8")?;
//!         let times = store.get(command).map_or(0, |times| times[0]) + 1;
//!         store.put(command, &[times]);
//!         context.emit("greeted", command);
//!         Ok(format!("hello {name}, for the {times}. time").into())
//!     }
//!
//!     fn query(&self, _host: &Host, store: &StoreView, request: &[u8]) -> Result<Reply, Rejection> {
//!         Ok(store.get(request).map_or(0, |times| times[0]).to_string().into())
//!     }
//! }
//!
//! quorate_guest::export_store_machine!(Greeter);
//!
//! // A machine is tested without a cluster:
//! let mut greeter = quorate_guest::testing::StoreHarness::<Greeter>::new();
//! assert_eq!(greeter.apply("ada").reply_text(), "hello ada, for the 1. time");
//! assert_eq!(greeter.query("ada").reply_text(), "1");
//! assert_eq!(greeter.apply([0xff]).rejection_text(), "a name is UTF-8");
//! ```
//!
//! # Timers
//! A machine can ask to be called at a time of the log, so that a lease ends although nobody sends a command: it sets a
//! timer while a command is applied, implements [`StoreTimers`] or [`MemoryTimers`], and says so when it is exported.
//!
//! ```
//! # use quorate_guest::{Context, Host, Rejection, Reply, Store, StoreMachine, StoreTimers, StoreView};
//! # #[derive(Default)]
//! # struct Lamp;
//! impl StoreMachine for Lamp {
//!     fn apply(&self, context: &Context, store: &mut Store, _: &[u8]) -> Result<Reply, Rejection> {
//!         store.put("lamp", "on");
//!         context.set_timer(0, context.time_ms() + 30_000);
//!         Ok(Reply::empty())
//!     }
//! #     fn query(&self, _: &Host, store: &StoreView, _: &[u8]) -> Result<Reply, Rejection> {
//! #         Ok(store.get("lamp").unwrap_or_default().into())
//! #     }
//! }
//!
//! impl StoreTimers for Lamp {
//!     fn fired(&self, _: &Context, store: &mut Store, _timer: u64) -> Result<(), Rejection> {
//!         store.put("lamp", "off");
//!         Ok(())
//!     }
//! }
//!
//! quorate_guest::export_store_machine!(Lamp, timers);
//!
//! let mut lamp = quorate_guest::testing::StoreHarness::<Lamp>::new();
//! lamp.apply("press").reply_text();
//! lamp.advance_ms(30_000);
//! assert_eq!(lamp.fire_timers().len(), 1);
//! assert_eq!(lamp.query("").reply_text(), "off");
//! ```
//!
//! # Upgrades
//! A group can change to another version of its plugin while clients submit. As long as the state stays the same, nothing
//! is needed for that. A version that keeps its state differently implements [`StoreUpgrade`] or [`MemoryUpgrade`], which
//! carry the old state across, and says so when it is exported.
//!
//! ```
//! # use quorate_guest::{Context, Host, Rejection, Reply, Store, StoreMachine, StoreUpgrade, StoreView};
//! # #[derive(Default)]
//! # struct Lamp;
//! # impl StoreMachine for Lamp {
//! #     fn apply(&self, _: &Context, store: &mut Store, _: &[u8]) -> Result<Reply, Rejection> {
//! #         store.put("lamps/1", "on");
//! #         Ok(Reply::empty())
//! #     }
//! #     fn query(&self, _: &Host, store: &StoreView, _: &[u8]) -> Result<Reply, Rejection> {
//! #         Ok(store.get("lamps/1").unwrap_or_default().into())
//! #     }
//! # }
//! impl StoreUpgrade for Lamp {
//!     const STATE_VERSION: u32 = 1;
//!
//!     fn migrate(&self, store: &mut Store, from: u32) -> Result<(), String> {
//!         if from != 0 {
//!             return Err(format!("lamps of version {from} are not known"));
//!         }
//!         // There was one lamp, and now there are many.
//!         if let Some(lamp) = store.get("lamp") {
//!             store.put("lamps/1", lamp);
//!             store.delete("lamp");
//!         }
//!         Ok(())
//!     }
//! }
//!
//! quorate_guest::export_store_machine!(Lamp, upgrade);
//!
//! # #[derive(Default)]
//! # struct OldLamp;
//! # impl StoreMachine for OldLamp {
//! #     fn apply(&self, _: &Context, store: &mut Store, _: &[u8]) -> Result<Reply, Rejection> {
//! #         store.put("lamp", "on");
//! #         Ok(Reply::empty())
//! #     }
//! #     fn query(&self, _: &Host, _: &StoreView, _: &[u8]) -> Result<Reply, Rejection> {
//! #         Ok(Reply::empty())
//! #     }
//! # }
//! let mut old = quorate_guest::testing::StoreHarness::<OldLamp>::new();
//! old.apply("press").reply_text();
//! let mut lamp = old.upgraded::<Lamp>(0).expect("version 0 is known");
//! assert_eq!(lamp.query("").reply_text(), "on");
//! ```
//!
//! # What a machine must not do
//! Read anything but its state, its parameters and what its [`Context`] offers, so that every replica ends up with
//! the same state and the same answers. There is no clock, no file and no network to read; the order of a
//! [`HashMap`](std::collections::HashMap) is the one trap left: use a [`BTreeMap`](std::collections::BTreeMap).
//!
//! # Rejections, panics and traps
//! A [`Rejection`] is an answer that says no: what the command wrote to its store is dropped, and so are its events.
//! A memory machine looks first and changes its state last. A panic is written to the node's log and ends the
//! command as TRAPPED: the state is as if it had never run.

#[cfg(any(test, target_arch = "wasm32"))]
mod allocator;
mod backend;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[allow(missing_docs, unsafe_code, unused_qualifications, unreachable_pub)]
pub mod bindings;
mod context;
#[doc(hidden)]
pub mod export;
mod lifecycle;
mod machine;
mod outcome;
mod snapshot;
mod store;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod timers;
mod upgrade;

pub use context::{Callback, Context, Group, Host, Level, Position};
pub use lifecycle::Lifecycle;
pub use machine::{MemoryMachine, StoreMachine};
pub use outcome::{Rejection, Reply};
pub use snapshot::{SnapshotReader, SnapshotWriter};
pub use store::{Pair, Range, Store, StoreView};
pub use timers::{MemoryTimers, StoreTimers};
pub use upgrade::{MemoryUpgrade, StoreUpgrade};
