//! The export macros, and what they expand to.

#[cfg(target_arch = "wasm32")]
mod answers;
#[cfg(target_arch = "wasm32")]
mod glue;

#[cfg(target_arch = "wasm32")]
pub use answers::{Answers, Lowered, apply, query};
#[cfg(target_arch = "wasm32")]
pub use glue::{Memory, MemorySlot, Stored};

/// Makes a plugin of a [`StoreMachine`](crate::StoreMachine): write it once, at the end of `lib.rs`.
///
/// Behind the machine stand the parts it has beside: `export_store_machine!(Machine, lifecycle, timers)` also exports its
/// [`Lifecycle`](crate::Lifecycle) and its [`StoreTimers`](crate::StoreTimers); `upgrade` its
/// [`StoreUpgrade`](crate::StoreUpgrade).
#[macro_export]
macro_rules! export_store_machine {
    ($machine:ty $(, $part:ident)* $(,)?) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::export::Stored<$machine>;
            $crate::__export_answers!(Exported);
            $($crate::__export_part!(Exported, $part);)*
        };
        $crate::__implements!($machine, $crate::StoreMachine);
        $($crate::__implements_part!($machine, StoreTimers, StoreUpgrade, $part);)*
    };
}

/// Makes a plugin of a [`MemoryMachine`](crate::MemoryMachine): write it once, at the end of `lib.rs`.
///
/// Behind the machine stand the parts it has beside: `export_memory_machine!(Machine, lifecycle, timers)` also exports its
/// [`Lifecycle`](crate::Lifecycle) and its [`MemoryTimers`](crate::MemoryTimers); `upgrade` its
/// [`MemoryUpgrade`](crate::MemoryUpgrade).
#[macro_export]
macro_rules! export_memory_machine {
    ($machine:ty $(, $part:ident)* $(,)?) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            $crate::__memory_slot!($machine);
            $crate::__export_answers!(Exported);
            $crate::bindings::snapshot::__export_snapshot!(Exported with_types_in $crate::bindings::snapshot);
            $($crate::__export_part!(Exported, $part);)*
        };
        $crate::__implements!($machine, $crate::MemoryMachine);
        $($crate::__implements_part!($machine, MemoryTimers, MemoryUpgrade, $part);)*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_part {
    ($exported:ident, lifecycle) => {
        $crate::bindings::lifecycle::__export_lifecycle!($exported with_types_in $crate::bindings::lifecycle);
    };
    ($exported:ident, timers) => {
        $crate::bindings::timers::__export_timers!($exported with_types_in $crate::bindings::timers);
    };
    ($exported:ident, upgrade) => {
        $crate::bindings::upgrade::__export_upgrade!($exported with_types_in $crate::bindings::upgrade);
    };
}

/// The place of the one machine of an instance.
#[doc(hidden)]
#[macro_export]
macro_rules! __memory_slot {
    ($machine:ty) => {
        struct Slot;
        impl $crate::export::MemorySlot for Slot {
            type Machine = $machine;
            fn with<Answer>(act: impl FnOnce(&mut Option<$machine>) -> Answer) -> Answer {
                // There is one thread, so this is a static.
                ::std::thread_local! {
                    static MACHINE: ::std::cell::RefCell<Option<$machine>> =
                        const { ::std::cell::RefCell::new(None) };
                }
                MACHINE.with_borrow_mut(act)
            }
        }
        type Exported = $crate::export::Memory<Slot>;
    };
}

// So that a machine that lacks a trait is told so by `cargo test` and the editor, not only by the plugin's build.
#[doc(hidden)]
#[macro_export]
macro_rules! __implements {
    ($machine:ty, $trait:path) => {
        const _: fn() = || {
            fn implements<Machine: $trait>() {}
            implements::<$machine>();
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __implements_part {
    ($machine:ty, $timers:ident, $upgrade:ident, lifecycle) => {
        $crate::__implements!($machine, $crate::Lifecycle);
    };
    ($machine:ty, $timers:ident, $upgrade:ident, timers) => {
        $crate::__implements!($machine, $crate::$timers);
    };
    ($machine:ty, $timers:ident, $upgrade:ident, upgrade) => {
        $crate::__implements!($machine, $crate::$upgrade);
    };
}
