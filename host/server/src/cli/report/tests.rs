mod changes;
mod timers;

use super::*;
use crate::cli::{exit::Exit, failure::Failure, output::Report};
use bytes::Bytes;
use quorate_client::{Outcome, Queried, Submitted, TrapKind, Watched, reason};
use serde_json::{Value, json};
use std::time::Duration;

fn json_of(report: &impl Report) -> Value {
    serde_json::to_value(report).expect("reports are plain values")
}

fn plugin() -> v1::Plugin {
    v1::Plugin {
        reference: "acme/kv@1".to_owned(),
        digest: Bytes::from(vec![0xab; 32]),
        kind: v1::MachineKind::Store.into(),
        size_bytes: 2048,
        has_lifecycle: true,
        has_timers: true,
    }
}

fn group() -> v1::Group {
    let member = |replica, node| v1::Member { replica, node, role: v1::MemberRole::Voter.into() };
    v1::Group {
        name: "acme/users".to_owned(),
        id: 7,
        plugin: "acme/kv@1".to_owned(),
        plugin_digest: Bytes::from(vec![1; 32]),
        kind: v1::MachineKind::Store.into(),
        members: vec![member(11, 1), member(12, 2)],
        checkpoints: v1::CheckpointMode::Background.into(),
        alarms: vec![
            v1::Alarm { node: 1, replica: 9, what: "old".to_owned(), raised_ms: 1_000, ended_ms: 2_000 },
            v1::Alarm { node: 2, replica: 12, what: "wrong".to_owned(), raised_ms: 3_000, ended_ms: 0 },
        ],
        limits: Some(v1::GroupLimits { command_bytes_max: Some(5), ..v1::GroupLimits::default() }),
        leader_node: 2,
        changes: 0,
        change: None,
        upgrades_asked: 0,
    }
}

fn replica(node: u64) -> v1::ReplicaStatus {
    v1::ReplicaStatus {
        group: 7,
        group_name: "acme/users".to_owned(),
        replica: 10 + node,
        node,
        state: v1::ReplicaState::Running.into(),
        state_reason: String::new(),
        role: v1::ReplicaRole::Leader.into(),
        term: 3,
        leader_node: node,
        committed: 20,
        applied: 19,
        log_first: 2,
        log_last: 21,
        log_bytes: Some(4_096),
        log_lines_dropped: 0,
        evidence: Vec::new(),
        snapshot_index: 15,
        snapshot_bytes: 1024,
        digest: Bytes::from_static(&[0xcd; 16]),
        leaders_seen: vec![v1::LeaderSeen { term: 3, node }],
        members: Vec::new(),
        change_waits_for: String::new(),
        asleep: false,
        sessions: 0,
        sessions_reply_bytes: 0,
        timers_pending: 0,
        timer_next_ms: None,
        plugin_digest: Bytes::from(vec![1; 32]),
        state_version: 0,
        upgrade_waits_for: String::new(),
        freeze_after_traps: 0,
        traps_in_a_row: 0,
        frozen_at: 0,
    }
}

fn answer(outcome: Outcome) -> Answer {
    let position = v1::Position { index: 4, ordinal: 1, time_ms: 9 };
    Answer::of_command(Submitted { position, outcome, fuel: 12, repeated: false })
}

#[test]
fn plugins_are_listed_as_a_table_and_as_json() {
    let list = PluginList { plugins: vec![plugin().into()] };
    assert_eq!(
        list.human(),
        " PLUGIN     KIND   SIZE     LIFECYCLE  TIMERS  SHA256\n acme/kv@1  store  2.0 KiB  yes        yes     abababababab"
    );
    assert_eq!(
        json_of(&list),
        json!({"plugins": [{"reference": "acme/kv@1", "kind": "store", "size_bytes": 2048,
            "digest": "ab".repeat(32), "has_lifecycle": true, "has_timers": true}]})
    );
    assert!(PluginList { plugins: Vec::new() }.human().contains("quorate plugin upload"));
}

#[test]
fn groups_are_listed_as_a_table_and_as_json() {
    let list = GroupList { groups: vec![group().into()] };
    let text = list.human();
    assert_eq!(text.lines().nth(1), Some(" acme/users  7       acme/kv@1  store  1,2    2       node 2"));
    let json = json_of(&list);
    assert_eq!(json["groups"][0]["leader_node"], 2);
    assert_eq!(json["groups"][0]["members"][1], json!({"replica": 12, "node": 2, "role": "voter"}));
    assert_eq!(json["groups"][0]["limits"]["command_bytes_max"], 5);
}

