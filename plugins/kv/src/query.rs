//! What only reads.

use crate::words::{self, Word};
use crate::{keys, leaders};
use quorate_guest::{Reply, StoreView};

/// How many pairs a scan gives when it is not told.
pub(crate) const SCAN_PAIRS: u32 = 100;

/// The most pairs a scan gives.
pub(crate) const SCAN_PAIRS_MAX: u32 = 1000;

/// A scan ends behind the pair that makes its answer longer than this.
pub(crate) const SCAN_BYTES_MAX: usize = 256 * 1024;

/// What may be typed, for those who typed something else.
const KNOWN: &str = "`get KEY`, `scan PREFIX [LIMIT [AFTER]]`, `leaders`";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Query<'text> {
    Get { key: Word<'text> },
    Scan { prefix: Word<'text>, limit: u32, after: Option<Word<'text>> },
    Leaders,
}

impl<'text> Query<'text> {
    pub(crate) fn parse(line: &'text [u8]) -> Result<Self, String> {
        let words = words::split(line)?;
        match words.as_slice() {
            [get, key] if **get == *b"get" => {
                keys::check_key(key)?;
                Ok(Self::Get { key: key.clone() })
            }
            [scan, prefix, rest @ ..] if **scan == *b"scan" && rest.len() <= 2 => Ok(Self::Scan {
                prefix: prefix.clone(),
                limit: rest.first().map_or(Ok(SCAN_PAIRS), |limit| scan_limit(limit))?,
                after: rest.get(1).cloned(),
            }),
            [leaders] if **leaders == *b"leaders" => Ok(Self::Leaders),
            words => {
                let name = words.first().map(|name| words::written(name)).unwrap_or_default();
                Err(format!("unknown query `{name}`; known are {KNOWN}"))
            }
        }
    }

    pub(crate) fn answer(&self, store: &StoreView) -> Result<Reply, String> {
        match self {
            Self::Get { key } => {
                let value = store.get(keys::entry(key));
                value.map(Reply::from).ok_or_else(|| format!("{} has no value", words::written(key)))
            }
            Self::Scan { prefix, limit, after } => Ok(scan(store, prefix, *limit, after.as_deref()).into()),
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

/// One line a pair; when there are more, a last line with the query that goes on.
fn scan(store: &StoreView, prefix: &[u8], limit: u32, after: Option<&[u8]>) -> String {
    let first = keys::entry(prefix);
    // The first key that is behind another is that key and a zero byte.
    let start = after.map(|after| [&keys::entry(after)[..], &[0]].concat()).filter(|start| *start > first);
    let end = end_of_entries(prefix);
    let range = store.range(start.as_deref().unwrap_or(&first), Some(&end));
    let mut text = String::new();
    let mut last: Option<Vec<u8>> = None;
    // One more than asked for shows whether there is more.
    for (place, pair) in (0..=limit).zip(range.page(limit.saturating_add(1))) {
        if let Some(last) = &last
            && (place == limit || text.len() >= SCAN_BYTES_MAX)
        {
            let (prefix, last) = (words::written(prefix), words::written(last));
            text.push_str(&format!("\n# more: scan {prefix} {limit} {last}"));
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
