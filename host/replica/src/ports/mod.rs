//! What a replica needs from outside, as traits, and the words those traits use.
//!
//! `machine` implements [`Plugin`] and [`Instance`] with wasmtime, `catalog` implements them natively; `storage`
//! implements [`StateStore`], [`Snapshots`] and [`History`].

mod activation;
mod call;
mod fault;
mod group;
mod history;
mod limits;
mod plugin;
mod point;
mod poison;
mod sessions;
mod snapshots;
mod store;
mod timers;

pub use activation::{ActivationRecord, ActivePlugin, NoOtherPlugins, Plugins};
pub use call::{
    Call, CallFailure, Callback, Event, LifecycleEvent, LogLevel, LogLine, Outcome, Trap, TrapKind,
};
pub use fault::HostFault;
pub use group::GroupInfo;
pub use history::History;
pub use limits::{COMMAND_BYTES_MAX, GroupLimits, LimitError, TABLE_ELEMENTS_MAX};
pub use plugin::{Instance, Plugin};
pub use point::{AppliedPoint, Attested, StateDigest};
pub use poison::Poison;
pub(crate) use sessions::{Kept, Turn};
pub use sessions::{
    OpenedSession, SESSION_TIMEOUT_MS_MIN, SessionAnswer, SessionRefusal, SessionRows, Sessions,
};
pub use snapshots::{SnapshotHeader, SnapshotInfo, SnapshotTail, SnapshotWriter, Snapshots};
pub use store::{
    EmptyView, KeyRange, SCAN_BYTES_MAX, ScanRange, StateLoader, StateStore, StoreChanges, StoreView,
};
pub use timers::{PendingTimers, TimerChanges};
