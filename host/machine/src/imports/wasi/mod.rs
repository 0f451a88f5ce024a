//! The part of WASI 0.2 that is the same on every replica, so that what ordinary toolchains make of JavaScript, Python
//! and Go runs as it is.
//!
//! Clocks read the time of the command, random numbers come from the group and the position, what is written to standard
//! output and error goes to the log. There is nothing on standard input, no file, no argument, no variable and no network. What else
//! the interfaces in here have traps when it is called. An interface that is not in here is refused at upload.

mod cli;
mod clocks;
mod io;
mod random;
mod resources;

use crate::state::State;
use wasmtime::{
    Result,
    component::{Component, Linker, LinkerInstance},
};

type Add = fn(&mut LinkerInstance<'_, State>) -> Result<()>;

/// The interfaces, without their version.
const INTERFACES: &[(&str, Add)] = &[
    ("wasi:cli/environment", cli::environment),
    ("wasi:cli/exit", cli::exit),
    ("wasi:cli/stderr", cli::stderr),
    ("wasi:cli/stdin", cli::stdin),
    ("wasi:cli/stdout", cli::stdout),
    ("wasi:cli/terminal-input", nothing),
    ("wasi:cli/terminal-output", nothing),
    ("wasi:cli/terminal-stderr", cli::terminal_stderr),
    ("wasi:cli/terminal-stdin", cli::terminal_stdin),
    ("wasi:cli/terminal-stdout", cli::terminal_stdout),
    ("wasi:clocks/monotonic-clock", clocks::monotonic),
    ("wasi:clocks/wall-clock", clocks::wall),
    // There is nothing that could be opened, so no function of these is ever called for good.
    ("wasi:filesystem/preopens", cli::preopens),
    ("wasi:filesystem/types", nothing),
    ("wasi:io/error", nothing),
    ("wasi:io/poll", io::poll),
    ("wasi:io/streams", io::streams),
    ("wasi:random/insecure", random::insecure),
    ("wasi:random/insecure-seed", random::insecure_seed),
    ("wasi:random/random", random::random),
    // Python's runtime imports these whatever a program does. Every function of them traps.
    ("wasi:sockets/instance-network", nothing),
    ("wasi:sockets/ip-name-lookup", nothing),
    ("wasi:sockets/network", nothing),
    ("wasi:sockets/tcp", nothing),
    ("wasi:sockets/tcp-create-socket", nothing),
    ("wasi:sockets/udp", nothing),
    ("wasi:sockets/udp-create-socket", nothing),
];

/// The name of an interface without its version.
fn interface(name: &str) -> &str {
    name.split_once('@').map_or(name, |(interface, _)| interface)
}

fn find(name: &str) -> Option<Add> {
    let (interface, version) = name.split_once('@')?;
    // Later ones of 0.2 only add to it; 0.3 is asynchronous.
    if !version.starts_with("0.2.") {
        return None;
    }
    INTERFACES.iter().find(|(known, _)| *known == interface).map(|(_, add)| *add)
}

/// Whether an import is an interface of the part of WASI in here.
pub(crate) fn offers(name: &str) -> bool {
    find(name).is_some()
}

/// Adds what a component imports of WASI, under the versions that it names.
pub(crate) fn add<'a>(
    linker: &mut Linker<State>,
    component: &Component,
    imports: impl Iterator<Item = &'a String>,
) -> Result<()> {
    let mut any = false;
    for name in imports {
        if let Some(add) = find(name) {
            let mut instance = linker.instance(name)?;
            resources::add(interface(name), &mut instance)?;
            add(&mut instance)?;
            any = true;
        }
    }
    // Nothing but these interfaces can be left: everything else was refused when the plugin was checked.
    if any { linker.define_unknown_imports_as_traps(component) } else { Ok(()) }
}

// All interfaces are added in one way.
#[allow(clippy::unnecessary_wraps)]
fn nothing(_: &mut LinkerInstance<'_, State>) -> Result<()> {
    Ok(())
}
