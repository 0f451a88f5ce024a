//! Finds something on this machine that builds for WebAssembly.

use super::cargo::cargo_home;
use super::sysroot;
use crate::TARGET;
use crate::cache::Cache;
use crate::command::clean;
use crate::error::{BuildError, ToolchainError};
use crate::programs::{answer, path_folders};
use crate::progress::Progress;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Debian packages that together build plugins, for a machine without rustup.
pub const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];

/// A Rust compiler that can build plugins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    rustc: PathBuf,
    cargo: PathBuf,
    /// What the compiler says of itself with `-vV`.
    pub(crate) version: String,
    /// The linker, when the compiler has none of its own.
    linker: Option<PathBuf>,
    standard_library: StandardLibrary,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum StandardLibrary {
    /// The target is installed.
    Installed,
    /// It can be built from the sources in this `library` folder.
    Source { library: PathBuf, sysroot: PathBuf },
}

/// A toolchain whose standard library is there.
#[derive(Clone, Debug)]
pub(crate) struct ReadyToolchain {
    pub(crate) rustc: PathBuf,
    pub(crate) cargo: PathBuf,
    pub(crate) linker: Option<PathBuf>,
    pub(crate) sysroot: Option<PathBuf>,
    /// The first line of its version.
    pub(crate) compiler: String,
    /// Where what is compiled with it is kept. It is part of a private sysroot, so that nothing compiled against
    /// a sysroot outlives it: the compiler refuses to mix two.
    pub(crate) builds: PathBuf,
}

impl Toolchain {
    /// The toolchain that builds the package in `folder`: the first on the `PATH` that has the target installed,
    /// or else the first that has the sources of its standard library and a linker beside it.
    ///
    /// # Errors
    /// When there is none; the error lists what was looked at, and what to install.
    pub fn find(folder: &Path) -> Result<Self, ToolchainError> {
        let mut found = Vec::new();
        let mut from_source = None;
        for rustc in compilers() {
            match Self::examine(&rustc, folder) {
                Ok(toolchain) if toolchain.standard_library == StandardLibrary::Installed => {
                    return Ok(toolchain);
                }
                Ok(toolchain) => {
                    from_source.get_or_insert(toolchain);
                }
                Err(why_not) => found.push(format!("{}: {why_not}", rustc.display())),
            }
        }
        if found.is_empty() {
            found.push("There is no rustc on the PATH.".into());
        }
        from_source.ok_or(ToolchainError::NotFound { found })
    }

    /// What this compiler can do, or why it cannot build plugins.
    fn examine(rustc: &Path, folder: &Path) -> Result<Self, String> {
        let ask = |arguments: &[&str]| {
            let mut command = clean(rustc);
            command.args(arguments);
            if folder.is_dir() {
                // A rust-toolchain.toml there decides which compiler rustup's proxy is.
                command.current_dir(folder);
            }
            answer(&mut command)
        };
        let sysroot = PathBuf::from(ask(&["--print", "sysroot"])?);
        // Behind rustup's proxies are the real programs, which no environment can turn into others.
        let real = |name: &str, fallback: PathBuf| {
            let path = sysroot.join("bin").join(name);
            if path.is_file() { path } else { fallback }
        };
        let rustc = real("rustc", rustc.to_path_buf());
        let cargo = real("cargo", rustc.with_file_name("cargo"));
        if !cargo.is_file() {
            return Err("there is no cargo beside it".into());
        }
        let version = answer(clean(&rustc).arg("-vV"))?;
        let host = version
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .ok_or("it does not say which machine it is for")?;
        let libraries = sysroot.join("lib/rustlib");
        let linker = if libraries.join(host).join("bin/rust-lld").is_file() { None } else { Some(linker()) };
        let standard_library = if has_standard_library(&libraries.join(TARGET)) {
            StandardLibrary::Installed
        } else {
            let library = libraries.join("src/rust/library");
            if !library.join("sysroot/Cargo.toml").is_file() {
                return Err(format!(
                    "it has neither the target {TARGET} nor the sources of its standard library"
                ));
            }
            StandardLibrary::Source { library, sysroot }
        };
        if linker == Some(None) {
            return Err("it has no linker for WebAssembly, and there is no wasm-ld on the PATH".into());
        }
        Ok(Self { rustc, cargo, version, linker: linker.flatten(), standard_library })
    }