#[test]
fn a_group_on_one_node_is_not_on_nodes() {
    let row = GroupRow::from(group());
    assert_eq!(row.human(), "created group acme/users (number 7), running acme/kv@1 on nodes 1,2");
    let mut alone = group();
    alone.members.truncate(1);
    assert!(GroupRow::from(alone).human().ends_with(" on node 1"));
}

#[test]
fn a_group_without_a_leader_shows_none() {
    let row = GroupRow::from(v1::Group { leader_node: 0, ..group() });
    assert_eq!(json_of(&row)["leader_node"], Value::Null);
    assert!(GroupList { groups: vec![row] }.human().ends_with(" -       node 2"));
}

#[test]
fn a_described_group_shows_its_replicas_and_which_nodes_are_silent() {
    let mut failed = replica(1);
    failed.set_state(v1::ReplicaState::Failed);
    failed.state_reason = "the disk is gone".to_owned();
    failed.log_lines_dropped = 17;
    let membership = MembersReport::new(&group(), std::slice::from_ref(&failed));
    let report = GroupReport {
        group: group().into(),
        upgrades: Vec::new(),
        membership,
        replicas: vec![failed.into()],
        silent_nodes: vec![2],
    };
    let text = report.human();
    assert!(
        text.contains(
            " 1     failed  leader  3     1       19       20         2..21 (4.0 KiB)  15 (1.0 KiB)  cdcdcdcdcdcd"
        ),
        "{text}"
    );
    assert!(text.contains("node 1 is failed: the disk is gone"), "{text}");
    assert!(text.contains("node 1 has dropped 17 lines that the plugin logged"), "{text}");
    assert!(text.contains("node 2 did not answer"), "{text}");
    let alarm = "1970-01-01T00:00:01.000Z: replica 9 on node 1 is of no use: old (replaced 1970-01-01T00:00:02.000Z)\n";
    assert!(text.contains(alarm), "{text}");
    assert!(text.contains("replica 12 on node 2 is of no use: wrong\n"), "{text}");
    assert!(text.contains("command_bytes_max"), "{text}");
    let json = json_of(&report);
    assert_eq!(json["name"], "acme/users");
    assert_eq!(json["replicas"][0]["digest"], "cd".repeat(16));
    assert_eq!(json["replicas"][0]["leaders_seen"], json!([{"term": 3, "node": 1}]));
    assert_eq!(json["silent_nodes"], json!([2]));
}

#[test]
fn nodes_are_shown_also_when_one_does_not_answer() {
    let status = v1::NodeStatusResponse {
        cluster: "c".to_owned(),
        id: 1,
        address: "one:1".to_owned(),
        version: "0.1.0".to_owned(),
        registered: true,
        uptime_ms: 61_999,
        replicas: vec![v1::ReplicaStatus { group: 0, group_name: String::new(), ..replica(1) }],
        catalog_leader_node: 1,
        failure: None,
    };
    assert_eq!(NodeStatusList { nodes: vec![status.clone().into()] }.exit(), Exit::Done);
    let error = Failure::new(reason::UNREACHABLE, "nobody listens");
    let silent = NodeReport::Silent { id: 2, address: "two:1".to_owned(), error };
    let list = NodeStatusList { nodes: vec![status.into(), silent] };
    let text = list.human();
    assert!(text.starts_with("node 1 of c at one:1, version 0.1.0, up 1m 1s\n"), "{text}");
    assert!(text.contains("(catalog)"), "{text}");
    assert!(text.ends_with("node 2 at two:1 did not answer: nobody listens"), "{text}");
    let json = json_of(&list);
    assert_eq!(json["nodes"][0]["replicas"][0]["applied"], 19);
    assert_eq!(json["nodes"][1]["error"]["reason"], reason::UNREACHABLE);
    assert_eq!(list.exit(), Exit::Failed);
}

#[test]
fn a_node_that_takes_no_part_is_shown_with_the_reason_and_the_cure() {
    let failure = Some(v1::Failure {
        message: "its folder is another".to_owned(),
        reason: reason::FOLDER_LOST.to_owned(),
        metadata: [("cure".to_owned(), "bring it back".to_owned())].into(),
        ..v1::Failure::default()
    });
    let said = "node 3 takes no part (FOLDER_LOST): its folder is another\n  cure: bring it back";
    let status = v1::NodeStatusResponse { id: 3, failure: failure.clone(), ..Default::default() };
    let list = NodeStatusList { nodes: vec![status.into()] };
    assert!(list.human().contains(said) && !list.human().contains("not in the catalog"), "{}", list.human());
    assert_eq!(json_of(&list)["nodes"][0]["failure"]["reason"], reason::FOLDER_LOST);
    assert_eq!(list.exit(), Exit::Failed);
    let node = v1::Node { id: 3, failure, ..v1::Node::default() };
    let list = NodeList::from(v1::ListNodesResponse { cluster: String::new(), nodes: vec![node] });
    assert!(list.human().ends_with(said), "{}", list.human());
}

