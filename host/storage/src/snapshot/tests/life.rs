use super::*;
use crate::StorageOptions;
use std::fs;

#[test]
fn a_snapshot_reads_back_whatever_its_size() {
    let disk = Disk::new();
    for (number, length) in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17].into_iter().enumerate() {
        let index = 10 + u64::try_from(number).unwrap();
        let content = content(index, length);
        let (folder, store) = snapshots(&disk);
        let info = take(&store, index, &content);
        assert_eq!(info, SnapshotInfo { header: header(index), bytes: u64::try_from(length).unwrap() });
        assert_eq!(read(&store, index).unwrap(), content);
        drop((folder, store));
        let (_folder, store) = snapshots(&disk);
        assert_eq!(store.newest().unwrap(), Some(info));
        let (found, mut reader) = store.open(index).unwrap();
        assert_eq!(found, header(index));
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, content);
    }
}

#[test]
fn a_reader_and_a_writer_may_use_pieces_of_any_size() {
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    let content = content(5, 2 * CHUNK + 1000);
    let mut writer = store.begin(&header(5)).unwrap();
    for piece in content.chunks(700_001) {
        writer.write_all(piece).unwrap();
        writer.flush().unwrap();
    }
    writer.finish().unwrap();
    let mut reader = store.read(5).unwrap();
    assert_eq!(reader.read(&mut []).unwrap(), 0);
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 333_333];
    loop {
        let length = reader.read(&mut buffer).unwrap();
        if length == 0 {
            break;
        }
        bytes.extend_from_slice(&buffer[..length]);
    }
    assert_eq!(bytes, content);
    assert_eq!(reader.read(&mut buffer).unwrap(), 0);
}

#[test]
fn an_unfinished_snapshot_leaves_no_trace() {
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    let mut writer = store.begin(&header(5)).unwrap();
    writer.write_all(&content(5, 3 * CHUNK)).unwrap();
    assert_eq!(names(&disk).len(), 1);
    drop(writer);
    assert!(names(&disk).is_empty());
    assert_eq!(store.newest().unwrap(), None);
    assert!(matches!(store.read(5), Err(StorageError::NoSnapshot { index: 5, .. })));
}

#[test]
fn nothing_is_created_for_a_group_without_snapshots() {
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    assert!(store.list().is_empty());
    store.discard(5).unwrap();
    assert!(!group_folder(&disk).exists());
}

#[test]
fn a_finished_snapshot_is_there_after_a_crash_and_an_unfinished_one_is_not() {
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    take(&store, 5, b"five");
    let mut writer = store.begin(&header(6)).unwrap();
    writer.write_all(&content(6, CHUNK + 5)).unwrap();
    let after = disk.crash();
    drop(writer);
    assert_eq!(names(&after).len(), 2);
    let (_folder, store) = snapshots(&after);
    assert_eq!(indexes(&store), [5]);
    assert_eq!(names(&after).len(), 1);
    assert_eq!(read(&store, 5).unwrap(), b"five");
}

#[test]
fn the_newest_are_kept() {
    let disk = Disk::new();
    let (folder, store) = snapshots(&disk);
    for index in [5, 6, 7, 8] {
        take(&store, index, b"content");
    }
    assert_eq!(indexes(&store), [7, 8]);
    drop((folder, store));
    // Whatever is asked for: the one that a machine was loaded from must outlive the next one.
    for (kept, left) in [(0, &[8, 9][..]), (1, &[9, 10]), (3, &[9, 10, 11])] {
        let options = StorageOptions { snapshots_kept: kept, ..StorageOptions::default() };
        let folder = DataFolder::open_with(disk.path(), crate::testing::identity(), &options).unwrap();
        let store = folder.snapshots(G).unwrap();
        let next = *left.last().unwrap();
        take(&store, next, b"content");
        assert_eq!(indexes(&store), left, "{kept} were asked for");
        assert_eq!(names(&disk).len(), left.len());
    }
}

