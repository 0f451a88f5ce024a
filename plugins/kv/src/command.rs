//! What changes the state.

use crate::words::{self, Word};
use crate::{keys, leaders};
use quorate_guest::{Context, Reply, Store};

/// What may be typed, for those who typed something else.
const KNOWN: &str = "`put KEY VALUE`, `create KEY VALUE`, `cas KEY OLD NEW`, `delete KEY`";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command<'text> {
    Put { key: Word<'text>, value: Word<'text> },
    Create { key: Word<'text>, value: Word<'text> },
    CompareAndSwap { key: Word<'text>, old: Word<'text>, new: Word<'text> },
    Delete { key: Word<'text> },
    NoteLeader { term: u64 },
}

impl<'text> Command<'text> {
    pub(crate) fn parse(line: &'text [u8]) -> Result<Self, String> {
        let mut words = words::split(line)?;
        let name = if words.is_empty() { Word::default() } else { words.remove(0) };
        let command = match (&*name, words.as_mut_slice()) {
            (b"put", [key, value]) => Self::Put { key: take(key), value: take(value) },
            (b"create", [key, value]) => Self::Create { key: take(key), value: take(value) },
            (b"cas", [key, old, new]) => {
                Self::CompareAndSwap { key: take(key), old: take(old), new: take(new) }
            }
            (b"delete", [key]) => Self::Delete { key: take(key) },
            (b"note-leader", [term]) => Self::NoteLeader { term: words::number(term)? },
            (b"put" | b"create" | b"cas", [_, _, _, ..]) => {
                return Err(format!(
                    "too many words: a value with spaces is written in quotes; known are {KNOWN}"
                ));
            }
            _ => return Err(format!("unknown command `{}`; known are {KNOWN}", words::written(&name))),
        };
        command.check()?;
        Ok(command)
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Put { key, value } | Self::Create { key, value } => {
                keys::check_key(key)?;
                keys::check_value(value)
            }
            Self::CompareAndSwap { key, new, .. } => {
                keys::check_key(key)?;
                keys::check_value(new)
            }
            Self::Delete { key } => keys::check_key(key),
            Self::NoteLeader { .. } => Ok(()),
        }
    }

    pub(crate) fn apply(self, context: &Context, store: &mut Store) -> Result<Reply, String> {
        match self {
            Self::Put { key, value } => {
                store.put(keys::entry(&key), value);
                context.emit("put", key);
            }
            Self::Create { key, value } => {
                let entry = keys::entry(&key);
                if store.contains(&entry) {
                    return Err(format!("{} has a value", words::written(&key)));
                }
                store.put(entry, value);
                context.emit("put", key);
            }
            Self::CompareAndSwap { key, old, new } => {
                let entry = keys::entry(&key);
                match store.get(&entry) {
                    Some(found) if found == *old => {}
                    Some(found) => {
                        let (key, found) = (words::written(&key), words::written(&found));
                        return Err(format!("{key} is {found}"));
                    }
                    None => return Err(format!("{} has no value", words::written(&key))),
                }
                store.put(entry, new);
                context.emit("put", key);
            }
            Self::Delete { key } => {
                store.delete(keys::entry(&key));
                context.emit("delete", key);
            }
            Self::NoteLeader { term } => leaders::note(store, term, context.position().index),
        }
        Ok("ok".into())
    }
}

fn take<'text>(word: &mut Word<'text>) -> Word<'text> {
    std::mem::take(word)
}
