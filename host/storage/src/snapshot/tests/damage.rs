use super::*;
use crate::testing::flip;
use std::fs;

/// The folder of the only finished snapshot.
fn finished(disk: &Disk) -> PathBuf {
    let names = names(disk);
    assert_eq!(names.len(), 1);
    group_folder(disk).join(&names[0])
}

fn taken(content: &[u8]) -> Disk {
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    take(&store, 5, content);
    disk
}

#[test]
fn a_damaged_chunk_is_seen_before_any_byte_of_it_is_given() {
    let content = content(5, 2 * CHUNK + 100);
    let disk = taken(&content);
    for offset in [0, CHUNK - 1, CHUNK, 2 * CHUNK + 99] {
        let damaged = disk.crash();
        flip(&finished(&damaged).join("data"), offset);
        let (_folder, store) = snapshots(&damaged);
        let mut reader = store.read(5).unwrap();
        let mut given = Vec::new();
        for _ in 0..2 {
            let error = reader.read_to_end(&mut given).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
            assert!(
                error.to_string().contains("group 7") && error.to_string().contains("index 5"),
                "{error}"
            );
            assert_eq!(given, content[..offset / CHUNK * CHUNK], "{offset}");
        }
        let mut sent = store.send(5).unwrap();
        let error = sent.read_at(u64::try_from(offset).unwrap(), 1).unwrap_err();
        assert!(matches!(error, StorageError::Corruption { group: G, index: Some(5), .. }), "{error}");
    }
}

#[test]
fn data_of_another_length_is_not_used() {
    let disk = taken(b"content");
    for length in [0, 6, 8] {
        let damaged = disk.crash();
        let file = fs::File::options().write(true).open(finished(&damaged).join("data")).unwrap();
        file.set_len(length).unwrap();
        let (_folder, store) = snapshots(&damaged);
        assert_eq!(store.newest().unwrap(), None);
    }
}

#[test]
fn data_that_changes_its_length_while_it_is_open_is_seen() {
    let content = content(5, CHUNK);
    for length in [CHUNK - 1, CHUNK + 1] {
        let disk = taken(&content);
        let (_folder, store) = snapshots(&disk);
        let file = fs::File::options().write(true).open(finished(&disk).join("data")).unwrap();
        file.set_len(u64::try_from(length).unwrap()).unwrap();
        assert!(read(&store, 5).is_err());
    }
}

#[test]
fn every_flipped_byte_and_cut_of_a_manifest_is_seen() {
    let disk = taken(b"content");
    let path = finished(&disk).join("manifest");
    let whole = fs::read(&path).unwrap();
    for byte in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[byte] ^= 4;
        assert!(manifest::Manifest::read(G, flipped.into()).is_err(), "{byte}");
        assert!(manifest::Manifest::read(G, whole[..byte].to_vec().into()).is_err(), "{byte}");
    }
    flip(&path, 20);
    let (_folder, store) = snapshots(&disk);
    assert_eq!(store.newest().unwrap(), None);
}

#[test]
fn a_damaged_one_is_left_to_be_looked_at_until_the_next_is_placed() {
    let disk = taken(b"content");
    flip(&finished(&disk).join("manifest"), 20);
    let (_folder, store) = snapshots(&disk);
    assert_eq!(names(&disk).len(), 1);
    take(&store, 5, b"again");
    assert_eq!(names(&disk).len(), 1);
    assert_eq!(read(&store, 5).unwrap(), b"again");
}

#[test]
fn a_snapshot_of_another_index_or_group_is_not_used() {
    let disk = taken(b"content");
    let folder = finished(&disk);
    fs::rename(&folder, group_folder(&disk).join("00000000000000000006-1")).unwrap();
    let other = disk.path().join("snapshots").join("8");
    fs::create_dir(&other).unwrap();
    fs::rename(group_folder(&disk).join("00000000000000000006-1"), other.join("00000000000000000005-1"))
        .unwrap();
    let folder = disk.open();
    assert!(folder.snapshots(quorate_vocabulary::GroupId(8)).unwrap().list().is_empty());
    fs::rename(other.join("00000000000000000005-1"), group_folder(&disk).join("00000000000000000006-1"))
        .unwrap();
    assert!(folder.snapshots(G).unwrap().list().is_empty());
}
