use super::*;
use crate::{
    NewReplica, RaftBatch,
    testing::{Disk, G, R, identity, members, point},
};
use quorate_replica::ports::Snapshots;
use quorate_replica::ports::{StateStore, StoreChanges};
use quorate_vocabulary::NodeId;
use std::fs;

fn identity_file(disk: &Disk) -> PathBuf {
    disk.path().join("identity")
}

fn rewrite(disk: &Disk, from: &str, to: &str) {
    let text = fs::read_to_string(identity_file(disk)).unwrap();
    assert!(text.contains(from));
    fs::write(identity_file(disk), text.replace(from, to)).unwrap();
}

#[test]
fn an_empty_folder_becomes_the_nodes_and_opens_again() {
    let disk = Disk::new();
    fs::create_dir(disk.path()).unwrap();
    drop(disk.open());
    let folder = disk.open();
    assert_eq!(folder.identity(), &identity());
    assert_eq!(folder.path(), disk.path());
}

#[test]
fn a_folder_keeps_its_number_and_no_other_has_it() {
    let disk = Disk::new();
    let first = disk.open().id();
    assert_eq!(disk.open().id(), first);
    fs::remove_dir_all(disk.path()).unwrap();
    let again = disk.open().id();
    assert_ne!(again, first);
    assert_eq!(disk.open().id(), again);
}

#[test]
fn a_folder_that_does_not_exist_is_created_with_those_above_it() {
    let disk = Disk::new();
    let path = disk.path().join("deep").join("er");
    DataFolder::open(&path, identity()).unwrap();
    assert!(path.join("identity").is_file());
}

#[test]
fn an_empty_file_system_with_its_own_folder_is_taken_for_empty() {
    let disk = Disk::new();
    fs::create_dir_all(disk.path().join("lost+found")).unwrap();
    disk.open();
}

