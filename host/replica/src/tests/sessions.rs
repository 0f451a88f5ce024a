//! Commands of sessions: applied once, whatever happens to the replica in between.

use super::harness::{BOTH, Host, text, trap_kind};
use crate::{
    Activation, CheckpointResult, EntryBody, EntryResult, Order, SessionCommand, Ticket,
    ports::{Call, Outcome, SessionAnswer, SessionRefusal, TrapKind},
    testing::NativePlugin,
};
use bytes::Bytes;
use quorate_vocabulary::{MachineKind, PluginDigest, SessionId};

const TIMEOUT_MS: u64 = 10_000;

fn plain(command: &str) -> SessionCommand {
    SessionCommand::Plain(Bytes::copy_from_slice(command.as_bytes()))
}

fn once(session: SessionId, sequence: u64, command: &str) -> SessionCommand {
    let ticket = Ticket { session, sequence, answered_below: 0 };
    SessionCommand::Once { ticket, command: Bytes::copy_from_slice(command.as_bytes()) }
}

fn entry(time_ms: u64, commands: &[SessionCommand]) -> EntryBody {
    EntryBody::SessionCommands { time_ms, commands: commands.to_vec() }
}

fn apply(host: &mut Host, commands: &[SessionCommand]) -> EntryResult {
    host.append(entry(100, commands))
}

fn outcomes(calls: &[Call]) -> Vec<Outcome> {
    calls.iter().map(|call| call.outcome.clone()).collect()
}

fn open(host: &mut Host) -> SessionId {
    let result = apply(host, &[SessionCommand::Open { timeout_ms: TIMEOUT_MS }]);
    match &result.commands[..] {
        [Call { outcome: Outcome::Session(SessionAnswer::Opened(opened)), .. }] => opened.session,
        other => panic!("{other:?}"),
    }
}

fn refusal(call: &Call) -> Option<SessionRefusal> {
    match call.outcome {
        Outcome::Session(SessionAnswer::Refused(refusal)) => Some(refusal),
        _ => None,
    }
}

#[test]
fn a_command_that_is_sent_again_is_not_applied_again() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let session = open(&mut host);
        let first = apply(&mut host, &[plain("add a 1"), once(session, 1, "add a 2")]);
        assert_eq!(text(&first.commands[1]), "3");
        assert_eq!(first.repeats, []);
        let again = apply(&mut host, &[once(session, 1, "add a 2"), plain("add a 10")]);
        assert_eq!((text(&again.commands[0]), text(&again.commands[1])), ("3".into(), "13".into()));
        let [repeat] = again.repeats[..] else { panic!("{:?}", again.repeats) };
        assert_eq!((repeat.ordinal, repeat.first.index, repeat.first.ordinal), (0, first.index, 1));
        // Also within one entry.
        let twice = apply(&mut host, &[once(session, 2, "add a 100"), once(session, 2, "add a 100")]);
        assert_eq!((text(&twice.commands[0]), text(&twice.commands[1])), ("113".into(), "113".into()));
        assert_eq!(twice.repeats[0].first.index, twice.index);
        assert_eq!(host.get("a"), "113");
    }
}

#[test]
fn rejections_and_traps_are_repeated_as_well() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let session = open(&mut host);
        let commands = [once(session, 1, "reject"), once(session, 2, "trap"), once(session, 3, "add a 1")];
        let first = apply(&mut host, &commands);
        let again = apply(&mut host, &commands);
        assert!(matches!(first.commands[0].outcome, Outcome::Rejection(_)));
        assert_eq!(again.commands[0].outcome, first.commands[0].outcome);
        assert_eq!(trap_kind(&again.commands[1]), Some(TrapKind::Instruction));
        assert_eq!(again.commands[1].fuel, 0, "nothing was run");
        assert_eq!(host.replica.applied().poison.traps_in_a_row, 0, "a trap is counted once");
        assert_eq!(again.repeats.len(), 3);
        assert_eq!(host.get("a"), "1");
    }
}

