//! How much memory the C library's allocator keeps for itself.

use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt,
    process::Command,
};

/// What the allocator reads when a process begins, each unless somebody has chosen it.
///
/// A node has many threads, and what one allocates another frees. With an arena for nearly each of them, which is what the
/// library does by itself, a third of the memory of a node with many idle groups is room between what is in use.
///
/// And whoever asks about many groups is answered from a large piece of memory. Having freed one, the library by itself takes
/// the next from the heap, and gives back none of the heap's end below twice its size: up to 64 MiB are kept for nothing. With
/// thresholds that are set it does neither.
const SETTINGS: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "2097152"), ("MALLOC_TRIM_THRESHOLD_", "2097152")];
/// All of them and more.
const TUNABLES_VARIABLE: &str = "GLIBC_TUNABLES";

/// The settings that nobody has chosen: the process is to begin anew with them.
fn missing(variable: impl Fn(&str) -> Option<OsString>) -> Vec<(&'static str, &'static str)> {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) || variable(TUNABLES_VARIABLE).is_some() {
        return Vec::new();
    }
    SETTINGS.into_iter().filter(|(name, _)| variable(name).is_none()).collect()
}

/// Begins this process anew, under the same number and with the same arguments, if its allocator lacks a setting. To be called
/// before anything is opened. Goes on if that cannot be done: a node works as well with more memory.
pub(super) fn bound() {
    let missing = missing(|name| env::var_os(name));
    if missing.is_empty() {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut arguments = env::args_os();
    let name = arguments.next();
    let name = name.as_deref().unwrap_or(OsStr::new("quorate"));
    // Returns only if it fails.
    let _ = Command::new(program).arg0(name).args(arguments).envs(missing).exec();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_stays_and_a_process_begins_anew_once() {
        let names_missing = |set: &[&str]| {
            let missing = missing(|name| set.contains(&name).then(|| OsString::from("1")));
            missing.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let all = SETTINGS.map(|(name, _)| name);
        let is_set_here = cfg!(all(target_os = "linux", target_env = "gnu"));
        assert_eq!(names_missing(&["PATH"]), if is_set_here { all.to_vec() } else { Vec::new() });
        assert_eq!(names_missing(&all[..1]), if is_set_here { all[1..].to_vec() } else { Vec::new() });
        assert_eq!(names_missing(&all), [""; 0], "or it would begin anew for ever");
        assert_eq!(names_missing(&[TUNABLES_VARIABLE]), [""; 0]);
    }
}
