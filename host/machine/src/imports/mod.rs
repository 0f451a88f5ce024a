//! The functions of the host that plugins import.

mod host;
mod snapshot_stream;
mod store;
pub(crate) mod wasi;

use crate::state::State;
use bytes::Bytes;
use wasmtime::{
    Engine, Result, StoreContextMut,
    component::{Linker, WasmList},
};

/// A linker with every function of the contract. Whether a plugin may call one, and when, is decided as it does.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    host::add(&mut linker)?;
    store::add(&mut linker)?;
    snapshot_stream::add(&mut linker)?;
    Ok(linker)
}

/// Copies a list of bytes out of the plugin's memory. Check its length first.
fn copied(context: &StoreContextMut<'_, State>, list: &WasmList<u8>) -> Bytes {
    Bytes::copy_from_slice(list.as_le_slice(context))
}

/// A length as the limits count it.
fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
