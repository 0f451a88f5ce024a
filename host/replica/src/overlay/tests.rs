use super::{Overlay, StoreError};
use crate::{
    ports::{AppliedPoint, GroupLimits, HostFault, KeyRange, ScanRange, StateStore, StoreChanges, StoreView},
    testing::MemoryStore,
};
use bytes::Bytes;
use proptest::prelude::*;
use quorate_proto::entry::Configuration;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

type Pairs = BTreeMap<Bytes, Bytes>;

fn key(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn range(start: &'static str, end: Option<&'static str>) -> KeyRange {
    KeyRange { start: key(start), end: end.map(key) }
}

fn store_of(pairs: &[(&'static str, &'static str)]) -> MemoryStore {
    let store = MemoryStore::default();
    let keys = pairs.iter().map(|(name, value)| (key(name), Some(key(value)))).collect();
    commit(&store, StoreChanges { keys, ..StoreChanges::default() });
    store
}

fn commit(store: &MemoryStore, changes: StoreChanges) {
    store.commit(changes, &AppliedPoint::initial(Configuration::default())).expect("no fault");
}

fn over(store: &MemoryStore) -> Overlay {
    Overlay::new(store.view().expect("no fault"), &GroupLimits::default())
}

fn keys(overlay: &Overlay, reverse: bool) -> Vec<String> {
    let pairs = overlay.scan(&ScanRange { reverse, ..ScanRange::everything() }).expect("no fault");
    pairs.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect()
}

#[test]
fn a_command_sees_its_own_changes() {
    let mut overlay = over(&store_of(&[("a", "1"), ("b", "1")]));
    overlay.put(key("c"), key("2")).expect("within limits");
    overlay.put(key("a"), key("2")).expect("within limits");
    overlay.delete(key("b")).expect("within limits");
    assert_eq!(overlay.get(b"a").expect("no fault"), Some(key("2")));
    assert_eq!(overlay.get(b"b").expect("no fault"), None);
    assert_eq!(keys(&overlay, false), ["a", "c"]);
    assert_eq!(keys(&overlay, true), ["c", "a"]);
}

#[test]
fn dropping_a_command_leaves_those_before_it() {
    let mut overlay = over(&store_of(&[("a", "1")]));
    overlay.put(key("b"), key("1")).expect("within limits");
    overlay.keep_command();
    overlay.delete_range(KeyRange::all()).expect("within limits");
    overlay.put(key("c"), key("1")).expect("within limits");
    assert_eq!(keys(&overlay, false), ["c"]);
    overlay.drop_command();
    assert_eq!(keys(&overlay, false), ["a", "b"]);
    assert_eq!(overlay.into_changes().keys.len(), 1);
}

#[test]
fn a_removed_range_hides_what_was_there_and_not_what_comes_later() {
    let store = store_of(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")]);
    let mut overlay = over(&store);
    overlay.put(key("bb"), key("1")).expect("within limits");
    overlay.keep_command();
    overlay.delete_range(range("b", Some("d"))).expect("within limits");
    overlay.put(key("c"), key("2")).expect("within limits");
    assert_eq!(overlay.get(b"bb").expect("no fault"), None);
    assert_eq!(keys(&overlay, false), ["a", "c", "d"]);
    assert_eq!(keys(&overlay, true), ["d", "c", "a"]);
    overlay.keep_command();
    let changes = overlay.into_changes();
    assert_eq!(changes.removed, [range("b", Some("d"))]);
    assert_eq!(changes.keys, [(key("c"), Some(key("2")))].into());
    commit(&store, changes);
    assert_eq!(store.pairs().into_keys().collect::<Vec<_>>(), ["a", "c", "d"]);
}

#[test]
fn ranges_that_meet_become_one() {
    let mut overlay = over(&store_of(&[]));
    for (start, end) in
        [("c", Some("d")), ("a", Some("b")), ("b", Some("c")), ("x", Some("y")), ("z", Some("z"))]
    {
        overlay.delete_range(range(start, end)).expect("within limits");
    }
    overlay.keep_command();
    overlay.delete_range(range("y", None)).expect("within limits");
    overlay.keep_command();
    assert_eq!(overlay.into_changes().removed, [range("a", Some("d")), range("x", None)]);
}

#[test]
fn a_range_whose_end_is_not_behind_its_start_is_empty() {
    let mut overlay = over(&store_of(&[("a", "1"), ("b", "1")]));
    overlay.delete_range(range("b", Some("a"))).expect("within limits");
    overlay.delete_range(range("a", Some("a"))).expect("within limits");
    let backwards = ScanRange { keys: range("b", Some("a")), ..ScanRange::everything() };
    assert_eq!(overlay.scan(&backwards).expect("no fault"), []);
    overlay.keep_command();
    assert!(overlay.into_changes().is_empty());
}

#[test]
fn a_scan_ends_at_its_limits_but_gives_one_pair_at_least() {
    let store = store_of(&[("a", "1"), ("b", "22"), ("c", "3")]);
    let mut overlay = over(&store);
    let scan = |overlay: &Overlay, limit, bytes_max| {
        let range = ScanRange { limit, bytes_max, ..ScanRange::everything() };
        overlay.scan(&range).expect("no fault").len()
    };
    assert_eq!(scan(&overlay, 2, 100), 2);
    assert_eq!(scan(&overlay, 0, 100), 0);
    assert_eq!(scan(&overlay, 9, 5), 2);
    assert_eq!(scan(&overlay, 9, 4), 1);
    assert_eq!(scan(&overlay, 9, 0), 1);
    // A pair that is removed counts for nothing.
    overlay.delete(key("a")).expect("within limits");
    assert_eq!(scan(&overlay, 9, 5), 2);
    // However much is asked for, a scan gives a mebibyte.
    let large = Bytes::from(vec![0; 400 << 10]);
    for name in ["l1", "l2", "l3"] {
        overlay.put(key(name), large.clone()).expect("within limits");
    }
    assert_eq!(scan(&overlay, usize::MAX, u64::MAX), 4);
}

fn limit_of(result: &Result<(), StoreError>) -> Option<(&'static str, u64, u64)> {
    match result {
        Err(StoreError::Limit { what, bytes, max }) => Some((what, *bytes, *max)),
        _ => None,
    }
}

#[test]
fn what_passes_a_limit_is_refused() {
    let limits = GroupLimits {
        key_bytes_max: 4,
        value_bytes_max: 8,
        changed_bytes_per_command_max: 20,
        ..GroupLimits::default()
    };
    let mut overlay = Overlay::new(store_of(&[]).view().expect("no fault"), &limits);
    assert_eq!(limit_of(&overlay.put(key("12345"), key(""))), Some(("a key", 5, 4)));
    assert_eq!(limit_of(&overlay.put(key("1234"), key("123456789"))), Some(("a value", 9, 8)));
    assert_eq!(limit_of(&overlay.delete(key("12345"))), Some(("a key", 5, 4)));
    assert_eq!(limit_of(&overlay.delete_range(range("", Some("12345")))), Some(("a key", 5, 4)));
    assert!(overlay.get(b"12345").is_err());
    let scan = ScanRange { keys: range("12345", None), ..ScanRange::everything() };
    assert!(overlay.scan(&scan).is_err());
    // 4 + 8 + 4 + 4 is as much as one command may change.
    assert_eq!(limit_of(&overlay.put(key("1234"), key("12345678"))), None);
    assert_eq!(limit_of(&overlay.delete_range(range("1234", Some("5678")))), None);
    let full = Some(("what the command changes in the store", 21, 20));
    assert_eq!(limit_of(&overlay.delete(key("1"))), full);
    // The next command has all of it again, after a reply and after a rejection.
    overlay.keep_command();
    assert_eq!(limit_of(&overlay.put(key("1234"), key("12345678"))), None);
    assert_eq!(limit_of(&overlay.put(key("1234"), key("1234"))), None);
    overlay.drop_command();
    assert_eq!(limit_of(&overlay.put(key("1234"), key("12345678"))), None);
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Delete(u8),
    DeleteRange(u8, Option<u8>),
    Keep,
    Drop,
    Commit,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = 0..24_u8;
    let step = prop_oneof![
        4 => (name.clone(), any::<u8>()).prop_map(|(name, value)| Step::Put(name, value)),
        2 => name.clone().prop_map(Step::Delete),
        2 => (name.clone(), proptest::option::of(name)).prop_map(|(start, end)| Step::DeleteRange(start, end)),
        2 => Just(Step::Keep),
        1 => Just(Step::Drop),
        1 => Just(Step::Commit),
    ];
    proptest::collection::vec(step, 0..60)
}

/// Keys of one and two bytes, so that one may be the beginning of another.
fn name(number: u8) -> Bytes {
    if number.is_multiple_of(3) { vec![number] } else { vec![number, 0] }.into()
}

/// The same as the overlay, done plainly: three whole maps.
#[derive(Clone, Default)]
struct Model {
    entry: Pairs,
    command: Pairs,
}

fn check(overlay: &Overlay, model: &Pairs, scans: &[(u8, Option<u8>, usize, u64, bool)]) {
    for number in 0..24 {
        let name = name(number);
        assert_eq!(overlay.get(&name).expect("no fault"), model.get(&name).cloned());
    }
    for (start, end, limit, bytes_max, reverse) in scans {
        let keys = KeyRange { start: name(*start), end: end.map(name) };
        let found = model.iter().filter(|(key, _)| keys.contains(key));
        let mut found: Vec<(Bytes, Bytes)> = found.map(|(key, value)| (key.clone(), value.clone())).collect();
        if *reverse {
            found.reverse();
        }
        let mut bytes = 0;
        let mut expected = Vec::new();
        for (key, value) in found.into_iter().take(*limit) {
            bytes += u64::try_from(key.len() + value.len()).expect("small");
            if bytes > *bytes_max && !expected.is_empty() {
                break;
            }
            expected.push((key, value));
        }
        let range = ScanRange { keys, limit: *limit, bytes_max: *bytes_max, reverse: *reverse };
        assert_eq!(overlay.scan(&range).expect("no fault"), expected, "{range:?}");
    }
}

proptest! {
    #[test]
    fn an_overlay_reads_as_if_every_change_were_made(
        steps in steps(),
        scans in proptest::collection::vec(
            (0..24_u8, proptest::option::of(0..24_u8), 0..30_usize, 0..80_u64, any::<bool>()), 8,
        ),
    ) {
        let store = MemoryStore::default();
        let mut overlay = over(&store);
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Put(number, value) => {
                    let value = Bytes::from(vec![value; usize::from(value % 4)]);
                    overlay.put(name(number), value.clone()).expect("within limits");
                    model.command.insert(name(number), value);
                }
                Step::Delete(number) => {
                    overlay.delete(name(number)).expect("within limits");
                    model.command.remove(&name(number));
                }
                Step::DeleteRange(start, end) => {
                    let range = KeyRange { start: name(start), end: end.map(name) };
                    model.command.retain(|key, _| !range.contains(key));
                    overlay.delete_range(range).expect("within limits");
                }
                Step::Keep => {
                    overlay.keep_command();
                    model.entry = model.command.clone();
                }
                Step::Drop => {
                    overlay.drop_command();
                    model.command = model.entry.clone();
                }
                Step::Commit => {
                    // The command that runs is not part of what is written.
                    commit(&store, overlay.into_changes());
                    prop_assert_eq!(store.pairs(), model.entry.clone());
                    overlay = over(&store);
                    model.command = model.entry.clone();
                }
            }
            check(&overlay, &model.command, &scans);
        }
    }
}

