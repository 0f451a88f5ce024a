use super::*;
use crate::{
    StorageError,
    raft::keys,
    testing::{Numbers, files, flip},
};
use quorate_vocabulary::PluginDigest;
use std::fs;

/// Large enough for a file of its own.
fn plugin() -> (PluginDigest, Bytes) {
    let bytes = Bytes::from(Numbers(5).bytes(200_000));
    (PluginDigest::of(&bytes), bytes)
}

#[test]
fn a_plugin_is_there_after_a_crash() {
    let disk = Disk::new();
    let raft = created(&disk, &[]);
    let (digest, bytes) = plugin();
    let small = Bytes::from_static(b"small");
    assert_eq!(raft.plugin(digest).unwrap(), None);
    assert!(!raft.has_plugin(digest));
    raft.put_plugin(digest, &bytes).unwrap();
    raft.put_plugin(PluginDigest::of(&small), &small).unwrap();
    let after = disk.crash();
    let raft = after.open().raft();
    assert!(raft.has_plugin(digest));
    assert_eq!(raft.plugin(digest).unwrap(), Some(bytes));
    assert_eq!(raft.plugin(PluginDigest::of(&small)).unwrap(), Some(small));
    assert_eq!(raft.plugins().iter().map(|plugin| plugin.bytes).sum::<u64>(), 200_005);
}

#[test]
fn bytes_of_another_digest_are_refused() {
    let disk = Disk::new();
    let raft = created(&disk, &[]);
    let (digest, _) = plugin();
    let error = raft.put_plugin(digest, &Bytes::from_static(b"other")).unwrap_err();
    assert!(matches!(error, StorageError::OtherDigest { expected, .. } if expected == digest), "{error}");
    assert!(!raft.has_plugin(digest));
}

#[test]
fn a_removed_plugin_is_gone() {
    let disk = Disk::new();
    let raft = created(&disk, &[]);
    let (digest, bytes) = plugin();
    raft.put_plugin(digest, &bytes).unwrap();
    raft.remove_plugin(digest).unwrap();
    raft.remove_plugin(digest).unwrap();
    assert!(!raft.has_plugin(digest));
    drop(raft);
    let raft = disk.open().raft();
    assert!(raft.plugins().is_empty());
    assert_eq!(raft.plugin(digest).unwrap(), None);
}

#[test]
fn damaged_bytes_are_seen_and_can_be_stored_again() {
    let disk = Disk::new();
    let raft = created(&disk, &[]);
    let (digest, bytes) = plugin();
    raft.put_plugin(digest, &bytes).unwrap();
    let family = raft.family(keys::PLUGINS);
    let other = crate::record::seal(digest.as_bytes(), &[b"other"]);
    for damage in [Some(b"nonsense".to_vec()), Some(other), None] {
        match damage {
            Some(record) => raft.db.put_cf(family, digest.as_bytes(), record).unwrap(),
            None => raft.db.delete_cf(family, digest.as_bytes()).unwrap(),
        }
        let error = raft.plugin(digest).unwrap_err();
        assert!(
            matches!(error, StorageError::DamagedPlugin { digest: found, .. } if found == digest),
            "{error}"
        );
        raft.put_plugin(digest, &bytes).unwrap();
        assert_eq!(raft.plugin(digest).unwrap(), Some(bytes.clone()));
    }
}

#[test]
fn a_plugin_whose_record_is_damaged_is_as_if_it_were_not_there() {
    let disk = Disk::new();
    let raft = created(&disk, &[]);
    let (digest, bytes) = plugin();
    raft.put_plugin(digest, &bytes).unwrap();
    raft.db.put(keys::plugin(digest), b"nonsense").unwrap();
    drop(raft);
    let raft = disk.open().raft();
    assert!(!raft.has_plugin(digest));
    raft.put_plugin(digest, &bytes).unwrap();
    drop(raft);
    assert!(disk.open().raft().has_plugin(digest));
}

#[test]
fn damage_in_the_file_of_a_large_plugin_is_seen() {
    let disk = Disk::new();
    let raft = created(&disk, &[]);
    let (digest, bytes) = plugin();
    raft.put_plugin(digest, &bytes).unwrap();
    raft.db.flush_cf(raft.family(keys::PLUGINS)).unwrap();
    drop(raft);
    let [blob] = &files(&disk.path().join("raft"), ".blob")[..] else { panic!("one file of its own") };
    let length = usize::try_from(fs::metadata(blob).unwrap().len()).unwrap();
    flip(blob, length / 2);
    let raft = disk.open().raft();
    let error = raft.plugin(digest).unwrap_err();
    assert!(matches!(error, StorageError::DamagedPlugin { .. }), "{error}");
    raft.put_plugin(digest, &bytes).unwrap();
    assert_eq!(raft.plugin(digest).unwrap(), Some(bytes));
}
