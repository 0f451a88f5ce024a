//! Which language a folder's plugin is in, and what building it in any of them comes to.

use crate::cache::Cache;
use crate::description::{self, Description, Language};
use crate::error::BuildError;
use crate::programs::said;
use crate::progress::Progress;
use crate::{c, go, javascript, python, rust};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A component, and what it was made of.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    /// The name of the package.
    pub(crate) package: String,
    pub(crate) component: Vec<u8>,
    /// What compiled it, and of which version.
    pub(crate) compiler: String,
}

/// Builds the plugin in `folder` with the toolchain of its language.
pub(crate) fn build(
    folder: &Path,
    cache: &Cache,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Built, BuildError> {
    if !folder.is_dir() {
        return Err(BuildError::NoFolder { folder: folder.to_path_buf() });
    }
    if folder.join(rust::MANIFEST).is_file() {
        return rust::build(folder, cache, progress);
    }
    if !folder.join(description::FILE).is_file() {
        return Err(BuildError::NoManifest { folder: folder.to_path_buf() });
    }
    let plugin = description::read(folder)?;
    match plugin.language {
        Language::C => c::build(&plugin, progress),
        Language::Go => go::build(&plugin, cache, progress),
        Language::JavaScript => javascript::build(&plugin, cache, progress),
        Language::Python => python::build(&plugin, cache, progress),
    }
}

/// Runs what compiles a plugin to its end.
pub(crate) fn compile(command: &mut Command, plugin: &Description, compiler: &str) -> Result<(), BuildError> {
    said(command, "").map_err(|output| BuildError::Compile {
        package: plugin.name.clone(),
        compiler: compiler.to_owned(),
        output,
    })
}

/// What a tool wrote for us.
pub(crate) fn read_component(path: &Path) -> Result<Vec<u8>, BuildError> {
    fs::read(path).map_err(|source| BuildError::Io {
        what: "read the component",
        path: path.to_path_buf(),
        source,
    })
}
