use super::harness::{BOTH, FUEL, Host, text, trap_kind};
use crate::{
    EntryBody,
    ports::{Outcome, TrapKind},
};
use bytes::Bytes;

// Commands are at 5 ms.

fn pending(host: &Host) -> Vec<(u64, u64)> {
    host.replica.applied().timers.iter().collect()
}

fn fired(host: &mut Host, id: u64) -> String {
    host.get(&format!("fired-{id}"))
}

#[test]
fn a_timer_fires_once_at_the_first_entry_of_timers_that_is_late_enough() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["timer 10 95"]);
        assert_eq!(host.replica.applied().timers.next_ms(), Some(100), "{kind}");
        assert!(host.fire(99).is_empty(), "{kind}");
        let calls = host.fire(100);
        assert_eq!(calls.len(), 1, "{kind}");
        assert_eq!(calls[0].events[0].payload, Bytes::from_static(b"10"), "{kind}");
        assert_eq!(fired(&mut host, 10), "1", "{kind}");
        assert!(host.fire(200).is_empty(), "{kind}: it has fired");
        assert_eq!(host.replica.applied().timers.next_ms(), None, "{kind}");
    }
}

#[test]
fn a_timer_that_was_cancelled_or_set_anew_does_not_fire_at_the_old_time() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["timer 10 95", "timer 20 95", "cancel 10", "timer 20 195"]);
        assert!(host.fire(150).is_empty(), "{kind}");
        assert_eq!(host.fire(200).len(), 1, "{kind}");
        assert_eq!((fired(&mut host, 10), fired(&mut host, 20)), ("0".into(), "1".into()), "{kind}");
    }
}

#[test]
fn a_rejected_or_trapped_command_sets_and_cancels_nothing() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["timer 10 95", "timer-and-reject 10", "timer-and-reject 20", "trap"]);
        assert_eq!(pending(&host), [(10, 100)], "{kind}");
    }
}

#[test]
fn timers_fire_in_the_order_of_their_times_and_share_an_entry() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["timer 10 300", "timer 30 200", "timer 20 200"]);
        let calls = host.fire(1_000);
        let order: Vec<_> = calls.iter().map(|call| call.events[0].payload.clone()).collect();
        assert_eq!(order, ["20", "30", "10"], "{kind}");
    }
}

#[test]
fn a_timer_that_one_before_it_cancels_does_not_fire() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["timer 24 20", "timer 25 30", "timer 26 40"]);
        let calls = host.fire(1_000);
        assert_eq!(calls.len(), 2, "{kind}: 24 cancels 25");
        assert_eq!((fired(&mut host, 25), fired(&mut host, 26)), ("0".into(), "1".into()), "{kind}");
    }
}

#[test]
fn a_timer_may_set_itself_again_and_fires_again_in_a_later_entry() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["timer 3 20"]);
        assert_eq!(host.fire(1_000).len(), 1, "{kind}");
        assert_eq!(pending(&host), [(3, 1_100)], "{kind}");
        assert_eq!((host.fire(1_099).len(), host.fire(1_100).len()), (0, 1), "{kind}");
        assert_eq!(fired(&mut host, 3), "2", "{kind}");
    }
}

#[test]
fn a_firing_is_held_to_the_rules_of_a_command() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["add a 1", "timer 1 20", "timer 2 30", "timer 5 40"]);
        let calls = host.fire(100);
        assert_eq!(calls[0].outcome, Outcome::Rejection(Bytes::from_static(b"as asked")), "{kind}");
        assert_eq!(trap_kind(&calls[1]), Some(TrapKind::Instruction), "{kind}");
        assert_eq!((trap_kind(&calls[2]), calls[2].fuel), (Some(TrapKind::OutOfFuel), FUEL), "{kind}");
        for id in [1, 2, 5] {
            assert_eq!(fired(&mut host, id), "0", "{kind}: what it did is dropped");
        }
        assert!(calls.iter().all(|call| call.events.is_empty()), "{kind}");
        assert!(pending(&host).is_empty(), "{kind}: it is pending no more, whatever came of it");
        assert_eq!(text(&host.apply_one("add a 1")), "2", "{kind}: the machine goes on");
    }
}

#[test]
fn more_timers_than_the_group_allows_are_a_trap() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let calls = host.apply(&["timer 10 50", "timer 20 50", "timer 30 50", "timer 40 50", "timer 10 60"]);
        let kinds: Vec<_> = calls.iter().map(trap_kind).collect();
        assert_eq!(kinds, [None, None, None, Some(TrapKind::LimitExceeded), None], "{kind}");
        assert_eq!(pending(&host), [(10, 65), (20, 55), (30, 55)], "{kind}");
        assert_eq!(calls[3].timers.len(), 0, "{kind}");
    }
}

#[test]
fn a_timer_is_due_no_sooner_than_the_group_allows() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["timer 10 0"]);
        assert_eq!(pending(&host), [(10, 15)], "{kind}");
    }
}

#[test]
fn timers_survive_restarts_lost_commits_and_snapshots() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["timer 10 95", "timer 20 195"]);
        host.state.flush();
        host.fire(100);
        let applied = host.replica.applied().clone();
        host.state.crash();
        host.restart();
        assert_eq!(*host.replica.applied(), applied, "{kind}");
        assert_eq!(fired(&mut host, 10), "1", "{kind}: not lost, and not done twice");

        let index = super::snapshots::take(&mut host);
        let mut other = Host::new(kind);
        other.snapshots.receive_newest(&host.snapshots);
        other.replica.install_snapshot(index).expect("no fault");
        assert_eq!(pending(&other), [(20, 200)], "{kind}");
        let entry = host.history.push(1, EntryBody::Timers { time_ms: 200 });
        let here = host.replica.apply(&entry).expect("no fault");
        assert_eq!(other.replica.apply(&entry).expect("no fault"), here, "{kind}");
        assert_eq!(here.commands.len(), 1, "{kind}");
        assert_eq!(other.replica.applied(), host.replica.applied(), "{kind}");
    }
}

#[test]
fn a_memory_machine_that_is_rebuilt_fires_again_what_had_fired_but_for_what_trapped() {
    let mut host = Host::new(quorate_vocabulary::MachineKind::Memory);
    host.apply(&["timer 10 20", "timer 2 30", "timer 4 40"]);
    host.checkpoint();
    host.apply(&["cancel 10", "timer 30 20"]);
    let calls = host.fire(100);
    assert_eq!(calls.iter().filter(|call| trap_kind(call).is_some()).count(), 1);
    host.apply(&["timer 3 20", "trap"]);
    host.fire(200);
    let (applied, sum) = (host.replica.applied().clone(), text(&host.query("sum")));
    host.apply(&["trap", "add a 0"]);
    assert_eq!(text(&host.query("sum")), sum);
    host.restart();
    assert_eq!(text(&host.query("sum")), sum);
    assert_eq!(applied.timers, host.replica.applied().timers);
}

#[test]
fn what_timers_do_shows_in_the_digest() {
    for kind in BOTH {
        let digest = |command: &str| {
            let mut host = Host::new(kind);
            host.apply(&[command]);
            host.replica.applied().digest
        };
        let all = ["timer 10 50", "timer 20 50", "timer 10 60", "cancel 10", "cancel 20", "log nothing"];
        let digests: std::collections::BTreeSet<_> = all.map(|command| digest(command).0).into();
        assert_eq!(digests.len(), all.len(), "{kind}");
    }
}
