//! `wasi:cli` and `wasi:filesystem/preopens`: no arguments, no variables, no files, and streams that end in the log.

use super::resources::{Descriptor, InputStream, OutputStream, TerminalInput, TerminalOutput};
use crate::{fuel, state::State};
use quorate_replica::ports::TrapKind;
use wasmtime::{
    Result, StoreContextMut,
    component::{LinkerInstance, Resource},
};

type Instance<'a> = LinkerInstance<'a, State>;
type Context<'a> = StoreContextMut<'a, State>;

pub(super) fn environment(instance: &mut Instance<'_>) -> Result<()> {
    instance.func_wrap("get-environment", |context: Context<'_>, (): ()| {
        fuel::charge(context, fuel::CALL)?;
        Ok((Vec::<(String, String)>::new(),))
    })?;
    instance.func_wrap("get-arguments", |context: Context<'_>, (): ()| {
        fuel::charge(context, fuel::CALL)?;
        Ok((Vec::<String>::new(),))
    })?;
    instance.func_wrap("initial-cwd", |context: Context<'_>, (): ()| {
        fuel::charge(context, fuel::CALL)?;
        Ok((None::<String>,))
    })
}

pub(super) fn exit(instance: &mut Instance<'_>) -> Result<()> {
    instance.func_wrap(
        "exit",
        |mut context: Context<'_>, (status,): (std::result::Result<(), ()>,)| -> Result<()> {
            let how = if status.is_ok() { "success" } else { "failure" };
            let message = format!("it ended itself with {how}, and a plugin never ends");
            Err(context.data_mut().trap(TrapKind::Instruction, message))
        },
    )
}

pub(super) fn stdin(instance: &mut Instance<'_>) -> Result<()> {
    instance.func_wrap("get-stdin", |context: Context<'_>, (): ()| {
        fuel::charge(context, fuel::CALL)?;
        Ok((Resource::<InputStream>::new_own(0),))
    })
}

pub(super) fn stdout(instance: &mut Instance<'_>) -> Result<()> {
    output(instance, "get-stdout", OutputStream::STDOUT)
}

pub(super) fn stderr(instance: &mut Instance<'_>) -> Result<()> {
    output(instance, "get-stderr", OutputStream::STDERR)
}

fn output(instance: &mut Instance<'_>, name: &str, stream: u32) -> Result<()> {
    instance.func_wrap(name, move |context: Context<'_>, (): ()| {
        fuel::charge(context, fuel::CALL)?;
        Ok((Resource::<OutputStream>::new_own(stream),))
    })
}

pub(super) fn terminal_stdin(instance: &mut Instance<'_>) -> Result<()> {
    no_terminal::<TerminalInput>(instance, "get-terminal-stdin")
}

pub(super) fn terminal_stdout(instance: &mut Instance<'_>) -> Result<()> {
    no_terminal::<TerminalOutput>(instance, "get-terminal-stdout")
}

pub(super) fn terminal_stderr(instance: &mut Instance<'_>) -> Result<()> {
    no_terminal::<TerminalOutput>(instance, "get-terminal-stderr")
}

fn no_terminal<T: 'static>(instance: &mut Instance<'_>, name: &str) -> Result<()> {
    instance.func_wrap(name, |context: Context<'_>, (): ()| {
        fuel::charge(context, fuel::CALL)?;
        Ok((None::<Resource<T>>,))
    })
}

pub(super) fn preopens(instance: &mut Instance<'_>) -> Result<()> {
    instance.func_wrap("get-directories", |context: Context<'_>, (): ()| {
        fuel::charge(context, fuel::CALL)?;
        Ok((Vec::<(Resource<Descriptor>, String)>::new(),))
    })
}
