//! Plugins in Go: compiled for WASI 0.1 by the Go toolchain, and made components here.

use crate::cache::Cache;
use crate::command::clean;
use crate::component::componentize_wasi;
use crate::description::Description;
use crate::error::{BuildError, ToolchainError};
use crate::language::{Built, compile, read_component};
use crate::programs::{answer, path_folders};
use crate::progress::Progress;
use crate::staged::Staged;
use std::path::{Path, PathBuf};

/// The Debian packages that together build plugins in Go, where they are new enough.
pub const DEBIAN_PACKAGES: [&str; 1] = ["golang-go"];

/// The first version of Go 1 that exports functions to WebAssembly with types of their own.
const MINOR_MIN: u32 = 24;
/// Where Go is when it is not on the `PATH`.
const FOLDERS: [&str; 2] = ["/usr/local/go/bin", "/usr/lib/go/bin"];
/// Where in the cache `cargo xtask setup --go` of this repository puts one.
const IN_CACHE: &str = "toolchains/go/bin";
const CURE: &str = "call `store.Export(...)` or `memory.Export(...)` in an init function of package main";

struct Go {
    path: PathBuf,
    /// `go1.24.1`.
    version: String,
}

impl Go {
    fn find() -> Result<Self, ToolchainError> {
        let mut found = Vec::new();
        let mut folders = path_folders();
        folders.extend(FOLDERS.map(PathBuf::from));
        folders.extend(Cache::open().map(|cache| cache.folder(IN_CACHE)));
        for path in folders.into_iter().map(|folder| folder.join("go")).filter(|path| path.is_file()) {
            match Self::examine(&path) {
                Ok(go) => return Ok(go),
                Err(why_not) => found.push(why_not),
            }
        }
        if found.is_empty() {
            found.push("There is no go on the PATH.".into());
        }
        Err(ToolchainError::Missing {
            what: "Go that is new enough",
            found,
            install: format!(
                "apt-get install --no-install-recommends {} (1.{MINOR_MIN} or newer, as from Debian 13 on; else from https://go.dev/dl)",
                DEBIAN_PACKAGES.join(" ")
            ),
        })
    }

    fn examine(path: &Path) -> Result<Self, String> {
        let version = answer(local(path).args(["env", "GOVERSION"]))?;
        match minor(&version) {
            Some(minor) if minor >= MINOR_MIN => Ok(Self { path: path.to_path_buf(), version }),
            _ => Err(format!(
                "{} is {version}, and go1.{MINOR_MIN} is the oldest that will do.",
                path.display()
            )),
        }
    }
}

/// Go as it is installed: it fetches no other version of itself, whatever a go.mod says.
fn local(path: &Path) -> std::process::Command {
    let mut command = clean(path);
    command.env("GOTOOLCHAIN", "local").env("GOWORK", "off").env("GO111MODULE", "on").env_remove("GOFLAGS");
    command
}

/// `go1.24.1` is of minor version 24.
fn minor(version: &str) -> Option<u32> {
    let digits = version.strip_prefix("go1.")?;
    digits.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// Whether plugins in Go can be built here.
///
/// # Errors
/// Why not, and what to install.
pub fn ready() -> Result<(), ToolchainError> {
    Go::find().map(|_| ())
}

pub(crate) fn build(
    plugin: &Description,
    cache: &Cache,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Built, BuildError> {
    if !plugin.folder.join("go.mod").is_file() {
        return Err(BuildError::NoSources { folder: plugin.folder.clone(), what: "a go.mod" });
    }
    let go = Go::find()?;
    let staged = Staged::of(plugin)?;
    progress(Progress::Compiling);
    let out = staged.path().join(".module.wasm");
    let mut command = local(&go.path);
    command
        .current_dir(staged.path())
        .args(["build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o"])
        .arg(&out)
        .arg(".")
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm")
        .env("CGO_ENABLED", "0")
        .env("GOCACHE", cache.folder("go-build"));
    compile(&mut command, plugin, &go.version)?;
    progress(Progress::Componentizing);
    let module = read_component(&out)?;
    let component = componentize_wasi(module, CURE)
        .map_err(|source| BuildError::Component { package: plugin.name.clone(), source })?;
    Ok(Built { package: plugin.name.clone(), component, compiler: go.version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_of_go_are_told_apart() {
        assert_eq!((minor("go1.24.1"), minor("go1.19"), minor("go1.25rc1")), (Some(24), Some(19), Some(25)));
        assert_eq!(minor("devel"), None);
    }
}
