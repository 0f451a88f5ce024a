use super::{
    Layer,
    holes::{self, Holes},
    successor,
};
use crate::ports::{HostFault, KeyRange, ScanRange, StoreView};
use bytes::Bytes;
use std::{collections::VecDeque, iter::Peekable, ops::Bound};

/// The most pairs asked of the view at once.
const PAGE_PAIRS_MAX: usize = 1024;

/// A scan that passes over so many keys that are gone remembers where.
const HOLE_KEYS_MIN: usize = if cfg!(test) { 1 } else { 16 };

/// Scans the view with two layers of changes on top. What comes depends on the merged content alone, not on how the view
/// was paged.
pub(super) fn scan(
    view: &dyn StoreView,
    entry: &Layer,
    command: &Layer,
    known: &mut Holes,
    range: &ScanRange,
) -> Result<Vec<(Bytes, Bytes)>, HostFault> {
    let mut pairs: Vec<(Bytes, Bytes)> = Vec::new();
    let mut bytes = 0_u64;
    let mut rest = range.keys.clone();
    let changed = !command.is_empty();
    // Once for each stretch between holes.
    loop {
        known.jump(&mut rest, range.reverse);
        if rest.is_empty() {
            return Ok(pairs);
        }
        let limit = range.limit.saturating_sub(pairs.len());
        let stretch = ScanRange { keys: rest.clone(), limit, ..range.clone() };
        let mut merge = Merge {
            base: BaseCursor::new(view, [entry, command], &stretch),
            entry: keys_of(entry, &stretch).peekable(),
            command: keys_of(command, &stretch).peekable(),
            hidden: command,
            reverse: range.reverse,
            passed: 0,
        };
        loop {
            if pairs.len() >= range.limit {
                return Ok(pairs);
            }
            let found = merge.next()?;
            let gap = match &found {
                Some((key, _)) => holes::before(key, &rest, range.reverse),
                None => rest.clone(),
            };
            // The first gap may have cost the view much as well, where what was removed is not yet cleared away.
            if pairs.is_empty() || merge.passed >= HOLE_KEYS_MIN {
                known.add(gap, changed);
            }
            let Some((key, value)) = found else { return Ok(pairs) };
            bytes = bytes.saturating_add(super::length(&key)).saturating_add(super::length(&value));
            if bytes > range.bytes_max && !pairs.is_empty() {
                return Ok(pairs);
            }
            rest = holes::behind(&key, &rest, range.reverse);
            pairs.push((key, value));
            if known.jump(&mut rest, range.reverse) {
                break;
            }
        }
    }
}

type Changed<'a> = (&'a Bytes, &'a Option<Bytes>);
type ChangedKeys<'a> = Box<dyn Iterator<Item = Changed<'a>> + 'a>;

fn keys_of<'a>(layer: &'a Layer, range: &ScanRange) -> ChangedKeys<'a> {
    let end = range.keys.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let keys = layer.keys.range::<[u8], _>((Bound::Included(range.keys.start.as_ref()), end));
    if range.reverse { Box::new(keys.rev()) } else { Box::new(keys) }
}

struct Merge<'a> {
    base: BaseCursor<'a>,
    entry: Peekable<ChangedKeys<'a>>,
    command: Peekable<ChangedKeys<'a>>,
    /// The layer whose ranges hide keys of the entry's layer.
    hidden: &'a Layer,
    reverse: bool,
    /// How many keys the last [`Merge::next`] passed over because they are gone.
    passed: usize,
}