/// Commands that do all that sessions can do, some of them twice.
fn commands(session: SessionId) -> Vec<SessionCommand> {
    vec![
        once(session, 1, "add a 1"),
        once(session, 3, "add a 2"),
        once(session, 1, "add a 1"),
        plain("add a 4"),
        once(session, 2, "trap"),
        SessionCommand::Open { timeout_ms: TIMEOUT_MS },
        once(session, 3, "add a 2"),
        once(session, 2, "trap"),
        once(SessionId { term: 9, number: 9 }, 1, "add a 8"),
        SessionCommand::Keep { session, answered_below: 2 },
        once(session, 4, "reject"),
        once(session, 1, "add a 1"),
        plain("add a 16"),
        once(session, 4, "reject"),
        SessionCommand::Close { session },
        once(session, 4, "reject"),
        once(session, 5, "add a 32"),
    ]
}

#[test]
fn how_entries_are_packed_does_not_matter() {
    for kind in BOTH {
        let (mut together, mut apart) = (Host::new(kind), Host::new(kind));
        let session = open(&mut together);
        assert_eq!(open(&mut apart), session);
        let all = apply(&mut together, &commands(session)).commands;
        let each: Vec<Call> = commands(session)
            .into_iter()
            .flat_map(|command| apply(&mut apart, &[command]).commands)
            .collect();
        assert_eq!(outcomes(&all), outcomes(&each));
        assert_eq!(together.get("a"), "23");
        assert_eq!(apart.get("a"), "23");
        let sessions = [&together, &apart].map(|host| host.replica.applied().sessions.clone());
        assert_eq!(sessions[0], sessions[1]);
    }
}

#[test]
fn a_replica_that_begins_again_at_any_place_has_the_same_sessions() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let session = open(&mut host);
        for (place, command) in commands(session).into_iter().enumerate() {
            apply(&mut host, &[command]);
            let applied = host.replica.applied().clone();
            match (kind, place % 4) {
                (MachineKind::Memory, 1) => {
                    host.checkpoint();
                }
                (MachineKind::Store, 1) => host.state.flush(),
                (MachineKind::Store, 2) => host.state.crash(),
                _ => {}
            }
            let before = host.replica.applied().clone();
            host.restart();
            assert_eq!(*host.replica.applied(), before, "after {place}");
            assert_eq!(host.replica.applied().sessions, applied.sessions);
        }
        assert_eq!(host.get("a"), "23");
    }
}

#[test]
fn snapshots_hold_the_sessions() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let session = open(&mut host);
        apply(&mut host, &[once(session, 1, "add a 1"), once(session, 2, "trap")]);
        let index = match kind {
            MachineKind::Store => {
                let snapshot = host.replica.snapshot().expect("no fault").expect("something is new");
                snapshot.write().expect("no fault").header.point.index
            }
            MachineKind::Memory => match host.checkpoint() {
                CheckpointResult::Taken(info) => info.header.point.index,
                other => panic!("{other:?}"),
            },
        };
        let mut newcomer = Host::with_history(kind, host.history.clone());
        newcomer.snapshots.receive_newest(&host.snapshots);
        newcomer.replica.install_snapshot(index).expect("no fault");
        assert_eq!(newcomer.replica.applied(), host.replica.applied());
        newcomer.restart();
        let again = apply(&mut newcomer, &[once(session, 1, "add a 1"), once(session, 2, "trap")]);
        assert_eq!((text(&again.commands[0]), again.repeats.len()), ("1".into(), 2));
        assert_eq!(newcomer.get("a"), "1");
    }
}

#[test]
fn a_checkpoint_in_the_background_holds_the_sessions_of_where_it_is_taken_over() {
    let mut host = Host::new(MachineKind::Memory);
    let session = open(&mut host);
    apply(&mut host, &[once(session, 1, "add a 1")]);
    let checkpoint = host.append(EntryBody::BackgroundCheckpoint { time_ms: 101 }).index;
    let work = host.replica.background_checkpoint().expect("one is under way");
    apply(&mut host, &[once(session, 1, "add a 1"), once(session, 2, "add a 2")]);
    let prepared = work.run().expect("no fault");
    host.replica.checkpoint_prepared(prepared).expect("no fault");
    apply(&mut host, &[once(session, 2, "add a 2"), once(session, 3, "add a 4")]);
    let taken = host.append(EntryBody::TakeOver { time_ms: 102, checkpoint });
    assert!(matches!(taken.checkpoint, Some(CheckpointResult::Taken(_))), "{taken:?}");
    host.history.cut_through(taken.index);
    let applied = host.replica.applied().clone();
    host.restart();
    assert_eq!(*host.replica.applied(), applied);
    let again = apply(&mut host, &[once(session, 3, "add a 4"), once(session, 2, "add a 2")]);
    assert_eq!((text(&again.commands[0]), again.repeats.len()), ("7".into(), 2));
    assert_eq!(host.get("a"), "7");
}

