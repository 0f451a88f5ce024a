use super::harness::{BOTH, FUEL, Host, MEMORY_BYTES, committed, configuration, entry_of, text, trap_kind};
use crate::{
    EntryBody, ReplicaFault,
    ports::{HostFault, Outcome, StateStore, TrapKind},
};
use bytes::Bytes;
use quorate_vocabulary::MachineKind;

fn host() -> Host {
    Host::new(MachineKind::Store)
}

fn value(host: &Host, key: &str) -> Option<Bytes> {
    host.state.pairs().get(key.as_bytes()).cloned()
}

#[test]
fn commands_of_an_entry_see_what_those_before_them_wrote() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let calls = host.apply(&["add a 1", "add a 2", "add a 3"]);
        assert_eq!(calls.iter().map(text).collect::<Vec<_>>(), ["1", "3", "6"], "{kind}");
        assert_eq!(host.get("a"), "6", "{kind}");
    }
}

#[test]
fn a_rejection_leaves_nothing_behind() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let calls = host.apply(&["add a 1", "reject", "add a 1"]);
        assert_eq!(calls[1].outcome, Outcome::Rejection(Bytes::from_static(b"as asked")), "{kind}");
        assert_eq!(calls[1].events, [], "{kind}");
        assert_eq!((host.get("a"), host.get("rejected")), ("2".into(), "0".into()), "{kind}");
    }
}

#[test]
fn a_trap_leaves_nothing_behind_and_its_neighbours_are_applied() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply_one("add before 1");
        let calls = host.apply(&["add a 1", "trap", "add a 1"]);
        assert_eq!(trap_kind(&calls[1]), Some(TrapKind::Instruction), "{kind}");
        assert_eq!(calls[1].fuel, FUEL, "a trap is charged the whole budget");
        assert_eq!(host.get("before"), "1", "{kind}");
        assert_eq!((host.get("a"), host.get("trapped")), ("2".into(), "0".into()), "{kind}");
    }
}

#[test]
fn each_entry_has_an_instance_of_its_own() {
    let mut host = host();
    // The heap makes the second command of an entry burn otherwise than the first.
    let together = host.apply(&["add a 1", "add a 1"]);
    let apart = [host.apply_one("add a 1"), host.apply_one("add a 1")];
    assert_eq!(apart[0].fuel, apart[1].fuel);
    assert_eq!(apart[0].fuel, together[0].fuel);
    assert_ne!(together[0].fuel, together[1].fuel);
}

#[test]
fn a_command_that_runs_out_on_a_used_instance_is_tried_on_a_fresh_one() {
    for (command, kind) in [
        (format!("take {MEMORY_BYTES}"), TrapKind::OutOfMemory),
        (format!("burn {}", FUEL - 100), TrapKind::OutOfFuel),
    ] {
        let mut host = host();
        let too_much = match kind {
            TrapKind::OutOfMemory => format!("take {}", MEMORY_BYTES + 1),
            _ => format!("burn {}", FUEL - 99),
        };
        let alone = host.apply_one(&command);
        assert_eq!(trap_kind(&alone), None, "{command} just fits on a fresh instance");
        let calls = host.apply(&["take 1", &command, &too_much, "add a 1"]);
        assert_eq!(calls[1], alone, "its neighbour must not show");
        assert_eq!(trap_kind(&calls[2]), Some(kind), "{too_much} fits on no instance");
        assert_eq!(text(&calls[3]), "1");
    }
}

#[test]
fn a_retried_command_changes_the_store_once() {
    let mut host = host();
    let padding = format!("burn {}", FUEL - 197);
    // Fills the heap until adding runs out, whatever its shape: then it is tried again.
    let calls = host.apply(&[&padding, &padding, "add a 1", &format!("take {MEMORY_BYTES}"), "add a 1"]);
    assert_eq!((text(&calls[2]), text(&calls[4])), ("1".into(), "2".into()));
    assert_eq!(value(&host, "a"), Some("2".into()));
}

#[test]
fn changes_and_the_applied_point_are_committed_together() {
    let mut host = host();
    host.apply(&["add a 1", "add b 2"]);
    host.append(EntryBody::Empty);
    assert_eq!(host.state.applied().expect("no fault").as_ref(), Some(host.replica.applied()));
    assert_eq!(host.replica.applied().index, 3);
    assert_eq!(value(&host, "b"), Some("2".into()));
}

#[test]
fn commits_that_were_lost_are_applied_again_to_the_same_end() {
    let mut host = host();
    host.apply(&["add a 1"]);
    host.state.flush();
    let later = [host.append(entry_of(&["add a 1", "trap"])), host.append(entry_of(&["clear", "add b 1"]))];
    let (pairs, applied) = (host.state.pairs(), host.replica.applied().clone());
    host.state.crash();
    assert_eq!(host.restart(), later);
    assert_eq!((host.state.pairs(), host.replica.applied()), (pairs, &applied));
}

