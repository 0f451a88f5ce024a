//! What only reads.

use crate::keys::{self, DEAD, MESSAGE, READY};
use crate::record::{Message, Record};
use quorate_guest::StoreView;
use words::{Word, number, written};

/// How many messages or queues are listed when it is not told, and at most.
pub(crate) const LISTED: u64 = 10;
pub(crate) const LISTED_MAX: u64 = 1000;

/// A list ends behind the line that makes it longer than this.
pub(crate) const LIST_BYTES_MAX: usize = 256 * 1024;

/// What may be typed, for those who typed something else.
const KNOWN: &str = "`depth QUEUE`, `peek QUEUE [LIMIT]`, `dead QUEUE [LIMIT]`, `queues`";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Query<'text> {
    Depth {
        queue: Word<'text>,
    },
    /// Messages that wait, or dead letters.
    Messages {
        queue: Word<'text>,
        mark: u8,
        limit: u64,
    },
    Queues,
}

impl<'text> Query<'text> {
    pub(crate) fn parse(line: &'text [u8]) -> Result<Self, String> {
        let words = words::split(line)?;
        let (verb, parameters) =
            words.split_first().map_or((&b""[..], &[][..]), |(verb, rest)| (&**verb, rest));
        match (verb, parameters) {
            (b"depth", [queue]) => Ok(Self::Depth { queue: queue.clone() }),
            (b"peek" | b"dead", [queue, rest @ ..]) if rest.len() <= 1 => Ok(Self::Messages {
                queue: queue.clone(),
                mark: if verb == b"dead" { DEAD } else { READY },
                limit: rest.first().map_or(Ok(LISTED), |limit| listed(limit))?,
            }),
            (b"queues", []) => Ok(Self::Queues),
            _ => Err(format!("unknown query `{}`; known are {KNOWN}", written(verb))),
        }
    }

    pub(crate) fn answer(&self, store: &StoreView) -> Result<String, String> {
        match self {
            Self::Depth { queue } => {
                let record = store.get(keys::queue(queue)).and_then(|bytes| Record::read(&bytes));
                Ok(depth(&record.unwrap_or_default()))
            }
            Self::Messages { queue, mark, limit } => {
                let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
                let found = store.prefix(keys::all(*mark, queue)).take(limit);
                Ok(lines(found.filter_map(|pair| {
                    let id = keys::number(&pair.key);
                    let message = Message::read(&store.get(keys::one(MESSAGE, queue, id))?)?;
                    Some(format!("{id} {} {}", message.deliveries, written(&message.payload)))
                })))
            }
            Self::Queues => {
                let found = store.prefix(keys::QUEUE).take(usize::try_from(LISTED_MAX).unwrap_or(usize::MAX));
                Ok(lines(found.filter_map(|pair| {
                    let name = pair.key.strip_prefix(keys::QUEUE)?;
                    Some(format!("{} {}", written(name), depth(&Record::read(&pair.value)?)))
                })))
            }
        }
    }
}

fn depth(record: &Record) -> String {
    format!("ready {} hidden {} dead {}", record.ready, record.hidden, record.dead)
}

fn listed(word: &[u8]) -> Result<u64, String> {
    match number(word)? {
        limit @ 1..=LISTED_MAX => Ok(limit),
        limit => Err(format!("from 1 to {LISTED_MAX} messages are listed, not {limit}")),
    }
}

fn lines(all: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for line in all {
        if text.len() >= LIST_BYTES_MAX {
            break;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&line);
    }
    text
}
