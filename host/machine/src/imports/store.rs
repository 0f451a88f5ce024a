//! `quorate:machine/store`.

use super::copied;
use crate::{
    check::STORE,
    fuel,
    state::{MigratedState, Phase, State},
};
use quorate_replica::{
    Overlay, StoreError,
    ports::{KeyRange, SCAN_BYTES_MAX, ScanRange, TrapKind},
};
use wasmtime::{
    Result, StoreContextMut,
    component::{ComponentType, Linker, Lower, WasmList},
};

#[derive(Clone, ComponentType, Lower)]
#[component(record)]
struct Pair {
    key: Vec<u8>,
    value: Vec<u8>,
}

type Context<'a> = StoreContextMut<'a, State>;
type Bytes = WasmList<u8>;

pub(super) fn add(linker: &mut Linker<State>) -> Result<()> {
    let mut instance = linker.instance(&STORE.full_name())?;
    instance.func_wrap("get", |context, (key,): (Bytes,)| get(context, &key))?;
    instance.func_wrap("put", |context, (key, value): (Bytes, Bytes)| put(context, &key, &value))?;
    instance.func_wrap("delete", |context, (key,): (Bytes,)| delete(context, &key))?;
    instance.func_wrap("delete-range", |context, (start, end): (Bytes, Option<Bytes>)| {
        delete_range(context, &start, end.as_ref())
    })?;
    instance.func_wrap("scan", |context, (start, end, limit, reverse): (Bytes, Option<Bytes>, u32, bool)| {
        scan(context, &start, end.as_ref(), limit, reverse)
    })
}

fn get(mut context: Context<'_>, key: &Bytes) -> Result<(Option<Vec<u8>>,)> {
    fuel::charge(&mut context, fuel::CALL + fuel::STORE_READ + fuel::bytes(key.len()))?;
    // Read from the plugin's memory without a copy: the store is out of the way for as long.
    let Some(store) = context.data_mut().store.take() else {
        return Err(no_store(&mut context, "store.get"));
    };
    let value = store.get(key.as_le_slice(&context));
    context.data_mut().store = Some(store);
    let value = value.map_err(|error| stopped(&mut context, error))?;
    if let Some(value) = &value {
        fuel::charge(&mut context, fuel::bytes(value.len()))?;
    }
    Ok((value.map(Vec::from),))
}

fn put(mut context: Context<'_>, key: &Bytes, value: &Bytes) -> Result<()> {
    let bytes = key.len().saturating_add(value.len());
    fuel::charge(&mut context, fuel::CALL + fuel::STORE_WRITE + fuel::bytes(bytes))?;
    let (key, value) = (copied(&context, key), copied(&context, value));
    write(context, "store.put", |store| store.put(key, value))
}

fn delete(mut context: Context<'_>, key: &Bytes) -> Result<()> {
    fuel::charge(&mut context, fuel::CALL + fuel::STORE_WRITE + fuel::bytes(key.len()))?;
    let key = copied(&context, key);
    write(context, "store.delete", |store| store.delete(key))
}

fn delete_range(mut context: Context<'_>, start: &Bytes, end: Option<&Bytes>) -> Result<()> {
    let range = range(&mut context, fuel::STORE_WRITE, start, end)?;
    write(context, "store.delete-range", |store| store.delete_range(range))
}

fn scan(
    mut context: Context<'_>,
    start: &Bytes,
    end: Option<&Bytes>,
    limit: u32,
    reverse: bool,
) -> Result<(Vec<Pair>,)> {
    let keys = range(&mut context, fuel::STORE_READ, start, end)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let range = ScanRange { keys, limit, bytes_max: SCAN_BYTES_MAX, reverse };
    let Some(store) = context.data().store.as_ref() else { return Err(no_store(&mut context, "store.scan")) };
    let pairs = store.scan(&range).map_err(|error| stopped(&mut context, error))?;
    let cost = pairs.iter().map(|(key, value)| fuel::STORE_PAIR + fuel::bytes(key.len() + value.len())).sum();
    fuel::charge(&mut context, cost)?;
    let pairs = pairs.into_iter().map(|(key, value)| Pair { key: key.into(), value: value.into() });
    Ok((pairs.collect(),))
}

/// Pays for a range and copies its ends.
fn range(context: &mut Context<'_>, cost: u64, start: &Bytes, end: Option<&Bytes>) -> Result<KeyRange> {
    let bytes = start.len().saturating_add(end.map_or(0, WasmList::len));
    fuel::charge(&mut *context, fuel::CALL + cost + fuel::bytes(bytes))?;
    Ok(KeyRange { start: copied(context, start), end: end.map(|end| copied(context, end)) })
}

fn write(
    mut context: Context<'_>,
    what: &str,
    change: impl FnOnce(&mut Overlay) -> Result<(), StoreError>,
) -> Result<()> {
    let state = context.data_mut();
    if !matches!(state.phase, Phase::Apply | Phase::Migrate(MigratedState::Store)) {
        return Err(state.not_allowed(what, "which never changes state"));
    }
    let Some(store) = state.store.as_mut() else { return Err(no_store(&mut context, what)) };
    change(store).map_err(|error| stopped(&mut context, error))
}

fn no_store(context: &mut Context<'_>, what: &str) -> wasmtime::Error {
    context.data_mut().not_allowed(what, "where there is no store")
}

// By value, as `map_err` hands it over.
fn stopped(context: &mut Context<'_>, error: StoreError) -> wasmtime::Error {
    match error {
        StoreError::Host(fault) => context.data_mut().fault(fault),
        limit @ StoreError::Limit { .. } => {
            context.data_mut().trap(TrapKind::LimitExceeded, limit.to_string())
        }
    }
}
