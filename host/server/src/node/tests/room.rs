//! A node with more instances to make than it has room for.

use super::{
    cluster::{Cluster, command, count, counted, create, name, reference, soon, until},
    machines::{counter, shelf},
};
use crate::node::{Consistency, ReplicaState};
use quorate_replica::ports::{GroupInfo, GroupLimits, Outcome, Plugin};
use quorate_vocabulary::GroupId;
use std::time::Duration;

const INSTANCES_MAX: u32 = 16;
/// Each wakes an instance that applies and one that observes: far more than there is room for.
const GROUPS: usize = 10;

async fn all_sleep(cluster: &Cluster) {
    until("no instance lives", || async { (cluster.instances(1) == 0).then_some(()) }).await;
}

/// All groups are asked at once, and the one that was asked last counts as many commands as the first.
async fn count_everywhere(cluster: &Cluster, groups: &[GroupId], expected: u64) {
    let submits = groups.iter().map(|group| {
        let (node, group) = (cluster.node(1), *group);
        tokio::spawn(async move { node.submit(group, command("a"), soon()).await })
    });
    for submitted in submits.collect::<Vec<_>>() {
        let submitted = submitted.await.expect("no panic").expect("an answer, once there was room");
        assert_eq!(count(submitted.outcome), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_wakes_on_a_full_node_waits_until_another_one_goes() {
    let mut cluster = Cluster::start_with(1, |config| {
        config.plugin_instances_max = INSTANCES_MAX;
        config.hibernate_after = None;
    })
    .await;
    let node = cluster.node(1);
    let led = |group| {
        let node = node.clone();
        async move { (counted(&node, group, Consistency::Local).await.1 == 1).then_some(()) }
    };
    let sleeper = cluster.group("acme/counter", counter()).await.id;
    until("its leader is told", || led(sleeper)).await;
    cluster.rest(1, sleeper);
    all_sleep(&cluster).await;
    // Those that stay may be 14, and each of these groups holds two.
    for number in 1..=7 {
        let group = create(&format!("acme/counter-{number}"), &reference("acme/counter@1"));
        let group = node.create_group(group, soon()).await.expect("the group is created").id;
        until("its leader is told", || led(group)).await;
        until("it holds two instances", || async { (cluster.instances(1) == 2 * number).then_some(()) })
            .await;
    }
    let waking = {
        let node = node.clone();
        tokio::spawn(async move { node.submit(sleeper, command("a"), soon()).await })
    };
    until("it says that it waits for room", || async {
        let replica = cluster.replica(1, sleeper).await?;
        matches!(&replica.state, ReplicaState::Starting { why } if why.contains("room")).then_some(())
    })
    .await;
    assert_eq!(
        counted(&node, sleeper, Consistency::Local).await.0,
        0,
        "what it had applied can be asked for"
    );
    node.delete_group(&name("acme/counter-3"), soon()).await.expect("it goes");
    let submitted = waking.await.expect("no panic").expect("an answer, once there was room");
    assert_eq!(count(submitted.outcome), 1);
    let replica = cluster.replica(1, sleeper).await.expect("the replica");
    assert_eq!(replica.state, ReplicaState::Running);
    drop(node);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_find_no_room_wait_for_it_and_then_go_on() {
    let mut cluster = Cluster::start_with(1, |config| {
        config.plugin_instances_max = INSTANCES_MAX;
        config.hibernate_after = Some(Duration::from_millis(300));
    })
    .await;
    let first = cluster.group("acme/counter", counter()).await.id;
    let node = cluster.node(1);
    let mut groups = vec![first];
    for number in 1..GROUPS {
        let plugin = reference("acme/counter@1");
        let group = create(&format!("acme/counter-{number}"), &plugin);
        groups.push(node.create_group(group, soon()).await.expect("the group is created").id);
    }
    all_sleep(&cluster).await;
    count_everywhere(&cluster, &groups, 1).await;
    all_sleep(&cluster).await;
    count_everywhere(&cluster, &groups, 2).await;
    // Queries as well, of groups that sleep and of groups that are awake.
    for group in &groups {
        let queried = node.query(*group, command(""), Consistency::Local, soon()).await.expect("an answer");
        assert_eq!(count(queried.outcome), 2);
    }
    // And a restart, after which all of them want to be opened at once.
    drop(node);
    cluster.stop(1).await;
    cluster.run(1).await;
    for group in &groups {
        assert_eq!(count(cluster.submit(*group, "a").await.outcome), 3);
    }
    let status = cluster.node(1).status().await.expect("a status");
    let stopped = status.replicas.iter().find(|replica| matches!(replica.state, ReplicaState::Failed { .. }));
    assert!(stopped.is_none(), "{stopped:?}");
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_finds_every_place_taken_is_applied_when_one_is_free() {
    let mut cluster = Cluster::start_with(1, |config| config.plugin_instances_max = INSTANCES_MAX).await;
    let group = cluster.group("acme/shelf", shelf()).await.id;
    assert_eq!(cluster.submit(group, "a1").await.outcome, Outcome::Reply("".into()));
    all_sleep(&cluster).await;
    let plugin = cluster.engine(1).compile(&shelf()).expect("it compiles");
    let info = GroupInfo { id: group, name: name("acme/shelf") };
    let held: Vec<_> = (0..INSTANCES_MAX)
        .map(|_| plugin.start(&info, &GroupLimits::default()).expect("there is room"))
        .collect();
    let waiting = {
        let node = cluster.node(1);
        tokio::spawn(async move { node.submit(group, command("a2"), soon()).await })
    };
    until("it says that it waits for room", || async {
        let replica = cluster.replica(1, group).await?;
        matches!(&replica.state, ReplicaState::Starting { why } if why.contains("room")).then_some(())
    })
    .await;
    drop(held);
    let submitted = waiting.await.expect("no panic").expect("an answer, once there was room");
    assert_eq!(submitted.outcome, Outcome::Reply("a1".into()));
    let replica = cluster.replica(1, group).await.expect("the replica");
    assert_eq!(replica.state, ReplicaState::Running);
    cluster.stop_all().await;
}
