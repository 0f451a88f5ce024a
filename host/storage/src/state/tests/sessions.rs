//! Rows of sessions beside the machine's keys.

use super::*;
use quorate_replica::ports::{AppliedPoint, SessionRows, Sessions};
use quorate_vocabulary::ReplicaId;

/// The row of a session, as the replica encodes it: term 2, and a time-out.
fn row(number: u8, timeout: u8) -> (Bytes, Bytes) {
    let mut session = [0; 16];
    (session[7], session[15]) = (2, number);
    (key(session), key([8, timeout, 24, 1]))
}

fn sessions(rows: &[(Bytes, Bytes)]) -> Sessions {
    let mut sessions = Sessions::default();
    sessions.load(rows.iter().cloned()).unwrap();
    sessions
}

fn with(index: u64, rows: &[(Bytes, Bytes)]) -> AppliedPoint {
    AppliedPoint { sessions: sessions(rows), ..point(index) }
}

/// Sets these rows, and removes those.
fn changes(set: &[(Bytes, Bytes)], removed: &[(Bytes, Bytes)]) -> StoreChanges {
    let set = set.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
    let removed = removed.iter().map(|(key, _)| (key.clone(), None));
    StoreChanges { sessions: set.chain(removed).collect::<SessionRows>(), ..puts(&["a"]) }
}

#[test]
fn rows_are_written_with_the_point_and_survive_the_process() {
    let disk = Disk::new();
    let state = state(&disk);
    let (one, two, other) = (row(1, 5), row(2, 6), row(1, 7));
    state.commit(changes(&[one.clone(), two.clone()], &[]), &with(2, &[one.clone(), two.clone()])).unwrap();
    assert_eq!(all_keys(&state), ["a"], "a machine sees none of them");
    let expected = with(3, std::slice::from_ref(&other));
    state.commit(changes(&[other], &[two]), &expected).unwrap();
    assert_eq!(state.applied().unwrap(), Some(expected.clone()));
    state.flush().unwrap();
    let after = disk.crash();
    assert_eq!(super::state(&after).applied().unwrap(), Some(expected));
}

#[test]
fn a_load_brings_its_own_sessions_in_place_of_those_before() {
    let disk = Disk::new();
    let state = state(&disk);
    state.commit(changes(&[row(1, 5)], &[]), &with(2, &[row(1, 5)])).unwrap();
    let mut loader = state.begin_load().unwrap();
    assert_eq!(state.applied().unwrap(), None);
    loader.put(vec![(key("b"), key("b"))]).unwrap();
    let expected = with(9, &[row(2, 6), row(3, 7)]);
    loader.finish(&expected).unwrap();
    assert_eq!(state.applied().unwrap(), Some(expected.clone()));
    drop(state);
    let again = super::state(&disk.crash());
    assert_eq!((again.applied().unwrap(), all_keys(&again)), (Some(expected), vec!["b".to_owned()]));
}

#[test]
fn sessions_without_any_key_of_the_machine_survive_a_load() {
    let disk = Disk::new();
    let state = state(&disk);
    let expected = with(9, &[row(2, 6)]);
    state.begin_load().unwrap().finish(&expected).unwrap();
    assert_eq!(super::state(&disk.crash()).applied().unwrap(), Some(expected));
}

#[test]
fn another_replica_begins_without_them() {
    let disk = Disk::new();
    let folder = disk.open();
    let old = folder.state(G, R).unwrap();
    old.commit(changes(&[row(1, 5)], &[]), &with(2, &[row(1, 5)])).unwrap();
    let new = folder.state(G, ReplicaId(79)).unwrap();
    new.commit(puts(&[]), &point(3)).unwrap();
    assert_eq!(new.applied().unwrap(), Some(point(3)));
}

#[test]
fn a_row_that_is_damaged_is_told_and_not_read() {
    let disk = Disk::new();
    let state = state(&disk);
    let nonsense = (key("no session"), key("nothing"));
    state.commit(changes(&[nonsense], &[]), &point(2)).unwrap();
    let error = state.applied().unwrap_err().to_string();
    assert!(error.contains("sessions"), "{error}");
}