impl Merge<'_> {
    fn next(&mut self) -> Result<Option<(Bytes, Bytes)>, HostFault> {
        self.passed = 0;
        self.base.passed = 0;
        loop {
            let candidates = [
                self.command.peek().map(|(key, _)| (*key).clone()),
                self.entry.peek().map(|(key, _)| (*key).clone()),
                self.base.peek()?.cloned(),
            ];
            let candidates = candidates.into_iter().flatten();
            let Some(key) = (if self.reverse { candidates.max() } else { candidates.min() }) else {
                self.passed += self.base.passed;
                return Ok(None);
            };
            let from_command = self.command.next_if(|(candidate, _)| **candidate == key);
            let from_entry = self.entry.next_if(|(candidate, _)| **candidate == key);
            let from_base = self.base.next_if(&key);
            let value = match (from_command, from_entry) {
                (Some((_, value)), _) => value.clone(),
                (None, Some((_, value))) if self.hidden.removed.find(&key).is_none() => value.clone(),
                (None, Some(_)) => None,
                (None, None) => from_base,
            };
            if let Some(value) = value {
                self.passed += self.base.passed;
                return Ok(Some((key, value)));
            }
            self.passed += 1;
        }
    }
}

/// The pairs of the view that no removed range hides, page by page, jumping over the ranges.
struct BaseCursor<'a> {
    view: &'a dyn StoreView,
    layers: [&'a Layer; 2],
    /// What was not asked for yet; none when all was.
    rest: Option<KeyRange>,
    page: VecDeque<(Bytes, Bytes)>,
    limit: usize,
    bytes_max: u64,
    reverse: bool,
    /// How many keys were passed over because a range hides them.
    passed: usize,
}

impl<'a> BaseCursor<'a> {
    fn new(view: &'a dyn StoreView, layers: [&'a Layer; 2], range: &ScanRange) -> Self {
        Self {
            view,
            layers,
            rest: Some(range.keys.clone()),
            page: VecDeque::new(),
            limit: range.limit.min(PAGE_PAIRS_MAX),
            bytes_max: range.bytes_max,
            reverse: range.reverse,
            passed: 0,
        }
    }

    fn peek(&mut self) -> Result<Option<&Bytes>, HostFault> {
        loop {
            while let Some((key, _)) = self.page.front() {
                if self.layers.iter().all(|layer| layer.removed.find(key).is_none()) {
                    break;
                }
                self.page.pop_front();
                self.passed += 1;
            }
            if !self.page.is_empty() {
                break;
            }
            self.jump_over_removed();
            let Some(rest) = self.rest.take() else { break };
            self.fetch(rest)?;
        }
        Ok(self.page.front().map(|(key, _)| key))
    }

    fn next_if(&mut self, key: &Bytes) -> Option<Bytes> {
        let (front, _) = self.page.front()?;
        if front == key { self.page.pop_front().map(|(_, value)| value) } else { None }
    }

    fn fetch(&mut self, rest: KeyRange) -> Result<(), HostFault> {
        let page = self.view.scan(&ScanRange {
            keys: rest.clone(),
            limit: self.limit,
            bytes_max: self.bytes_max,
            reverse: self.reverse,
        })?;
        // More than was asked for, if what came is gone.
        self.limit = self.limit.saturating_mul(2).min(PAGE_PAIRS_MAX);
        // A page that is not full may have met the limit of bytes: only an empty one says that there is no more.
        self.rest = page.last().map(|(last, _)| {
            if self.reverse {
                KeyRange { end: Some(last.clone()), ..rest }
            } else {
                KeyRange { start: successor(last), ..rest }
            }
        });
        self.page = page.into();
        Ok(())
    }

    fn jump_over_removed(&mut self) {
        while let Some(rest) = self.rest.as_mut() {
            if rest.is_empty() {
                self.rest = None;
                return;
            }
            let reverse = self.reverse;
            let found = self.layers.iter().find_map(|layer| {
                if reverse {
                    layer.removed.find_before(rest.end.as_deref())
                } else {
                    layer.removed.find(&rest.start)
                }
            });
            match found {
                None => return,
                Some((start, _)) if reverse => rest.end = Some(start.clone()),
                Some((_, Some(end))) => rest.start = end.clone(),
                Some((_, None)) => self.rest = None,
            }
        }
    }
}