#[test]
fn another_plugin_has_the_same_sessions() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let (same, next) = (PluginDigest::of(b"same"), PluginDigest::of(b"next"));
        host.plugins.put(same, NativePlugin::new(kind));
        host.plugins.put(next, NativePlugin::with_state_version(kind, 1));
        let session = open(&mut host);
        apply(&mut host, &[once(session, 1, "add a 1")]);
        for (number, plugin) in [(1, same), (2, next)] {
            let order = Order::Activate(Activation { number, plugin });
            let before = host.replica.applied().sessions.clone();
            let result = host.append(EntryBody::Order { time_ms: 100, order });
            assert_eq!(result.activation.expect("it was ordered").failure, None);
            assert_eq!(host.replica.applied().sessions, before);
            host.restart();
            let again = apply(&mut host, &[once(session, 1, "add a 1")]);
            assert_eq!((text(&again.commands[0]), again.repeats.len()), ("1".into(), 1));
        }
    }
}

#[test]
fn a_session_ends_by_the_time_of_the_log() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let session = open(&mut host);
        host.append(entry(100 + TIMEOUT_MS, &[once(session, 1, "add a 1")]));
        assert_eq!(host.get("a"), "1", "just in time");
        // Whatever entry carries the time.
        host.append(EntryBody::Commands { time_ms: 101 + 2 * TIMEOUT_MS, commands: vec!["add a 2".into()] });
        assert!(host.replica.applied().sessions.is_empty());
        host.restart();
        let late = host.append(entry(101 + 2 * TIMEOUT_MS, &[once(session, 2, "add a 4")]));
        assert_eq!(refusal(&late.commands[0]), Some(SessionRefusal::Unknown { session }));
        assert_eq!(host.get("a"), "3");
    }
}

#[test]
fn a_command_that_was_not_run_may_be_sent_again() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let session = open(&mut host);
        host.append(EntryBody::Order { time_ms: 7, order: Order::FreezeAfter { traps: 1 } });
        let first = apply(&mut host, &[once(session, 1, "trap"), once(session, 2, "add a 1")]);
        assert_eq!(first.commands[1].outcome, Outcome::Frozen);
        let again = apply(&mut host, &[once(session, 1, "trap")]);
        assert_eq!(trap_kind(&again.commands[0]), Some(TrapKind::Instruction), "what is known is told");
        host.append(EntryBody::Order { time_ms: 7, order: Order::Unfreeze });
        let again = apply(&mut host, &[once(session, 2, "add a 1")]);
        assert_eq!((text(&again.commands[0]), again.repeats.len()), ("1".into(), 0));
    }
}

#[test]
fn what_sessions_did_is_in_the_digest() {
    for kind in BOTH {
        let digest = |command: SessionCommand| {
            let mut host = Host::new(kind);
            let session = open(&mut host);
            apply(&mut host, &[once(session, 1, "add a 1"), command]);
            host.replica.applied().digest
        };
        let session = SessionId { term: 1, number: 1 };
        let keep = |answered_below| SessionCommand::Keep { session, answered_below };
        let all = [
            digest(once(session, 2, "add a 1")),
            digest(once(session, 3, "add a 1")),
            digest(plain("add a 1")),
            digest(once(session, 1, "add a 1")),
            digest(keep(0)),
            digest(keep(2)),
            digest(SessionCommand::Open { timeout_ms: TIMEOUT_MS }),
            digest(SessionCommand::Open { timeout_ms: TIMEOUT_MS + 1 }),
            digest(SessionCommand::Close { session }),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(!all[..place].contains(one), "the digest of case {place} is that of an earlier one");
        }
    }
}
