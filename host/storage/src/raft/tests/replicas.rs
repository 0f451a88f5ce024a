use super::*;
use crate::StorageError;
use quorate_consensus::{Configuration, HardState};
use quorate_vocabulary::{PluginDigest, ReplicaId};

fn create(raft: &RaftStore, group: GroupId, replica: ReplicaId) -> Result<(), StorageError> {
    let mut batch = RaftBatch::new();
    batch.create(NewReplica::joining(group, replica));
    raft.write(batch)
}

fn remove(raft: &RaftStore, group: GroupId, replica: ReplicaId) {
    let mut batch = RaftBatch::new();
    batch.remove(group, replica);
    raft.write(batch).unwrap();
}

#[test]
fn replicas_are_found_as_they_were_created() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    let plugin = PluginDigest::of(b"plugin");
    let mut batch = RaftBatch::new();
    batch.create(NewReplica {
        plugin: Some(plugin),
        description: Bytes::from_static(b"limits"),
        ..NewReplica::joining(GroupId(3), ReplicaId(31))
    });
    raft.write(batch).unwrap();
    drop(raft);

    let loaded = disk.open().raft().load().unwrap();
    assert!(loaded.damaged.is_empty());
    let [joining, bootstrap] = &loaded.replicas[..] else { panic!("{loaded:?}") };
    assert_eq!((joining.group, joining.replica), (GroupId(3), ReplicaId(31)));
    assert_eq!((joining.truncated, joining.hard_state), (at(0, 0), HardState::default()));
    assert_eq!(joining.configuration, Configuration::default());
    assert_eq!((joining.plugin, joining.description.as_ref()), (Some(plugin), b"limits".as_slice()));
    assert_eq!((bootstrap.group, bootstrap.replica), (G, R));
    assert_eq!(bootstrap.configuration, Configuration::new(members(&[71, 72, 73])));
    assert_eq!((bootstrap.truncated, bootstrap.last), (at(1, 1), at(1, 1)));
    assert_eq!(bootstrap.hard_state, HardState { term: 1, vote: None, commit: 1 });
}

#[test]
fn a_group_has_one_replica_here_and_it_is_created_once() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    append(&raft, G, entries(2..=5, 1)).unwrap();
    assert!(matches!(create(&raft, G, R), Err(StorageError::ReplicaExists { .. })));
    let error = create(&raft, G, ReplicaId(79)).unwrap_err();
    assert!(matches!(error, StorageError::OtherReplica { found: R, .. }), "{error}");
    assert_eq!(all(&raft, G), entries(2..=5, 1));
}

#[test]
fn a_removed_replica_is_gone_with_its_log_and_never_comes_back() {
    let disk = Disk::new();
    let raft = created(&disk, &[G, GroupId(8)]);
    append(&raft, G, entries(2..=5, 1)).unwrap();
    append(&raft, GroupId(8), entries(2..=5, 1)).unwrap();
    remove(&raft, G, R);
    for _ in 0..2 {
        assert!(raft.is_removed(G, R).unwrap());
        assert!(matches!(create(&raft, G, R), Err(StorageError::Removed { .. })));
    }
    drop(raft);
    let raft = disk.open().raft();
    assert!(matches!(create(&raft, G, R), Err(StorageError::Removed { group: G, replica: R })));
    assert!(matches!(raft.extent(G), Err(StorageError::NoReplica { group: G })));
    assert!(matches!(raft.hard_state(G), Err(StorageError::NoReplica { .. })));
    assert_eq!(all(&raft, GroupId(8)), entries(2..=5, 1));

    let next = ReplicaId(79);
    create(&raft, G, next).unwrap();
    assert_eq!(raft.replica(G).unwrap(), Some(next));
    assert_eq!(raft.extent(G).unwrap(), (at(0, 0), at(0, 0)));
    drop(raft);
    assert!(disk.open().raft().load_replica(G).unwrap().entries.is_empty());
}

#[test]
fn a_replica_that_was_never_here_can_be_kept_from_coming() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    remove(&raft, G, ReplicaId(70));
    assert!(raft.is_removed(G, ReplicaId(70)).unwrap());
    assert!(!raft.is_removed(G, R).unwrap());
    assert_eq!(raft.replica(G).unwrap(), Some(R));
}

