//! What waits for the disk, and what does not.

use super::{
    cluster::{Cluster, GROUP, voters},
    lone::{Lone, append, applied, commands, config, kinds, message, persists, refusals, sent},
};
use crate::{
    Effect, EntryBody, HardState, Input, LogPoint, Persist, RaftMessage, RaftMessageType, ReadMode, Refusal,
    ReplicaStart, RequestId, Role,
};
use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};

const BOOTSTRAP: LogPoint = ReplicaStart::BOOTSTRAP;

fn vote_request(from: u64, term: u64) -> RaftMessage {
    let at = RaftMessage { index: 1, log_term: 1, commit: 1, commit_term: 1, ..RaftMessage::default() };
    let whole = message(RaftMessageType::RequestVote, from, term);
    RaftMessage {
        index: at.index,
        log_term: at.log_term,
        commit: at.commit,
        commit_term: at.commit_term,
        ..whole
    }
}

#[test]
fn a_vote_leaves_only_when_it_is_on_disk() {
    let mut lone = Lone::new(3);
    let effects = lone.receive(vote_request(2, 5));
    assert!(kinds(&effects).is_empty());
    let writes: Vec<&Persist> = persists(&effects).collect();
    let hard_state = HardState { term: 5, vote: Some(ReplicaId(2)), commit: 1 };
    assert_eq!(writes[0].hard_state, Some(hard_state));
    let effects = lone.step(vec![Input::Persisted { group: GROUP, number: writes[0].number }]);
    assert_eq!(kinds(&effects), [RaftMessageType::RequestVoteResponse]);
}

#[test]
fn entries_are_acknowledged_only_when_they_are_on_disk() {
    let mut lone = Lone::new(3);
    let first = lone.receive(append(2, 2, BOOTSTRAP, &[EntryBody::Empty], 1));
    let before = LogPoint { index: 2, term: 2 };
    let second = lone.receive(append(2, 2, before, &[commands(1, &[b"more"])], 1));
    assert!(kinds(&first).is_empty() && kinds(&second).is_empty());
    let number = |effects: &[Effect]| persists(effects).last().expect("a write").number;
    let effects = lone.step(vec![Input::Persisted { group: GROUP, number: number(&first) }]);
    assert_eq!(sent(&effects).map(|message| message.index).collect::<Vec<_>>(), [2]);
    let effects = lone.step(vec![Input::Persisted { group: GROUP, number: number(&second) }]);
    assert_eq!(sent(&effects).map(|message| message.index).collect::<Vec<_>>(), [3]);
}

