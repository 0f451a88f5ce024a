use super::*;
use quorate_replica::ports::StateLoader;

fn pairs(keys: &[&str]) -> Vec<(Bytes, Bytes)> {
    keys.iter().map(|text| (key(text), key("loaded"))).collect()
}

fn begun(state: &GroupState, keys: &[&str]) -> Box<dyn StateLoader> {
    let mut load = state.begin_load().unwrap();
    load.put(pairs(keys)).unwrap();
    load
}

#[test]
fn a_load_replaces_everything() {
    let disk = Disk::new();
    let state = state(&disk);
    state.commit(puts(&["a", "b"]), &point(2)).unwrap();
    let mut load = begun(&state, &["b", "c"]);
    load.put(pairs(&["d"])).unwrap();
    load.put(Vec::new()).unwrap();
    load.finish(&point(50)).unwrap();
    assert_eq!(all_keys(&state), ["b", "c", "d"]);
    assert_eq!(state.view().unwrap().get(b"b").unwrap(), Some(key("loaded")));
    assert_eq!(state.applied().unwrap(), Some(point(50)));
    state.commit(puts(&["e"]), &point(51)).unwrap();
    assert_eq!(all_keys(&state), ["b", "c", "d", "e"]);
}

#[test]
fn a_load_of_nothing_starts_from_nothing() {
    let disk = Disk::new();
    let state = state(&disk);
    state.begin_load().unwrap().finish(&point(1)).unwrap();
    assert_eq!(state.applied().unwrap(), Some(point(1)));
    assert!(all_keys(&state).is_empty());
}

#[test]
fn a_finished_load_survives_a_crash() {
    let disk = Disk::new();
    let state = state(&disk);
    state.commit(puts(&["a"]), &point(2)).unwrap();
    begun(&state, &["b"]).finish(&point(50)).unwrap();
    let after = disk.crash();
    let again = super::state(&after);
    assert_eq!(again.applied().unwrap(), Some(point(50)));
    assert_eq!(all_keys(&again), ["b"]);
}

#[test]
fn a_load_that_is_not_finished_leaves_no_applied_point() {
    let disk = Disk::new();
    let first = state(&disk);
    first.commit(puts(&["a"]), &point(2)).unwrap();
    let load = begun(&first, &["b"]);
    assert_eq!(first.applied().unwrap(), None);
    drop(load);
    // Now, after a crash, and after an orderly end.
    let after = disk.crash();
    for state in [first, state(&after)] {
        assert_eq!(state.applied().unwrap(), None);
        let fault = state.commit(puts(&["c"]), &point(3)).unwrap_err();
        assert!(fault.to_string().contains("load a snapshot first"), "{fault}");
    }
    let again = state(&disk);
    assert_eq!(again.applied().unwrap(), None);
    assert!(again.commit(puts(&["c"]), &point(3)).is_err());
    begun(&again, &["d"]).finish(&point(60)).unwrap();
    assert_eq!(all_keys(&again), ["d"]);
    again.commit(puts(&["e"]), &point(61)).unwrap();
}

#[test]
fn a_load_that_was_overtaken_can_do_nothing() {
    let disk = Disk::new();
    let folder = disk.open();
    let state = folder.state(G, R).unwrap();
    let mut old = begun(&state, &["old"]);
    let new = begun(&state, &["new"]);
    assert!(old.put(pairs(&["older"])).is_err());
    assert!(old.finish(&point(40)).is_err());
    new.finish(&point(50)).unwrap();
    assert_eq!((all_keys(&state), state.applied().unwrap()), (vec!["new".to_owned()], Some(point(50))));

    let mut lost = begun(&state, &["lost"]);
    folder.destroy(G).unwrap();
    assert!(lost.put(pairs(&["x"])).is_err());
    assert!(lost.finish(&point(60)).is_err());
}

#[test]
fn commits_of_others_during_a_load_are_not_lost_in_a_crash() {
    let disk = Disk::new();
    let folder = disk.open();
    let other = folder.state(quorate_vocabulary::GroupId(8), R).unwrap();
    let state = folder.state(G, R).unwrap();
    let load = begun(&state, &["b"]);
    other.commit(puts(&["o"]), &point(2)).unwrap();
    let after = disk.crash();
    drop(load);
    let folder = after.open();
    let other = folder.state(quorate_vocabulary::GroupId(8), R).unwrap();
    assert_eq!((all_keys(&other), other.applied().unwrap()), (vec!["o".to_owned()], Some(point(2))));
    assert_eq!(folder.state(G, R).unwrap().applied().unwrap(), None);
}