    /// Builds the standard library if that is still to be done.
    pub(crate) fn prepare(
        &self,
        cache: &Cache,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<ReadyToolchain, BuildError> {
        let (sysroot, builds) = match &self.standard_library {
            StandardLibrary::Installed => (None, cache.folder("plugin-builds")),
            StandardLibrary::Source { library, sysroot } => {
                let private = sysroot::prepare(
                    &sysroot::Source {
                        rustc: &self.rustc,
                        cargo: &self.cargo,
                        version: &self.version,
                        library,
                        sysroot,
                    },
                    cache,
                    progress,
                )?;
                let builds = private.join("plugin-builds");
                (Some(private), builds)
            }
        };
        Ok(ReadyToolchain {
            rustc: self.rustc.clone(),
            cargo: self.cargo.clone(),
            linker: self.linker.clone(),
            sysroot,
            compiler: self.version.lines().next().unwrap_or_default().to_owned(),
            builds,
        })
    }

    /// The compiler.
    #[must_use]
    pub fn rustc(&self) -> &Path {
        &self.rustc
    }

    /// The cargo beside it.
    #[must_use]
    pub fn cargo(&self) -> &Path {
        &self.cargo
    }

    /// Whether its standard library must be built before the first plugin, which takes about a minute and
    /// fetches the few crates it is made of from crates.io.
    #[must_use]
    pub fn builds_standard_library(&self) -> bool {
        self.standard_library != StandardLibrary::Installed
    }
}

/// The Debian packages to install so that plugins can be built here: empty when they can be already.
#[must_use]
pub fn missing_packages() -> Vec<&'static str> {
    if Toolchain::find(Path::new(".")).is_ok() {
        return Vec::new();
    }
    let installed = |package: &&str| {
        let mut query = Command::new("dpkg-query");
        query.args(["--show", "--showformat=${db:Status-Abbrev}", package]);
        answer(&mut query).is_ok_and(|status| status.starts_with("ii"))
    };
    let missing: Vec<_> = DEBIAN_PACKAGES.into_iter().filter(|package| !installed(package)).collect();
    // All there and still no toolchain: one of them is broken, so name all.
    if missing.is_empty() { DEBIAN_PACKAGES.to_vec() } else { missing }
}

/// Every compiler worth looking at, best first.
fn compilers() -> Vec<PathBuf> {
    let mut folders = path_folders();
    if let Some(home) = cargo_home() {
        folders.push(home.join("bin"));
    }
    folders.push("/usr/bin".into());
    let mut compilers: Vec<PathBuf> = Vec::new();
    for rustc in folders.into_iter().map(|folder| folder.join("rustc")).filter(|rustc| rustc.is_file()) {
        // On many systems /bin is /usr/bin.
        let same = |other: &PathBuf| other.canonicalize().ok() == rustc.canonicalize().ok();
        if !compilers.iter().any(same) {
            compilers.push(rustc);
        }
    }
    compilers
}

/// LLVM's linker for WebAssembly. Debian names it after LLVM's version: the newest will do.
fn linker() -> Option<PathBuf> {
    let mut folders = path_folders();
    folders.push("/usr/bin".into());
    let mut newest: Option<(u32, PathBuf)> = None;
    for folder in folders {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Some(version) = linker_version(&entry.file_name()) else { continue };
            if newest.as_ref().is_none_or(|(best, _)| version > *best) {
                newest = Some((version, entry.path()));
            }
        }
    }
    newest.map(|(_, path)| path)
}

/// `wasm-ld-22` is of version 22; one without a version was chosen by whoever set up the machine, and wins.
fn linker_version(name: &OsString) -> Option<u32> {
    let version = name.to_str()?.strip_prefix("wasm-ld")?;
    if version.is_empty() { Some(u32::MAX) } else { version.strip_prefix('-')?.parse().ok() }
}

pub(crate) fn has_standard_library(target: &Path) -> bool {
    fs::read_dir(target.join("lib"))
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with("libcore-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_linker_is_taken_and_an_unversioned_one_before_it() {
        let version = |name: &str| linker_version(&OsString::from(name));
        assert_eq!(version("wasm-ld-22"), Some(22));
        assert_eq!(version("wasm-ld"), Some(u32::MAX));
        for other in ["ld", "wasm-ld-", "wasm-ld-22.dwp", "wasm-ldx", "wasm-objdump"] {
            assert_eq!(version(other), None, "{other}");
        }
    }

    #[test]
    fn a_program_that_is_no_compiler_is_told_apart_from_one_without_the_target() {
        let here = Path::new(".");
        let error = Toolchain::examine(Path::new("/nonexistent/rustc"), here).unwrap_err();
        assert!(error.contains("does not run"), "{error}");
        let error = Toolchain::examine(Path::new("/bin/false"), here).unwrap_err();
        assert_eq!(error, "");
    }

    #[test]
    fn a_target_folder_without_a_core_library_is_no_standard_library() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_standard_library(folder.path()));
        fs::create_dir(folder.path().join("lib")).unwrap();
        assert!(!has_standard_library(folder.path()), "an empty folder, as rustup leaves behind");
        fs::write(folder.path().join("lib/libcore-0.rlib"), b"").unwrap();
        assert!(has_standard_library(folder.path()));
    }

    #[test]
    fn the_error_without_a_toolchain_says_what_to_run() {
        let error = ToolchainError::NotFound { found: vec!["/usr/bin/rustc: too plain".into()] }.to_string();
        assert!(error.contains("/usr/bin/rustc: too plain"), "{error}");
        assert!(error.contains("rustup target add wasm32-unknown-unknown"), "{error}");
        assert!(
            error.contains("apt-get install --no-install-recommends rustc-web cargo-web rust-web-src lld-22"),
            "{error}"
        );
    }
}
