//! The export macros, and what they expand to.

#[cfg(target_arch = "wasm32")]
mod glue;

#[cfg(target_arch = "wasm32")]
pub use glue::{Memory, MemorySlot, Stored};

/// Makes a plugin of a [`StoreMachine`](crate::StoreMachine): write it once, at the end of `lib.rs`.
///
/// `export_store_machine!(Machine, lifecycle)` also exports its [`Lifecycle`](crate::Lifecycle).
#[macro_export]
macro_rules! export_store_machine {
    ($machine:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::export::Stored<$machine>;
            $crate::bindings::machine::__export_machine!(Exported with_types_in $crate::bindings::machine);
        };
        $crate::__is_store_machine!($machine);
    };
    ($machine:ty, lifecycle) => {
        $crate::export_store_machine!($machine);
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::export::Stored<$machine>;
            $crate::bindings::lifecycle::__export_lifecycle!(Exported with_types_in $crate::bindings::lifecycle);
        };
        $crate::__has_lifecycle!($machine);
    };
}

/// Makes a plugin of a [`MemoryMachine`](crate::MemoryMachine): write it once, at the end of `lib.rs`.
///
/// `export_memory_machine!(Machine, lifecycle)` also exports its [`Lifecycle`](crate::Lifecycle).
#[macro_export]
macro_rules! export_memory_machine {
    ($machine:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            $crate::__memory_slot!($machine);
            $crate::bindings::machine::__export_machine!(Exported with_types_in $crate::bindings::machine);
            $crate::bindings::snapshot::__export_snapshot!(Exported with_types_in $crate::bindings::snapshot);
        };
        $crate::__is_memory_machine!($machine);
    };
    ($machine:ty, lifecycle) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            $crate::__memory_slot!($machine);
            $crate::bindings::machine::__export_machine!(Exported with_types_in $crate::bindings::machine);
            $crate::bindings::snapshot::__export_snapshot!(Exported with_types_in $crate::bindings::snapshot);
            $crate::bindings::lifecycle::__export_lifecycle!(Exported with_types_in $crate::bindings::lifecycle);
        };
        $crate::__is_memory_machine!($machine);
        $crate::__has_lifecycle!($machine);
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
macro_rules! __is_store_machine {
    ($machine:ty) => {
        const _: fn() = || {
            fn is_store_machine<Machine: $crate::StoreMachine>() {}
            is_store_machine::<$machine>();
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __is_memory_machine {
    ($machine:ty) => {
        const _: fn() = || {
            fn is_memory_machine<Machine: $crate::MemoryMachine>() {}
            is_memory_machine::<$machine>();
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __has_lifecycle {
    ($machine:ty) => {
        const _: fn() = || {
            fn has_lifecycle<Machine: $crate::Lifecycle>() {}
            has_lifecycle::<$machine>();
        };
    };
}
