//! Plugins in C: compiled by clang with wasi-libc, and made components here.

use crate::command::clean;
use crate::component::componentize_wasi;
use crate::description::Description;
use crate::error::{BuildError, ToolchainError};
use crate::language::{Built, compile};
use crate::programs::{answer, path_folders, said};
use crate::progress::Progress;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The Debian packages that together build plugins in C.
pub const DEBIAN_PACKAGES: [&str; 4] = ["clang-22", "lld-22", "libclang-rt-22-dev-wasm32", "wasi-libc"];

/// Debian names the folders of its wasi-libc so.
const TARGET: &str = "wasm32-wasi";
/// Where the sources of a plugin are, beside its folder itself.
const SOURCE_FOLDERS: [&str; 3] = ["", "src", "quorate"];
/// What every plugin is compiled with. The stack lies below everything else, so that running out of it traps.
const FLAGS: [&str; 9] = [
    "-mexec-model=reactor",
    "-std=gnu17",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Wno-deprecated",
    "-Wl,--strip-all",
    "-Wl,--stack-first",
    "-Wl,-z,stack-size=131072",
];
const CURE: &str = "write `QUORATE_STORE_MACHINE(apply, query);` or `QUORATE_MEMORY_MACHINE(apply, query, save, load);` into one of its files";

/// A C compiler that can build plugins.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Compiler {
    path: PathBuf,
    /// The first line of its version.
    version: String,
}

impl Compiler {
    /// The WASI SDK that `WASI_SDK_PATH` names, or else the newest clang that has all it needs.
    fn find() -> Result<Self, ToolchainError> {
        let mut found = Vec::new();
        for path in candidates() {
            match Self::examine(&path) {
                Ok(compiler) => return Ok(compiler),
                Err(why_not) => found.push(format!("{}: {why_not}", path.display())),
            }
        }
        if found.is_empty() {
            found.push("There is no clang on the PATH.".into());
        }
        Err(ToolchainError::Missing {
            what: "C compiler with a linker, a C library and its own run-time library for WebAssembly",
            found,
            install: format!("apt-get install --no-install-recommends {}", DEBIAN_PACKAGES.join(" ")),
        })
    }

    /// Tries it: only a linked program shows that linker, C library and run-time library are all there.
    fn examine(path: &Path) -> Result<Self, String> {
        let version = answer(clean(path).arg("--version"))?;
        let version = version.lines().next().unwrap_or_default().to_owned();
        let mut command = clean(path);
        command.args(["-target", TARGET, "-x", "c", "-", "-o", "/dev/null"]).args(FLAGS);
        // A division of this kind needs the run-time library, and the memory that is asked for the C library.
        let program = "#include <stdlib.h>\nvoid *wanted(__int128 a, __int128 b) { return malloc((size_t)(a / b)); }\n\
            __attribute__((export_name(\"tried\"))) void *tried(long long a) { return wanted(a, a + 1); }\n";
        said(&mut command, program)?;
        Ok(Self { path: path.to_path_buf(), version })
    }
}

/// Whether plugins in C can be built here.
///
/// # Errors
/// Why not, and what to install.
pub fn ready() -> Result<(), ToolchainError> {
    Compiler::find().map(|_| ())
}

/// Every compiler worth trying, best first.
fn candidates() -> Vec<PathBuf> {
    let sdk = env::var_os("WASI_SDK_PATH").map(|sdk| Path::new(&sdk).join("bin/clang"));
    let mut numbered: Vec<(u32, PathBuf)> = Vec::new();
    for folder in path_folders() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if let Some(version) = version(&entry.file_name())
                && !numbered.iter().any(|(known, _)| *known == version)
            {
                numbered.push((version, entry.path()));
            }
        }
    }
    numbered.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    sdk.into_iter().chain(numbered.into_iter().map(|(_, path)| path)).collect()
}

/// `clang-22` is of version 22; one without a version was chosen by whoever set up the machine, and comes first.
fn version(name: &OsString) -> Option<u32> {
    let version = name.to_str()?.strip_prefix("clang")?;
    if version.is_empty() { Some(u32::MAX) } else { version.strip_prefix('-')?.parse().ok() }
}

pub(crate) fn build(
    plugin: &Description,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Built, BuildError> {
    let compiler = Compiler::find()?;
    progress(Progress::Compiling);
    let sources = sources(&plugin.folder)?;
    let out = tempfile::tempdir().map_err(|source| BuildError::Io {
        what: "make a temporary folder in",
        path: env::temp_dir(),
        source,
    })?;
    let module_path = out.path().join("plugin.wasm");
    let mut command = clean(&compiler.path);
    command
        .current_dir(&plugin.folder)
        .args(["-target", TARGET])
        .args(FLAGS)
        .args(["-I", "."])
        .args(&sources)
        .arg("-o")
        .arg(&module_path);
    compile(&mut command, plugin, &compiler.version)?;
    progress(Progress::Componentizing);
    let module = fs::read(&module_path).map_err(|source| BuildError::Io {
        what: "read the built module",
        path: module_path,
        source,
    })?;
    let component = componentize_wasi(module, CURE)
        .map_err(|source| BuildError::Component { package: plugin.name.clone(), source })?;
    Ok(Built { package: plugin.name.clone(), component, compiler: compiler.version })
}

/// The files to compile, relative to the plugin's folder so that no message names a folder of this machine, in an order
/// that is the same everywhere.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let mut sources = Vec::new();
    for part in SOURCE_FOLDERS {
        let path = folder.join(part);
        if !path.is_dir() {
            continue;
        }
        let entries = fs::read_dir(&path).map_err(|source| BuildError::Io { what: "list", path, source })?;
        let files = entries.flatten().map(|entry| Path::new(part).join(entry.file_name()));
        sources.extend(files.filter(|file| file.extension().is_some_and(|kind| kind == "c")));
    }
    sources.sort();
    if sources.is_empty() {
        return Err(BuildError::NoSources { folder: folder.to_path_buf(), what: "a .c file" });
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_compiler_comes_first_and_an_unversioned_one_before_it() {
        let version = |name: &str| version(&OsString::from(name));
        assert_eq!((version("clang-22"), version("clang")), (Some(22), Some(u32::MAX)));
        for other in ["clang++", "clang-cpp-22", "clangd", "clang-format-22", "gcc"] {
            assert_eq!(version(other), None, "{other}");
        }
    }

    #[test]
    fn a_compiler_that_cannot_link_is_told_apart() {
        let error = Compiler::examine(Path::new("/bin/false")).unwrap_err();
        assert_eq!(error, "");
        assert!(Compiler::examine(Path::new("/nonexistent/clang")).unwrap_err().contains("does not run"));
    }

    #[test]
    fn the_sources_are_those_of_the_plugin_and_of_the_sdk() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(sources(folder.path()), Err(BuildError::NoSources { .. })));
        for file in ["b.c", "a.c", "a.h", "src/c.c", "quorate/quorate.c", "tests/t.c"] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = sources(folder.path()).unwrap();
        assert_eq!(found, ["a.c", "b.c", "quorate/quorate.c", "src/c.c"].map(PathBuf::from));
    }
}
