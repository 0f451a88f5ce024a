//! Keys and values in order: ../../README.md says what it does.

use quorate_guest::{
    Callback, Context, Host, Lifecycle, Rejection, Reply, Store, StoreMachine, StoreTimers, StoreUpgrade,
    StoreView,
};

const KEY_BYTES_MAX: usize = 1024;
/// The number of the one timer.
const EXPIRY: u64 = 0;
/// In the store a value is at `k` and its key, and a key that expires at `e`, its time and the key.
const ENTRY: &[u8] = b"k";
const EXPIRING: &[u8] = b"e";
/// Version 0 of the state had its values at `v` and the key.
const ENTRY_0: &[u8] = b"v";

#[derive(Default)]
struct Kv;

impl StoreMachine for Kv {
    fn apply(&self, context: &Context, store: &mut Store, command: &[u8]) -> Result<Reply, Rejection> {
        let (verb, rest) = cut(command);
        match (verb, words(rest).as_slice()) {
            (b"trap", []) => panic!("the command `trap` always ends so"),
            (b"delete-range", [start, end]) => {
                store.delete_range(entry(start), Some(&end_of(end)));
                return Ok("ok".into());
            }
            _ => {}
        }
        let (key, value) = cut(rest);
        if !(1..=KEY_BYTES_MAX).contains(&key.len()) {
            return Err(format!("a key has 1 to {KEY_BYTES_MAX} bytes").into());
        }
        match verb {
            b"put" => {}
            b"create" if store.contains(entry(key)) => return Err([key, b" has a value"].concat().into()),
            b"create" => {}
            b"swap" => {
                let before = store.get(entry(key)).unwrap_or_default();
                put(context, store, key, value);
                return Ok(before.into());
            }
            b"delete" if value.is_empty() => {
                store.delete(entry(key));
                context.emit("delete", key);
                return Ok("ok".into());
            }
            b"expire" => return expire(context, store, key, value),
            _ => return Err([b"unknown command ", verb].concat().into()),
        }
        put(context, store, key, value);
        Ok("ok".into())
    }

    fn query(&self, _host: &Host, store: &StoreView, request: &[u8]) -> Result<Reply, Rejection> {
        let (verb, rest) = cut(request);
        match (verb, words(rest).as_slice()) {
            (b"get", [key]) => {
                let value = store.get(entry(key));
                value.map(Reply::from).ok_or_else(|| [*key, b" has no value"].concat().into())
            }
            (b"scan", [start, end, limit]) => scan(store, start, end, limit, false),
            (b"reverse-scan", [start, end, limit]) => scan(store, start, end, limit, true),
            (b"count", []) => Ok(store.prefix(ENTRY).count().to_string().into()),
            _ => Err([b"unknown query ", verb].concat().into()),
        }
    }
}

fn put(context: &Context, store: &mut Store, key: &[u8], value: &[u8]) {
    store.put(entry(key), value);
    context.emit("put", key);
}

fn expire(context: &Context, store: &mut Store, key: &[u8], word: &[u8]) -> Result<Reply, Rejection> {
    let Some(time_ms) = number(word) else { return Err([b"not a time: ", word].concat().into()) };
    if !store.contains(entry(key)) {
        return Err([key, b" has no value"].concat().into());
    }
    store.put([EXPIRING, &time_ms.to_be_bytes(), key].concat(), "");
    set_timer(context, store);
    Ok("ok".into())
}

/// Sets the timer to what expires first.
fn set_timer(context: &Context, store: &StoreView) {
    if let Some(first) = store.prefix(EXPIRING).page(1).next() {
        context.set_timer(EXPIRY, time_of(&first.key));
    }
}

/// When the key in this stored key expires.
fn time_of(stored: &[u8]) -> u64 {
    let time = stored.get(1..9).and_then(|bytes| bytes.try_into().ok());
    u64::from_be_bytes(time.unwrap_or_default())
}

