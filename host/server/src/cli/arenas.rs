//! How much memory the C library's allocator keeps for itself.

use std::{env, ffi::OsStr, os::unix::process::CommandExt, process::Command};

/// How many arenas the allocator may have; it reads this when a process begins.
const ARENAS_VARIABLE: &str = "MALLOC_ARENA_MAX";
/// The same among other things.
const TUNABLES_VARIABLE: &str = "GLIBC_TUNABLES";
/// A node has many threads, and what one allocates another frees. With an arena for nearly each of them, which is what the
/// library does by itself, a third of the memory of a node with many idle groups is room between what is in use.
const ARENAS_MAX: &str = "2";

/// Whether the process is to begin anew with another number of arenas: not if somebody has chosen one.
fn is_unbounded(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> bool {
    cfg!(all(target_os = "linux", target_env = "gnu"))
        && [ARENAS_VARIABLE, TUNABLES_VARIABLE].into_iter().all(|name| variable(name).is_none())
}

/// Begins this process anew, under the same number and with the same arguments, if its allocator has no bound. To be called
/// before anything is opened. Goes on if that cannot be done: a node works as well with more memory.
pub(super) fn bound() {
    if !is_unbounded(|name| env::var_os(name)) {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut arguments = env::args_os();
    let name = arguments.next();
    let name = name.as_deref().unwrap_or(OsStr::new("quorate"));
    // Returns only if it fails.
    let _ = Command::new(program).arg0(name).args(arguments).env(ARENAS_VARIABLE, ARENAS_MAX).exec();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_that_was_chosen_stays_and_a_process_begins_anew_once() {
        let with = |set: &'static str| {
            move |name: &str| if name == set { Some("1".into()) } else { None::<std::ffi::OsString> }
        };
        assert_eq!(is_unbounded(with("PATH")), cfg!(all(target_os = "linux", target_env = "gnu")));
        assert!(!is_unbounded(with(ARENAS_VARIABLE)));
        assert!(!is_unbounded(with(TUNABLES_VARIABLE)));
    }
}
