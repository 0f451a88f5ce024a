//! What commands do.

use crate::command::{Change, Command};
use crate::{keys, leaders};
use quorate_guest::{Context, Reply, Store};

impl Command<'_> {
    pub(crate) fn apply(self, context: &Context, store: &mut Store) -> Result<Reply, String> {
        match self {
            Self::Change(change) => change.apply(context, store).map(Reply::from),
            Self::Batch(changes) => {
                let mut replies = Vec::with_capacity(changes.len());
                for (place, change) in changes.into_iter().enumerate() {
                    // A rejection drops what the commands before it wrote and emitted.
                    let reply = change.apply(context, store);
                    let reply = reply.map_err(|why| format!("command {} of the batch: {why}", place + 1))?;
                    replies.push(reply);
                }
                Ok(replies.join("\n").into())
            }
            Self::NoteLeader { term } => {
                leaders::note(store, term, context.position().index);
                Ok("ok".into())
            }
        }
    }
}

impl Change<'_> {
    fn apply(self, context: &Context, store: &mut Store) -> Result<String, String> {
        match self {
            Self::Put { key, value } => put(context, store, &key, &value),
            Self::Create { key, value } => {
                if store.contains(keys::entry(&key)) {
                    return Err(format!("{} has a value", words::written(&key)));
                }
                put(context, store, &key, &value);
            }
            Self::CompareAndSwap { key, old, new } => {
                match store.get(keys::entry(&key)) {
                    Some(found) if found == *old => {}
                    Some(found) => {
                        let (key, found) = (words::written(&key), words::written(&found));
                        return Err(format!("{key} is {found}"));
                    }
                    None => return Err(format!("{} has no value", words::written(&key))),
                }
                put(context, store, &key, &new);
            }
            Self::Swap { key, value } => {
                let old = store.get(keys::entry(&key));
                put(context, store, &key, &value);
                return Ok(old.map(|old| words::written(&old)).unwrap_or_default());
            }
            Self::Merge { key, value, separator } => {
                let merged = match store.get(keys::entry(&key)) {
                    Some(found) => [&found, &*separator, &*value].concat(),
                    None => value.into_owned(),
                };
                keys::check_value(&merged)?;
                put(context, store, &key, &merged);
            }
            Self::Delete { key } => {
                store.delete(keys::entry(&key));
                context.emit("delete", key);
            }
            Self::DeleteRange { start, end } => {
                let behind = if end.is_empty() { keys::end_of_entries() } else { keys::entry(&end) };
                store.delete_range(keys::entry(&start), Some(&behind));
                context.emit("delete-range", format!("{} {}", words::written(&start), words::written(&end)));
            }
            Self::Allocate { name, count } => return allocate(store, &name, count),
            Self::Reset { name } => store.delete(keys::sequence(&name)),
        }
        Ok("ok".to_owned())
    }
}

fn put(context: &Context, store: &mut Store, key: &[u8], value: &[u8]) {
    store.put(keys::entry(key), value);
    context.emit("put", key);
}

/// Gives the next numbers of a sequence: the first and the last of them.
fn allocate(store: &mut Store, name: &[u8], count: u64) -> Result<String, String> {
    let key = keys::sequence(name);
    let before = store.get(&key).map_or(0, |last| keys::number(&last));
    if count == 0 {
        return Err("at least one number is allocated at a time".to_owned());
    }
    let last = before
        .checked_add(count)
        .ok_or_else(|| format!("{} stands at {before} and ends at {}", words::written(name), u64::MAX))?;
    store.put(key, last.to_be_bytes());
    Ok(format!("{} {last}", before + 1))
}
