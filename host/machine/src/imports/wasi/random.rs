//! `wasi:random`: the numbers of `host.random`, the same on every replica and no secret.

use crate::{fuel, state::State};
use quorate_replica::ports::TrapKind;
use wasmtime::{Result, StoreContextMut, component::LinkerInstance};

/// The most bytes one call gives.
const BYTES_MAX: u64 = 1 << 20;

type Instance<'a> = LinkerInstance<'a, State>;
type Context<'a> = StoreContextMut<'a, State>;

pub(super) fn random(instance: &mut Instance<'_>) -> Result<()> {
    bytes(instance, "get-random-bytes")?;
    number(instance, "get-random-u64")
}

pub(super) fn insecure(instance: &mut Instance<'_>) -> Result<()> {
    bytes(instance, "get-insecure-random-bytes")?;
    number(instance, "get-insecure-random-u64")
}

pub(super) fn insecure_seed(instance: &mut Instance<'_>) -> Result<()> {
    instance.func_wrap("insecure-seed", |mut context: Context<'_>, (): ()| {
        fuel::charge(&mut context, fuel::CALL)?;
        let state = context.data_mut();
        Ok(((state.draw(), state.draw()),))
    })
}

fn number(instance: &mut Instance<'_>, name: &str) -> Result<()> {
    instance.func_wrap(name, |mut context: Context<'_>, (): ()| {
        fuel::charge(&mut context, fuel::CALL)?;
        Ok((context.data_mut().draw(),))
    })
}

fn bytes(instance: &mut Instance<'_>, name: &str) -> Result<()> {
    instance.func_wrap(name, |mut context: Context<'_>, (length,): (u64,)| {
        fuel::charge(&mut context, fuel::CALL)?;
        let fits = usize::try_from(length).ok().filter(|_| length <= BYTES_MAX);
        let Some(count) = fits else {
            let message =
                format!("{length} random bytes were asked for, and one call gives {BYTES_MAX} at most");
            return Err(context.data_mut().trap(TrapKind::LimitExceeded, message));
        };
        fuel::charge(&mut context, fuel::bytes(count))?;
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend(context.data_mut().draw().to_le_bytes());
        }
        bytes.truncate(count);
        Ok((bytes,))
    })
}
