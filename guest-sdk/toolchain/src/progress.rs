use crate::BuiltPlugin;
use std::fmt;

/// What a build is doing, for those who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// Another process builds the standard library or this plugin; waiting for it.
    Waiting,
    /// The standard library is being built for WebAssembly: once for each compiler, and then kept.
    BuildingSysroot,
    /// A crate of the standard library is done.
    SysrootCrate(&'a str),
    /// This part of the toolchain is being fetched from its registry: once, and then kept.
    Installing(&'a str),
    /// The plugin's own code is being compiled.
    Compiling,
    /// This crate is done.
    Compiled(&'a str),
    /// The module is being made a component.
    Componentizing,
    /// All is done.
    Built(&'a BuiltPlugin),
}

impl fmt::Display for Progress<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => formatter.write_str("waiting for another build"),
            Self::BuildingSysroot => {
                formatter.write_str("building Rust's standard library for WebAssembly (once, about a minute)")
            }
            Self::SysrootCrate(name) => write!(formatter, "built {name} of the standard library"),
            Self::Installing(what) => write!(formatter, "installing {what} (once)"),
            Self::Compiling => formatter.write_str("compiling"),
            Self::Compiled(name) => write!(formatter, "compiled {name}"),
            Self::Componentizing => formatter.write_str("making a component of the module"),
            Self::Built(built) => {
                write!(formatter, "built {} ({} bytes)", built.component.display(), built.component_bytes)
            }
        }
    }
}
