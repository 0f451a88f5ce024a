//! Timers that are set.

use super::*;

fn described(replicas: Vec<v1::ReplicaStatus>) -> GroupReport {
    let membership = MembersReport::new(&group(), &replicas);
    let replicas = replicas.into_iter().map(ReplicaReport::from).collect();
    GroupReport {
        group: group().into(),
        upgrades: Vec::new(),
        membership,
        replicas,
        silent_nodes: Vec::new(),
    }
}

#[test]
fn a_described_group_shows_its_timers_as_the_replica_has_them_that_has_come_furthest() {
    let ahead = v1::ReplicaStatus {
        applied: 20,
        timers_pending: 3,
        timer_next_ms: Some(1_700_000_000_123),
        ..replica(1)
    };
    let report = described(vec![ahead, replica(2)]);
    let text = report.human();
    assert!(text.contains("\ntimers  3 pending, the first due 2023-11-14T22:13:20.123Z\n"), "{text}");
    let json = json_of(&report);
    assert_eq!(json["replicas"][0]["timers_pending"], 3);
    assert_eq!(json["replicas"][0]["timer_next_ms"], 1_700_000_000_123_u64);
    assert_eq!(json["replicas"][1]["timer_next_ms"], Value::Null);
}

#[test]
fn a_group_without_timers_says_nothing_of_them() {
    let text = described(vec![replica(1)]).human();
    assert!(!text.contains("pending"), "{text}");
}

#[test]
fn a_timer_that_is_set_for_ever_is_shown_too() {
    for ms in [253_402_300_800_000, u64::MAX] {
        let set = v1::ReplicaStatus { timers_pending: 1, timer_next_ms: Some(ms), ..replica(1) };
        let text = described(vec![set]).human();
        assert!(text.contains(&format!("the first due at {ms} ms, after the year 9999")), "{text}");
    }
    let last = v1::ReplicaStatus { timer_next_ms: Some(253_402_300_799_999), ..replica(1) };
    assert!(described(vec![last]).human().contains("9999-12-31T23:59:59.999Z"));
}
