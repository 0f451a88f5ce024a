use super::changes::refused;
use super::fixtures::{
    change, complete, create, drain, edit, furnished, group, ids, learners, must, register_as, set_members,
    voters, witnesses,
};
use crate::{CatalogError, CatalogState, Change, Hosted, Instruction, reconcile};
use quorate_replica::ports::GroupLimits;
use quorate_vocabulary::{GroupId, MemberRole, NodeId, ReplicaId};

fn create_with(data: &[u64], witnesses: &[u64]) -> Change {
    Change::CreateGroup {
        name: "acme/a".parse().expect("a name"),
        plugin: "acme/kv@1".parse().expect("a reference"),
        nodes: ids(data),
        witnesses: ids(witnesses),
        limits: GroupLimits::default(),
        freeze_after_traps: 0,
        checkpoints: quorate_vocabulary::CheckpointMode::Inline,
    }
}

/// The group `acme/a` with data on nodes 1 and 2 and a witness on node 3, of four.
fn with_witness() -> CatalogState {
    let mut state = furnished();
    must(&mut state, [create_with(&[1, 2], &[3])]);
    state
}

#[track_caller]
fn unfit(state: &mut CatalogState, wanted: Change, part: &str) {
    let error = refused(state, wanted);
    assert!(matches!(&error, CatalogError::NodesUnfit { cause } if cause.contains(part)), "{error}");
}

#[test]
fn a_group_is_created_with_witnesses() {
    let state = with_witness();
    let group = group(&state, "acme/a");
    let roles: Vec<_> = group.members.iter().map(|member| (member.node.0, member.role)).collect();
    assert_eq!(roles, [(1, MemberRole::Voter), (2, MemberRole::Voter), (3, MemberRole::Witness)]);
    assert!(group.is_witness(ReplicaId(3)) && !group.is_witness(ReplicaId(2)));
    assert_eq!(group.founders, group.members);
}

#[test]
fn a_group_has_fewer_witnesses_than_voters_with_data() {
    let mut state = furnished();
    unfit(&mut state, create_with(&[1], &[2]), "fewer witnesses");
    unfit(&mut state, create_with(&[1, 2], &[3, 4]), "fewer witnesses");
    unfit(&mut state, create_with(&[], &[3]), "holds data");
    unfit(&mut state, create_with(&[1, 2], &[2]), "twice");
    must(&mut state, [drain(4)]);
    assert_eq!(
        refused(&mut state, create_with(&[1, 2], &[4])),
        CatalogError::NodeDraining { node: NodeId(4) }
    );
    let mut state = with_witness();
    unfit(&mut state, edit("acme/a", &[], &[2], &[]), "fewer witnesses");
    unfit(&mut state, edit("acme/a", &witnesses(&[4]), &[], &[]), "fewer witnesses");
}

#[test]
fn a_witness_is_never_turned_into_another_kind_of_replica() {
    let mut state = with_witness();
    unfit(&mut state, edit("acme/a", &[], &[], &[3]), "holds a witness");
    unfit(&mut state, edit("acme/a", &learners(&[3]), &[], &[]), "holds a witness");
    let mut all = voters(&[1, 2, 3]);
    unfit(&mut state, set_members("acme/a", all), "another kind");
    all = voters(&[1, 4]);
    all.extend(witnesses(&[2]));
    unfit(&mut state, set_members("acme/a", all), "another kind");
    // Removed and gone it may come back as anything, under another number.
    must(&mut state, [edit("acme/a", &[], &[3], &[])]);
    unfit(&mut state, edit("acme/a", &voters(&[3]), &[], &[]), "another kind");
    must(&mut state, [complete(1, 1), edit("acme/a", &voters(&[3]), &[], &[])]);
    assert_eq!(group(&state, "acme/a").replica_on(NodeId(3)), Some(ReplicaId(4)));
}

#[test]
fn a_witness_needs_no_plugin_and_no_engine() {
    let mut state = furnished();
    must(&mut state, [register_as(5, "five:1", "another engine"), create_with(&[1, 2], &[5])]);
    let hosted = Hosted { engine_fingerprint: "another engine".into(), ..Hosted::default() };
    let instructions = reconcile(&state, NodeId(5), &hosted);
    assert!(
        matches!(&instructions[..], [Instruction::Create { group, replica: ReplicaId(3) }] if group.id == GroupId(1)),
        "{instructions:?}"
    );
    // Nor is it asked for one.
    let hosted = Hosted { engine_fingerprint: super::fixtures::ENGINE.into(), ..Hosted::default() };
    must(&mut state, [create("acme/b", "acme/kv@1", &[1, 2]), edit("acme/b", &voters(&[3]), &[], &[])]);
    for instruction in reconcile(&state, NodeId(3), &hosted) {
        if let Instruction::Fetch { from, .. } = instruction {
            assert!(!from.contains(&NodeId(5)), "{from:?}");
        }
    }
    assert!(change(&mut state, edit("acme/b", &witnesses(&[5]), &[], &[])).is_ok());
}
