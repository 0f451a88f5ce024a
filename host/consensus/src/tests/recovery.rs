//! Groups that have lost a majority of their voters for good.

use super::{
    checks::Answer,
    cluster::{Cluster, GROUP, voter, voters},
    lone::message,
};
use crate::{Input, RaftMessage, RaftMessageType, Refusal, ReplicaStart, RequestId, Role};
use quorate_vocabulary::{GroupId, Member, MemberRole, NodeId, ReplicaId};

fn recover(cluster: &mut Cluster, node: u64, survivors: &[u64]) -> RequestId {
    let request = cluster.request(NodeId(node), GROUP);
    let survivors = survivors.iter().copied().map(ReplicaId).collect();
    cluster.input(NodeId(node), Input::Recover { group: GROUP, request, survivors });
    request
}

#[track_caller]
fn refused(cluster: &mut Cluster, node: u64, survivors: &[u64], expected: &str) {
    let request = recover(cluster, node, survivors);
    let answer = cluster.answer(request);
    let Answer::Refused(Refusal::NotRecovered { cause }) = &answer else { panic!("{answer:?}") };
    assert!(cause.contains(expected), "{cause}");
}

/// Five voters of which only 1 and 2 are left, and nobody remembers the others. Everything committed is on all.
fn with_two_of_five(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(5, seed);
    let index = cluster.commit(b"before");
    cluster.applied(1..=5, index);
    cluster.run_ms(500);
    for node in 3..=5 {
        cluster.crash(NodeId(node));
    }
    cluster.run_ms(6_000);
    assert!((1..=2).all(|node| cluster.status(node).role != Role::Leader));
    cluster
}

#[test]
fn the_survivors_of_a_lost_majority_go_on() {
    for seed in 0..5 {
        let mut cluster = with_two_of_five(seed);
        let request = recover(&mut cluster, 2, &[1, 2]);
        let answer = cluster.answer(request);
        assert!(matches!(answer, Answer::Applied { .. }), "seed {seed}: {answer:?}");
        assert_eq!(cluster.status(2).role, Role::Leader);
        let index = cluster.commit(b"after");
        cluster.applied(1..=2, index);
        for node in 1..=2 {
            let configuration = cluster.status(node).configuration;
            assert_eq!((configuration.members, configuration.epoch), (voters(1..=2), 1));
            assert_eq!(cluster.machine(node).commands.len(), 2, "what the survivors had is not lost");
        }
        // It is an ordinary group again.
        cluster.host(NodeId(5), ReplicaStart::joining(GROUP, ReplicaId(50)));
        let newcomer = Member { replica: ReplicaId(50), ..voter(5) };
        let leader = cluster.leader();
        let members = voters(1..=2).into_iter().chain([newcomer]).collect();
        cluster.start(NodeId(5));
        let request = cluster.change_members_by(leader, members, true);
        assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
        assert_eq!(cluster.status(leader).configuration.epoch, 1);
        for node in 1..=2 {
            cluster.crash(NodeId(node));
            cluster.start(NodeId(node));
        }
        cluster.commit(b"after a restart");
    }
}

#[test]
fn a_single_survivor_goes_on_alone() {
    let mut cluster = Cluster::new(3, 1);
    let index = cluster.commit(b"before");
    cluster.applied(1..=3, index);
    for node in 2..=3 {
        cluster.crash(NodeId(node));
    }
    cluster.run_ms(6_000);
    let request = recover(&mut cluster, 1, &[1]);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    cluster.commit(b"alone");
}

#[test]
fn a_learner_that_survives_votes_from_then_on() {
    let mut cluster = Cluster::empty(4, 2);
    cluster.create(GROUP, &voters(1..=3));
    cluster.host(NodeId(4), ReplicaStart::joining(GROUP, ReplicaId(4)));
    let leader = cluster.leader();
    let learner = Member { role: MemberRole::Learner, ..voter(4) };
    let request = cluster.change_members(leader, voters(1..=3).into_iter().chain([learner]).collect());
    cluster.answer(request);
    let index = cluster.commit(b"before");
    cluster.applied(1..=4, index);
    cluster.run_ms(500);
    for node in 2..=3 {
        cluster.crash(NodeId(node));
    }
    cluster.run_ms(6_000);
    let request = recover(&mut cluster, 4, &[1, 4]);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    let index = cluster.commit(b"after");
    cluster.applied([1, 4], index);
    assert_eq!(cluster.status(1).configuration.voters().count(), 2);
}

