use crate::bindings::imports::quorate::machine::{host, snapshot_stream, store};
use crate::{Group, Level, Pair};

pub(crate) fn group() -> Group {
    let group = host::group();
    Group { id: group.id, name: group.name }
}

pub(crate) fn random() -> u64 {
    host::random()
}

pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Trace => host::Level::Trace,
        Level::Debug => host::Level::Debug,
        Level::Info => host::Level::Info,
        Level::Warn => host::Level::Warn,
        Level::Error => host::Level::Error,
    };
    host::log(level, message);
}

pub(crate) fn emit(topic: &str, payload: &[u8]) {
    host::emit(topic, payload);
}

pub(crate) fn propose(command: &[u8]) {
    host::propose(command);
}

pub(crate) fn set_timer(id: u64, at_ms: u64) {
    host::set_timer(id, at_ms);
}

pub(crate) fn cancel_timer(id: u64) {
    host::cancel_timer(id);
}

pub(crate) fn store_get(key: &[u8]) -> Option<Vec<u8>> {
    store::get(key)
}

pub(crate) fn store_put(key: &[u8], value: &[u8]) {
    store::put(key, value);
}

pub(crate) fn store_delete(key: &[u8]) {
    store::delete(key);
}

pub(crate) fn store_delete_range(start: &[u8], end: Option<&[u8]>) {
    store::delete_range(start, end);
}

pub(crate) fn store_scan(start: &[u8], end: Option<&[u8]>, limit: u32, reverse: bool) -> Vec<Pair> {
    let pairs = store::scan(start, end, limit, reverse);
    pairs.into_iter().map(|pair| Pair { key: pair.key, value: pair.value }).collect()
}

pub(crate) fn snapshot_write(chunk: &[u8]) {
    snapshot_stream::write(chunk);
}

pub(crate) fn snapshot_read(limit: usize) -> Vec<u8> {
    snapshot_stream::read(u32::try_from(limit).unwrap_or(u32::MAX))
}
