//! Builds plugins from source, with whatever toolchain the machine has.
//!
//! [`build_plugin`] takes a folder with a plugin's source and leaves a component. The folder tells the language: a
//! `Cargo.toml` is a plugin in Rust, and a `quorate.toml` says which other language it is. It never downloads a compiler:
//! it takes what is installed, and says what to install when that does not do.
//!
//! For Rust it looks for a compiler that can build for `wasm32-unknown-unknown` ([`rust::Toolchain::find`]): one that has
//! the target installed, as rustup installs it, or else Debian's compiler with the sources of the standard library, from
//! which a private sysroot is built once.
//!
//! ```no_run
//! use std::path::Path;
//!
//! let built = quorate_toolchain::build_plugin(
//!     Path::new("plugins/counter"),
//!     Path::new("counter.wasm"),
//!     &mut |step| eprintln!("{step}"),
//! )?;
//! println!("{} bytes", built.component_bytes);
//! # Ok::<(), quorate_toolchain::BuildError>(())
//! ```

pub mod c;
mod cache;
mod command;
mod component;
mod description;
mod error;
pub mod go;
mod installed;
pub mod javascript;
mod kept;
mod language;
mod programs;
mod progress;
pub mod python;
pub mod rust;
mod staged;
mod world;

pub use component::componentize;
pub use error::{BuildError, ComponentError, SysrootError, ToolchainError};
pub use progress::Progress;

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The target every plugin in Rust is built for: no operating system, hence nothing that could differ between nodes.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// A plugin that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltPlugin {
    /// The name of the package it was built from.
    pub package: String,
    /// Where the component is.
    pub component: PathBuf,
    /// Its size in bytes.
    pub component_bytes: u64,
    /// The SHA-256 of its bytes in hexadecimal digits: what a cluster will know the plugin by.
    pub digest: String,
    /// The compiler that built it.
    pub compiler: String,
}

/// Builds the plugin in `folder` and writes the component to `out`, whose folder must exist.
///
/// Waits when another process builds the same folder. What is compiled is kept in the user's cache, so a second
/// build of the same folder takes no longer than what changed.
///
/// # Errors
/// When the folder holds nothing that can become a plugin, no compiler is found, or the build fails; each
/// error says what to do about it.
pub fn build_plugin(
    folder: &Path,
    out: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<BuiltPlugin, BuildError> {
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent
        && !parent.is_dir()
    {
        return Err(BuildError::NoOutputFolder { folder: parent.to_path_buf() });
    }
    let cache = cache::Cache::open()?;
    let language::Built { package, component, compiler } = language::build(folder, &cache, progress)?;
    cache::write_whole(out, &component)?;
    let built = BuiltPlugin {
        package,
        component: out.to_path_buf(),
        component_bytes: component.len() as u64,
        digest: Sha256::digest(&component).iter().map(|byte| format!("{byte:02x}")).collect(),
        compiler,
    };
    progress(Progress::Built(&built));
    Ok(built)
}
