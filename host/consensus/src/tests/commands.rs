//! Commands: packed, bounded, stamped, answered once.

use super::{
    checks::Answer,
    cluster::{Cluster, GROUP},
    lone::{Lone, append, applied, commands, config, kinds, message, persists, refusals},
};
use crate::{
    Effect, EntryBody, Input, LogEntry, LogPoint, RaftMessage, RaftMessageType, Refusal, ReplicaStart,
    RequestId, SessionCommand, ShardConfig, Ticket,
};
use bytes::Bytes;
use quorate_vocabulary::{GroupId, NodeId, ReplicaId, SessionId};

fn propose(request: u64, bytes: usize) -> Input {
    Input::Propose { group: GROUP, request: RequestId(request), command: vec![7; bytes].into() }
}

/// How many commands each entry holds that is written.
fn packed(effects: &[Effect]) -> Vec<usize> {
    let entries = persists(effects).flat_map(|persist| &persist.entries);
    let bodies = entries.map(|entry: &LogEntry| EntryBody::decode(&entry.data).expect("a body"));
    let counts = bodies.filter_map(|body| match body {
        EntryBody::Commands { commands, .. } => Some(commands.len()),
        EntryBody::SessionCommands { commands, .. } => Some(commands.len()),
        _ => None,
    });
    counts.collect()
}

fn propose_once(request: u64, bytes: usize) -> Input {
    let session = SessionId { term: 2, number: 1 };
    let ticket = Ticket { session, sequence: request, answered_below: 0 };
    let command = SessionCommand::Once { ticket, command: vec![7; bytes].into() };
    Input::ProposeInSession { group: GROUP, request: RequestId(request), command }
}

/// The only replica of a group, leading, on a disk that the test plays.
fn leader(change: impl FnOnce(&mut ShardConfig)) -> Lone {
    let mut config = config();
    change(&mut config);
    let mut lone = Lone::closed(config);
    let members = super::cluster::voters([1]);
    let start = ReplicaStart::bootstrap(GROUP, ReplicaId(1), members);
    lone.step_and_persist(vec![Input::Open(Box::new(start))]);
    lone
}

#[test]
fn one_command_is_one_entry_at_once() {
    let mut lone = leader(|_| {});
    let effects = lone.step(vec![propose(1, 10)]);
    assert_eq!(packed(&effects), [1]);
}

#[test]
fn commands_of_one_step_share_an_entry() {
    let mut lone = leader(|_| {});
    let effects = lone.step((1..=100).map(|request| propose(request, 10)).collect());
    assert_eq!(packed(&effects), [100]);
}

#[test]
fn commands_that_come_while_entries_are_under_way_wait_and_share_the_next() {
    let mut lone = leader(|config| config.inflight_entries_max = 2);
    let mut effects = Vec::new();
    for request in 1..=10 {
        effects.extend(lone.step(vec![propose(request, 10)]));
    }
    assert_eq!(packed(&effects), [1, 1], "as many as may be under way");
    let number = persists(&effects).last().expect("a write").number;
    let effects = lone.step(vec![Input::Persisted { group: GROUP, number }]);
    assert_eq!(packed(&effects), [8]);
}

#[test]
fn an_entry_is_bounded_by_count_and_by_bytes() {
    let mut lone = leader(|config| {
        config.entry_commands_max = 3;
        config.inflight_entries_max = 100;
    });
    let effects = lone.step((1..=8).map(|request| propose(request, 10)).collect());
    assert_eq!(packed(&effects), [3, 3, 2]);

    let mut lone = leader(|config| {
        config.entry_bytes_max = 1_000;
        config.inflight_entries_max = 100;
    });
    let effects = lone.step((1..=5).map(|request| propose(request, 400)).collect());
    assert_eq!(packed(&effects), [2, 2, 1]);
    for entry in persists(&effects).flat_map(|persist| &persist.entries) {
        assert!(entry.data.len() <= 1_000);
    }
}

