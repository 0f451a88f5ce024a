//! Groups that freeze after too many traps.

use super::harness::{BOTH, Host, text, trap_kind};
use crate::{
    Activation, EntryBody, Order,
    ports::{Call, Outcome, TrapKind},
    testing::NativePlugin,
};
use quorate_vocabulary::PluginDigest;

fn order(host: &mut Host, order: Order) {
    host.append(EntryBody::Order { time_ms: 7, order });
}

fn is_frozen(call: &Call) -> bool {
    call.outcome == Outcome::Frozen
}

#[test]
fn a_group_freezes_in_the_middle_of_an_entry_and_takes_commands_again_when_told() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        order(&mut host, Order::FreezeAfter { traps: 2 });
        let calls = host.apply(&["add a 1", "trap", "add a 1", "trap", "trap", "add a 1", "trap"]);
        assert_eq!(text(&calls[2]), "2", "two in a row are needed");
        assert_eq!(trap_kind(&calls[4]), Some(TrapKind::Instruction));
        assert!(calls[5..].iter().all(is_frozen), "{calls:?}");
        let frozen_at = host.replica.applied().poison.frozen_at;
        assert_eq!(frozen_at, Some(host.replica.applied().index));
        assert!(is_frozen(&host.apply_one("add a 1")));
        assert_eq!(host.get("a"), "2", "it answers queries");
        let before = host.replica.applied().clone();
        host.restart();
        assert_eq!(*host.replica.applied(), before);
        assert!(is_frozen(&host.apply_one("add a 1")));

        order(&mut host, Order::Unfreeze);
        assert_eq!(text(&host.apply_one("add a 1")), "3");
        let calls = host.apply(&["trap", "add a 1"]);
        assert_eq!(text(&calls[1]), "4", "the count begins anew");
        host.restart();
        assert_eq!(host.get("a"), "4");
    }
}

#[test]
fn timers_wait_while_a_group_is_frozen() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        order(&mut host, Order::FreezeAfter { traps: 1 });
        host.apply(&["timer 20 50", "timer 30 60", "trap"]);
        assert_eq!(host.fire(1_000), []);
        assert_eq!(host.replica.applied().timers.len(), 2);
        order(&mut host, Order::Unfreeze);
        // An instance of a memory machine that is made again does not fire them at the wrong place.
        host.apply(&["add a 1"]);
        assert_eq!(host.fire(1_000).len(), 2);
        assert_eq!(host.get("fired-20"), "1");
        host.restart();
        assert_eq!(host.get("fired-30"), "1");
    }
}

#[test]
fn a_timer_that_traps_counts() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        order(&mut host, Order::FreezeAfter { traps: 1 });
        host.apply(&["timer 12 50", "timer 13 60"]);
        assert_eq!(host.fire(1_000).len(), 1, "the second is not fired any more");
        assert!(host.replica.applied().poison.is_frozen());
    }
}

#[test]
fn another_plugin_ends_it() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let digest = PluginDigest::of(b"next");
        host.plugins.put(digest, NativePlugin::with_state_version(kind, 1));
        order(&mut host, Order::FreezeAfter { traps: 1 });
        host.apply(&["refuse-migrate", "trap"]);
        order(&mut host, Order::Activate(Activation { number: 1, plugin: digest }));
        assert!(is_frozen(&host.apply_one("add a 1")), "one that failed does not");
        order(&mut host, Order::Unfreeze);
        host.apply(&["remove refuse-migrate", "trap"]);
        order(&mut host, Order::Activate(Activation { number: 2, plugin: digest }));
        assert_eq!(text(&host.apply_one("add a 1")), "1");
        assert_eq!(host.replica.applied().poison.freeze_after, 1, "the policy stays");
    }
}

#[test]
fn how_entries_are_packed_does_not_matter() {
    for kind in BOTH {
        let commands = ["trap", "add a 1", "trap", "trap", "add a 1"];
        let (mut one, mut many) = (Host::new(kind), Host::new(kind));
        order(&mut one, Order::FreezeAfter { traps: 2 });
        order(&mut many, Order::FreezeAfter { traps: 2 });
        let outcomes =
            |calls: Vec<Call>| -> Vec<Outcome> { calls.into_iter().map(|call| call.outcome).collect() };
        let together = outcomes(one.apply(&commands));
        let apart = commands.iter().flat_map(|command| outcomes(many.apply(&[command]))).collect::<Vec<_>>();
        assert_eq!(together, apart);
    }
}
