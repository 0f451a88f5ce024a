//! Changes of members and of leaderships.

use super::*;

#[test]
fn members_are_listed_with_what_becomes_of_them() {
    let member = |replica, node, role: v1::MemberRole| v1::Member { replica, node, role: role.into() };
    let (voter, learner) = (v1::MemberRole::Voter, v1::MemberRole::Learner);
    let settled = MembersReport::new(&group(), &[]);
    assert_eq!(settled.waits_for(), None);
    assert_eq!(json_of(&settled)["members"][1]["alive"], Value::Null, "no leader has said");

    let wanted = vec![member(11, 1, voter), member(13, 3, voter), member(14, 4, learner)];
    let change = Some(v1::MembersChange { wanted, began_ms: 5 });
    let changing = v1::Group { change, changes: 1, ..group() };
    let status = |member, alive, lag| v1::MemberStatus {
        member: Some(member),
        alive,
        matched: 30 - lag,
        lag,
        awaits_snapshot: lag == 30,
        priority: 100,
    };
    let leader = v1::ReplicaStatus {
        members: vec![
            status(member(11, 1, voter), true, 0),
            status(member(12, 2, voter), false, 7),
            status(member(13, 3, learner), true, 30),
        ],
        change_waits_for: "node 3 to catch up".to_owned(),
        ..replica(1)
    };
    let mut report = MembersReport::new(&changing, &[replica(2), leader]);
    assert_eq!(report.waits_for(), Some("node 3 to catch up"));
    let text = report.human();
    for part in
        ["leaves", "becomes voter", "joins as learner", "yes, waits for a snapshot", "node 3 to catch up"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = json_of(&report);
    assert_eq!(json["leader_node"], 1);
    assert_eq!(json["change"]["voters"], json!([1, 3]));
    assert_eq!(json["members"].as_array().map(Vec::len), Some(4));
    report.only_alive();
    assert_eq!(json_of(&report)["members"].as_array().map(Vec::len), Some(2));

    let taken = MembersTaken::new(&changing).human();
    assert!(taken.contains("voters on nodes 1, 3 and learners on nodes 4"), "{taken}");
    assert!(MembersTaken::new(&group()).human().ends_with("has voters on nodes 1, 2"));
}

#[test]
fn a_leadership_that_stays_is_told_as_such() {
    let report =
        |leader_node| TransferReport { name: "acme/a".to_owned(), from_node: 1, leader_node, term: 4 };
    assert_eq!(report(1).human(), "acme/a is led by node 1 already");
    assert!(report(2).human().contains("node 2 since term 4"));
}

#[test]
fn a_rebalance_tells_what_was_handed_over_and_what_was_not() {
    let facts = |leader: u64| quorate_placement::LeaderFacts {
        group: quorate_vocabulary::GroupId(1),
        leader: leader.into(),
        candidates: vec![1.into(), 2.into()],
    };
    let mut report = RebalanceReport::new(&[facts(1), facts(1), facts(1)], vec![3], false);
    assert!(report.human().contains("nothing to hand over"));
    for error in [None, Some(Failure::new(reason::TRANSFER_FAILED, "node 2 lags"))] {
        report.add(HandOverReport { name: "acme/a".to_owned(), from_node: 1, to_node: 2, error });
    }
    assert_eq!(report.failed(), 1);
    let json = json_of(&report);
    assert_eq!(
        json["nodes"],
        json!([{"node": 1, "before": 3, "after": 2}, {"node": 2, "before": 0, "after": 1}])
    );
    let text = report.human();
    for part in ["handed over", "node 2 lags", "node 3 did not answer"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
