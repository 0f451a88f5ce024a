//! What only reads.

use crate::{keys, leaders};
use quorate_guest::{Reply, StoreView};
use words::Word;

/// How many pairs a scan gives when it is not told.
pub(crate) const SCAN_PAIRS: u32 = 100;

/// The most pairs a scan gives.
pub(crate) const SCAN_PAIRS_MAX: u32 = 1000;

/// A scan ends behind the pair that makes its answer longer than this.
pub(crate) const SCAN_BYTES_MAX: usize = 256 * 1024;

/// What may be typed, for those who typed something else.
const KNOWN: &str = "`get KEY`, `multi-get KEY ...`, `scan PREFIX [LIMIT [AFTER]]`, \
    `reverse-scan PREFIX [LIMIT [BEFORE]]`, `sequence NAME`, `leaders`";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Query<'text> {
    Get { key: Word<'text> },
    MultiGet { keys: Vec<Word<'text>> },
    Scan(Scan<'text>),
    Sequence { name: Word<'text> },
    Leaders,
}

/// Which pairs to give.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scan<'text> {
    prefix: Word<'text>,
    limit: u32,
    /// The key that was given last, to go on from.
    last: Option<Word<'text>>,
    reverse: bool,
}

impl<'text> Query<'text> {
    pub(crate) fn parse(line: &'text [u8]) -> Result<Self, String> {
        let words = words::split(line)?;
        let (name, parameters) =
            words.split_first().map_or((&b""[..], &[][..]), |(name, rest)| (&**name, rest));
        match (name, parameters) {
            (b"get", [key]) => {
                keys::check_key(key)?;
                Ok(Self::Get { key: key.clone() })
            }
            (b"multi-get", [_, ..]) => {
                parameters.iter().try_for_each(|key| keys::check_key(key))?;
                Ok(Self::MultiGet { keys: parameters.to_vec() })
            }
            (b"scan" | b"reverse-scan", [prefix, rest @ ..]) if rest.len() <= 2 => Ok(Self::Scan(Scan {
                prefix: prefix.clone(),
                limit: rest.first().map_or(Ok(SCAN_PAIRS), |limit| scan_limit(limit))?,
                last: rest.get(1).cloned(),
                reverse: name == b"reverse-scan",
            })),
            (b"sequence", [name]) => {
                keys::check_key(name)?;
                Ok(Self::Sequence { name: name.clone() })
            }
            (b"leaders", []) => Ok(Self::Leaders),
            _ => Err(format!("unknown query `{}`; known are {KNOWN}", words::written(name))),
        }
    }

    pub(crate) fn answer(&self, store: &StoreView) -> Result<Reply, String> {
        match self {
            Self::Get { key } => {
                let value = store.get(keys::entry(key));
                value.map(Reply::from).ok_or_else(|| format!("{} has no value", words::written(key)))
            }
            Self::MultiGet { keys } => Ok(multi_get(store, keys).into()),
            Self::Scan(scan) => Ok(scan.run(store).into()),
            Self::Sequence { name } => {
                let last = store.get(keys::sequence(name)).map_or(0, |last| keys::number(&last));
                Ok(last.to_string().into())
            }
            Self::Leaders => Ok(leaders::text(store).into()),
        }
    }
}

fn scan_limit(word: &[u8]) -> Result<u32, String> {
    let limit = words::number(word)?;
    u32::try_from(limit)
        .ok()
        .filter(|limit| (1..=SCAN_PAIRS_MAX).contains(limit))
        .ok_or_else(|| format!("the limit of a scan is from 1 to {SCAN_PAIRS_MAX}, not {limit}"))
}

/// One line a key; it stands alone when there is no value.
fn multi_get(store: &StoreView, keys: &[Word<'_>]) -> String {
    let mut text = String::new();
    for key in keys {
        if !text.is_empty() {
            text.push('\n');
        }
        words::write(key, &mut text);
        if let Some(value) = store.get(keys::entry(key)) {
            text.push(' ');
            words::write(&value, &mut text);
        }
    }
    text
}

impl Scan<'_> {
    /// One line a pair; when there are more, a last line with the query that goes on.
    fn run(&self, store: &StoreView) -> String {
        let (start, end) = self.range();
        // One more than asked for shows whether there is more.
        let range = store.range(&start, Some(&end)).page(self.limit.saturating_add(1));
        let range = if self.reverse { range.reversed() } else { range };
        let mut text = String::new();
        let mut last: Option<Vec<u8>> = None;
        for (place, pair) in (0..=self.limit).zip(range) {
            if let Some(last) = &last
                && (place == self.limit || text.len() >= SCAN_BYTES_MAX)
            {
                let name = if self.reverse { "reverse-scan" } else { "scan" };
                let (prefix, last) = (words::written(&self.prefix), words::written(last));
                text.push_str(&format!("\n# more: {name} {prefix} {} {last}", self.limit));
                break;
            }
            if last.is_some() {
                text.push('\n');
            }
            let key = keys::of_entry(&pair.key);
            words::write(key, &mut text);
            text.push(' ');
            words::write(&pair.value, &mut text);
            last = Some(key.to_vec());
        }
        text
    }

    /// The stored keys to look at, the last one not included.
    fn range(&self) -> (Vec<u8>, Vec<u8>) {
        let (start, end) = (keys::entry(&self.prefix), end_of_entries(&self.prefix));
        match self.last.as_deref().map(keys::entry) {
            Some(last) if self.reverse => (start, last.min(end)),
            // The first key that is behind another is that key and a zero byte.
            Some(last) => (start.max([&last[..], &[0]].concat()), end),
            None => (start, end),
        }
    }
}

/// The first stored key that is behind every entry with this prefix.
fn end_of_entries(prefix: &[u8]) -> Vec<u8> {
    let mut end = keys::entry(prefix);
    // The mark of entries is less than the highest byte, so this ends.
    while end.last() == Some(&u8::MAX) {
        end.pop();
    }
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}
