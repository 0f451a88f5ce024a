//! The functions of `machine`, which are called far more often than all others, by hand.
//!
//! After each answer of a generated function the host calls once more, for the answer to be freed. That is a good part of what a
//! call costs. Here the last answer stays until the host allocates something, which it does for the next command.

#![allow(unsafe_code)] // The canonical ABI hands over pointers.

use std::cell::Cell;
use std::ptr;

/// A reply, or a rejection.
pub type Answer = Result<Vec<u8>, Vec<u8>>;

/// What the functions below call.
pub trait Answers {
    /// Applies one command.
    fn apply(index: u64, ordinal: u32, time_ms: u64, command: &[u8]) -> Answer;
    /// Answers one query.
    fn query(request: &[u8]) -> Answer;
}

/// A `result<list<u8>, list<u8>>` as it lies in memory.
#[derive(Debug)]
#[repr(C)]
pub struct Lowered {
    is_rejection: u8,
    bytes: *const u8,
    length: usize,
}

thread_local! {
    /// The bytes of the last answer.
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    /// Where the last answer is described.
    static LOWERED: Cell<Lowered> =
        const { Cell::new(Lowered { is_rejection: 0, bytes: ptr::null(), length: 0 }) };
}

fn lower(answer: Answer) -> *const Lowered {
    let is_rejection = u8::from(answer.is_err());
    let (Ok(bytes) | Err(bytes)) = answer;
    let lowered = Lowered { is_rejection, bytes: bytes.as_ptr(), length: bytes.len() };
    KEPT.set(bytes);
    LOWERED.set(lowered);
    LOWERED.with(Cell::as_ptr)
}

/// What the host allocates with. Nothing reads the last answer any more by then.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(
    old: *mut u8,
    old_length: usize,
    alignment: usize,
    length: usize,
) -> *mut u8 {
    drop(KEPT.take());
    // SAFETY: as the host promises.
    unsafe { wit_bindgen::rt::cabi_realloc(old, old_length, alignment, length) }
}

/// `apply`, as the host calls it.
///
/// # Safety
/// The command was allocated by the host with `cabi_realloc`, and nobody else has it.
pub unsafe fn apply<Exported: Answers>(
    index: u64,
    ordinal: u32,
    time_ms: u64,
    command: *mut u8,
    length: usize,
) -> *const Lowered {
    wit_bindgen::rt::run_ctors_once();
    // SAFETY: as the caller promises.
    let command = unsafe { Vec::from_raw_parts(command, length, length) };
    lower(Exported::apply(index, ordinal, time_ms, &command))
}

/// `query`, as the host calls it.
///
/// # Safety
/// The request was allocated by the host with `cabi_realloc`, and nobody else has it.
pub unsafe fn query<Exported: Answers>(request: *mut u8, length: usize) -> *const Lowered {
    wit_bindgen::rt::run_ctors_once();
    // SAFETY: as the caller promises.
    let request = unsafe { Vec::from_raw_parts(request, length, length) };
    lower(Exported::query(&request))
}

/// Names the functions as the contract does.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_answers {
    ($exported:ident) => {
        $crate::bindings::machine::__export_machine!($exported with_types_in $crate::bindings::machine);
        const _: () = {
            #[unsafe(export_name = "quorate:machine/machine@0.1.0#apply")]
            unsafe extern "C" fn apply(
                index: u64,
                ordinal: u32,
                time_ms: u64,
                command: *mut u8,
                length: usize,
            ) -> *const $crate::export::Lowered {
                unsafe { $crate::export::apply::<$exported>(index, ordinal, time_ms, command, length) }
            }
            #[unsafe(export_name = "quorate:machine/machine@0.1.0#query")]
            unsafe extern "C" fn query(
                request: *mut u8,
                length: usize,
            ) -> *const $crate::export::Lowered {
                unsafe { $crate::export::query::<$exported>(request, length) }
            }
        };
    };
}
