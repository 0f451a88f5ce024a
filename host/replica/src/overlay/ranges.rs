use crate::ports::KeyRange;
use bytes::Bytes;
use std::{collections::BTreeMap, ops::Bound};

/// Ranges of keys that neither overlap nor touch: start to end.
#[derive(Default)]
pub(super) struct RangeSet(BTreeMap<Bytes, Option<Bytes>>);

impl RangeSet {
    /// The range that holds the key.
    pub(super) fn find(&self, key: &[u8]) -> Option<(&Bytes, Option<&Bytes>)> {
        let (start, end) = self.0.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back()?;
        let holds = end.as_ref().is_none_or(|end| key < end.as_ref());
        holds.then_some((start, end.as_ref()))
    }

    /// The range that reaches up to the key, or over it: the one that hides what lies just before `key`.
    pub(super) fn find_before(&self, key: Option<&[u8]>) -> Option<(&Bytes, Option<&Bytes>)> {
        let (start, end) = match key {
            Some(key) => self.0.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(key))).next_back()?,
            None => self.0.last_key_value()?,
        };
        let reaches = match (end, key) {
            (None, _) => true,
            (Some(end), Some(key)) => end.as_ref() >= key,
            (Some(_), None) => false,
        };
        reaches.then_some((start, end.as_ref()))
    }

    /// Adds a range, joined with those it meets.
    pub(super) fn insert(&mut self, range: KeyRange) {
        if range.is_empty() {
            return;
        }
        let KeyRange { mut start, mut end } = range;
        if let Some((before, before_end)) = self.0.range::<Bytes, _>(..=&start).next_back()
            && before_end.as_ref().is_none_or(|before_end| *before_end >= start)
        {
            start = before.clone();
        }
        loop {
            let next = self.0.range::<Bytes, _>(&start..).next();
            let Some((met, met_end)) = next else { break };
            if end.as_ref().is_some_and(|end| met > end) {
                break;
            }
            end = match (end, met_end) {
                (Some(end), Some(met_end)) => Some(end.max(met_end.clone())),
                _ => None,
            };
            let met = met.clone();
            self.0.remove(&met);
        }
        self.0.insert(start, end);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a key out of the range that holds it.
    pub(super) fn split(&mut self, key: &Bytes) {
        let Some((start, end)) = self.find(key) else { return };
        let (start, end) = (start.clone(), end.cloned());
        self.0.remove(&start);
        for part in
            [KeyRange { start, end: Some(key.clone()) }, KeyRange { start: super::successor(key), end }]
        {
            if !part.is_empty() {
                self.0.insert(part.start, part.end);
            }
        }
    }

    /// The ranges, in order.
    pub(super) fn into_ranges(self) -> impl Iterator<Item = KeyRange> {
        self.0.into_iter().map(|(start, end)| KeyRange { start, end })
    }
}
