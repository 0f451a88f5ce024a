//! What changes the state, as it is typed.

use crate::keys;
use words::Word;

/// What may be typed, for those who typed something else.
const KNOWN: &str = "`put KEY VALUE`, `create KEY VALUE`, `cas KEY OLD NEW`, `swap KEY VALUE`, \
    `merge KEY VALUE [SEPARATOR]`, `delete KEY`, `delete-range START END`, `allocate NAME COUNT`, \
    `reset NAME`, `batch COMMAND ; COMMAND ...`";

/// What one command does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command<'text> {
    Batch(Vec<Change<'text>>),
    Change(Change<'text>),
    NoteLeader { term: u64 },
}

/// What may also stand in a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change<'text> {
    Put { key: Word<'text>, value: Word<'text> },
    Create { key: Word<'text>, value: Word<'text> },
    CompareAndSwap { key: Word<'text>, old: Word<'text>, new: Word<'text> },
    Swap { key: Word<'text>, value: Word<'text> },
    Merge { key: Word<'text>, value: Word<'text>, separator: Word<'text> },
    Delete { key: Word<'text> },
    DeleteRange { start: Word<'text>, end: Word<'text> },
    Allocate { name: Word<'text>, count: u64 },
    Reset { name: Word<'text> },
}

impl<'text> Command<'text> {
    pub(crate) fn parse(line: &'text [u8]) -> Result<Self, String> {
        let line = line.trim_ascii_start();
        if let Some(commands) = line.strip_prefix(b"batch")
            && commands.first().is_none_or(u8::is_ascii_whitespace)
        {
            return batch(commands);
        }
        match words::split(line)?.as_slice() {
            [name, term] if **name == *b"note-leader" => Ok(Self::NoteLeader { term: words::number(term)? }),
            words => Change::parse(words).map(Self::Change),
        }
    }
}

fn batch(commands: &[u8]) -> Result<Command<'_>, String> {
    let commands = words::split_commands(commands)?.into_iter().enumerate().map(|(place, words)| {
        Change::parse(&words).map_err(|problem| format!("command {} of the batch: {problem}", place + 1))
    });
    commands.collect::<Result<_, _>>().map(Command::Batch)
}

impl<'text> Change<'text> {
    fn parse(words: &[Word<'text>]) -> Result<Self, String> {
        let (name, parameters) =
            words.split_first().map_or((&b""[..], &[][..]), |(name, rest)| (&**name, rest));
        let change = match (name, parameters) {
            (b"put", [key, value]) => Self::Put { key: key.clone(), value: value.clone() },
            (b"create", [key, value]) => Self::Create { key: key.clone(), value: value.clone() },
            (b"cas", [key, old, new]) => {
                Self::CompareAndSwap { key: key.clone(), old: old.clone(), new: new.clone() }
            }
            (b"swap", [key, value]) => Self::Swap { key: key.clone(), value: value.clone() },
            (b"merge", [key, value]) => {
                Self::Merge { key: key.clone(), value: value.clone(), separator: Word::default() }
            }
            (b"merge", [key, value, separator]) => {
                Self::Merge { key: key.clone(), value: value.clone(), separator: separator.clone() }
            }
            (b"delete", [key]) => Self::Delete { key: key.clone() },
            (b"delete-range", [start, end]) => Self::DeleteRange { start: start.clone(), end: end.clone() },
            (b"allocate", [name, count]) => {
                Self::Allocate { name: name.clone(), count: words::number(count)? }
            }
            (b"reset", [name]) => Self::Reset { name: name.clone() },
            (b"put" | b"create" | b"cas" | b"swap" | b"merge", [_, _, _, ..]) => {
                return Err(format!(
                    "too many words: a value with spaces is written in quotes; known are {KNOWN}"
                ));
            }
            _ => return Err(format!("unknown command `{}`; known are {KNOWN}", words::written(name))),
        };
        change.check()?;
        Ok(change)
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Put { key, value }
            | Self::Create { key, value }
            | Self::Swap { key, value }
            | Self::CompareAndSwap { key, new: value, .. }
            | Self::Merge { key, value, .. } => {
                keys::check_key(key)?;
                keys::check_value(value)
            }
            Self::Delete { key: name } | Self::Allocate { name, .. } | Self::Reset { name } => {
                keys::check_key(name)
            }
            // An end of a range is no key that anything is put at, and may be empty.
            Self::DeleteRange { start, end } => [start, end]
                .into_iter()
                .filter(|key| !key.is_empty())
                .try_for_each(|key| keys::check_key(key)),
        }
    }
}
