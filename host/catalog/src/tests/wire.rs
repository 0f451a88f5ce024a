use super::fixtures::{
    activated, cancel, checkpoints, complete, create, delete, drain, edit, furnished, group, learners, must,
    note_broken, note_recovery, prepared, publish, register, remove_plugin, rollback, set_members,
    to_publish, upgrade, voters,
};
use crate::{CatalogCommand, CatalogError, CatalogReply, CatalogState, Change};
use bytes::Bytes;
use prost::Message;
use quorate_proto::catalog::v1;
use quorate_replica::ports::{GroupLimits, LimitError, Outcome, Trap, TrapKind};
use quorate_vocabulary::{
    CheckpointMode, GroupId, MachineKind, Member, MemberRole, NodeId, PluginDigest, ReplicaId,
};

fn errors() -> Vec<CatalogError> {
    let group = "acme/a".parse().expect("a name");
    let reference = "acme/kv@1".parse().expect("a reference");
    let name = || "acme/b".parse().expect("a name");
    let plugin = || "acme/kv@2".parse().expect("a reference");
    vec![
        CatalogError::Malformed { cause: "why".into() },
        CatalogError::NodeUnknown { node: NodeId(1) },
        CatalogError::NodeDraining { node: NodeId(2) },
        CatalogError::OtherFolder { node: NodeId(4) },
        CatalogError::AddressTaken { address: "a:1".into(), node: NodeId(3) },
        CatalogError::NodesUnfit { cause: "why".into() },
        CatalogError::PluginUnknown { reference: plugin() },
        CatalogError::VersionTaken { reference: plugin(), digest: PluginDigest::of(b"kv") },
        CatalogError::PluginInUse { reference, group },
        CatalogError::GroupUnknown { name: name() },
        CatalogError::NameTaken { name: name(), id: GroupId(4) },
        LimitError { name: "fuel_per_command", value: 1, min: 2, max: 3 }.into(),
        CatalogError::Full { what: "groups".into(), max: 5 },
        CatalogError::MemberUnknown { group: name(), node: NodeId(6) },
        CatalogError::GroupGone { id: GroupId(7) },
        CatalogError::NothingBefore { name: name() },
        CatalogError::NoUpgrade { name: name() },
        CatalogError::KindChanged { group: name(), reference: plugin() },
    ]
}

#[test]
fn commands_read_back_as_they_were_written() {
    let memory = crate::PluginToPublish { kind: MachineKind::Memory, ..to_publish("acme/kv@1", b"kv") };
    let survivor = Member { replica: ReplicaId(3), node: NodeId(2), role: MemberRole::Voter };
    for change in [
        register(1),
        drain(1),
        publish("acme/kv@1", b"kv"),
        Change::PublishPlugin(memory),
        remove_plugin("acme/kv@1"),
        create("acme/a", "acme/kv@1", &[1, 2, 3]),
        edit("acme/a", &[voters(&[4]), learners(&[5])].concat(), &[1], &[2]),
        set_members("acme/a", voters(&[1, 2])),
        complete(3, 4),
        note_recovery(1, 2, &[survivor]),
        Change::ChangeOwnVoters { voters: vec![NodeId(2), NodeId(3)], changes: 4 },
        upgrade("acme/a", "acme/kv@2"),
        rollback("acme/a"),
        cancel("acme/a"),
        checkpoints("acme/a", CheckpointMode::Background),
        prepared(1, 2, 3),
        Change::NotePrepared { group: GroupId(1), number: 2, node: NodeId(3), failure: Some("why".into()) },
        activated(1, 2, b"kv 2", None),
        activated(1, 2, b"kv 2", Some("why")),
        note_broken(3, 4, true),
        delete("acme/a"),
    ] {
        let command = CatalogCommand { actor: "ada".into(), change };
        assert_eq!(CatalogCommand::decode(&command.encode()), Ok(command));
    }
}

#[test]
fn every_limit_of_a_group_is_carried() {
    let mut wire = v1::Command::from(&CatalogCommand {
        actor: "ada".into(),
        change: create("acme/a", "acme/kv@1", &[1]),
    });
    let Some(v1::command::Change::CreateGroup(create)) = &mut wire.change else {
        panic!("it creates a group")
    };
    let defaults = create.limits.expect("limits");
    // Were one left out, it would be 0, which no default of a limit is.
    for field in format!("{defaults:?}").split(',') {
        assert!(!field.trim_end_matches([' ', '}']).ends_with(": 0"), "{field}");
    }
    create.limits = None;
    let error = CatalogCommand::try_from(wire).expect_err("a group has limits");
    assert!(error.to_string().contains("limits"), "{error}");
    assert_eq!(
        format!("{defaults:?}").matches(':').count(),
        format!("{:?}", GroupLimits::default()).matches(':').count()
    );
}

#[test]
fn errors_read_back_as_they_were_written() {
    for error in errors() {
        assert_eq!(CatalogError::decode(&error.encode()), error);
        assert_eq!(CatalogReply::from_outcome(&Outcome::Rejection(error.encode())), Err(error));
    }
}

