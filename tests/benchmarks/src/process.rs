//! What the system says of a process.

use std::{fs, time::Duration};

/// The kernel counts the time of processes in hundredths of a second.
const TICKS_PER_SECOND: u64 = 100;

/// The time that it has used of all cores.
pub(crate) fn cpu_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process runs");
    // Behind the name, which may hold spaces: the state is the first, user and system time the 12th and 13th.
    let (_, fields) = stat.rsplit_once(')').expect("the name is in parentheses");
    let number = |field: &str| field.parse::<u64>().expect("a number of ticks");
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(number).sum();
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

/// Memory that it holds.
pub(crate) fn resident_bytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of its memory");
    let kibibytes = resident.trim().trim_end_matches("kB").trim();
    kibibytes.parse::<u64>().expect("a number of kibibytes") * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_time() {
        assert!(resident_bytes(std::process::id()) > 0);
        assert!(cpu_time(std::process::id()) < Duration::from_secs(3600));
    }
}
