use super::{Layer, successor};
use crate::ports::{HostFault, KeyRange, ScanRange, StoreView};
use bytes::Bytes;
use std::{collections::VecDeque, iter::Peekable, ops::Bound};

/// The most pairs asked of the view at once.
const PAGE_PAIRS_MAX: usize = 1024;

/// Scans the view with two layers of changes on top. What comes depends on the merged content alone, not on how the view
/// was paged.
pub(super) fn scan(
    view: &dyn StoreView,
    entry: &Layer,
    command: &Layer,
    range: &ScanRange,
) -> Result<Vec<(Bytes, Bytes)>, HostFault> {
    let mut pairs: Vec<(Bytes, Bytes)> = Vec::new();
    if range.keys.is_empty() || range.limit == 0 {
        return Ok(pairs);
    }
    let mut merge = Merge {
        base: BaseCursor::new(view, [entry, command], range),
        entry: keys_of(entry, range).peekable(),
        command: keys_of(command, range).peekable(),
        hidden: command,
        reverse: range.reverse,
    };
    let mut bytes = 0_u64;
    while pairs.len() < range.limit {
        let Some((key, value)) = merge.next()? else { break };
        bytes = bytes.saturating_add(super::length(&key)).saturating_add(super::length(&value));
        if bytes > range.bytes_max && !pairs.is_empty() {
            break;
        }
        pairs.push((key, value));
    }
    Ok(pairs)
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
}

impl Merge<'_> {
    fn next(&mut self) -> Result<Option<(Bytes, Bytes)>, HostFault> {
        loop {
            let candidates = [
                self.command.peek().map(|(key, _)| (*key).clone()),
                self.entry.peek().map(|(key, _)| (*key).clone()),
                self.base.peek()?.cloned(),
            ];
            let candidates = candidates.into_iter().flatten();
            let Some(key) = (if self.reverse { candidates.max() } else { candidates.min() }) else {
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
                return Ok(Some((key, value)));
            }
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
        }
    }

    fn peek(&mut self) -> Result<Option<&Bytes>, HostFault> {
        loop {
            while let Some((key, _)) = self.page.front() {
                if self.layers.iter().all(|layer| layer.removed.find(key).is_none()) {
                    break;
                }
                self.page.pop_front();
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
