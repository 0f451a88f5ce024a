//! The keys of the state database.
//!
//! A group's state stands under its current incarnation. A load begins a new one, so that what it replaces can be
//! removed as one range, and a loader that was left behind can harm nothing.

use quorate_vocabulary::GroupId;

/// The first byte of the key of a group's record: which incarnation is its state.
pub(super) const GROUP: u8 = b'G';
const STATE: u8 = b'S';
const POINT: u8 = 0;
const DATA: u8 = 1;
const DATA_END: u8 = 2;
const SESSIONS: u8 = 3;
const SESSIONS_END: u8 = 4;

pub(super) fn group(group: GroupId) -> Vec<u8> {
    let mut key = Vec::with_capacity(9);
    key.push(GROUP);
    key.extend_from_slice(&group.0.to_be_bytes());
    key
}

/// The group in the key of a group's record.
pub(super) fn group_of(key: &[u8]) -> Option<GroupId> {
    key.strip_prefix(&[GROUP])?.try_into().ok().map(u64::from_be_bytes).map(GroupId)
}

/// Everything of the incarnations of a group before this one: the first key, and the one behind the last.
pub(super) fn incarnations_before(group: GroupId, incarnation: u64) -> (Vec<u8>, Vec<u8>) {
    (state(group, 0, &[]), state(group, incarnation, &[]))
}

/// Everything of a group: the first key, and the one behind the last.
pub(super) fn incarnations(group: GroupId) -> (Vec<u8>, Vec<u8>) {
    incarnations_before(group, u64::MAX)
}

/// Where the applied point of an incarnation stands.
pub(super) fn point(group: GroupId, incarnation: u64) -> Vec<u8> {
    state(group, incarnation, &[POINT])
}

/// Where the rows of an incarnation's sessions stand: the part before the key of each, and the key behind the last.
pub(super) fn sessions(group: GroupId, incarnation: u64) -> (Vec<u8>, Vec<u8>) {
    (state(group, incarnation, &[SESSIONS]), state(group, incarnation, &[SESSIONS_END]))
}

/// Where the machine's own keys stand: the part before each of them, and the key behind the last.
#[derive(Clone, Debug)]
pub(crate) struct DataKeys {
    prefix: Vec<u8>,
    end: Vec<u8>,
}

impl DataKeys {
    pub(crate) fn new(group: GroupId, incarnation: u64) -> Self {
        Self { prefix: state(group, incarnation, &[DATA]), end: state(group, incarnation, &[DATA_END]) }
    }

    pub(super) fn key(&self, key: &[u8]) -> Vec<u8> {
        [self.prefix.as_slice(), key].concat()
    }

    /// The key behind the last of a range that ends before `end`, or with the machine's last key.
    pub(super) fn end(&self, end: Option<&[u8]>) -> Vec<u8> {
        end.map_or_else(|| self.end.clone(), |end| self.key(end))
    }

    /// The machine's own part of a key.
    pub(super) fn strip<'a>(&self, key: &'a [u8]) -> Option<&'a [u8]> {
        key.strip_prefix(self.prefix.as_slice())
    }
}

fn state(group: GroupId, incarnation: u64, rest: &[u8]) -> Vec<u8> {
    [&[STATE], group.0.to_be_bytes().as_slice(), incarnation.to_be_bytes().as_slice(), rest].concat()
}