#[test]
fn one_write_done_acknowledges_all_before_it() {
    let mut lone = Lone::new(3);
    lone.receive(append(2, 2, BOOTSTRAP, &[EntryBody::Empty], 1));
    let second = lone.receive(append(2, 2, LogPoint { index: 2, term: 2 }, &[EntryBody::Empty], 1));
    let number = persists(&second).last().expect("a write").number;
    let effects = lone.step(vec![Input::Persisted { group: GROUP, number }]);
    assert_eq!(sent(&effects).map(|message| message.index).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn a_leader_sends_entries_while_it_writes_them() {
    let mut lone = Lone::new(3);
    lone.lead();
    let effects = lone.propose(1, b"now");
    assert_eq!(persists(&effects).count(), 1);
    let appends: Vec<u64> = sent(&effects)
        .filter(|message| message.r#type() == RaftMessageType::Append && !message.entries.is_empty())
        .map(|message| message.to_replica)
        .collect();
    assert_eq!(appends.len(), 2, "{effects:?}");
}

#[test]
fn a_leader_commits_by_the_disks_of_others_and_applies_by_its_own() {
    let mut lone = Lone::new(3);
    lone.lead();
    let effects = lone.propose(1, b"fast followers");
    let number = persists(&effects).last().expect("a write").number;
    let term = lone.status().term;
    let acknowledged =
        |from| RaftMessage { index: 3, ..message(RaftMessageType::AppendResponse, from, term) };
    let effects = lone.step(vec![Input::Message(acknowledged(2)), Input::Message(acknowledged(3))]);
    assert_eq!(lone.status().commit, 3);
    assert!(applied(&effects).is_empty());
    let effects = lone.step(vec![Input::Persisted { group: GROUP, number }]);
    assert_eq!(applied(&effects).len(), 1);
}

#[test]
fn a_leader_alone_with_learners_sends_nothing_before_its_term_is_on_disk() {
    // It needs nobody's vote, so nothing else makes it wait; and a term it forgets it would lead in twice.
    let learner = Member { replica: ReplicaId(2), node: NodeId(2), role: MemberRole::Learner };
    let mut members = voters([1]);
    members.push(learner);
    let mut lone = Lone::closed(config());
    let effects = lone.open(ReplicaStart::bootstrap(GROUP, ReplicaId(1), members));
    assert!(kinds(&effects).is_empty(), "{effects:?}");
    let number = persists(&effects).last().expect("a write").number;
    let effects = lone.step(vec![Input::Persisted { group: GROUP, number }]);
    assert!(kinds(&effects).contains(&RaftMessageType::Append));
}

/// What the host is told of roles.
fn roles(effects: &[Effect]) -> Vec<(Role, u64, Option<ReplicaId>)> {
    let roles = effects.iter().filter_map(|effect| match effect {
        Effect::RoleChanged { role, term, leader, .. } => {
            Some((*role, *term, leader.map(|leader| leader.replica)))
        }
        _ => None,
    });
    roles.collect()
}

#[test]
fn nobody_hears_of_a_leader_whose_term_is_not_on_disk() {
    // Should it go down now, the members to come might elect another in a term that it has forgotten.
    let mut lone = Lone::closed(config());
    let mut effects = lone.open(ReplicaStart::bootstrap(GROUP, ReplicaId(1), voters([1])));
    assert_eq!(roles(&effects), [(Role::Candidate, 2, None)]);
    let read = |request, mode| Input::Read { group: GROUP, request: RequestId(request), mode };
    effects.extend(lone.propose(1, b"early"));
    effects.extend(lone.step(vec![read(2, ReadMode::Linearizable), read(3, ReadMode::Lease)]));
    let to_itself = Input::TransferLeader { group: GROUP, request: RequestId(4), to: Some(ReplicaId(1)) };
    let cause = "its leader is new and not yet on disk as such";
    assert_eq!(refusals(&lone.step(vec![to_itself])), [(4, Refusal::Unavailable { cause })]);
    effects.extend(lone.ticks(3));
    let status = lone.status();
    assert_eq!((status.role, status.leader), (Role::Candidate, None));
    let mut numbers = Vec::new();
    for effect in &effects {
        match effect {
            Effect::Persist(persist) => numbers.push(persist.number),
            Effect::RoleChanged { role: Role::Candidate, .. } => {}
            other => panic!("{other:?}"),
        }
    }
    let first = Input::Persisted { group: GROUP, number: numbers[0] };
    let effects = lone.step_and_persist(vec![first]);
    assert_eq!(roles(&effects), [(Role::Leader, 2, Some(ReplicaId(1)))]);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::LeaderEstablished { term: 2, .. })));
    let number = *numbers.last().expect("a write");
    let mut effects = effects;
    effects.extend(lone.step_and_persist(vec![Input::Persisted { group: GROUP, number }]));
    assert!(applied(&effects).contains(&(3, commands(1_000, &[b"early"]))), "{effects:?}");
    let read = |effect: &Effect| match effect {
        Effect::ReadReady { request, .. } => Some(request.0),
        _ => None,
    };
    let mut answered: Vec<u64> = effects.iter().filter_map(read).collect();
    answered.sort_unstable();
    assert_eq!(answered, [2, 3]);
    assert_eq!(lone.status().role, Role::Leader);
}

#[test]
fn a_former_candidate_that_is_left_alone_is_no_leader_before_its_term_is_on_disk() {
    // It asks for votes of two, learns that it is the only voter, and so elects itself with the next answer.
    let mut lone = Lone::new(2);
    let alone = EntryBody::Configuration(crate::Configuration::new(voters([1])));
    lone.step_and_persist(vec![Input::Message(append(2, 2, BOOTSTRAP, &[alone], 1))]);
    lone.campaign();
    let knows = RaftMessage {
        reject: true,
        commit: 2,
        commit_term: 2,
        ..message(RaftMessageType::RequestPreVoteResponse, 2, 2)
    };
    let mut effects = lone.receive(knows);
    for _ in 0..30 {
        effects.extend(lone.tick());
    }
    assert_eq!(lone.status().configuration.members.len(), 1);
    let unwritten = persists(&effects).filter(|persist| {
        persist.hard_state.is_some_and(|state| state.term == 3 && state.vote == Some(ReplicaId(1)))
    });
    let number = unwritten.last().expect("it votes for itself").number;
    assert!(!roles(&effects).iter().any(|(role, ..)| *role == Role::Leader), "{effects:?}");
    let effects = lone.step(vec![Input::Persisted { group: GROUP, number }]);
    assert_eq!(roles(&effects), [(Role::Leader, 3, Some(ReplicaId(1)))]);
}

