//! `wasi:io`: an input that is at its end, outputs that become lines of the log, and waits that are over at once.

use super::resources::{InputStream, OutputStream, Pollable, StreamFailure};
use crate::{fuel, imports::copied, state::State};
use quorate_replica::ports::LogLevel;
use wasmtime::{
    Result, StoreContextMut,
    component::{ComponentType, LinkerInstance, Lower, Resource, WasmList},
};

/// How much an output takes at once.
const WRITE_BYTES_MAX: u64 = 64 << 10;

type Instance<'a> = LinkerInstance<'a, State>;
type Context<'a> = StoreContextMut<'a, State>;
type Streamed<T> = std::result::Result<T, StreamError>;

#[derive(ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    // Part of the type; no stream in here fails.
    #[allow(dead_code)]
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<StreamFailure>),
    #[component(name = "closed")]
    Closed,
}

pub(super) fn poll(instance: &mut Instance<'_>) -> Result<()> {
    instance.func_wrap("[method]pollable.ready", |context: Context<'_>, (_it,): (Resource<Pollable>,)| {
        fuel::charge(context, fuel::CALL)?;
        Ok((true,))
    })?;
    instance.func_wrap("[method]pollable.block", |context: Context<'_>, (_it,): (Resource<Pollable>,)| {
        fuel::charge(context, fuel::CALL)
    })?;
    instance.func_wrap("poll", |context: Context<'_>, (all,): (Vec<Resource<Pollable>>,)| {
        fuel::charge(context, fuel::CALL + fuel::bytes(all.len() * size_of::<u32>()))?;
        Ok(((0_u32..).take(all.len()).collect::<Vec<u32>>(),))
    })
}

pub(super) fn streams(instance: &mut Instance<'_>) -> Result<()> {
    input(instance)?;
    output(instance)
}

fn input(instance: &mut Instance<'_>) -> Result<()> {
    for name in ["read", "blocking-read"] {
        let name = format!("[method]input-stream.{name}");
        instance.func_wrap(&name, |context: Context<'_>, (_it, _length): (Resource<InputStream>, u64)| {
            fuel::charge(context, fuel::CALL)?;
            Ok((Streamed::<Vec<u8>>::Err(StreamError::Closed),))
        })?;
    }
    for name in ["skip", "blocking-skip"] {
        let name = format!("[method]input-stream.{name}");
        instance.func_wrap(&name, |context: Context<'_>, (_it, _length): (Resource<InputStream>, u64)| {
            fuel::charge(context, fuel::CALL)?;
            Ok((Streamed::<u64>::Err(StreamError::Closed),))
        })?;
    }
    instance.func_wrap(
        "[method]input-stream.subscribe",
        |context: Context<'_>, (_it,): (Resource<InputStream>,)| {
            fuel::charge(context, fuel::CALL)?;
            Ok((Resource::<Pollable>::new_own(0),))
        },
    )
}

fn output(instance: &mut Instance<'_>) -> Result<()> {
    instance.func_wrap(
        "[method]output-stream.check-write",
        |context: Context<'_>, (_it,): (Resource<OutputStream>,)| {
            fuel::charge(context, fuel::CALL)?;
            Ok((Streamed::Ok(WRITE_BYTES_MAX),))
        },
    )?;
    for name in ["write", "blocking-write-and-flush"] {
        let name = format!("[method]output-stream.{name}");
        instance.func_wrap(
            &name,
            |mut context: Context<'_>, (it, bytes): (Resource<OutputStream>, WasmList<u8>)| {
                fuel::charge(&mut context, fuel::CALL + fuel::EFFECT + fuel::bytes(bytes.len()))?;
                let bytes = copied(&context, &bytes);
                let is_error = it.rep() == OutputStream::STDERR;
                let level = if is_error { LogLevel::Warn } else { LogLevel::Info };
                context.data_mut().print(level, &bytes);
                Ok((Streamed::Ok(()),))
            },
        )?;
    }
    for name in ["flush", "blocking-flush"] {
        let name = format!("[method]output-stream.{name}");
        instance.func_wrap(&name, |context: Context<'_>, (_it,): (Resource<OutputStream>,)| {
            fuel::charge(context, fuel::CALL)?;
            Ok((Streamed::Ok(()),))
        })?;
    }
    instance.func_wrap(
        "[method]output-stream.subscribe",
        |context: Context<'_>, (_it,): (Resource<OutputStream>,)| {
            fuel::charge(context, fuel::CALL)?;
            Ok((Resource::<Pollable>::new_own(0),))
        },
    )
}
