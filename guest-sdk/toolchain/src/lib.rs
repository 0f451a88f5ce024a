//! Builds plugins from source, with whatever toolchain the machine has.
//!
//! [`build_plugin`] takes a folder with a cargo package and leaves a component. It looks for a Rust compiler
//! that can build for `wasm32-unknown-unknown` ([`Toolchain::find`]): one that has the target installed, as
//! rustup installs it, or else Debian's compiler with the sources of the standard library, from which a private
//! sysroot is built once. It never downloads a compiler.
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

mod cache;
mod cargo;
mod command;
mod component;
mod error;
mod manifest;
mod progress;
mod sysroot;
mod toolchain;

pub use component::componentize;
pub use error::{BuildError, ComponentError, SysrootError, ToolchainError};
pub use progress::Progress;
pub use toolchain::{DEBIAN_PACKAGES, Toolchain, missing_packages};

use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// The target every plugin is built for: no operating system, hence nothing that could differ between nodes.
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

/// Builds the package in `folder` and writes the component to `out`, whose folder must exist.
///
/// Waits when another process builds the same folder. What is compiled is kept in the user's cache, so a second
/// build of the same folder takes no longer than what changed.
///
/// # Errors
/// When the folder holds no package that can become a plugin, no compiler is found, or the build fails; each
/// error says what to do about it.
pub fn build_plugin(
    folder: &Path,
    out: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<BuiltPlugin, BuildError> {
    let manifest = manifest::read(folder)?;
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent
        && !parent.is_dir()
    {
        return Err(BuildError::NoOutputFolder { folder: parent.to_path_buf() });
    }
    let cache = cache::Cache::open()?;
    let toolchain = Toolchain::find(folder)?;
    let ready = toolchain.prepare(&cache, progress)?;
    let module_path = cargo::build(&manifest, &ready, progress)?;
    progress(Progress::Componentizing);
    let module = fs::read(&module_path).map_err(|source| BuildError::Io {
        what: "read the built module",
        path: module_path,
        source,
    })?;
    let component = componentize(&module)
        .map_err(|source| BuildError::Component { package: manifest.package.clone(), source })?;
    cache::write_whole(out, &component)?;
    let built = BuiltPlugin {
        package: manifest.package,
        component: out.to_path_buf(),
        component_bytes: component.len() as u64,
        digest: Sha256::digest(&component).iter().map(|byte| format!("{byte:02x}")).collect(),
        compiler: ready.compiler,
    };
    progress(Progress::Built(&built));
    Ok(built)
}
