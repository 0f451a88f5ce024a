//! The bound on what the calls of one entry give back.

use super::harness::{BOTH, Host, entry_of, limits, text, trap_kind};
use crate::{
    EntryBody, Replica, ReplicaStart,
    ports::{Call, GroupLimits, TrapKind},
};
use quorate_vocabulary::MachineKind;

const FULL: Option<TrapKind> = Some(TrapKind::EntryFull);

/// Gives back more than 300 bytes before its end.
const FULL_ENTRY: [&str; 8] =
    ["reply 100", "add n 1", "trap", "reply 100", "add n 1", "reply 100", "add n 1", "trap"];

/// Opens a replica from the disk of the host, in a group with this bound.
fn open(host: &mut Host, entry_output_bytes_max: u64) {
    let limits = GroupLimits { entry_output_bytes_max, ..limits() };
    host.replica = Replica::open(ReplicaStart { limits, ..host.start() }).expect("its disk opens");
    host.observer = host.replica.observer();
    host.catch_up();
}

fn host(kind: MachineKind, entry_output_bytes_max: u64) -> Host {
    let mut host = Host::new(kind);
    open(&mut host, entry_output_bytes_max);
    host
}

fn made(calls: &[Call]) -> usize {
    calls.iter().take_while(|call| trap_kind(call) != FULL).count()
}

#[test]
fn commands_behind_a_full_entry_are_not_run_and_say_so() {
    for kind in BOTH {
        let mut host = host(kind, 300);
        let calls = host.apply(&FULL_ENTRY);
        let made = made(&calls);
        assert!((4..=6).contains(&made), "{kind}: {made}");
        for call in &calls[made..] {
            assert_eq!((trap_kind(call), call.fuel), (FULL, 0), "{kind}: it burns nothing");
        }
        let added = FULL_ENTRY[..made].iter().filter(|command| **command == "add n 1").count();
        assert_eq!(host.get("n"), added.to_string(), "{kind}: what was not run did nothing");
        assert_eq!(text(&host.apply_one("add a 1")), "1", "{kind}: the next entry begins anew");
    }
}

#[test]
fn a_command_that_is_alone_is_always_run() {
    for kind in BOTH {
        let mut host = host(kind, 1);
        assert_eq!(text(&host.apply_one("reply 100")).len(), 100, "{kind}");
        let calls = host.apply(&["reply 100", "reply 100"]);
        assert_eq!([trap_kind(&calls[0]), trap_kind(&calls[1])], [None, FULL], "{kind}");
    }
}

#[test]
fn rejections_and_log_lines_count_and_nothing_of_a_trap_does() {
    for kind in BOTH {
        let quiet = host(kind, 30).apply(&["trap", "trap", "trap", "trap"]);
        assert_eq!(made(&quiet), 4, "{kind}");
        let loud = host(kind, 30).apply(&["log 0123456789012345678901234567890", "add a 1"]);
        assert_eq!(made(&loud), 1, "{kind}");
        let rejected = host(kind, 8).apply(&["reject", "add a 1"]);
        assert_eq!(made(&rejected), 1, "{kind}");
    }
}

#[test]
fn replicas_that_restart_or_are_rebuilt_leave_out_the_same() {
    for kind in BOTH {
        let mut first = host(kind, 300);
        let full = entry_of(&FULL_ENTRY);
        first.append(full.clone());
        first.apply(&["trap", "add a 1"]);
        first.append(full);
        let (digest, added) = (first.replica.applied().digest, first.get("n"));
        // A trap has a memory machine made again from what it did.
        first.apply(&["trap", "add a 1"]);
        assert_eq!(first.get("n"), added, "{kind}: asked of an observer that did the same again");
        let end = first.replica.applied().clone();
        first.state.crash();
        open(&mut first, 300);
        assert_eq!(*first.replica.applied(), end, "{kind}");
        assert_ne!(end.digest, digest, "{kind}");
        assert_eq!((first.get("n"), first.get("a")), (added, "2".into()), "{kind}");
    }
}

#[test]
fn timers_behind_a_full_entry_stay_pending_and_fire_in_the_next() {
    for kind in BOTH {
        let mut host = host(kind, 1);
        host.apply(&["timer 10 50"]);
        host.apply(&["timer 20 50"]);
        host.apply(&["timer 30 50"]);
        for left in [2, 1, 0] {
            let calls = host.fire(100);
            assert_eq!((calls.len(), made(&calls)), (1, 1), "{kind}: always one");
            assert_eq!(host.replica.applied().timers.len(), left, "{kind}");
        }
        host.apply(&["trap"]);
        host.apply(&["add a 1"]);
        for timer in [10, 20, 30] {
            assert_eq!(host.get(&format!("fired-{timer}")), "1", "{kind}: {timer}, also once it is rebuilt");
        }
        let applied = host.replica.applied().clone();
        host.state.crash();
        open(&mut host, 1);
        assert_eq!(*host.replica.applied(), applied, "{kind}");
        assert!(matches!(host.append(EntryBody::Timers { time_ms: 200 }).commands[..], []), "{kind}");
    }
}