#[test]
fn an_answer_says_which_kind_it_is_and_how_the_process_ends() {
    let reply = answer(Outcome::Reply(Bytes::from_static(b"42")));
    assert_eq!((reply.human().as_str(), reply.exit()), ("42", Exit::Done));
    assert_eq!(
        json_of(&reply),
        json!({"outcome": "reply", "reply": "42", "index": 4, "ordinal": 1, "time_ms": 9, "fuel": 12})
    );

    let rejection = answer(Outcome::Rejection(Bytes::from_static(b"no")));
    assert_eq!((rejection.human().as_str(), rejection.exit()), ("rejected: no", Exit::Rejected));
    assert_eq!(json_of(&rejection)["rejection"], "no");

    let trapped = answer(Outcome::Trapped { kind: TrapKind::OutOfFuel, message: "all burnt".to_owned() });
    assert_eq!(
        (trapped.human().as_str(), trapped.exit()),
        ("trapped (out_of_fuel): all burnt", Exit::Trapped)
    );
    assert_eq!(json_of(&trapped)["trap"], "out_of_fuel");

    let unknown = Answer::of_failure(Failure::new(reason::OUTCOME_UNKNOWN, "lost")).at_line(3);
    assert_eq!(
        (unknown.human().as_str(), unknown.exit()),
        ("3: unknown (OUTCOME_UNKNOWN): lost", Exit::Unknown)
    );
    assert_eq!(
        json_of(&unknown),
        json!({"line": 3, "outcome": "unknown", "error": {"reason": "OUTCOME_UNKNOWN", "message": "lost"}})
    );

    let failed = Answer::of_failure(Failure::new(reason::NO_QUORUM, "none"));
    assert_eq!((failed.exit(), json_of(&failed)["outcome"].clone()), (Exit::Failed, json!("failed")));
}

#[test]
fn an_answered_query_has_no_place_in_an_entry() {
    let outcome = Outcome::Reply(Bytes::from_static(b"\xff"));
    let answer = Answer::of_query(Queried { applied: 8, outcome, fuel: 2 });
    assert_eq!(json_of(&answer), json!({"outcome": "reply", "reply": {"hex": "ff"}, "index": 8, "fuel": 2}));
}

#[test]
fn the_gravest_outcome_of_many_commands_counts() {
    let reply = || answer(Outcome::Reply(Bytes::new()));
    let rejection = || answer(Outcome::Rejection(Bytes::new()));
    let trapped = || answer(Outcome::Trapped { kind: TrapKind::Instruction, message: String::new() });
    let failed = || Answer::of_failure(Failure::new(reason::NO_QUORUM, ""));
    let unknown = || Answer::of_failure(Failure::new(reason::OUTCOME_UNKNOWN, ""));
    let mut summary = Summary::default();
    for (answer, exit) in [
        (reply(), Exit::Done),
        (rejection(), Exit::Rejected),
        (trapped(), Exit::Trapped),
        (failed(), Exit::Failed),
        (unknown(), Exit::Unknown),
        (reply(), Exit::Unknown),
    ] {
        summary.count(&answer);
        assert_eq!(summary.exit(), exit);
    }
    summary.took(Duration::from_millis(1500));
    assert_eq!(
        summary.human(),
        "6 commands: 2 replies, 1 rejection, 1 trapped, 1 failure, 1 unknown (1.500 s, 4/s)"
    );
    assert_eq!(
        Summary { commands: 1, replies: 1, elapsed_ms: 1000, ..Summary::default() }.human(),
        "1 command: 1 reply, 0 rejections, 0 trapped, 0 failures, 0 unknown (1.000 s, 1/s)"
    );
    assert_eq!(
        json_of(&summary),
        json!({"commands": 6, "replies": 2, "rejections": 1, "trapped": 1, "failures": 1, "unknown": 1,
            "elapsed_ms": 1500})
    );
}

#[test]
fn events_are_lines_and_cannot_move_the_cursor() {
    let event = v1::Event {
        position: Some(v1::Position { index: 4, ordinal: 1, time_ms: 9 }),
        topic: "leader\u{1b}[2J".to_owned(),
        payload: Bytes::from_static(b"x"),
    };
    let event = EventReport::from(Watched::Event(event));
    assert_eq!(event.human(), "4.1 leader\\u{1b}[2J: x");
    assert_eq!(
        json_of(&event),
        json!({"type": "event", "index": 4, "ordinal": 1, "time_ms": 9, "topic": "leader\u{1b}[2J", "payload": "x"})
    );
    assert_eq!(json_of(&EventReport::from(Watched::Missed(3)))["count"], 3);
}
