//! `wasi:clocks`: the time of the command, and waits that are over at once.

use super::resources::Pollable;
use crate::{fuel, state::State};
use wasmtime::{
    Result, StoreContextMut,
    component::{ComponentType, LinkerInstance, Lower, Resource},
};

const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;
const MILLISECONDS_PER_SECOND: u64 = 1_000;

type Instance<'a> = LinkerInstance<'a, State>;
type Context<'a> = StoreContextMut<'a, State>;

#[derive(Clone, ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

impl Datetime {
    fn of(time_ms: u64) -> Self {
        let milliseconds = u32::try_from(time_ms % MILLISECONDS_PER_SECOND).unwrap_or_default();
        Self { seconds: time_ms / MILLISECONDS_PER_SECOND, nanoseconds: milliseconds * 1_000_000 }
    }
}

/// The time of the call's position. While an instance starts there is none; some runtimes take a clock that stands at
/// zero for broken.
fn time_ms(context: &Context<'_>) -> u64 {
    context.data().position.time_ms.max(1)
}

pub(super) fn wall(instance: &mut Instance<'_>) -> Result<()> {
    instance.func_wrap("now", |mut context: Context<'_>, (): ()| {
        fuel::charge(&mut context, fuel::CALL)?;
        Ok((Datetime::of(time_ms(&context)),))
    })?;
    instance.func_wrap("resolution", |context: Context<'_>, (): ()| {
        fuel::charge(context, fuel::CALL)?;
        Ok((Datetime::of(1),))
    })
}

pub(super) fn monotonic(instance: &mut Instance<'_>) -> Result<()> {
    instance.func_wrap("now", |mut context: Context<'_>, (): ()| {
        fuel::charge(&mut context, fuel::CALL)?;
        Ok((time_ms(&context).saturating_mul(NANOSECONDS_PER_MILLISECOND),))
    })?;
    instance.func_wrap("resolution", |context: Context<'_>, (): ()| {
        fuel::charge(context, fuel::CALL)?;
        Ok((NANOSECONDS_PER_MILLISECOND,))
    })?;
    for name in ["subscribe-instant", "subscribe-duration"] {
        instance.func_wrap(name, |context: Context<'_>, (_when,): (u64,)| {
            fuel::charge(context, fuel::CALL)?;
            Ok((Resource::<Pollable>::new_own(0),))
        })?;
    }
    Ok(())
}