/// More than is written at once: `count` pairs of 64 KiB each.
fn many(begin: usize, count: usize) -> Vec<(Bytes, Bytes)> {
    let pair = |number: usize| {
        let value = vec![u8::try_from(number % 251).unwrap(); 64 << 10];
        (key(format!("key-{number:06}")), Bytes::from(value))
    };
    (begin..begin + count).map(pair).collect()
}

fn all_pairs(state: &GroupState) -> Vec<(Bytes, Bytes)> {
    state.view().unwrap().scan(&ScanRange::everything()).unwrap()
}

/// What loads have left beside the database.
fn leftovers(disk: &Disk) -> usize {
    std::fs::read_dir(disk.path().join("state.loading")).map_or(0, Iterator::count)
}

#[test]
fn a_large_load_replaces_everything_and_survives_a_crash() {
    let disk = Disk::new();
    let first = state(&disk);
    first.commit(puts(&["a", "key-000003", "z"]), &point(2)).unwrap();
    let before = first.view().unwrap();
    let mut load = first.begin_load().unwrap();
    // In pages of different sizes, and of more than one table.
    for (begin, count) in [(0, 1), (1, 40), (41, 0), (41, 700)] {
        load.put(many(begin, count)).unwrap();
    }
    load.finish(&point(50)).unwrap();
    first.commit(puts(&["key-000003", "last"]), &point(51)).unwrap();
    let mut expected = many(0, 741);
    expected[3].1 = key("key-000003");
    expected.push((key("last"), key("last")));
    assert!(all_pairs(&first) == expected);
    assert_eq!(keys_of(&*before, &ScanRange::everything()), ["a", "key-000003", "z"], "a view never changes");
    assert_eq!(leftovers(&disk), 0);
    let after = disk.crash();
    let again = state(&after);
    assert!(again.applied().unwrap().unwrap().index >= 50);
    assert!(all_pairs(&again)[4..741] == expected[4..741]);
    // And another one in its place.
    let mut load = again.begin_load().unwrap();
    load.put(many(100, 30)).unwrap();
    load.finish(&point(60)).unwrap();
    assert!(all_pairs(&again) == many(100, 30));
}

#[test]
fn a_large_load_that_is_not_finished_leaves_nothing() {
    let disk = Disk::new();
    let first = state(&disk);
    first.commit(puts(&["a"]), &point(2)).unwrap();
    let mut load = first.begin_load().unwrap();
    load.put(many(0, 60)).unwrap();
    assert_eq!((first.applied().unwrap(), leftovers(&disk)), (None, 1));
    let after = disk.crash();
    drop(load);
    assert_eq!(leftovers(&disk), 0);
    let again = state(&after);
    assert_eq!((again.applied().unwrap(), leftovers(&after)), (None, 0));
    let mut load = again.begin_load().unwrap();
    load.put(many(30, 60)).unwrap();
    load.finish(&point(60)).unwrap();
    assert!(all_pairs(&again) == many(30, 60));
}

#[test]
fn a_large_load_that_was_overtaken_can_do_nothing() {
    let disk = Disk::new();
    let state = state(&disk);
    let mut old = state.begin_load().unwrap();
    old.put(many(0, 60)).unwrap();
    let mut new = state.begin_load().unwrap();
    new.put(many(10, 60)).unwrap();
    assert!(old.put(many(60, 1)).is_err());
    assert!(old.finish(&point(40)).is_err());
    new.finish(&point(50)).unwrap();
    assert!(all_pairs(&state) == many(10, 60));
}

#[test]
fn keys_of_a_large_load_must_ascend() {
    let disk = Disk::new();
    let state = state(&disk);
    let mut load = state.begin_load().unwrap();
    load.put(many(100, 60)).unwrap();
    // Met by the thread that writes, and told at the latest at the end.
    let told = load.put(many(0, 60)).and_then(|()| load.finish(&point(50)));
    assert!(told.is_err());
    assert_eq!(state.applied().unwrap(), None);
}