#[test]
fn one_batch_may_replace_a_replica_but_not_bring_it_back() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    append(&raft, G, entries(2..=5, 1)).unwrap();
    let mut batch = RaftBatch::new();
    batch.remove(G, R);
    batch.create(NewReplica::joining(G, R));
    assert!(matches!(raft.write(batch), Err(StorageError::Removed { .. })));
    assert_eq!(all(&raft, G), entries(2..=5, 1));

    let mut batch = RaftBatch::new();
    batch.remove(G, R);
    batch.create(NewReplica::bootstrap(G, ReplicaId(79), members(&[79])));
    batch.append(G, entries([2], 1));
    raft.write(batch).unwrap();
    drop(raft);
    let raft = disk.open().raft();
    assert_eq!(raft.replica(G).unwrap(), Some(ReplicaId(79)));
    assert_eq!(all(&raft, G), entries([2], 1));
}

#[test]
fn nothing_is_written_for_a_group_that_is_not_here() {
    let disk = Disk::new();
    let raft = created(&disk, &[]);
    let mut changes: [RaftBatch; 5] = Default::default();
    changes[0].append(G, entries([2], 1));
    changes[1].set_hard_state(G, HardState::default());
    changes[2].cut(G, at(2, 1), Configuration::default());
    changes[3].restore(G, at(2, 1), Configuration::default());
    changes[4].describe(G, None, Bytes::new());
    for batch in changes {
        assert!(matches!(raft.write(batch), Err(StorageError::NoReplica { group: G })));
    }
    assert!(matches!(raft.entries(G, 1, 2, 3), Err(StorageError::NoReplica { .. })));
}

#[test]
fn what_is_kept_beside_a_replica_can_be_replaced_and_survives_the_rest() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    let plugin = PluginDigest::of(b"version 2");
    let mut batch = RaftBatch::new();
    batch.append(G, entries(2..=9, 1));
    batch.describe(G, Some(plugin), Bytes::from_static(b"other"));
    batch.cut(G, at(5, 1), Configuration::new(members(&[71])));
    batch.restore(G, at(20, 2), Configuration::new(members(&[71, 72])));
    raft.write(batch).unwrap();
    drop(raft);
    let replica = disk.open().raft().load_replica(G).unwrap();
    assert_eq!((replica.plugin, replica.description.as_ref()), (Some(plugin), b"other".as_slice()));
    assert_eq!(replica.configuration, Configuration::new(members(&[71, 72])));
    assert_eq!(replica.last, at(20, 2));
}

#[test]
fn a_joint_configuration_comes_back() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    let joint = Configuration { outgoing: members(&[73]), ..Configuration::new(members(&[71, 72])) };
    let mut batch = RaftBatch::new();
    batch.restore(G, at(9, 2), joint.clone());
    raft.write(batch).unwrap();
    drop(raft);
    assert_eq!(disk.open().raft().load_replica(G).unwrap().configuration, joint);
}

#[test]
fn a_vote_survives_a_crash() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    let voted = HardState { term: 8, vote: Some(ReplicaId(0)), commit: 1 };
    let mut batch = RaftBatch::new();
    batch.set_hard_state(G, voted);
    raft.write(batch).unwrap();
    let after = disk.crash();
    assert_eq!(after.open().raft().hard_state(G).unwrap(), voted);
}

#[test]
fn a_change_that_does_not_fit_can_be_kept_to_its_own_group() {
    let disk = Disk::new();
    let raft = created(&disk, &[G, GroupId(8), GroupId(9)]);
    let mut batch = RaftBatch::new();
    batch.append(GroupId(1), entries(2..=3, 1));
    batch.append(G, entries(2..=3, 1));
    batch.append(GroupId(8), entries(2..=3, 1));
    batch.append(GroupId(8), entries(9..=9, 1));
    batch.append(GroupId(9), entries(5..=5, 1));
    batch.remove(GroupId(9), R);
    let refused = raft.write_by_group(batch).unwrap();
    assert_eq!(refused.keys().copied().collect::<Vec<_>>(), [GroupId(1), GroupId(8), GroupId(9)]);
    assert!(matches!(refused[&GroupId(1)], StorageError::NoReplica { .. }));
    assert!(matches!(refused[&GroupId(8)], StorageError::LogOrder { .. }));
    drop(raft);
    let raft = disk.open().raft();
    assert_eq!(all(&raft, G), entries(2..=3, 1));
    assert_eq!(all(&raft, GroupId(8)), []);
    assert!(raft.is_removed(GroupId(9), R).unwrap());
}