#[test]
fn a_reply_over_the_limit_traps_and_its_writes_are_dropped() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let calls = host.apply(&["add a 1", "reply 101", "emit topic 96", "reply 100", "emit topic 95"]);
        let kinds: Vec<_> = calls.iter().map(trap_kind).collect();
        let limit = Some(TrapKind::LimitExceeded);
        assert_eq!(kinds, [None, limit, limit, None, None], "{kind}");
        assert_eq!((calls[2].events.len(), calls[4].events.len()), (0, 1), "{kind}");
        host.apply(&["remove replied", "remove emitted", "reply 101", "emit topic 96"]);
        assert_eq!((host.get("replied"), host.get("emitted")), ("0".into(), "0".into()), "{kind}");
        assert_eq!(host.get("a"), "1", "{kind}");
    }
}

#[test]
fn a_command_over_the_limit_traps_without_being_run() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let long = format!("add {} 1", "n".repeat(64));
        let calls = host.apply(&["add a 1", &long, "add a 1"]);
        assert_eq!(trap_kind(&calls[1]), Some(TrapKind::LimitExceeded), "{kind}");
        assert_eq!(host.get("a"), "2", "{kind}");
        // What came behind it is the same without it having been there.
        let mut other = Host::new(kind);
        let without = other.apply(&["add a 1", "add a 1"]);
        assert_eq!((&calls[0], &calls[2]), (&without[0], &without[1]), "{kind}");
    }
}

#[test]
fn an_entry_that_does_not_follow_stops_the_replica() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let fault = host.replica.apply(&committed(3, EntryBody::Empty)).expect_err("2 is missing");
        assert!(matches!(fault, ReplicaFault::Gap { index: 3, expected: 2 }), "{fault}");
        let fault = host.replica.apply(&committed(2, EntryBody::Empty)).expect_err("stopped");
        assert!(matches!(&fault, ReplicaFault::Stopped { cause } if cause.contains("entry 3")), "{fault}");
    }
}

#[test]
fn a_fault_of_the_host_is_no_outcome_and_commits_nothing() {
    let mut host = host();
    host.apply_one("add a 1");
    let mut changes = crate::ports::StoreChanges::default();
    changes.keys.insert("b".into(), Some("no number".into()));
    let applied = host.replica.applied().clone();
    host.state.commit(changes, &applied).expect("no fault");
    let entry = host.history.push(1, entry_of(&["add a 1", "add b 1"]));
    let fault = host.replica.apply(&entry).expect_err("the plugin's host met what cannot be");
    assert!(matches!(fault, ReplicaFault::Host { fault: HostFault { .. }, .. }), "{fault}");
    assert_eq!(value(&host, "a"), Some("1".into()));
    assert_eq!(host.state.applied().expect("no fault"), Some(applied));
    assert!(host.replica.apply(&entry).is_err(), "it stays stopped");
}

#[test]
fn a_configuration_is_kept_in_the_applied_point() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let result = host.append(EntryBody::Configuration(configuration(5)));
        assert_eq!(result.configuration, Some(configuration(5)), "{kind}");
        assert_eq!(host.append(EntryBody::Empty).configuration, None, "{kind}");
        assert_eq!(host.replica.applied().configuration, configuration(5), "{kind}");
        host.restart();
        assert_eq!(host.replica.applied().configuration, configuration(5), "{kind}");
    }
}

#[test]
fn entries_without_a_time_stamp_keep_the_newest_one() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        assert_eq!(text(&host.apply_one("time")), "5", "{kind}");
        host.append(EntryBody::Empty);
        assert_eq!(host.replica.applied().time_ms, 5, "{kind}");
    }
}

#[test]
fn every_entry_moves_the_digest() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let mut seen = vec![host.replica.applied().digest];
        let bodies = [
            EntryBody::Empty,
            EntryBody::Configuration(configuration(3)),
            EntryBody::Checkpoint { time_ms: 5 },
            entry_of(&["add a 0"]),
            entry_of(&["add a 0"]),
        ];
        for body in bodies {
            host.append(body);
            let digest = host.replica.applied().digest;
            assert!(!seen.contains(&digest), "{kind}: {:?}", host.replica.applied());
            seen.push(digest);
        }
    }
}

#[test]
fn what_a_command_changes_shows_in_the_digest_when_its_reply_does_not() {
    let digest = |command: &str| {
        let mut host = host();
        let call = host.apply_one(command);
        (text(&call), host.replica.applied().digest)
    };
    let (a, b) = (digest("remove a"), digest("remove b"));
    assert_eq!(a.0, b.0);
    assert_ne!(a.1, b.1);
}

#[test]
fn a_checkpoint_entry_does_nothing_to_a_store_machine() {
    let mut host = host();
    host.apply_one("add a 1");
    let result = host.append(EntryBody::Checkpoint { time_ms: 9 });
    assert_eq!((result.checkpoint, host.snapshots.indexes()), (None, vec![]));
    assert_eq!(host.get("a"), "1");
}
