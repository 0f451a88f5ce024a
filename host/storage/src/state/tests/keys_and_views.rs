use super::*;
use crate::testing::Numbers;
use quorate_vocabulary::GroupId;
use std::collections::BTreeMap;

#[test]
fn a_view_shows_what_was_there_when_it_was_made() {
    let disk = Disk::new();
    let folder = disk.open();
    let state = folder.state(G, R).unwrap();
    state.commit(puts(&["a", "b"]), &point(2)).unwrap();
    let before = state.view().unwrap();
    state.commit(puts(&["c"]), &point(3)).unwrap();
    state.commit(removes(&[range("a", None)]), &point(4)).unwrap();
    state.begin_load().unwrap();
    folder.destroy(G).unwrap();
    drop((folder, state));
    // The view alone keeps the database open.
    assert_eq!(keys_of(&*before, &ScanRange::everything()), ["a", "b"]);
    assert_eq!(before.get(b"a").unwrap(), Some(key("a")));
    assert_eq!(before.get(b"c").unwrap(), None);
}

#[test]
fn views_can_be_read_on_other_threads() {
    let disk = Disk::new();
    let state = state(&disk);
    state.commit(puts(&["a"]), &point(2)).unwrap();
    let views: Vec<_> = (0..4).map(|_| state.view().unwrap()).collect();
    let threads = views.into_iter().map(|view| std::thread::spawn(move || view.get(b"a").unwrap()));
    for thread in threads.collect::<Vec<_>>() {
        assert_eq!(thread.join().unwrap(), Some(key("a")));
    }
}

#[test]
fn ranges_are_removed_before_keys_are_set() {
    let disk = Disk::new();
    let state = state(&disk);
    state.commit(puts(&["a", "b", "c", "d", "e"]), &point(2)).unwrap();
    let mut changes = removes(&[range("b", Some("d"))]);
    changes.keys.insert(key("c"), Some(key("new")));
    changes.keys.insert(key("e"), None);
    state.commit(changes, &point(3)).unwrap();
    assert_eq!(all_keys(&state), ["a", "c", "d"]);
    assert_eq!(state.view().unwrap().get(b"c").unwrap(), Some(key("new")));
}

#[test]
fn a_range_without_end_stays_within_its_group() {
    let disk = Disk::new();
    let folder = disk.open();
    let groups = [GroupId(6), G, GroupId(8)];
    for group in groups {
        folder.state(group, R).unwrap().commit(puts(&["a", "z"]), &point(2)).unwrap();
    }
    folder.state(G, R).unwrap().commit(removes(&[KeyRange::all()]), &point(3)).unwrap();
    for group in groups {
        let left: &[&str] = if group == G { &[] } else { &["a", "z"] };
        let state = folder.state(group, R).unwrap();
        assert_eq!(all_keys(&state), left);
        let backwards = ScanRange { reverse: true, ..ScanRange::everything() };
        assert_eq!(keys_of(&*state.view().unwrap(), &backwards).len(), left.len());
    }
    assert_eq!(folder.state(G, R).unwrap().applied().unwrap(), Some(point(3)));
}

#[test]
fn a_range_that_is_empty_removes_nothing() {
    let disk = Disk::new();
    let state = state(&disk);
    state.commit(puts(&["a", "b", "c"]), &point(2)).unwrap();
    state.commit(removes(&[range("b", Some("b")), range("c", Some("a"))]), &point(3)).unwrap();
    assert_eq!(all_keys(&state), ["a", "b", "c"]);
}

#[test]
fn scans_keep_their_range_direction_and_limits() {
    let disk = Disk::new();
    let state = state(&disk);
    state.commit(puts(&["a", "b", "c", "d"]), &point(2)).unwrap();
    let view = state.view().unwrap();
    let scan = |start, end, limit, bytes_max, reverse| {
        keys_of(&*view, &ScanRange { keys: range(start, end), limit, bytes_max, reverse })
    };
    assert_eq!(scan("b", Some("d"), 9, u64::MAX, false), ["b", "c"]);
    assert_eq!(scan("b", Some("d"), 9, u64::MAX, true), ["c", "b"]);
    assert_eq!(scan("b", None, 9, u64::MAX, true), ["d", "c", "b"]);
    assert_eq!(scan("", None, 2, u64::MAX, false), ["a", "b"]);
    assert_eq!(scan("", None, 2, u64::MAX, true), ["d", "c"]);
    assert_eq!(scan("aa", Some("bb"), 9, u64::MAX, false), ["b"]);
    // Two bytes a pair, and the first always comes.
    assert_eq!(scan("", None, 9, 0, false), ["a"]);
    assert_eq!(scan("", None, 9, 5, true), ["d", "c"]);
    assert_eq!(scan("", None, 9, 6, false), ["a", "b", "c"]);
    for nothing in
        [scan("", None, 0, 9, false), scan("c", Some("c"), 9, 9, false), scan("d", Some("a"), 9, 9, true)]
    {
        assert!(nothing.is_empty());
    }
}

#[test]
fn any_bytes_make_a_key() {
    let disk = Disk::new();
    let state = state(&disk);
    let keys: Vec<&[u8]> =
        vec![b"", b"\0", b"\0\0", b"\x01", b"\xFF", b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"];
    let pairs: Vec<_> = keys.iter().map(|name| (key(name), key(name))).collect();
    let changes = StoreChanges {
        keys: pairs.iter().cloned().map(|(k, v)| (k, Some(v))).collect(),
        ..StoreChanges::default()
    };
    state.commit(changes, &point(2)).unwrap();
    let view = state.view().unwrap();
    assert_eq!(view.scan(&ScanRange::everything()).unwrap(), pairs);
    for name in keys {
        assert_eq!(view.get(name).unwrap(), Some(key(name)));
    }
}

#[test]
fn random_changes_give_what_a_plain_map_gives() {
    let disk = Disk::new();
    let mut numbers = Numbers(11);
    let mut state = state(&disk);
    let mut plain: BTreeMap<Bytes, Bytes> = BTreeMap::new();
    for index in 2..150 {
        let mut changes = StoreChanges::default();
        let mut name = || {
            key([b'a' + u8::try_from(numbers.below(5)).unwrap(), u8::try_from(numbers.below(256)).unwrap()])
        };
        if index % 7 == 0 {
            let (one, other) = (name(), name());
            let removed = KeyRange { start: one.clone().min(other.clone()), end: Some(one.max(other)) };
            plain.retain(|key, _| !removed.contains(key));
            changes.removed.push(removed);
        }
        for number in 0..10 {
            let name = name();
            let value = (number % 3 != 0).then(|| key(format!("{index}.{number}")));
            match &value {
                Some(value) => plain.insert(name.clone(), value.clone()),
                None => plain.remove(&name),
            };
            changes.keys.insert(name, value);
        }
        state.commit(changes, &point(index)).unwrap();
        if index % 50 == 0 {
            drop(state);
            state = super::state(&disk);
        }
        let from = KeyRange { start: key([b'a' + u8::try_from(numbers.below(5)).unwrap()]), end: None };
        let expected: Vec<_> =
            plain.range(from.start.clone()..).map(|(k, v)| (k.clone(), v.clone())).collect();
        let view = state.view().unwrap();
        let scan = ScanRange { keys: from, ..ScanRange::everything() };
        assert_eq!(view.scan(&scan).unwrap(), expected);
        let mut backwards = view.scan(&ScanRange { reverse: true, ..scan }).unwrap();
        backwards.reverse();
        assert_eq!(backwards, expected);
    }
}