#[test]
fn a_command_larger_than_an_entry_is_packed_alone_up_to_the_largest_that_may_be() {
    let mut lone = leader(|config| {
        config.entry_bytes_max = 1_000;
        config.command_bytes_max = 5_000;
        config.inflight_entries_max = 100;
    });
    let effects = lone.step(vec![propose(1, 10), propose(2, 10), propose(3, 5_000), propose(4, 10)]);
    assert!(refusals(&effects).is_empty(), "{effects:?}");
    assert_eq!(packed(&effects), [2, 1, 1]);
    let effects = lone.step(vec![propose(5, 5_001)]);
    let [(5, Refusal::TooLarge { bytes: 5_001, bytes_max: 5_000 })] = refusals(&effects)[..] else {
        panic!("{effects:?}");
    };
}

#[test]
fn beyond_what_may_wait_commands_are_refused_at_once() {
    let mut lone = leader(|config| {
        config.entry_bytes_max = 10_000;
        config.waiting_bytes_max = 10_000;
    });
    let effects = lone.step((1..=20).map(|request| propose(request, 1_000)).collect());
    let refused = refusals(&effects);
    assert_eq!(refused.len(), 20 - 10_000 / 1_064);
    assert!(matches!(refused[0].1, Refusal::Overloaded { waiting_bytes_max: 10_000, .. }));
    assert!(lone.status().waiting_bytes <= 10_000);
    // What is committed makes room.
    let number = persists(&effects).last().expect("a write").number;
    lone.step_and_persist(vec![Input::Persisted { group: GROUP, number }]);
    assert_eq!(lone.status().waiting_bytes, 0);
    assert!(refusals(&lone.step(vec![propose(21, 1_000)])).is_empty());
}

#[test]
fn empty_commands_are_not_free() {
    let mut lone = leader(|config| {
        config.entry_bytes_max = 1_000;
        config.waiting_bytes_max = 1_000;
    });
    let effects = lone.step((1..=100).map(|request| propose(request, 0)).collect());
    assert!(refusals(&effects).len() > 80);
}

#[test]
fn a_slow_machine_makes_commands_wait_and_then_refused() {
    let mut lone = leader(|config| {
        config.entry_bytes_max = 2_000;
        config.applying_bytes_max = 1_000;
        config.waiting_bytes_max = 4_000;
    });
    let mut refused = 0;
    let mut handed = Vec::new();
    for request in 1..=20 {
        let effects = lone.step_and_persist(vec![propose(request, 500)]);
        refused += refusals(&effects).len();
        handed.extend(applied(&effects));
    }
    assert_eq!(handed.len(), 2, "{handed:?}");
    assert!(refused >= 10, "{refused}");
    let index = handed.last().expect("an entry").0;
    let effects = lone.step(vec![Input::Applied { group: GROUP, index }]);
    assert_eq!(applied(&effects).len(), 2, "room for more");
}