/// A view that counts the pairs that are read from it.
struct Counted(Arc<dyn StoreView>, AtomicUsize);

impl StoreView for Counted {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, HostFault> {
        self.0.get(key)
    }

    fn scan(&self, range: &ScanRange) -> Result<Vec<(Bytes, Bytes)>, HostFault> {
        let pairs = self.0.scan(range)?;
        self.1.fetch_add(pairs.len(), Ordering::Relaxed);
        Ok(pairs)
    }
}

#[test]
fn what_is_removed_is_walked_over_once() {
    let pairs = (0..5_000_u32).map(|number| (Bytes::copy_from_slice(&number.to_be_bytes()), Some(key("1"))));
    let store = MemoryStore::default();
    commit(&store, StoreChanges { keys: pairs.collect(), ..StoreChanges::default() });
    let view = Arc::new(Counted(store.view().expect("no fault"), 0.into()));
    let mut overlay = Overlay::new(view.clone(), &GroupLimits::default());
    for number in 0..4_999_u32 {
        overlay.delete(Bytes::copy_from_slice(&number.to_be_bytes())).expect("within limits");
    }
    for reverse in [false, true] {
        for _ in 0..100 {
            let one = ScanRange { limit: 2, reverse, ..ScanRange::everything() };
            let found = overlay.scan(&one).expect("no fault");
            assert_eq!(found.len(), 1);
        }
    }
    let read = view.1.load(Ordering::Relaxed);
    assert!(read < 20_000, "{read} pairs were read");
}