#[test]
fn what_is_known_to_be_committed_is_not_written_for_its_own_sake() {
    let mut lone = Lone::new(3);
    lone.step_and_persist(vec![Input::Message(append(2, 2, BOOTSTRAP, &[EntryBody::Empty], 1))]);
    let heartbeat = RaftMessage { commit: 2, ..message(RaftMessageType::Heartbeat, 2, 2) };
    let effects = lone.receive(heartbeat);
    assert_eq!(applied(&effects).len(), 1);
    assert_eq!(persists(&effects).count(), 0);
    // It goes with the next write.
    let effects = lone.receive(append(2, 2, LogPoint { index: 2, term: 2 }, &[EntryBody::Empty], 2));
    let hard_state = persists(&effects).next().expect("a write").hard_state;
    assert_eq!(hard_state.map(|state| state.commit), Some(2));
}

#[test]
fn that_the_members_have_changed_is_written_for_its_own_sake() {
    let mut lone = Lone::new(3);
    let body = EntryBody::Configuration(crate::Configuration::new(voters(1..=4)));
    lone.step_and_persist(vec![Input::Message(append(2, 2, BOOTSTRAP, &[body], 1))]);
    let heartbeat = RaftMessage { commit: 2, ..message(RaftMessageType::Heartbeat, 2, 2) };
    let effects = lone.receive(heartbeat);
    let hard_state = persists(&effects).next().expect("a write").hard_state;
    assert_eq!(hard_state.map(|state| state.commit), Some(2));
}

#[test]
fn entries_that_another_leader_replaces_are_overwritten() {
    let mut lone = Lone::new(3);
    let old = [EntryBody::Empty, commands(1, &[b"old"]), commands(1, &[b"older"])];
    lone.step_and_persist(vec![Input::Message(append(2, 2, BOOTSTRAP, &old, 1))]);
    let new = [commands(2, &[b"new"])];
    let effects = lone.receive(append(3, 3, LogPoint { index: 2, term: 2 }, &new, 1));
    let write = persists(&effects).next().expect("a write");
    assert_eq!(write.entries.iter().map(|entry| (entry.index, entry.term)).collect::<Vec<_>>(), [(3, 3)]);
    assert_eq!(lone.status().last, LogPoint { index: 3, term: 3 });
}

#[test]
fn a_group_with_a_stuck_disk_commits_by_the_others() {
    let mut cluster = Cluster::new(3, 2);
    let leader = cluster.leader();
    cluster.stuck_disks.insert(NodeId(1 + leader % 3));
    for _ in 0..10 {
        cluster.commit(b"go on");
    }
    cluster.stuck_disks.clear();
    let index = cluster.checks.committed_up_to(GROUP);
    cluster.applied(1..=3, index);
}

#[test]
fn a_sole_voter_whose_log_is_not_on_disk_does_not_campaign() {
    // It was a follower a moment ago: the change that made it the only voter is committed, what follows is not on
    // disk. raft would make it leader on the spot, and panic.
    let mut lone = Lone::new(2);
    let alone = EntryBody::Configuration(crate::Configuration::new(voters([1])));
    lone.step_and_persist(vec![Input::Message(append(2, 2, BOOTSTRAP, &[alone], 2))]);
    assert_eq!(lone.status().configuration.members.len(), 1);
    let effects = lone.receive(append(2, 2, LogPoint { index: 2, term: 2 }, &[commands(1, &[b"tail"])], 2));
    let number = persists(&effects).last().expect("a write").number;
    lone.ticks(30);
    lone.receive(message(RaftMessageType::TimeoutNow, 2, 2));
    assert_eq!(lone.status().role, Role::Follower);
    assert_eq!(lone.status().failure, None);
    lone.step(vec![Input::Persisted { group: GROUP, number }]);
    let effects = lone.ticks(30);
    let number = persists(&effects).last().expect("its vote").number;
    lone.step(vec![Input::Persisted { group: GROUP, number }]);
    assert_eq!(lone.status().role, Role::Leader);
}

#[test]
fn step_answers_without_the_disk_however_much_waits_for_it() {
    let mut lone = Lone::new(3);
    lone.lead();
    for request in 1..=200 {
        lone.propose(request, &[1; 100]);
    }
    let effects =
        lone.step(vec![Input::Read { group: GROUP, request: RequestId(999), mode: ReadMode::Linearizable }]);
    assert!(kinds(&effects).contains(&RaftMessageType::Heartbeat), "control is not behind the disk");
}