#[test]
fn one_that_is_older_than_all_kept_is_not_removed_as_it_is_placed() {
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    for index in [20, 21, 5] {
        take(&store, index, b"content");
    }
    assert_eq!(indexes(&store), [5, 20, 21]);
    take(&store, 22, b"content");
    assert_eq!(indexes(&store), [21, 22]);
}

#[test]
fn one_at_the_same_index_replaces_the_other() {
    let disk = Disk::new();
    let (folder, store) = snapshots(&disk);
    take(&store, 5, b"first");
    let mut reader = store.read(5).unwrap();
    take(&store, 5, b"second");
    assert_eq!(names(&disk).len(), 1);
    assert_eq!(read(&store, 5).unwrap(), b"second");
    let mut first = Vec::new();
    reader.read_to_end(&mut first).unwrap();
    assert_eq!(first, b"first");
    drop((folder, store));
    let (_folder, store) = snapshots(&disk);
    assert_eq!(read(&store, 5).unwrap(), b"second");
}

#[test]
fn a_crash_between_placing_one_and_removing_the_one_before_leaves_the_later() {
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    take(&store, 5, b"first");
    let after = disk.crash();
    take(&store, 5, b"second");
    let second = names(&disk).remove(0);
    let target = group_folder(&after).join(&second);
    fs::create_dir(&target).unwrap();
    for file in ["data", "manifest"] {
        fs::copy(group_folder(&disk).join(&second).join(file), target.join(file)).unwrap();
    }
    assert_eq!(names(&after).len(), 2);
    let (_folder, store) = snapshots(&after);
    assert_eq!(read(&store, 5).unwrap(), b"second");
    assert_eq!(names(&after), [second]);
}

#[test]
fn half_removed_ones_are_removed_when_opened() {
    let disk = Disk::new();
    let (folder, store) = snapshots(&disk);
    take(&store, 5, b"five");
    drop((folder, store));
    fs::create_dir(group_folder(&disk).join("removed-900")).unwrap();
    fs::create_dir(group_folder(&disk).join("taking-901")).unwrap();
    fs::write(group_folder(&disk).join("removed-900").join("data"), "x").unwrap();
    let (_folder, store) = snapshots(&disk);
    assert_eq!(names(&disk).len(), 1);
    // Generations go on behind every number that was ever used.
    take(&store, 5, b"again");
    assert!(names(&disk)[0].ends_with("-903"), "{:?}", names(&disk));
}

#[test]
fn what_is_none_of_ours_is_left_alone() {
    let disk = Disk::new();
    let (folder, store) = snapshots(&disk);
    take(&store, 5, b"five");
    drop((folder, store));
    fs::write(group_folder(&disk).join("notes.txt"), "mine").unwrap();
    let (_folder, store) = snapshots(&disk);
    for index in [6, 7, 8] {
        take(&store, index, b"content");
    }
    assert!(names(&disk).contains(&"notes.txt".to_owned()));
}

#[test]
fn a_discarded_one_is_gone_though_who_reads_it_may_go_on() {
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    let content = content(5, 2 * CHUNK);
    take(&store, 5, &content);
    let (mut reader, mut sent) = (store.read(5).unwrap(), store.send(5).unwrap());
    store.discard(5).unwrap();
    assert!(names(&disk).is_empty());
    assert!(store.open(5).is_err());
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, content);
    assert_eq!(sent.read_at(0, 10).unwrap(), content[..10]);
}

#[test]
fn a_destroyed_groups_snapshots_are_gone_for_whoever_holds_them() {
    let disk = Disk::new();
    let (folder, store) = snapshots(&disk);
    take(&store, 5, b"five");
    let mut writer = store.begin(&header(6)).unwrap();
    writer.write_all(b"six").unwrap();
    folder.destroy(G).unwrap();
    assert!(writer.finish().is_err());
    assert!(store.begin(&header(7)).is_err());
    assert!(store.list().is_empty());
    assert!(!group_folder(&disk).exists());
    let store = folder.snapshots(G).unwrap();
    take(&store, 8, b"eight");
    assert_eq!(indexes(&store), [8]);
}