#[test]
fn the_folder_of_another_node_is_refused() {
    let disk = Disk::new();
    drop(disk.open());
    let other = NodeIdentity { node: NodeId(2), ..identity() };
    let error = DataFolder::open(disk.path(), other).unwrap_err();
    assert!(
        matches!(error, StorageError::OtherNode { found: NodeId(1), expected: NodeId(2), .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("belongs to node 1 of cluster \"test\", and this is node 2"),
        "{error}"
    );
    assert!(error.to_string().contains("only a node that has never run begins with an empty one"), "{error}");
}

#[test]
fn the_folder_of_another_cluster_is_refused() {
    let disk = Disk::new();
    drop(disk.open());
    let other = NodeIdentity { cluster: "production".into(), ..identity() };
    let error = DataFolder::open(disk.path(), other).unwrap_err();
    assert!(matches!(&error, StorageError::OtherCluster { found, .. } if found == "test"), "{error}");
}

#[test]
fn the_folder_of_a_later_format_is_refused_whatever_else_it_says() {
    let disk = Disk::new();
    drop(disk.open());
    fs::write(identity_file(&disk), "quorate data folder\nformat = 9\nzone = moon\n").unwrap();
    let error = disk.try_open().unwrap_err();
    assert!(matches!(error, StorageError::OtherFormat { found: 9, supported: FOLDER_FORMAT, .. }), "{error}");
}

#[test]
fn a_refused_folder_is_not_touched() {
    let disk = Disk::new();
    fs::create_dir(disk.path()).unwrap();
    fs::write(disk.path().join("thesis.tex"), "years of work").unwrap();
    let error = disk.try_open().unwrap_err();
    assert!(matches!(&error, StorageError::ForeignContent { found, .. } if found == "thesis.tex"), "{error}");
    assert_eq!(names(&disk.path()).unwrap(), ["thesis.tex"]);
}

#[test]
fn a_folder_whose_identity_is_lost_is_refused() {
    let disk = Disk::new();
    drop(disk.open());
    fs::remove_file(identity_file(&disk)).unwrap();
    let error = disk.try_open().unwrap_err();
    assert!(matches!(error, StorageError::ForeignContent { .. }), "{error}");
}

#[test]
fn a_file_in_place_of_the_folder_is_refused() {
    let disk = Disk::new();
    fs::write(disk.path(), "").unwrap();
    let error = disk.try_open().unwrap_err();
    assert!(matches!(error, StorageError::NotAFolder { .. }), "{error}");
}

#[test]
fn a_folder_in_use_is_refused_and_names_the_process() {
    let disk = Disk::new();
    let folder = disk.open();
    let error = disk.try_open().unwrap_err();
    let this = std::process::id();
    assert!(matches!(error, StorageError::InUse { holder: Some(pid), .. } if pid == this), "{error}");
    drop(folder);
    disk.open();
}

#[test]
fn a_folder_stays_in_use_as_long_as_anything_opened_from_it() {
    let disk = Disk::new();
    let raft = disk.open().raft();
    assert!(matches!(disk.try_open(), Err(StorageError::InUse { .. })));
    drop(raft);
    let state = disk.open().state(G, R).unwrap();
    assert!(matches!(disk.try_open(), Err(StorageError::InUse { .. })));
    let view = state.view().unwrap();
    drop(state);
    assert!(matches!(disk.try_open(), Err(StorageError::InUse { .. })));
    drop(view);
    let snapshots = disk.open().snapshots(G).unwrap();
    assert!(matches!(disk.try_open(), Err(StorageError::InUse { .. })));
    drop(snapshots);
    disk.open();
}

#[test]
fn an_identity_that_is_cut_short_or_changed_is_damaged() {
    let disk = Disk::new();
    drop(disk.open());
    let whole = fs::read(identity_file(&disk)).unwrap();
    for length in 0..whole.len() {
        fs::write(identity_file(&disk), &whole[..length]).unwrap();
        let error = disk.try_open().unwrap_err();
        // Cut in the middle of a name or a number, it may still read as another's.
        let typed = matches!(
            error,
            StorageError::DamagedIdentity { .. }
                | StorageError::OtherCluster { .. }
                | StorageError::OtherNode { .. }
        );
        assert!(typed, "{length}: {error}");
    }
    for byte in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[byte] ^= 0xFF;
        fs::write(identity_file(&disk), flipped).unwrap();
        let error = disk.try_open().unwrap_err();
        assert!(matches!(error, StorageError::DamagedIdentity { .. }), "{byte}: {error}");
    }
    fs::write(identity_file(&disk), vec![b'x'; 1 << 20]).unwrap();
    assert!(matches!(disk.try_open(), Err(StorageError::DamagedIdentity { .. })));
    fs::write(identity_file(&disk), whole).unwrap();
    disk.open();
}

#[test]
fn a_lost_database_is_never_created_anew() {
    for lost in ["raft", "snapshots"] {
        let disk = Disk::new();
        drop(disk.open());
        fs::remove_dir_all(disk.path().join(lost)).unwrap();
        let error = disk.try_open().unwrap_err();
        assert!(matches!(&error, StorageError::Missing { path } if path.ends_with(lost)), "{lost}: {error}");
        assert!(!disk.path().join(lost).join("CURRENT").exists());
    }
}

#[test]
fn states_that_are_lost_or_noted_as_damaged_are_made_anew_and_what_was_there_is_kept() {
    let disk = Disk::new();
    drop(disk.open());
    let (states, aside) = (disk.path().join("state"), disk.path().join("state.damaged"));
    fs::remove_dir_all(&states).unwrap();
    drop(disk.open());
    assert!(states.join("CURRENT").exists() && !aside.exists());
    for round in ["first", "second"] {
        fs::write(states.join("DAMAGED"), round).unwrap();
        drop(disk.open());
        assert!(states.join("CURRENT").exists() && !states.join("DAMAGED").exists());
        assert_eq!(fs::read_to_string(aside.join("DAMAGED")).unwrap(), round);
    }
}

#[test]
fn a_folder_whose_creation_was_broken_off_is_created_to_the_end() {
    for lost in [&["raft", "state", "snapshots"][..], &["state", "snapshots"], &[]] {
        let disk = Disk::new();
        drop(disk.open());
        rewrite(&disk, "complete = true", "complete = false");
        for lost in lost {
            fs::remove_dir_all(disk.path().join(lost)).unwrap();
        }
        drop(disk.open());
        assert!(fs::read_to_string(identity_file(&disk)).unwrap().contains("complete = true"));
    }
}

#[test]
fn a_crash_while_the_identity_was_first_written_leaves_an_empty_folder() {
    let disk = Disk::new();
    fs::create_dir(disk.path()).unwrap();
    fs::write(disk.path().join("lock"), "123\n").unwrap();
    fs::write(disk.path().join("identity.tmp"), "quorate da").unwrap();
    disk.open();
}

#[test]
fn a_cluster_name_that_cannot_be_kept_is_refused() {
    let disk = Disk::new();
    for cluster in [String::new(), "a\nnode = 2".into(), "x".repeat(CLUSTER_NAME_BYTES_MAX + 1)] {
        let error = DataFolder::open(disk.path(), NodeIdentity { cluster, ..identity() }).unwrap_err();
        assert!(matches!(error, StorageError::ClusterName { .. }), "{error}");
    }
    assert!(!disk.path().exists());
    let longest = NodeIdentity { cluster: "ü ".repeat(CLUSTER_NAME_BYTES_MAX / 3), ..identity() };
    drop(DataFolder::open(disk.path(), longest.clone()).unwrap());
    DataFolder::open(disk.path(), longest).unwrap();
}

#[test]
fn what_a_removed_group_left_is_found_and_destroyed() {
    let disk = Disk::new();
    let folder = disk.open();
    let (kept, stray) = (GroupId(8), G);
    for group in [kept, stray] {
        folder.state(group, R).unwrap().commit(StoreChanges::default(), &point(5)).unwrap();
        fs::create_dir_all(disk.path().join("snapshots").join(group.to_string())).unwrap();
    }
    assert_eq!(folder.destroy_strays(&BTreeSet::from([kept])).unwrap(), [stray]);
    assert_eq!(folder.destroy_strays(&BTreeSet::from([kept])).unwrap(), []);
    assert_eq!(names(&disk.path().join("snapshots")).unwrap(), ["8"]);
    assert_eq!(folder.state(kept, R).unwrap().applied().unwrap(), Some(point(5)));
    assert_eq!(folder.state(stray, R).unwrap().applied().unwrap(), None);
}

#[test]
fn the_same_store_is_given_to_all_who_ask() {
    let disk = Disk::new();
    let folder = disk.open();
    let (one, other) = (folder.state(G, R).unwrap(), folder.state(G, R).unwrap());
    let mut load = one.begin_load().unwrap();
    load.put(vec![("k".into(), "v".into())]).unwrap();
    load.finish(&point(3)).unwrap();
    assert_eq!(other.applied().unwrap(), Some(point(3)));
    assert_eq!(other.view().unwrap().get(b"k").unwrap(), Some("v".into()));
}

#[test]
fn everything_is_there_after_a_crash_that_was_written_before_it() {
    let disk = Disk::new();
    let folder = disk.open();
    let mut batch = RaftBatch::new();
    batch.create(NewReplica::bootstrap(G, R, members(&[71, 72, 73])));
    folder.raft().write(batch).unwrap();
    folder.state(G, R).unwrap().commit(StoreChanges::default(), &point(5)).unwrap();

    let after = disk.crash();
    let folder = after.open();
    assert_eq!(folder.raft().replica(G).unwrap(), Some(R));
    assert_eq!(folder.state(G, R).unwrap().applied().unwrap(), Some(point(5)));
}

#[test]
fn what_is_left_of_broken_replicas_is_moved_aside_and_bounded() {
    let disk = Disk::new();
    let folder = disk.open();
    let store = folder.snapshots(G).unwrap();
    let header = quorate_replica::ports::SnapshotHeader {
        point: point(5),
        kind: quorate_vocabulary::MachineKind::Store,
        plugin: quorate_vocabulary::PluginDigest::of(b"plugin"),
        state_version: 1,
        tail: None,
    };
    store.begin(&header).unwrap().finish().unwrap();
    let kept = folder.keep_evidence(G, ReplicaId(1), "it has diverged").unwrap();
    assert_eq!(fs::read_to_string(kept.join("why.txt")).unwrap(), "it has diverged\n");
    assert_eq!(fs::read_dir(&kept).unwrap().count(), 2, "the snapshot and the reason");
    assert!(store.begin(&header).is_err(), "whoever holds them finds them gone");
    assert!(folder.snapshots(G).unwrap().list().is_empty(), "a new replica finds none");
    assert_eq!(folder.evidence(G), [kept]);
    assert_eq!(folder.evidence(GroupId(99)), Vec::<PathBuf>::new());
    for replica in 2..=12 {
        folder.keep_evidence(G, ReplicaId(replica), "it has no snapshots").unwrap();
    }
    let mut names: Vec<_> = folder
        .evidence(G)
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort_by_key(String::len);
    assert_eq!((names.len(), names[0].as_str()), (EVIDENCE_KEPT_MAX, format!("{G}-5").as_str()));
}
