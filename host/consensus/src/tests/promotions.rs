//! Learners that become voters.

use super::{
    checks::Answer,
    cluster::{Cluster, GROUP, voter, voters},
};
use crate::{EntryBody, Input, Refusal, ReplicaStart};
use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};

const MARGIN: u64 = 5;

fn learner(replica: u64) -> Member {
    Member { role: MemberRole::Learner, ..voter(replica) }
}

/// A group on nodes 1 to 3 of five, with replicas that are to join on the others.
fn cluster(seed: u64) -> Cluster {
    let mut cluster = Cluster::with(5, seed, |config| config.promotion_lag_entries_max = MARGIN);
    for node in 1..=5 {
        cluster.destroy(NodeId(node), GROUP);
    }
    cluster.checks = Default::default();
    cluster.create(GROUP, &voters(1..=3));
    for node in [4, 5] {
        cluster.host(NodeId(node), ReplicaStart::joining(GROUP, ReplicaId(node)));
    }
    cluster.commit(b"before");
    cluster
}

fn with(others: &[Member]) -> Vec<Member> {
    voters(1..=3).into_iter().chain(others.iter().copied()).collect()
}

fn changed(cluster: &mut Cluster, members: Vec<Member>) -> Answer {
    let leader = cluster.leader();
    let request = cluster.change_members(leader, members);
    cluster.answer(request)
}

/// The numbers of learners and voters of all configurations so far.
fn steps(cluster: &Cluster) -> Vec<(usize, usize)> {
    let bodies = cluster.checks.committed[&GROUP].values().filter_map(|(_, body)| match body {
        EntryBody::Configuration(configuration) if !configuration.is_joint() => {
            let voters = configuration.voters().count();
            Some((configuration.members.len() - voters, voters))
        }
        _ => None,
    });
    bodies.collect()
}

#[test]
fn a_learner_that_lacks_too_much_does_not_become_a_voter() {
    let mut cluster = cluster(1);
    assert!(matches!(changed(&mut cluster, with(&[learner(4)])), Answer::Applied { .. }));
    let index = cluster.commit(b"to all");
    cluster.applied([4], index);
    cluster.isolate(&[4]);
    for _ in 0..=MARGIN {
        cluster.commit(b"missed");
    }
    cluster.run_ms(300);
    let answer = changed(&mut cluster, with(&[voter(4)]));
    let Answer::Refused(Refusal::NotCaughtUp { replica, lag_entries_max, .. }) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!((replica, lag_entries_max), (ReplicaId(4), MARGIN));
    cluster.heal();
    let index = cluster.commit(b"to all again");
    cluster.applied([4], index);
    cluster.run_ms(300);
    assert!(matches!(changed(&mut cluster, with(&[voter(4)])), Answer::Applied { .. }));
}

#[test]
fn who_was_not_reached_for_a_moment_and_lacks_nothing_may_vote_and_lead() {
    let mut cluster = cluster(7);
    assert!(matches!(changed(&mut cluster, with(&[learner(4)])), Answer::Applied { .. }));
    let index = cluster.commit(b"to all");
    cluster.applied([1, 2, 3, 4], index);
    // Connections break and come back while nothing is written: there is nothing by which raft could see it.
    let leader = NodeId(cluster.leader());
    for node in (1..=4).map(NodeId).filter(|node| *node != leader) {
        cluster.input(leader, Input::Unreachable { node });
    }
    cluster.run_ms(300);
    let request = cluster.transfer(leader, None);
    let answer = cluster.answer(request);
    assert!(matches!(answer, Answer::Transferred { .. }), "{answer:?}");
    let leader = NodeId(cluster.leader());
    cluster.run_ms(300);
    cluster.input(leader, Input::Unreachable { node: NodeId(4) });
    cluster.run_ms(300);
    let answer = changed(&mut cluster, with(&[voter(4)]));
    assert!(matches!(answer, Answer::Applied { .. }), "{answer:?}");
}

#[test]
fn a_change_waits_for_learners_to_catch_up_when_asked_to() {
    let mut cluster = cluster(2);
    assert!(matches!(changed(&mut cluster, with(&[learner(4)])), Answer::Applied { .. }));
    let index = cluster.commit(b"to all");
    cluster.applied([4], index);
    cluster.isolate(&[4]);
    for _ in 0..=MARGIN {
        cluster.commit(b"missed");
    }
    cluster.run_ms(300);
    let leader = cluster.leader();
    let request = cluster.change_members_by(leader, with(&[voter(4)]), true);
    cluster.run_ms(2_000);
    assert!(cluster.checks.is_waiting(request));
    // Another change waits its turn, and commands do not.
    let refused = cluster.change_members(leader, voters(1..=2));
    assert!(matches!(cluster.answer(refused), Answer::Refused(Refusal::Unavailable { .. })));
    cluster.commit(b"meanwhile");
    cluster.heal();
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    assert_eq!(cluster.status(leader).configuration.voters().count(), 4);
}

#[test]
fn newcomers_are_learners_until_they_have_caught_up() {
    let mut cluster = cluster(3);
    let leader = cluster.leader();
    let members = vec![voter(leader), voter(4), voter(5)];
    let request = cluster.change_members_by(leader, members.clone(), true);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    assert_eq!(cluster.status(leader).configuration.members.len(), 3);
    assert_eq!(steps(&cluster), [(2, 3), (0, 3)], "first learners beside all voters, then the change itself");
    let index = cluster.commit(b"after");
    cluster.applied([leader, 4, 5], index);
}

#[test]
fn a_change_does_not_wait_for_ever_for_one_that_is_gone() {
    let mut cluster = cluster(4);
    let leader = cluster.leader();
    cluster.isolate(&[4]);
    let request = cluster.change_members_by(leader, with(&[voter(4)]), true);
    let before = cluster.now;
    let answer = cluster.answer(request);
    assert!(matches!(answer, Answer::Refused(Refusal::NotCaughtUp { .. })), "{answer:?}");
    assert!((25..40).contains(&(cluster.now - before).as_secs()), "{:?}", cluster.now - before);
    assert_eq!(cluster.status(leader).configuration.voters().count(), 3);
}

#[test]
fn a_change_that_waits_is_lost_with_the_leadership() {
    let mut cluster = cluster(5);
    let leader = cluster.leader();
    cluster.isolate(&[4]);
    let request = cluster.change_members_by(leader, with(&[voter(4)]), true);
    cluster.run_ms(500);
    cluster.transfer(NodeId(leader), None);
    assert_eq!(cluster.answer(request), Answer::Refused(Refusal::Lost));
}

#[test]
fn a_leader_that_removes_itself_amid_a_larger_change_hands_over() {
    let mut cluster = cluster(6);
    let leader = cluster.leader();
    let stays = 1 + leader % 3;
    let request = cluster.change_members_by(leader, voters([stays, 4, 5]), true);
    let answer = cluster.answer(request);
    assert!(matches!(answer, Answer::Applied { .. }), "{answer:?}");
    let next = cluster.leader_among(&[leader]);
    assert!([stays, 4, 5].contains(&next));
    let index = cluster.commit(b"without it");
    cluster.applied([stays, 4, 5], index);
}