#[test]
fn replies_read_back_as_they_were_written() {
    let mut state = furnished();
    must(&mut state, [create("acme/a", "acme/kv@1", &[1, 2])]);
    let mut later = state.clone();
    must(&mut later, [delete("acme/a")]);
    for reply in [
        CatalogReply::Node(state.nodes().next().expect("four").clone()),
        CatalogReply::Plugin(state.plugins().next().expect("one").clone()),
        CatalogReply::PluginRemoved("acme/kv@1".parse().expect("a reference")),
        CatalogReply::Group(group(&state, "acme/a")),
        CatalogReply::GroupDeleted(later.tombstones().next().expect("one").clone()),
    ] {
        assert_eq!(CatalogReply::from_outcome(&Outcome::Reply(reply.encode())), Ok(reply));
    }
}

#[test]
fn a_state_reads_back_as_it_was_written() {
    let mut state = furnished();
    assert_eq!(CatalogState::decode(&CatalogState::default().encode()), Ok(CatalogState::default()));
    must(&mut state, [drain(3), create("acme/a", "acme/kv@1", &[1, 2]), create("acme/b", "acme/kv@1", &[4])]);
    must(&mut state, [delete("acme/a"), edit("acme/b", &learners(&[1]), &[], &[])]);
    must(&mut state, [complete(2, 1), edit("acme/b", &voters(&[2]), &[], &[])]);
    must(&mut state, [edit("acme/b", &[], &[2, 4], &[1])]);
    let change = group(&state, "acme/b").change.expect("it is under way");
    assert_eq!((change.wanted.len(), change.leaving.len()), (1, 1));
    let mut read = CatalogState::decode(&state.encode()).expect("just written");
    assert_eq!(read, state);
    // What is not visible is there as well: the numbers go on.
    for state in [&mut state, &mut read] {
        must(state, [create("acme/c", "acme/kv@1", &[1])]);
    }
    assert_eq!(read, state);
    assert_eq!(group(&read, "acme/c").id, GroupId(3));
}

#[test]
fn a_group_that_was_written_before_there_were_changes_of_members_reads() {
    let mut state = furnished();
    must(&mut state, [create("acme/a", "acme/kv@1", &[1, 2])]);
    let mut wire = v1::State::decode(&state.encode()[..]).expect("just written");
    wire.groups[0].founders.clear();
    wire.groups[0].members.iter_mut().for_each(|member| member.role = 0);
    assert_eq!(CatalogState::decode(&wire.encode_to_vec()), Ok(state));
}

#[test]
fn other_formats_are_refused() {
    let mut wire = v1::Command::from(&CatalogCommand { actor: "ada".into(), change: drain(1) });
    wire.format = 2;
    let error = CatalogCommand::decode(&wire.encode_to_vec().into()).expect_err("from the future");
    assert!(error.to_string().contains("format 2"), "{error}");
    let state = v1::State { format: 2, ..v1::State::default() };
    assert!(CatalogState::decode(&state.encode_to_vec()).is_err());
}

#[test]
fn bytes_that_are_no_command_are_malformed() {
    for bytes in [&b""[..], b"nonsense", &[0xff; 40]] {
        let error = CatalogCommand::decode(&Bytes::copy_from_slice(bytes)).expect_err("nonsense");
        assert!(matches!(error, CatalogError::Malformed { .. }), "{error}");
        assert!(CatalogState::decode(bytes).is_err());
    }
    let empty = v1::Command { format: 1, actor: "ada".into(), change: None };
    assert!(CatalogCommand::try_from(empty).is_err());
    let bad_name = v1::DeleteGroup { name: "no name".into() };
    let change = Some(v1::command::Change::DeleteGroup(bad_name));
    assert!(CatalogCommand::try_from(v1::Command { format: 1, actor: "ada".into(), change }).is_err());
    let no_kind = v1::PublishPlugin {
        reference: "acme/kv@1".into(),
        digest: PluginDigest::of(b"").as_bytes().to_vec().into(),
        ..v1::PublishPlugin::default()
    };
    let change = Some(v1::command::Change::PublishPlugin(no_kind));
    assert!(CatalogCommand::try_from(v1::Command { format: 1, actor: "ada".into(), change }).is_err());
}

#[test]
fn an_answer_that_is_none_is_malformed() {
    let trap = Trap { kind: TrapKind::LimitExceeded, message: "too large".into() };
    for outcome in [
        Outcome::Reply(Bytes::new()),
        Outcome::Rejection(Bytes::from_static(b"nonsense")),
        Outcome::Trapped(trap),
    ] {
        let error = CatalogReply::from_outcome(&outcome).expect_err("no answer");
        assert!(matches!(error, CatalogError::Malformed { .. }), "{error}");
    }
}

#[test]
fn every_error_says_what_happened() {
    for error in errors() {
        assert!(error.to_string().len() > 15, "{error}");
    }
}
