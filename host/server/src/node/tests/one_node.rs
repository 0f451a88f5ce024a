//! What a single node does.

use super::{
    cluster::{Cluster, command, count, counted, create, name, reference, reply, soon, until},
    machines::{counter, shelf},
};
use crate::{
    RequestError,
    node::{Consistency, Deadline, NodeConfig, ReplicaState},
};
use bytes::Bytes;
use quorate_replica::ports::{GroupLimits, Outcome, TrapKind};
use quorate_vocabulary::{CheckpointMode, GroupId, MachineKind};
use std::{fs, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_answered_with_its_reply_its_rejection_or_its_trap() {
    let mut cluster = Cluster::start(1).await;
    let group = cluster.group("acme/counter", counter()).await;
    assert_eq!((group.kind, group.members.len()), (MachineKind::Memory, 1));
    let node = cluster.node(1);
    let first = node.submit(group.id, command("a"), soon()).await.expect("an answer");
    assert_eq!(count(first.outcome), 1);
    assert!(first.position.index > 1 && first.position.time_ms > 0 && first.fuel > 0, "{:?}", first.position);
    let rejected = node.submit(group.id, Bytes::new(), soon()).await.expect("an answer");
    assert_eq!(rejected.outcome, Outcome::Rejection(Bytes::new()));
    let trapped = node.submit(group.id, command("t"), soon()).await.expect("an answer");
    assert!(matches!(trapped.outcome, Outcome::Trapped(trap) if trap.kind == TrapKind::Instruction));
    let second = node.submit(group.id, command("b"), soon()).await.expect("an answer");
    assert_eq!(count(second.outcome), 2, "the trap left nothing behind");
    assert!(second.position > first.position);
    for consistency in [Consistency::Linearizable, Consistency::Local] {
        assert_eq!(counted(&node, group.id, consistency).await.0, 2);
    }
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_machine_keeps_its_state_over_a_restart_and_drops_what_was_rejected() {
    let mut cluster = Cluster::start(1).await;
    let group = cluster.group("acme/shelf", shelf()).await;
    let node = cluster.node(1);
    let put = async |text| node.submit(group.id, command(text), soon()).await.expect("an answer").outcome;
    assert_eq!(reply(put("a1").await), Bytes::new());
    assert_eq!(reply(put("a2").await), command("a1"));
    assert_eq!(put("").await, Outcome::Rejection(Bytes::new()));
    drop(node);
    cluster.stop(1).await;
    cluster.run(1).await;
    let node = cluster.node(1);
    assert_eq!(reply(cluster.submit(group.id, "a3").await.outcome), command("a2"));
    let at = |key| node.query(group.id, command(key), Consistency::Linearizable, soon());
    assert_eq!(reply(at("a").await.expect("an answer").outcome), command("a3"));
    assert_eq!(
        reply(at("x").await.expect("an answer").outcome),
        Bytes::new(),
        "written by what was rejected"
    );
    drop(node);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_machine_counts_on_after_a_restart_from_its_log_and_from_its_snapshot() {
    let mut cluster = Cluster::start(1).await;
    let group = cluster.group("acme/counter", counter()).await.id;
    for expected in 1..=5 {
        assert_eq!(count(cluster.submit(group, "a").await.outcome), expected);
    }
    cluster.stop(1).await;
    cluster.run(1).await;
    assert_eq!(count(cluster.submit(group, "a").await.outcome), 6);
    let taken = cluster.node(1).snapshot(group, soon()).await.expect("a snapshot");
    assert!(taken.bytes > 0);
    assert_eq!(count(cluster.submit(group, "a").await.outcome), 7);
    cluster.stop(1).await;
    cluster.run(1).await;
    assert_eq!(count(cluster.submit(group, "a").await.outcome), 8);
    let replica = cluster.replica(1, group).await.expect("the replica");
    assert_eq!(replica.snapshot_index, taken.index);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_checkpoints_are_taken_changes_while_the_group_works() {
    let mut cluster = Cluster::start(1).await;
    let group = cluster.group("acme/counter", counter()).await.id;
    let node = cluster.node(1);
    let mut expected = 0;
    for mode in [CheckpointMode::Inline, CheckpointMode::Background, CheckpointMode::Inline] {
        let changed = node.set_checkpoints(&name("acme/counter"), mode, soon()).await.expect("it is set");
        assert_eq!(changed.checkpoints, mode);
        until("the replica knows", || async { (cluster.checkpoint_mode(1, group) == mode).then_some(()) })
            .await;
        expected += 1;
        assert_eq!(count(cluster.submit(group, "a").await.outcome), expected);
        node.snapshot(group, soon()).await.expect("a snapshot");
        let in_background = cluster.was_saved_in_the_background(1, group);
        assert_eq!(in_background, mode == CheckpointMode::Background, "{mode}");
    }
    let shelf = cluster.group("acme/shelf", shelf()).await;
    let refused = node.set_checkpoints(&shelf.name, CheckpointMode::Background, soon()).await;
    assert!(matches!(refused, Err(RequestError::InvalidArgument { .. })), "{refused:?}");
    drop(node);
    cluster.stop(1).await;
    cluster.run(1).await;
    assert_eq!(count(cluster.submit(group, "a").await.outcome), expected + 1);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_see_the_events_of_commands() {
    let mut cluster = Cluster::start(1).await;
    let group = cluster.group("acme/counter", counter()).await.id;
    let mut events = cluster.node(1).watch(group).expect("the replica is here");
    cluster.submit(group, "a").await;
    let emitted = cluster.submit(group, "e").await;
    let event = events.recv().await.expect("an event");
    assert_eq!((event.topic.as_str(), event.position), ("e", emitted.position));
    assert_eq!(event.payload[..], 2_u64.to_le_bytes());
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_told_that_it_leads_and_what_it_proposes_then_is_applied() {
    let mut cluster = Cluster::start(1).await;
    let group = cluster.group("acme/counter", counter()).await.id;
    let node = cluster.node(1);
    let led = |times: u64| {
        let node = node.clone();
        async move { (counted(&node, group, Consistency::Local).await.1 == times).then_some(()) }
    };
    until("the plugin's proposal is applied", || led(1)).await;
    let replica = cluster.replica(1, group).await.expect("the replica");
    assert_eq!(replica.leaders_seen.len(), 1, "{:?}", replica.leaders_seen);
    drop(node);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_does_not_fit_is_told_by_its_code() {
    let mut cluster = Cluster::start(1).await;
    let group = cluster.group("acme/shelf", shelf()).await.id;
    let node = cluster.node(1);
    let none = GroupId(99);
    let reason = |error: RequestError| error.reason();
    let submit = node.submit(none, command("a"), soon()).await.map_err(reason);
    assert_eq!(submit, Err("GROUP_NOT_FOUND"));
    let query = node.query(none, command("a"), Consistency::Local, soon()).await.map_err(reason);
    assert_eq!(query, Err("GROUP_NOT_FOUND"));
    assert_eq!(node.resolve(&name("acme/none"), soon()).await.map_err(reason), Err("GROUP_NOT_FOUND"));
    assert_eq!(node.delete_group(&name("acme/none"), soon()).await.map_err(reason), Err("GROUP_NOT_FOUND"));
    let catalog = node.submit(GroupId::CATALOG, command("a"), soon()).await.map_err(reason);
    assert_eq!(catalog, Err("GROUP_NOT_FOUND"), "the catalog is not for clients");

    let unknown = create("acme/other", &reference("acme/none@1"));
    assert_eq!(node.create_group(unknown, soon()).await.map_err(reason), Err("PLUGIN_NOT_FOUND"));
    let taken = create("acme/shelf", &reference("acme/shelf@1"));
    assert_eq!(node.create_group(taken, soon()).await.map_err(reason), Err("NAME_TAKEN"));
    let mut five = create("acme/five", &reference("acme/shelf@1"));
    five.replicas = Some(5);
    assert_eq!(node.create_group(five, soon()).await.map_err(reason), Err("NOT_ENOUGH_NODES"));
    let mut elsewhere = create("acme/elsewhere", &reference("acme/shelf@1"));
    elsewhere.nodes = vec![quorate_vocabulary::NodeId(9)];
    assert_eq!(node.create_group(elsewhere, soon()).await.map_err(reason), Err("NODE_NOT_FOUND"));
    let mut limited = create("acme/limited", &reference("acme/shelf@1"));
    limited.limits = GroupLimits { command_bytes_max: 4, ..GroupLimits::default() };
    let limited = node.create_group(limited, soon()).await.expect("a group").id;
    assert_eq!(
        node.submit(limited, command("12345"), soon()).await.map_err(reason),
        Err("COMMAND_TOO_LARGE")
    );
    node.submit(limited, command("1234"), soon()).await.expect("as large as it may be");
    let late = node.submit(group, command("a"), Deadline::after(Duration::ZERO)).await.map_err(reason);
    assert_eq!(late, Err("DEADLINE_EXCEEDED"));
    drop(node);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_refused_for_what_it_is_and_never_replaces_a_version() {
    let mut cluster = Cluster::start(1).await;
    let node = cluster.node(1);
    let upload = |bytes| node.upload(reference("acme/a@1"), bytes, soon());
    let reason = |error: RequestError| error.reason();
    assert_eq!(upload(command("not wasm")).await.map_err(reason), Err("PLUGIN_NOT_WASM"));
    let module = wat::parse_str("(module)").expect("a module").into();
    assert_eq!(upload(module).await.map_err(reason), Err("PLUGIN_CORE_MODULE"));
    let first = upload(counter()).await.expect("published");
    assert_eq!(upload(counter()).await.expect("the same again"), first);
    assert_eq!(upload(shelf()).await.map_err(reason), Err("VERSION_TAKEN"));
    assert_eq!(node.plugins(), [first]);
    drop(node);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_group_is_gone_from_the_disk_and_its_name_is_free() {
    let mut cluster = Cluster::start(1).await;
    let first = cluster.group("acme/counter", counter()).await.id;
    cluster.submit(first, "a").await;
    let node = cluster.node(1);
    assert_eq!(node.delete_group(&name("acme/counter"), soon()).await.expect("deleted"), first);
    until("the replica is removed", || async { cluster.replica(1, first).await.is_none().then_some(()) })
        .await;
    let gone = node.submit(first, command("a"), soon()).await.map_err(|error| error.reason());
    assert_eq!(gone, Err("GROUP_NOT_FOUND"));
    let again = create("acme/counter", &reference("acme/counter@1"));
    let second = node.create_group(again, soon()).await.expect("created").id;
    assert!(second > first);
    assert_eq!(count(cluster.submit(second, "a").await.outcome), 1, "it begins from nothing");
    drop(node);
    cluster.stop(1).await;
    cluster.run(1).await;
    cluster.submit(second, "a").await;
    assert!(cluster.replica(1, first).await.is_none(), "it must not come back");
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_node_shows_its_replicas_as_running() {
    let mut cluster = Cluster::start(1).await;
    let group = cluster.group("acme/counter", counter()).await.id;
    cluster.stop(1).await;
    cluster.run(1).await;
    let replica = until("the replica runs", || async {
        cluster.replica(1, group).await.filter(|replica| replica.state == ReplicaState::Running)
    })
    .await;
    assert!(replica.log_last >= replica.applied);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_compiled_once_and_damaged_code_is_compiled_again() {
    let mut cluster = Cluster::start(1).await;
    let group = cluster.group("acme/counter", counter()).await.id;
    cluster.submit(group, "a").await;
    let folder = cluster.data(1).join("compiled");
    let code = || {
        let mut files = fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let file = files.next().expect("the upload was compiled");
        assert_eq!(files.next(), None, "once");
        file
    };
    let file = code();
    let written = fs::metadata(&file).expect("a file").modified().expect("a time");
    cluster.stop(1).await;
    cluster.run(1).await;
    assert_eq!(count(cluster.submit(group, "a").await.outcome), 2);
    assert_eq!(
        fs::metadata(code()).expect("a file").modified().expect("a time"),
        written,
        "not written again"
    );
    cluster.stop(1).await;
    let whole = fs::read(&file).expect("readable");
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&file, damaged).expect("writable");
    cluster.run(1).await;
    assert_eq!(count(cluster.submit(group, "a").await.outcome), 3);
    let anew = fs::metadata(code()).expect("a file").len();
    assert_eq!(anew, u64::try_from(whole.len()).expect("a size"));
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_sleeps_holds_no_instance_and_wakes_to_the_same_state() {
    let tune = |config: &mut NodeConfig| config.hibernate_after = Some(Duration::from_millis(400));
    let mut cluster = Cluster::start_with(1, tune).await;
    let group = cluster.group("acme/counter", counter()).await.id;
    for round in 0..3 {
        for step in 1..=5 {
            assert_eq!(count(cluster.submit(group, "a").await.outcome), round * 5 + step);
        }
        let node = cluster.node(1);
        assert_eq!(
            counted(&node, group, Consistency::Local).await.0,
            round * 5 + 5,
            "an observer's instance"
        );
        drop(node);
        until("no instance lives", || async { (cluster.instances(1) == 0).then_some(()) }).await;
        let replica = cluster.replica(1, group).await.expect("the replica");
        assert!(replica.asleep, "{replica:?}");
    }
    cluster.stop(1).await;
    cluster.run(1).await;
    let node = cluster.node(1);
    // What it had applied last it applies again once it leads: until then a local answer may be older.
    until("it answers what it did before", || async {
        let answered = node.query(group, Bytes::new(), Consistency::Local, soon()).await.ok()?;
        (count(answered.outcome) == 15).then_some(())
    })
    .await;
    drop(node);
    until("no instance lives", || async { (cluster.instances(1) == 0).then_some(()) }).await;
    cluster.stop_all().await;
}
