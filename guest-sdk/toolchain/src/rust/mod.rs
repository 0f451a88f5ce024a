//! Plugins in Rust: a cargo package, compiled for [`crate::TARGET`].

mod cargo;
mod manifest;
mod sources;
mod sysroot;
mod toolchain;

pub use toolchain::{DEBIAN_PACKAGES, Toolchain, missing_packages};

use crate::cache::Cache;
use crate::component::componentize;
use crate::error::BuildError;
use crate::language::Built;
use crate::progress::Progress;
use std::fs;
use std::path::Path;

/// The file that tells a Rust plugin.
pub(crate) const MANIFEST: &str = "Cargo.toml";

/// Builds the package in `folder`.
pub(crate) fn build(
    folder: &Path,
    cache: &Cache,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Built, BuildError> {
    let manifest = manifest::read(folder)?;
    let toolchain = Toolchain::find(folder)?;
    let ready = toolchain.prepare(cache, progress)?;
    let module_path = cargo::build(&manifest, &ready, progress)?;
    progress(Progress::Componentizing);
    let module = fs::read(&module_path).map_err(|source| BuildError::Io {
        what: "read the built module",
        path: module_path,
        source,
    })?;
    let component = componentize(&module)
        .map_err(|source| BuildError::Component { package: manifest.package.clone(), source })?;
    Ok(Built { package: manifest.package, component, compiler: ready.compiler })
}
