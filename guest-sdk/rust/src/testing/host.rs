//! The in-memory host: what a harness lends to the machine while it runs it.

use crate::{Group, Level, Pair, Position};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem;
use std::ops::Bound;
use std::panic::{self, AssertUnwindSafe};

/// How many timers a group allows, and how soon one may be due, unless set otherwise.
const TIMERS_MAX: usize = 256;
const TIMER_DELAY_MS_MIN: u64 = 10;

/// The most bytes of pairs that one scan gives, as in the contract.
const SCAN_BYTES_MAX: usize = 1024 * 1024;

/// An event that a machine emitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The position of the command that emitted it.
    pub position: Position,
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// A line that a machine logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
}

/// What the machine may do now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    #[default]
    Query,
    Apply,
    Callback {
        leader: bool,
    },
    Save,
    Load,
}

pub(crate) type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// The state of the in-memory host.
#[derive(Clone, Debug)]
pub(crate) struct MemoryHost {
    pub(crate) group: Group,
    pub(crate) phase: Phase,
    pub(crate) position: Position,
    pub(crate) pairs: Pairs,
    pub(crate) events: Vec<Event>,
    /// When each timer that is set is due, by its number.
    pub(crate) timers: BTreeMap<u64, u64>,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) proposals: Vec<Vec<u8>>,
    pub(crate) snapshot: Vec<u8>,
    pub(crate) snapshot_read: usize,
    random_state: u64,
}

impl Default for MemoryHost {
    fn default() -> Self {
        Self {
            group: Group { id: 1, name: "test/group".into() },
            phase: Phase::default(),
            position: Position::default(),
            pairs: Pairs::new(),
            events: Vec::new(),
            timers: BTreeMap::new(),
            logs: Vec::new(),
            proposals: Vec::new(),
            snapshot: Vec::new(),
            snapshot_read: 0,
            random_state: 0,
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<MemoryHost>> = const { RefCell::new(None) };
}

/// Lends the host to whatever machine `act` runs.
pub(crate) fn lend<Answer>(host: &mut MemoryHost, phase: Phase, act: impl FnOnce() -> Answer) -> Answer {
    host.phase = phase;
    // A stream of numbers for every call, from where it stands.
    host.random_state =
        host.group.id ^ host.position.index.rotate_left(32) ^ u64::from(host.position.ordinal);
    let outer = CURRENT.replace(Some(mem::take(host)));
    let answer = panic::catch_unwind(AssertUnwindSafe(act));
    if let Some(lent) = CURRENT.replace(outer) {
        *host = lent;
    }
    answer.unwrap_or_else(|payload| panic::resume_unwind(payload))
}

fn with<Answer>(act: impl FnOnce(&mut MemoryHost) -> Answer) -> Answer {
    CURRENT.with_borrow_mut(|current| match current {
        Some(host) => act(host),
        None => panic!(
            "there is no host outside of a plugin: run the machine in a quorate_guest::testing harness"
        ),
    })
}

pub(crate) fn group() -> Group {
    with(|host| host.group.clone())
}

/// SplitMix64.
pub(crate) fn random() -> u64 {
    with(|host| {
        host.random_state = host.random_state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (host.random_state ^ (host.random_state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

pub(crate) fn log(level: Level, message: &str) {
    with(|host| host.logs.push(LogLine { level, message: message.to_owned() }));
}

pub(crate) fn emit(topic: &str, payload: &[u8]) {
    with(|host| {
        assert!(host.phase == Phase::Apply, "events are emitted only while a command is applied");
        let event = Event { position: host.position, topic: topic.to_owned(), payload: payload.to_vec() };
        host.events.push(event);
    });
}

pub(crate) fn propose(command: &[u8]) {
    with(|host| {
        let leading = host.phase == Phase::Callback { leader: true };
        assert!(leading, "only a leader proposes, and only in a lifecycle callback");
        host.proposals.push(command.to_vec());
    });
}

pub(crate) fn set_timer(id: u64, at_ms: u64) {
    with(|host| {
        assert!(
            host.phase == Phase::Apply,
            "timers are set only while a command is applied or a timer fires"
        );
        let earliest = host.position.time_ms.saturating_add(TIMER_DELAY_MS_MIN);
        host.timers.insert(id, at_ms.max(earliest));
        assert!(host.timers.len() <= TIMERS_MAX, "a group allows {TIMERS_MAX} timers");
    });
}

pub(crate) fn cancel_timer(id: u64) {
    with(|host| {
        assert!(
            host.phase == Phase::Apply,
            "timers are cancelled only while a command is applied or a timer fires"
        );
        host.timers.remove(&id);
    });
}

pub(crate) fn store_get(key: &[u8]) -> Option<Vec<u8>> {
    with(|host| host.pairs.get(key).cloned())
}

fn writing(act: impl FnOnce(&mut Pairs)) {
    with(|host| {
        assert!(host.phase == Phase::Apply, "the store is written only while a command is applied");
        act(&mut host.pairs);
    });
}

pub(crate) fn store_put(key: &[u8], value: &[u8]) {
    writing(|pairs| {
        pairs.insert(key.to_vec(), value.to_vec());
    });
}

pub(crate) fn store_delete(key: &[u8]) {
    writing(|pairs| {
        pairs.remove(key);
    });
}

pub(crate) fn store_delete_range(start: &[u8], end: Option<&[u8]>) {
    writing(|pairs| {
        pairs.retain(|key, _| key.as_slice() < start || end.is_some_and(|end| key.as_slice() >= end));
    });
}

pub(crate) fn store_scan(start: &[u8], end: Option<&[u8]>, limit: u32, reverse: bool) -> Vec<Pair> {
    if end.is_some_and(|end| end <= start) {
        return Vec::new();
    }
    with(|host| {
        let bounds = (Bound::Included(start), end.map_or(Bound::Unbounded, Bound::Excluded));
        let range = host.pairs.range::<[u8], _>(bounds);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if reverse { page(range.rev(), limit) } else { page(range, limit) }
    })
}

fn page<'pairs>(pairs: impl Iterator<Item = (&'pairs Vec<u8>, &'pairs Vec<u8>)>, limit: usize) -> Vec<Pair> {
    let mut bytes = 0;
    pairs
        .take(limit)
        .enumerate()
        .take_while(|(place, (key, value))| {
            bytes += key.len() + value.len();
            *place == 0 || bytes <= SCAN_BYTES_MAX
        })
        .map(|(_, (key, value))| Pair { key: key.clone(), value: value.clone() })
        .collect()
}

pub(crate) fn snapshot_write(chunk: &[u8]) {
    with(|host| {
        assert!(host.phase == Phase::Save, "a snapshot is written only while the state is saved");
        host.snapshot.extend_from_slice(chunk);
    });
}

pub(crate) fn snapshot_read(limit: usize) -> Vec<u8> {
    with(|host| {
        assert!(host.phase == Phase::Load, "a snapshot is read only while the state is loaded");
        let rest = &host.snapshot[host.snapshot_read..];
        let chunk = rest[..rest.len().min(limit)].to_vec();
        host.snapshot_read += chunk.len();
        chunk
    })
}
