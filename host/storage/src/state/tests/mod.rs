mod keys_and_views;
mod loads;
mod points;
mod sessions;

use super::*;
use crate::testing::{Disk, G, R, point};
use bytes::Bytes;
use quorate_replica::ports::{KeyRange, ScanRange, StateStore, StoreChanges, StoreView};
use std::sync::Arc;

fn key(text: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(text.as_ref())
}

/// Sets keys to themselves.
fn puts(keys: &[&str]) -> StoreChanges {
    let keys = keys.iter().map(|text| (key(text), Some(key(text)))).collect();
    StoreChanges { keys, ..StoreChanges::default() }
}

fn range(start: &str, end: Option<&str>) -> KeyRange {
    KeyRange { start: key(start), end: end.map(key) }
}

fn removes(ranges: &[KeyRange]) -> StoreChanges {
    StoreChanges { removed: ranges.to_vec(), ..StoreChanges::default() }
}

fn keys_of(view: &dyn StoreView, scan: &ScanRange) -> Vec<String> {
    let pairs = view.scan(scan).unwrap();
    pairs.into_iter().map(|(key, _)| String::from_utf8(key.to_vec()).unwrap()).collect()
}

fn all_keys(state: &GroupState) -> Vec<String> {
    keys_of(&*state.view().unwrap(), &ScanRange::everything())
}

fn state(disk: &Disk) -> Arc<GroupState> {
    disk.open().state(G, R).unwrap()
}