#[test]
fn a_group_that_can_help_itself_is_not_recovered() {
    let mut cluster = Cluster::new(3, 3);
    let leader = cluster.leader();
    cluster.run_ms(500);
    refused(&mut cluster, leader, &[leader], "a leader");
    refused(&mut cluster, 1 + leader % 3, &[1 + leader % 3], "a leader");
    // Two of three are left: they elect one of them, and may just not have done so yet.
    cluster.crash(NodeId(leader));
    let other = 1 + leader % 3;
    cluster.until("it campaigns", |cluster| cluster.status(other).leader.is_none());
    if cluster.status(other).role != Role::Leader {
        let request = recover(&mut cluster, other, &[other]);
        assert!(matches!(cluster.answer(request), Answer::Refused(Refusal::NotRecovered { .. })));
    }
}

#[test]
fn replicas_that_have_stopped_are_lost_though_their_nodes_live() {
    let mut cluster = Cluster::empty(3, 12);
    cluster.create(GROUP, &voters(1..=3));
    // Because of a group that sleeps the nodes send each other beats.
    let sleeping = GroupId(7);
    cluster.create(sleeping, &voters(1..=3));
    let index = cluster.commit(b"before");
    cluster.applied(1..=3, index);
    let sleeps = |cluster: &Cluster, node: u64| {
        cluster.status_of(NodeId(node), sleeping).is_some_and(|status| status.is_asleep)
    };
    cluster.until("the other group sleeps", |cluster| (1..=3).all(|node| sleeps(cluster, node)));
    cluster.may_fail = true;
    for node in 2..=3 {
        let mut stop = RaftMessage { epoch: 9, ..message(RaftMessageType::Superseded, 1, 0) };
        (stop.to_replica, stop.to_node) = (node, node);
        cluster.input(NodeId(node), Input::Message(stop));
    }
    // If it sleeps, this wakes it.
    cluster.propose(1, b"nobody takes it");
    cluster.run_ms(6_000);
    assert!((2..=3).all(|node| cluster.status(node).failure.is_some() && sleeps(&cluster, node)));
    let request = recover(&mut cluster, 1, &[1]);
    let answer = cluster.answer(request);
    assert!(matches!(answer, Answer::Applied { .. }), "{answer:?}");
    assert_eq!(cluster.status(1).configuration.members, voters(1..=1));
}

#[test]
fn survivors_that_cannot_be_are_refused() {
    let mut cluster = with_two_of_five(4);
    refused(&mut cluster, 1, &[2], "not among the survivors");
    refused(&mut cluster, 1, &[], "not among the survivors");
    refused(&mut cluster, 1, &[1, 1], "twice");
    refused(&mut cluster, 1, &[1, 9], "no member");
    assert_eq!(cluster.status(1).configuration.epoch, 0);
}

#[test]
fn a_survivor_that_has_less_than_another_does_not_recover_the_group() {
    let mut cluster = Cluster::new(5, 5);
    let leader = cluster.leader();
    let behind = 1 + leader % 5;
    let ahead = 1 + behind % 5;
    cluster.run_ms(500);
    cluster.isolate(&[behind]);
    let index = cluster.commit(b"missed by one");
    cluster.applied([ahead], index);
    for node in (1..=5).filter(|node| ![behind, ahead].contains(node)) {
        cluster.crash(NodeId(node));
    }
    cluster.heal();
    cluster.run_ms(6_000);
    refused(&mut cluster, behind, &[behind, ahead], "more of the log");
    assert_eq!(cluster.status(behind).configuration.members, voters(1..=5), "it is as it was");
    let request = recover(&mut cluster, ahead, &[behind, ahead]);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    cluster.applied([behind], index);
}

