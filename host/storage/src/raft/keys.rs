//! The keys of the raft database. Numbers stand in them with the highest byte first, so that keys sort as they do.

use quorate_vocabulary::{GroupId, PluginDigest, ReplicaId};

/// Entries: group, index.
pub(super) const LOG: &str = "log";
/// Records: a tag, and what it is about.
pub(super) const RECORDS: &str = "default";
/// Bytes of plugins: digest.
pub(super) const PLUGINS: &str = "plugins";

/// The first byte of a record's key.
pub(super) const REPLICA: u8 = b'R';
const HARD_STATE: u8 = b'H';
const TOMBSTONE: u8 = b'T';
/// The first byte of a plugin record's key.
pub(super) const PLUGIN: u8 = b'P';

const ENTRY_KEY_BYTES: usize = 16;

pub(super) fn entry(group: GroupId, index: u64) -> [u8; ENTRY_KEY_BYTES] {
    let mut key = [0; ENTRY_KEY_BYTES];
    key[..8].copy_from_slice(&group.0.to_be_bytes());
    key[8..].copy_from_slice(&index.to_be_bytes());
    key
}

/// The index in the key of an entry of this group.
pub(super) fn entry_index(group: GroupId, key: &[u8]) -> Option<u64> {
    let index = key.strip_prefix(&group.0.to_be_bytes())?;
    index.try_into().ok().map(u64::from_be_bytes)
}

pub(super) fn replica(group: GroupId) -> Vec<u8> {
    tagged(REPLICA, &group.0.to_be_bytes())
}

/// The group in the key of a replica's record.
pub(super) fn replica_group(key: &[u8]) -> Option<GroupId> {
    let group = key.strip_prefix(&[REPLICA])?;
    group.try_into().ok().map(u64::from_be_bytes).map(GroupId)
}

pub(super) fn hard_state(group: GroupId) -> Vec<u8> {
    tagged(HARD_STATE, &group.0.to_be_bytes())
}

pub(super) fn tombstone(group: GroupId, replica: ReplicaId) -> Vec<u8> {
    tagged(TOMBSTONE, &[group.0.to_be_bytes(), replica.0.to_be_bytes()].concat())
}

pub(super) fn plugin(digest: PluginDigest) -> Vec<u8> {
    tagged(PLUGIN, digest.as_bytes())
}

/// The digest in the key of a plugin's record.
pub(super) fn plugin_digest(key: &[u8]) -> Option<PluginDigest> {
    key.strip_prefix(&[PLUGIN])?.try_into().ok()
}

fn tagged(tag: u8, about: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + about.len());
    key.push(tag);
    key.extend_from_slice(about);
    key
}
