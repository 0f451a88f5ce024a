//! The resources of these interfaces. The host keeps nothing for any of them but its number.

use crate::state::State;
use wasmtime::{
    Result,
    component::{LinkerInstance, ResourceType},
};

/// Standard input, which is empty.
pub(super) struct InputStream;
/// Standard output or error, told apart by the number of the resource.
pub(super) struct OutputStream;
/// Something to wait for, which is there already.
pub(super) struct Pollable;
/// Why a stream failed, which none does.
pub(super) struct StreamFailure;
/// A file or folder, of which there is none.
pub(super) struct Descriptor;
/// What lists a folder, of which there is none.
struct DirectoryEntryStream;
/// A terminal to read from, of which there is none.
pub(super) struct TerminalInput;
/// A terminal to write to, of which there is none.
pub(super) struct TerminalOutput;

impl OutputStream {
    pub(super) const STDOUT: u32 = 1;
    pub(super) const STDERR: u32 = 2;
}

/// Every interface in which a resource has a name: where it comes from, and where it is used.
const NAMES: &[(&str, &[&str])] = &[
    ("wasi:cli/stderr", &["output-stream"]),
    ("wasi:cli/stdin", &["input-stream"]),
    ("wasi:cli/stdout", &["output-stream"]),
    ("wasi:cli/terminal-input", &["terminal-input"]),
    ("wasi:cli/terminal-output", &["terminal-output"]),
    ("wasi:cli/terminal-stderr", &["terminal-output"]),
    ("wasi:cli/terminal-stdin", &["terminal-input"]),
    ("wasi:cli/terminal-stdout", &["terminal-output"]),
    ("wasi:clocks/monotonic-clock", &["pollable"]),
    ("wasi:filesystem/preopens", &["descriptor"]),
    (
        "wasi:filesystem/types",
        &["descriptor", "directory-entry-stream", "error", "input-stream", "output-stream"],
    ),
    ("wasi:io/error", &["error"]),
    ("wasi:io/poll", &["pollable"]),
    ("wasi:io/streams", &["error", "input-stream", "output-stream", "pollable"]),
    ("wasi:sockets/ip-name-lookup", &["pollable"]),
    ("wasi:sockets/network", &["error"]),
    ("wasi:sockets/tcp", &["input-stream", "output-stream", "pollable"]),
    ("wasi:sockets/udp", &["pollable"]),
];

/// Adds the resources of an interface.
pub(super) fn add(interface: &str, instance: &mut LinkerInstance<'_, State>) -> Result<()> {
    let names = NAMES.iter().find(|(known, _)| *known == interface).map_or(&[][..], |(_, names)| names);
    for name in names {
        let resource = match *name {
            "descriptor" => ResourceType::host::<Descriptor>(),
            "directory-entry-stream" => ResourceType::host::<DirectoryEntryStream>(),
            "error" => ResourceType::host::<StreamFailure>(),
            "input-stream" => ResourceType::host::<InputStream>(),
            "output-stream" => ResourceType::host::<OutputStream>(),
            "terminal-input" => ResourceType::host::<TerminalInput>(),
            "terminal-output" => ResourceType::host::<TerminalOutput>(),
            _ => ResourceType::host::<Pollable>(),
        };
        instance.resource(name, resource, |_, _| Ok(()))?;
    }
    Ok(())
}
