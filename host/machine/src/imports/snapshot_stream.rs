//! `quorate:machine/snapshot-stream`.

use super::length;
use crate::{
    check::SNAPSHOT_STREAM,
    fuel,
    state::{MigratedState, Phase, State},
};
use quorate_replica::ports::HostFault;
use std::io::Read;
use wasmtime::{
    Result, StoreContextMut,
    component::{Linker, WasmList},
};

/// The most bytes one call writes or reads, as the contract says.
pub(crate) const CHUNK_BYTES_MAX: u32 = 1 << 20;

type Context<'a> = StoreContextMut<'a, State>;

pub(super) fn add(linker: &mut Linker<State>) -> Result<()> {
    let mut instance = linker.instance(&SNAPSHOT_STREAM.full_name())?;
    instance.func_wrap("write", |context, (chunk,): (WasmList<u8>,)| write(context, &chunk))?;
    instance.func_wrap("read", |context, (limit,): (u32,)| read(context, limit))
}

fn write(mut context: Context<'_>, chunk: &WasmList<u8>) -> Result<()> {
    let state = context.data_mut();
    if state.phase != Phase::Save {
        return Err(state.not_allowed("snapshot-stream.write", "only in save"));
    }
    state.at_most("a chunk of a snapshot", length(chunk.len()), u64::from(CHUNK_BYTES_MAX))?;
    state.snapshot_bytes = state.snapshot_bytes.saturating_add(length(chunk.len()));
    state.at_most("a snapshot", state.snapshot_bytes, state.limits.snapshot_bytes_max)?;
    fuel::charge(&mut context, fuel::CALL + fuel::bytes(chunk.len()))?;
    let Some(mut sink) = context.data_mut().sink.take() else {
        return Err(context.data_mut().fault(HostFault::because("a snapshot is saved to nowhere")));
    };
    // Written from the plugin's memory without a copy: the sink is out of the way for as long.
    let written = sink.write_all(chunk.as_le_slice(&context));
    context.data_mut().sink = Some(sink);
    written.map_err(|error| context.data_mut().fault(HostFault::new("writing a snapshot", error)))
}

fn read(mut context: Context<'_>, limit: u32) -> Result<(Vec<u8>,)> {
    if !matches!(context.data().phase, Phase::Load | Phase::Migrate(MigratedState::Memory)) {
        return Err(context.data_mut().not_allowed("snapshot-stream.read", "only in load and migrate"));
    }
    let limit = u64::from(limit.min(CHUNK_BYTES_MAX));
    fuel::charge(&mut context, fuel::CALL)?;
    let Some(source) = context.data_mut().source.as_mut() else {
        return Err(context.data_mut().fault(HostFault::because("a snapshot is loaded from nowhere")));
    };
    // As many bytes as are asked for, however the source hands them out: the size of a chunk decides what the plugin
    // allocates, so it must be the same on every replica.
    let mut chunk = Vec::with_capacity(usize::try_from(limit).unwrap_or_default());
    let read = source.take(limit).read_to_end(&mut chunk);
    read.map_err(|error| context.data_mut().fault(HostFault::new("reading a snapshot", error)))?;
    fuel::charge(&mut context, fuel::bytes(chunk.len()))?;
    Ok((chunk,))
}
