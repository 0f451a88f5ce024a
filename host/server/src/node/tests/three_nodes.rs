//! What several nodes do together.

use super::{
    cluster::{Cluster, command, count, counted, create, name, reference, reply, soon, until},
    machines::{counter, shelf},
};
use crate::{
    RequestError,
    node::{Consistency, Deadline, ReplicaState, ReplicaView},
};
use bytes::Bytes;
use quorate_replica::ports::{COMMAND_BYTES_MAX, GroupLimits};
use quorate_vocabulary::NodeId;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_taken_by_the_leader_and_others_name_it() {
    let mut cluster = Cluster::start(3).await;
    let group = cluster.group("acme/counter", counter()).await.id;
    assert_eq!(count(cluster.submit(group, "a").await.outcome), 1);
    let leader = cluster.leader(group).await;
    for number in cluster.running() {
        let answer = cluster.node(number).submit(group, command("a"), soon()).await;
        match answer {
            Ok(submitted) => {
                assert_eq!(number, leader);
                assert_eq!(count(submitted.outcome), 2);
            }
            Err(RequestError::NotLeader { leader: Some(hint), .. }) => {
                assert_eq!(hint.node, NodeId(u64::try_from(leader).expect("small")));
                assert_eq!(hint.address, cluster.node(leader).config().address);
            }
            Err(error) => panic!("{error}"),
        }
        assert_eq!(
            counted(&cluster.node(number), group, Consistency::Linearizable).await.0,
            if number < leader { 1 } else { 2 }
        );
    }
    cluster.converge(group).await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_goes_on_without_its_leader_and_takes_it_back() {
    let mut cluster = Cluster::start(3).await;
    let group = cluster.group("acme/counter", counter()).await.id;
    for expected in 1..=10 {
        assert_eq!(count(cluster.submit(group, "a").await.outcome), expected);
    }
    let leader = cluster.leader(group).await;
    cluster.halt(leader).await;
    for expected in 11..=20 {
        assert_eq!(count(cluster.submit(group, "a").await.outcome), expected);
    }
    cluster.run(leader).await;
    let replicas = cluster.converge(group).await;
    assert_eq!(replicas.len(), 3);
    assert_eq!(count(cluster.submit(group, "a").await.outcome), 21);
    let survivor = cluster.running().into_iter().find(|number| *number != leader).expect("two are left");
    let seen = cluster.replica(survivor, group).await.expect("a replica").leaders_seen;
    assert!(seen.len() >= 2, "its plugin was told of both leaders: {seen:?}");
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_shut_down_hands_its_groups_over() {
    let mut cluster = Cluster::start(3).await;
    let group = cluster.group("acme/counter", counter()).await.id;
    cluster.submit(group, "a").await;
    cluster.converge(group).await;
    let leader = cluster.leader(group).await;
    cluster.stop(leader).await;
    let survivor = cluster.running()[0];
    let term = cluster.replica(survivor, group).await.expect("a replica").term;
    let next = cluster.leader(group).await;
    assert_ne!(next, leader);
    let now = cluster.replica(survivor, group).await.expect("a replica").term;
    assert_eq!(now, term, "it was elected before the node was gone");
    assert_eq!(count(cluster.submit(group, "a").await.outcome), 2);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_a_majority_says_so() {
    let mut cluster = Cluster::start(3).await;
    let group = cluster.group("acme/shelf", shelf()).await.id;
    cluster.submit(group, "a1").await;
    cluster.converge(group).await;
    cluster.stop(1).await;
    cluster.stop(2).await;
    let node = cluster.node(3);
    let short = || Deadline::after(Duration::from_secs(2));
    let linearizable = node.query(group, command("a"), Consistency::Linearizable, short()).await;
    assert_eq!(linearizable.map_err(|error| error.reason()), Err("NO_QUORUM"));
    let local = node.query(group, command("a"), Consistency::Local, soon()).await.expect("an answer");
    assert_eq!(reply(local.outcome), command("a1"));
    let submitted = node.submit(group, command("a2"), short()).await.map_err(|error| error.reason());
    assert!(matches!(submitted, Err("NOT_LEADER" | "OUTCOME_UNKNOWN")), "{submitted:?}");
    let created = node.create_group(create("acme/other", &reference("acme/shelf@1")), short()).await;
    assert!(matches!(created.map_err(|error| error.reason()), Err("NO_QUORUM" | "NOT_ENOUGH_NODES")));
    drop(node);
    cluster.run(1).await;
    assert!(reply(cluster.submit(group, "a3").await.outcome).starts_with(b"a"));
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_created_while_the_cluster_is_still_starting() {
    let mut cluster = Cluster::stopped(3, |_| {}).await;
    cluster.run(1).await;
    let node = cluster.node(1);
    let creating = tokio::spawn(async move {
        node.upload(reference("acme/counter@1"), counter(), soon()).await.expect("published");
        node.create_group(create("acme/counter", &reference("acme/counter@1")), soon()).await
    });
    cluster.run(2).await;
    cluster.run(3).await;
    let group = creating.await.expect("no panic").expect("created");
    assert_eq!(group.members.len(), 3);
    // From a node that may not have heard of it yet.
    let resolved = cluster.node(3).resolve(&name("acme/counter"), soon()).await.expect("the group");
    assert_eq!(resolved, group.id);
    assert_eq!(count(cluster.submit(group.id, "a").await.outcome), 1);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_was_away_too_long_gets_a_snapshot() {
    for (group, plugin) in [("acme/counter", counter()), ("acme/shelf", shelf())] {
        let mut cluster = Cluster::start_with(3, |config| {
            config.snapshot_entries = 20;
            config.log_margin_entries = 0;
        })
        .await;
        let group = cluster.group(group, plugin).await.id;
        cluster.submit(group, "a").await;
        cluster.converge(group).await;
        let away = cluster.running().into_iter().last().expect("three run");
        let before = cluster.replica(away, group).await.expect("a replica").applied;
        cluster.stop(away).await;
        for _ in 0..60 {
            cluster.submit(group, "b").await;
        }
        let leader = cluster.leader(group).await;
        until("the log is cut behind a snapshot", || async {
            let replica = cluster.replica(leader, group).await?;
            (replica.snapshot_index > 0 && replica.log_first > before + 1).then_some(())
        })
        .await;
        cluster.run(away).await;
        let replicas = cluster.converge(group).await;
        let restored = replicas.iter().find(|replica| replica.node.0 == u64::try_from(away).expect("small"));
        assert!(restored.is_some_and(|replica| replica.log_first > before + 1), "{restored:?}");
        cluster.submit(group, "c").await;
        cluster.converge(group).await;
        cluster.stop_all().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_command_that_a_group_may_take_reaches_all_nodes_and_one_that_was_away() {
    let mut cluster = Cluster::start(3).await;
    cluster.group("acme/counter", counter()).await;
    let mut large = create("acme/large", &reference("acme/counter@1"));
    large.limits = GroupLimits { command_bytes_max: u64::from(COMMAND_BYTES_MAX), ..GroupLimits::default() };
    let group = cluster.node(1).create_group(large, soon()).await.expect("a group").id;
    let largest: &str = "x".repeat(usize::try_from(COMMAND_BYTES_MAX).expect("it fits")).leak();
    assert_eq!(count(cluster.submit(group, largest).await.outcome), 1);
    cluster.converge(group).await;
    let away = cluster.running().into_iter().last().expect("three run");
    cluster.stop(away).await;
    assert_eq!(count(cluster.submit(group, largest).await.outcome), 2);
    cluster.run(away).await;
    cluster.converge(group).await;
    let leader = cluster.node(cluster.leader(group).await);
    let too_large = Bytes::from([largest.as_bytes(), b"x"].concat());
    let refused = leader.submit(group, too_large, soon()).await.map_err(|error| error.reason());
    assert_eq!(refused.err(), Some("COMMAND_TOO_LARGE"));
    drop(leader);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lost_its_disk_takes_no_part_under_its_old_number() {
    let mut cluster = Cluster::start(3).await;
    let group = cluster.group("acme/shelf", shelf()).await.id;
    cluster.submit(group, "a1").await;
    cluster.converge(group).await;
    until("all are registered", || async { (cluster.node(1).nodes().len() == 3).then_some(()) }).await;
    cluster.stop(3).await;
    cluster.wipe(3);
    cluster.run(3).await;
    let wiped = cluster.node(3);
    until("it is told", || async {
        let refused = wiped.query(group, command("a"), Consistency::Local, soon()).await;
        refused.err().filter(|error| error.reason() == "FOLDER_LOST")
    })
    .await;
    let status = wiped.status().await.expect("a status");
    assert_eq!(status.failure.map(|failure| failure.reason()), Some("FOLDER_LOST"));
    let failed = |replica: &ReplicaView| matches!(replica.state, ReplicaState::Failed { .. });
    assert!(!status.replicas.is_empty() && status.replicas.iter().all(failed), "{:?}", status.replicas);
    for number in [1, 3] {
        until("the list says so", || async {
            let nodes = cluster.node(number).nodes();
            let node = nodes.into_iter().find(|node| node.id == NodeId(3))?;
            node.failure.filter(|failure| failure.reason() == "FOLDER_LOST")
        })
        .await;
    }
    cluster.registration_ends(3).await;
    drop(wiped);
    // Its vote would be a majority together with the other's.
    cluster.stop(2).await;
    let short = Deadline::after(Duration::from_secs(2));
    let submitted = cluster.node(1).submit(group, command("a2"), short).await.map_err(|error| error.reason());
    assert!(matches!(submitted, Err("NOT_LEADER" | "OUTCOME_UNKNOWN")), "{submitted:?}");
    cluster.stop(3).await;
    cluster.run(2).await;
    cluster.submit(group, "a3").await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_deleted_while_a_node_is_away_does_not_come_back_with_it() {
    let mut cluster = Cluster::start(3).await;
    let group = cluster.group("acme/shelf", shelf()).await.id;
    cluster.submit(group, "a1").await;
    cluster.converge(group).await;
    cluster.stop(3).await;
    cluster.node(1).delete_group(&name("acme/shelf"), soon()).await.expect("deleted");
    cluster.run(3).await;
    for number in 1..=3 {
        until("the replica is removed", || async {
            cluster.replica(number, group).await.is_none().then_some(())
        })
        .await;
    }
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_handed_on_one_behind_the_other_are_applied_in_that_order() {
    let mut cluster = Cluster::start(3).await;
    let group = cluster.group("acme/counter", counter()).await.id;
    cluster.submit(group, "a").await;
    let leader = cluster.node(cluster.leader(group).await);
    let commands: Vec<_> = (0..500).map(|_| leader.submit(group, command("a"), soon())).collect();
    let answers = futures::future::join_all(commands).await;
    let counts: Vec<u64> =
        answers.into_iter().map(|answer| count(answer.expect("an answer").outcome)).collect();
    assert_eq!(counts, (2..=501).collect::<Vec<_>>());
    drop(leader);
    cluster.converge(group).await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_missed_an_upload_fetches_the_plugin() {
    let mut cluster = Cluster::start(3).await;
    until("all are registered", || async { (cluster.node(1).nodes().len() == 3).then_some(()) }).await;
    cluster.stop(3).await;
    let node = cluster.node(1);
    node.upload(reference("acme/shelf@1"), shelf(), soon()).await.expect("two of three hold it");
    cluster.run(3).await;
    let group =
        node.create_group(create("acme/shelf", &reference("acme/shelf@1")), soon()).await.expect("created");
    drop(node);
    cluster.submit(group.id, "a1").await;
    let answer = until("node 3 answers", || async {
        let answer = cluster.node(3).query(group.id, command("a"), Consistency::Linearizable, soon()).await;
        answer.ok()
    })
    .await;
    assert_eq!(reply(answer.outcome), Bytes::from_static(b"a1"));
    cluster.stop_all().await;
}
