use crate::backend;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Deref;

/// How many pairs a [`Range`] asks the host for at a time, unless told.
const PAGE_PAIRS: u32 = 64;

/// A key and its value.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The key.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

/// The machine's own ordered space of keys and values, to read.
#[derive(Debug)]
pub struct StoreView(());

impl StoreView {
    pub(crate) const fn new() -> Self {
        Self(())
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        backend::store_get(key.as_ref())
    }

    /// Whether there is a value.
    #[must_use]
    pub fn contains(&self, key: impl AsRef<[u8]>) -> bool {
        self.get(key).is_some()
    }

    /// The pairs whose key begins with `prefix`, in the order of the keys' bytes.
    #[must_use]
    pub fn prefix(&self, prefix: impl AsRef<[u8]>) -> Range<'_> {
        let prefix = prefix.as_ref();
        Range::new(prefix.to_vec(), end_of_prefix(prefix))
    }

    /// The pairs from `start` (included) to `end` (excluded; `None`: to the last key), in the order of the keys'
    /// bytes.
    #[must_use]
    pub fn range(&self, start: impl AsRef<[u8]>, end: Option<&[u8]>) -> Range<'_> {
        Range::new(start.as_ref().to_vec(), end.map(<[u8]>::to_vec))
    }
}

/// The machine's own ordered space of keys and values, to read and to change. A read sees what the command itself
/// has written.
#[derive(Debug)]
pub struct Store(StoreView);

impl Store {
    pub(crate) const fn new() -> Self {
        Self(StoreView::new())
    }

    /// Sets the value of a key.
    pub fn put(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        backend::store_put(key.as_ref(), value.as_ref());
    }

    /// Removes a key; removing one that is not there is no error.
    pub fn delete(&mut self, key: impl AsRef<[u8]>) {
        backend::store_delete(key.as_ref());
    }

    /// Removes every key from `start` (included) to `end` (excluded; `None`: to the last key).
    pub fn delete_range(&mut self, start: impl AsRef<[u8]>, end: Option<&[u8]>) {
        backend::store_delete_range(start.as_ref(), end);
    }

    /// Removes every key that begins with `prefix`.
    pub fn delete_prefix(&mut self, prefix: impl AsRef<[u8]>) {
        let prefix = prefix.as_ref();
        backend::store_delete_range(prefix, end_of_prefix(prefix).as_deref());
    }
}

impl Deref for Store {
    type Target = StoreView;

    fn deref(&self) -> &StoreView {
        &self.0
    }
}

/// Pairs of a store in order, asked of the host some at a time.
///
/// Take few with [`Iterator::take`]; when their number is known, tell it with [`page`](Self::page), which saves
/// calls.
#[derive(Clone)]
pub struct Range<'store> {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
    reverse: bool,
    page_pairs: u32,
    fetched: VecDeque<Pair>,
    done: bool,
    // Writing while a range is read would make its pages come from different states.
    store: std::marker::PhantomData<&'store StoreView>,
}

impl Range<'_> {
    fn new(start: Vec<u8>, end: Option<Vec<u8>>) -> Self {
        Self {
            start,
            end,
            reverse: false,
            page_pairs: PAGE_PAIRS,
            fetched: VecDeque::new(),
            done: false,
            store: std::marker::PhantomData,
        }
    }

    /// From the last key to the first.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        self.reverse = true;
        self
    }

    /// Asks the host for this many pairs at a time, at least one.
    #[must_use]
    pub fn page(mut self, pairs: u32) -> Self {
        self.page_pairs = pairs.max(1);
        self
    }

    fn fetch(&mut self) {
        if self.end.as_ref().is_some_and(|end| *end <= self.start) {
            self.done = true;
            return;
        }
        let page = backend::store_scan(&self.start, self.end.as_deref(), self.page_pairs, self.reverse);
        // Fewer than asked for may mean the limit of bytes: only an empty page is the end.
        match page.last() {
            None => self.done = true,
            Some(last) if self.reverse => self.end = Some(last.key.clone()),
            Some(last) => {
                self.start.clone_from(&last.key);
                self.start.push(0);
            }
        }
        self.fetched = page.into();
    }
}

impl Iterator for Range<'_> {
    type Item = Pair;

    fn next(&mut self) -> Option<Pair> {
        if self.fetched.is_empty() && !self.done {
            self.fetch();
        }
        self.fetched.pop_front()
    }
}

/// The first key behind all those that begin with `prefix`, if any can be.
fn end_of_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=kept].to_vec();
    end[kept] += 1;
    Some(end)
}

impl fmt::Debug for Pair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\" = \"{}\"", self.key.escape_ascii(), self.value.escape_ascii())
    }
}

impl fmt::Debug for Range<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.end.as_deref().map(|end| end.escape_ascii().to_string());
        formatter
            .debug_struct("Range")
            .field("start", &self.start.escape_ascii().to_string())
            .field("end", &end)
            .field("reverse", &self.reverse)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_the_first_key_behind_it() {
        assert_eq!(end_of_prefix(b"user/"), Some(b"user0".to_vec()));
        assert_eq!(end_of_prefix(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(end_of_prefix(b"\xff\xff"), None, "nothing is behind the last prefix");
        assert_eq!(end_of_prefix(b""), None, "every key begins with nothing");
    }
}