#[test]
fn a_recovery_without_the_survivors_named_comes_to_nothing() {
    let mut cluster = with_two_of_five(6);
    refused(&mut cluster, 1, &[1, 2, 3], "one is gone");
    let request = recover(&mut cluster, 1, &[1, 2]);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
}

#[test]
fn members_of_the_old_majority_that_come_back_are_put_aside() {
    for seed in 0..5 {
        let mut cluster = with_two_of_five(seed);
        let request = recover(&mut cluster, 1, &[1, 2]);
        cluster.answer(request);
        let index = cluster.commit(b"after");
        cluster.applied(1..=2, index);
        let term = cluster.status(1).term;
        cluster.may_fail = true;
        for node in 3..=5 {
            cluster.start(NodeId(node));
        }
        cluster.until("put aside", |cluster| cluster.failures.len() == 3);
        for node in 3..=5 {
            assert!(cluster.failures[&NodeId(node)].contains("recovered without it, in epoch 1"));
        }
        cluster.run_ms(5_000);
        assert_eq!(cluster.status(1).term, term, "they disturb nobody");
        let index = cluster.commit(b"and on");
        cluster.applied(1..=2, index);
    }
}

#[test]
fn a_survivor_that_starts_again_knows_of_the_recovery() {
    let mut cluster = Cluster::new(3, 11);
    let index = cluster.commit(b"before");
    cluster.applied(1..=3, index);
    for node in 2..=3 {
        cluster.crash(NodeId(node));
    }
    cluster.run_ms(6_000);
    let request = recover(&mut cluster, 1, &[1]);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    cluster.run_ms(200);
    cluster.crash(NodeId(1));
    cluster.start(NodeId(1));
    cluster.commit(b"alone");
    assert_eq!(cluster.status(1).configuration.epoch, 1);
}

#[test]
fn a_recovered_group_leads_in_terms_that_no_lost_member_has_seen() {
    let mut cluster = with_two_of_five(12);
    let before = cluster.status(2).term;
    let request = recover(&mut cluster, 2, &[1, 2]);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    assert!(cluster.status(2).term >= before + crate::replica::TERMS_SKIPPED, "{}", cluster.status(2).term);
}

#[test]
fn a_recovery_that_comes_to_nothing_puts_nobody_aside() {
    let mut cluster = with_two_of_five(13);
    cluster.crash(NodeId(1));
    let request = recover(&mut cluster, 2, &[1, 2]);
    // One of those that were given up comes back while the survivors are still waited for.
    cluster.start(NodeId(3));
    let answer = cluster.answer(request);
    assert!(matches!(answer, Answer::Refused(Refusal::NotRecovered { .. })), "{answer:?}");
    cluster.start(NodeId(4));
    let index = cluster.commit(b"after all");
    cluster.applied(2..=4, index);
}

#[test]
fn a_newcomer_that_holds_nothing_yet_is_not_put_aside() {
    let mut cluster = with_two_of_five(14);
    let request = recover(&mut cluster, 2, &[1, 2]);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    cluster.host(NodeId(5), ReplicaStart::joining(GROUP, ReplicaId(50)));
    cluster.start(NodeId(5));
    // From a member that has not heard of it.
    let mut message = RaftMessage {
        group: GROUP.0,
        from_replica: 1,
        to_replica: 50,
        from_node: 1,
        to_node: 5,
        epoch: 1,
        ..RaftMessage::default()
    };
    message.set_type(RaftMessageType::Superseded);
    cluster.step(NodeId(5), vec![Input::Message(message)]);
    let newcomer = Member { replica: ReplicaId(50), ..voter(5) };
    let leader = cluster.leader();
    let members = voters(1..=2).into_iter().chain([newcomer]).collect();
    let request = cluster.change_members_by(leader, members, true);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    let index = cluster.commit(b"with it");
    cluster.applied([1, 2, 5], index);
}