fn scan(
    store: &StoreView,
    start: &[u8],
    end: &[u8],
    limit: &[u8],
    reverse: bool,
) -> Result<Reply, Rejection> {
    let limit = number(limit).ok_or_else(|| [b"not a number: ", limit].concat())?;
    let pairs = store.range(entry(start), Some(&end_of(end)));
    let pairs = if reverse { pairs.reversed() } else { pairs };
    let mut text = Vec::new();
    for pair in pairs.take(usize::try_from(limit).unwrap_or(usize::MAX)) {
        if !text.is_empty() {
            text.push(b'\n');
        }
        text.extend([&pair.key[1..], b" ", &pair.value].concat());
    }
    Ok(text.into())
}

impl StoreTimers for Kv {
    fn fired(&self, context: &Context, store: &mut Store, _timer: u64) -> Result<(), Rejection> {
        let end = [EXPIRING, &(context.time_ms() + 1).to_be_bytes()].concat();
        let due: Vec<_> = store.range(EXPIRING, Some(&end)).map(|pair| pair.key).collect();
        for stored in due {
            let key = &stored[9..];
            store.delete(&stored);
            store.delete(entry(key));
            context.emit("expired", key);
        }
        set_timer(context, store);
        Ok(())
    }
}

impl StoreUpgrade for Kv {
    const STATE_VERSION: u32 = 1;

    fn migrate(&self, store: &mut Store, from: u32) -> Result<(), String> {
        if from != 0 {
            return Err(format!("no kv of version {from} is known"));
        }
        let old: Vec<_> = store.prefix(ENTRY_0).collect();
        for pair in old {
            store.delete(&pair.key);
            store.put(entry(&pair.key[1..]), &pair.value);
        }
        Ok(())
    }
}

impl Lifecycle for Kv {
    fn leader_start(&self, callback: &Callback<Self>, term: u64) {
        callback.info(format_args!("leads in term {term}"));
    }

    fn leader_stop(&self, callback: &Callback<Self>, term: u64) {
        callback.info(format_args!("led in term {term}"));
    }

    fn start_following(&self, callback: &Callback<Self>, leader: u64, term: u64) {
        callback.info(format_args!("follows {leader} in term {term}"));
    }

    fn stop_following(&self, callback: &Callback<Self>, leader: u64, term: u64) {
        callback.info(format_args!("followed {leader} in term {term}"));
    }

    fn configuration_committed(
        &self,
        callback: &Callback<Self>,
        index: u64,
        voters: &[u64],
        learners: &[u64],
    ) {
        let list = |numbers: &[u64]| numbers.iter().map(|number| format!(" {number}")).collect::<String>();
        callback.info(format_args!("members at {index}: voters{}, learners{}", list(voters), list(learners)));
    }

    fn error(&self, callback: &Callback<Self>, message: &str) {
        callback.warn(format_args!("stopped: {message}"));
    }

    fn shutdown(&self, callback: &Callback<Self>) {
        callback.info("is closed");
    }
}

/// What is before the first space, and what is behind it.
fn cut(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b' ') {
        Some(space) => (&text[..space], &text[space + 1..]),
        None => (text, &[]),
    }
}

fn words(text: &[u8]) -> Vec<&[u8]> {
    if text.is_empty() { Vec::new() } else { text.split(|byte| *byte == b' ').collect() }
}

fn number(word: &[u8]) -> Option<u64> {
    let digits = word.iter().all(u8::is_ascii_digit);
    if digits { str::from_utf8(word).ok()?.parse().ok() } else { None }
}

fn entry(key: &[u8]) -> Vec<u8> {
    [ENTRY, key].concat()
}

/// Where a range ends: `-` is behind the last key.
fn end_of(word: &[u8]) -> Vec<u8> {
    if word == b"-" { b"l".to_vec() } else { entry(word) }
}

quorate_guest::export_store_machine!(Kv, lifecycle, timers, upgrade);
