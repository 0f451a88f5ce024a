//! Plugins in Python: run by CPython, which becomes part of the component.
//!
//! The interpreter and what embeds a program in it are one package of PyPI, componentize-py.

use crate::cache::Cache;
use crate::command::clean;
use crate::description::Description;
use crate::error::{BuildError, ToolchainError};
use crate::installed::installed;
use crate::kept::kept;
use crate::language::{Built, compile, read_component};
use crate::programs::{answer, find, said};
use crate::progress::Progress;
use crate::staged::Staged;
use crate::world::{CONTRACT, WORLD, World};
use std::path::PathBuf;

/// The Debian packages that together build plugins in Python, beside what pip installs.
pub const DEBIAN_PACKAGES: [&str; 2] = ["python3", "python3-venv"];

/// The file with the machine.
const SOURCE: &str = "machine.py";
/// The module of the SDK that makes a component of it.
const ENTRY: &str = "quorate.component";
/// Exact versions with their checksums.
const LOCK: &str = include_str!("../../python/toolchain/requirements.txt");
/// The oldest version of Python 3 that the package installs on.
const PYTHON_MINOR_MIN: u32 = 9;
/// Counted up when the recipe changes, so that what an older one built is not used.
const RECIPE: &str = "python 1";

struct Python {
    path: PathBuf,
    version: String,
}

impl Python {
    fn find() -> Result<Self, ToolchainError> {
        Self::look().map_err(|why_not| ToolchainError::Missing {
            what: "Python that plugins in Python can be built with",
            found: vec![why_not],
            install: format!("apt-get install --no-install-recommends {}", DEBIAN_PACKAGES.join(" ")),
        })
    }

    fn look() -> Result<Self, String> {
        let path = find("python3").ok_or("There is no python3 on the PATH.")?;
        let version = answer(clean(&path).arg("--version"))?;
        if minor(&version).is_none_or(|minor| minor < PYTHON_MINOR_MIN) {
            let path = path.display();
            return Err(format!("{path} is {version}, and 3.{PYTHON_MINOR_MIN} is the oldest that will do."));
        }
        // Debian splits these off.
        answer(clean(&path).args(["-c", "import ensurepip, venv"]))
            .map_err(|_| format!("{} has no module venv, or no pip for it.", path.display()))?;
        Ok(Self { path, version })
    }

    /// The folder with the packages of PyPI, installed if they are not there.
    fn packages(&self, cache: &Cache, progress: &mut dyn FnMut(Progress<'_>)) -> Result<PathBuf, BuildError> {
        let with = format!("{} {}", self.path.display(), self.version);
        installed(cache, "componentize-py", LOCK, &with, progress, |folder| {
            let failed = |output| BuildError::Install { what: "componentize-py", from: "PyPI", output };
            said(clean(&self.path).args(["-m", "venv"]).arg(folder), "").map_err(failed)?;
            let mut pip = clean(&folder.join("bin/python"));
            pip.args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--only-binary=:all:",
            ]);
            // The list comes by standard input: nothing has to be written beside what is installed.
            pip.args(["--require-hashes", "--requirement", "/dev/stdin"]);
            said(&mut pip, LOCK).map_err(failed)
        })
    }
}

/// `Python 3.11.2` is of minor version 11.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("Python 3.")?.split('.').next()?.parse().ok()
}

/// Whether plugins in Python can be built here.
///
/// # Errors
/// Why not, and what to install.
pub fn ready() -> Result<(), ToolchainError> {
    Python::find().map(|_| ())
}

pub(crate) fn build(
    plugin: &Description,
    cache: &Cache,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Built, BuildError> {
    if !plugin.folder.join(SOURCE).is_file() {
        return Err(BuildError::NoSources { folder: plugin.folder.clone(), what: SOURCE });
    }
    let python = Python::find()?;
    let packages = python.packages(cache, progress)?;
    let mut staged = Staged::of(plugin)?;
    staged.add(".wit/plugin.wit", World::of(plugin).text().as_bytes())?;
    staged.add(".wit/deps/machine/machine.wit", CONTRACT.as_bytes())?;
    let key = staged.key(&[RECIPE, LOCK]);
    let compiler = format!("componentize-py, {}", python.version);
    let component = kept(cache, &key, progress, |progress| {
        progress(Progress::Compiling);
        let out = staged.path().join(".component.wasm");
        let mut command = clean(&packages.join("bin/componentize-py"));
        command
            .current_dir(staged.path())
            .args(["--quiet", "--wit-path", ".wit", "--world", WORLD, "componentize", "--python-path", "."])
            // Without it the packages of whoever builds this would be on the path as well.
            .env("VIRTUAL_ENV", &packages)
            .env_remove("PYTHONPATH")
            .args([ENTRY, "--output"])
            .arg(&out);
        compile(&mut command, plugin, &compiler)?;
        read_component(&out)
    })?;
    Ok(Built { package: plugin.name.clone(), component, compiler })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_of_python_are_told_apart() {
        assert_eq!((minor("Python 3.11.2"), minor("Python 3.8.10")), (Some(11), Some(8)));
        assert_eq!(minor("Python 2.7.18"), None);
    }

    #[test]
    fn the_packages_are_of_exact_versions_with_checksums() {
        let packages = LOCK.lines().filter(|line| !line.starts_with(' '));
        assert!(packages.clone().count() > 0);
        assert!(packages.into_iter().all(|line| line.contains("==") && line.ends_with('\\')));
        assert!(LOCK.contains("--hash=sha256:"));
    }
}