#[test]
fn requests_stand_beside_their_commands() {
    let mut lone = leader(|_| {});
    let effects = lone.step_and_persist(vec![propose(5, 1), propose(6, 2), propose(7, 3)]);
    let entry = effects.iter().find_map(|effect| match effect {
        Effect::Apply { entries, .. } => entries.iter().find(|entry| !entry.requests.is_empty()),
        _ => None,
    });
    let entry = entry.expect("an entry with requests");
    assert_eq!(entry.requests, [RequestId(5), RequestId(6), RequestId(7)]);
    let EntryBody::Commands { commands, .. } = &entry.body else { panic!("commands") };
    assert_eq!(commands.iter().map(Bytes::len).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn commands_of_sessions_are_packed_in_order_with_those_of_none() {
    let mut lone = leader(|_| {});
    let effects = lone.step_and_persist(vec![propose(5, 1), propose_once(6, 2), propose(7, 3)]);
    let entry = effects.iter().find_map(|effect| match effect {
        Effect::Apply { entries, .. } => entries.iter().find(|entry| !entry.requests.is_empty()),
        _ => None,
    });
    let entry = entry.expect("an entry with requests");
    assert_eq!(entry.requests, [RequestId(5), RequestId(6), RequestId(7)]);
    let EntryBody::SessionCommands { commands, .. } = &entry.body else { panic!("{:?}", entry.body) };
    assert_eq!(commands.iter().map(SessionCommand::command_bytes).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(matches!(commands[..], [SessionCommand::Plain(_), SessionCommand::Once { .. }, _]));
}

#[test]
fn commands_of_sessions_keep_to_the_bounds_of_entries() {
    let mut lone = leader(|config| config.entry_bytes_max = 1_000);
    let effects = lone.step_and_persist((1..=20).map(|request| propose_once(request, 100)).collect());
    let mut entries = persists(&effects).flat_map(|persist| &persist.entries);
    assert!(entries.all(|entry| entry.data.len() <= 1_000), "{:?}", packed(&effects));
    assert_eq!(packed(&effects).iter().sum::<usize>(), 20);
    let effects = lone.step_and_persist(vec![propose_once(30, config().command_bytes_max + 1)]);
    assert!(matches!(refusals(&effects)[..], [(30, Refusal::TooLarge { .. })]));
}

#[test]
fn a_follower_refuses_commands_and_names_the_leader() {
    let mut cluster = Cluster::new(3, 1);
    let leader = cluster.leader();
    cluster.run_ms(500);
    let follower = 1 + leader % 3;
    let request = cluster.propose(follower, b"here");
    let Answer::Refused(Refusal::NotLeader { leader: Some(member) }) = cluster.answer(request) else {
        panic!("not refused");
    };
    assert_eq!(member.node, NodeId(leader));
}

#[test]
fn a_group_that_is_not_here_refuses_commands() {
    let mut lone = Lone::closed(config());
    assert_eq!(refusals(&lone.step(vec![propose(1, 1)])), [(1, Refusal::NotHere)]);
}

#[test]
fn commands_that_wait_when_the_leadership_is_lost_are_refused_as_not_appended() {
    let mut lone = Lone::new(3);
    lone.lead();
    let mut effects = Vec::new();
    for request in 1..=6 {
        effects.extend(lone.step(vec![propose(request, 1)]));
    }
    let under_way = packed(&effects).len();
    assert_eq!(under_way, config().inflight_entries_max);
    let term = lone.status().term + 1;
    let effects = lone.step_and_persist(vec![Input::Message(message(RaftMessageType::Heartbeat, 2, term))]);
    let refused = refusals(&effects);
    assert_eq!(refused.iter().map(|(request, _)| *request).collect::<Vec<_>>(), [5, 6]);
    assert!(refused.iter().all(|(_, reason)| matches!(reason, Refusal::NotLeader { leader: Some(_) })));

    // What was appended may still be committed; once it is replaced nobody here can tell any longer.
    let status = lone.status();
    let before = LogPoint { index: 2, term: 2 };
    let other = append(2, term, before, &[EntryBody::Empty], 2);
    let effects = lone.step_and_persist(vec![Input::Message(other)]);
    let lost: Vec<_> = (1..=4).map(|request| (request, Refusal::Lost)).collect();
    assert_eq!(refusals(&effects), lost, "{status:?}");
}

#[test]
fn commands_of_a_former_leader_that_are_committed_after_all_are_answered() {
    let mut lone = Lone::new(3);
    lone.lead();
    lone.step_and_persist(vec![propose(1, 1)]);
    let last = lone.status().last;
    let term = last.term + 1;
    // Another leads and has the entry.
    let more = append(2, term, last, &[EntryBody::Empty], last.index + 1);
    let effects = lone.step_and_persist(vec![Input::Message(more)]);
    let requests = effects.iter().filter_map(|effect| match effect {
        Effect::Apply { entries, .. } => Some(entries.iter().flat_map(|entry| entry.requests.clone())),
        _ => None,
    });
    assert_eq!(requests.into_iter().flatten().collect::<Vec<_>>(), [RequestId(1)]);
    assert!(refusals(&effects).is_empty());
}

#[test]
fn commands_hidden_by_a_snapshot_are_refused_as_lost() {
    let mut lone = Lone::new(3);
    lone.lead();
    lone.step_and_persist(vec![propose(1, 1)]);
    // Apply is done with what it was handed: the snapshot need not wait.
    lone.step(vec![Input::Applied { group: GROUP, index: 2 }]);
    let term = lone.status().term + 1;
    let point = LogPoint { index: 90, term };
    let snapshot = super::lone::snapshot(2, term, point, super::cluster::voters(1..=3));
    let effects = lone.receive(snapshot);
    assert_eq!(refusals(&effects), [(1, Refusal::Lost)]);
    assert_eq!(lone.status().waiting_bytes, 0);
}

#[test]
fn closing_refuses_everything_and_tells_what_was_appended() {
    let mut lone = leader(|config| config.inflight_entries_max = 1);
    lone.step(vec![propose(1, 1)]);
    lone.step(vec![propose(2, 1)]);
    let mut effects = lone.step(vec![Input::Close { group: GROUP }]);
    let refused = refusals(&effects);
    let expected = [(1, Refusal::Closed { appended: true }), (2, Refusal::Closed { appended: false })];
    assert_eq!(refused, expected);
    assert_eq!(lone.shard.status(GROUP), None);
    // Late news of it is nothing to speak of.
    effects = lone.step(vec![
        Input::Persisted { group: GROUP, number: 3 },
        Input::Applied { group: GROUP, index: 3 },
        Input::Fetched { group: GROUP, first: 2, entries: vec![] },
    ]);
    assert!(effects.is_empty());
}

#[test]
fn stamps_never_go_back_though_the_clock_does() {
    let mut lone = leader(|_| {});
    lone.now.wall_ms = 5_000;
    lone.step_and_persist(vec![propose(1, 1)]);
    lone.now.wall_ms = 3_000;
    let effects = lone.step_and_persist(vec![propose(2, 1)]);
    assert_eq!(applied(&effects)[0].1.time_ms(), Some(5_000));
    lone.now.wall_ms = 6_000;
    let effects = lone.step_and_persist(vec![propose(3, 1)]);
    assert_eq!(applied(&effects)[0].1.time_ms(), Some(6_000));
}

#[test]
fn a_new_leader_stamps_no_earlier_than_its_predecessor() {
    let mut lone = Lone::new(3);
    let stamped = append(2, 2, ReplicaStart::BOOTSTRAP, &[EntryBody::Empty, commands(90_000, &[b"old"])], 3);
    lone.step_and_persist(vec![Input::Message(stamped)]);
    // The leader falls silent, and its log outlives it.
    lone.ticks(11);
    lone.lead();
    assert!(lone.now.wall_ms < 90_000);
    lone.step_and_persist(vec![propose(1, 1)]);
    let effects = lone.acknowledge();
    assert_eq!(applied(&effects).last().expect("an entry").1.time_ms(), Some(90_000));
}

#[test]
fn a_leader_that_was_restarted_stamps_no_earlier_than_before() {
    let start = |applied_time_ms, entries: Vec<LogEntry>| {
        let members = super::cluster::voters([1]);
        ReplicaStart { applied_time_ms, entries, ..ReplicaStart::bootstrap(GROUP, ReplicaId(1), members) }
    };
    let entry = LogEntry { index: 2, term: 1, data: commands(80_000, &[b"logged"]).encode() };
    for (start, expected) in [(start(70_000, vec![]), 70_000), (start(70_000, vec![entry]), 80_000)] {
        let mut lone = Lone::closed(config());
        lone.step_and_persist(vec![Input::Open(Box::new(start))]);
        let effects = lone.step_and_persist(vec![propose(1, 1)]);
        assert_eq!(applied(&effects).last().expect("an entry").1.time_ms(), Some(expected));
    }
}

/// What a leader is asked to put into the log, and the entry that comes of it.
fn asked() -> [(Input, EntryBody); 6] {
    let own =
        |body: EntryBody| (Input::ProposeEntry { group: GROUP, body: body.clone() }, body.stamped(1_000));
    [
        own(EntryBody::BackgroundCheckpoint { time_ms: 0 }),
        own(EntryBody::TakeOver { time_ms: 0, checkpoint: 7 }),
        own(EntryBody::Attest { time_ms: 0 }),
        own(EntryBody::Verdict { time_ms: 0, index: 2, digest: [7; 32], agreed: 0 }),
        (Input::ProposeCheckpoint { group: GROUP }, EntryBody::Checkpoint { time_ms: 1_000 }),
        (Input::ProposeTimers { group: GROUP }, EntryBody::Timers { time_ms: 1_000 }),
    ]
}

#[test]
fn a_checkpoint_and_what_lets_timers_fire_go_into_the_log_once() {
    for (ask, entry) in asked() {
        let mut lone = leader(|_| {});
        let effects = lone.step(vec![ask.clone(), ask.clone(), propose(1, 1), ask.clone()]);
        let bodies: Vec<_> = persists(&effects).flat_map(|persist| persist.entries.clone()).collect();
        assert_eq!(bodies.len(), 2, "that and a command");
        assert_eq!(EntryBody::decode(&bodies[0].data), Ok(entry));
        // While it is under way another is not needed.
        assert!(lone.step(vec![ask.clone()]).is_empty(), "{ask:?}");
        let number = persists(&effects).last().expect("a write").number;
        lone.step(vec![Input::Persisted { group: GROUP, number }]);
        assert_eq!(persists(&lone.step(vec![ask])).count(), 1);
    }
}

#[test]
fn a_follower_proposes_neither() {
    for (ask, _) in asked() {
        let mut lone = Lone::new(3);
        assert!(lone.step(vec![ask]).is_empty());
        lone.lead();
        assert_eq!(lone.status().last.index, 2, "nor does it when it leads later");
    }
}

#[test]
fn commands_wait_while_the_leadership_is_handed_over() {
    let mut lone = Lone::new(3);
    lone.lead();
    let effects = lone.step(vec![Input::TransferLeader {
        group: GROUP,
        request: RequestId(90),
        to: Some(ReplicaId(2)),
    }]);
    assert_eq!(kinds(&effects), [RaftMessageType::TimeoutNow]);
    let effects = lone.step_and_persist(vec![propose(1, 1)]);
    assert!(effects.is_empty(), "{effects:?}");
    // The other does not take it: after an election timeout this one goes on.
    let mut effects = Vec::new();
    for _ in 0..12 {
        let heard = |replica| RaftMessage {
            commit: 2,
            ..message(RaftMessageType::HeartbeatResponse, replica, lone_term(&lone))
        };
        let inputs = vec![Input::Message(heard(2)), Input::Message(heard(3))];
        effects.extend(lone.step(inputs));
        effects.extend(lone.tick());
    }
    assert_eq!(packed(&effects), [1]);
}

fn lone_term(lone: &Lone) -> u64 {
    lone.status().term
}

#[test]
fn groups_of_a_shard_do_not_mix() {
    let mut cluster = Cluster::empty(3, 5);
    for group in 1..=20 {
        cluster.create(GroupId(group), &super::cluster::voters(1..=3));
    }
    cluster.until("leaders", |cluster| (1..=20).all(|group| cluster.leader_of(GroupId(group)).is_some()));
    for group in 1..=20_u64 {
        let leader = cluster.leader_of(GroupId(group)).expect("a leader");
        for round in 0..3 {
            cluster.propose_to(leader, GroupId(group), &[group.to_be_bytes(), [round; 8]].concat());
        }
    }
    cluster.run_ms(2_000);
    for group in 1..=20_u64 {
        let machine = &cluster.hosted(2, GroupId(group)).machine;
        assert_eq!(machine.commands.len(), 3);
        assert!(machine.commands.iter().all(|command| command[..8] == group.to_be_bytes()));
    }
}

#[test]
fn under_load_entries_grow() {
    let mut cluster = Cluster::with(3, 8, |config| config.inflight_entries_max = 2);
    let leader = cluster.leader();
    for _ in 0..1_000 {
        cluster.propose(leader, b"load");
        cluster.run(std::time::Duration::from_micros(20));
    }
    cluster.run_ms(1_000);
    let counts = cluster.command_counts();
    assert_eq!(counts.iter().sum::<usize>(), 1_000);
    assert!(counts.len() < 200, "{} entries", counts.len());
}
