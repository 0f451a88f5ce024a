//! Builds the standard library for WebAssembly from its sources, once for each compiler.
//!
//! Debian packages the compiler and the sources of its library, but not the library built for this target. A
//! sysroot is made in a temporary folder and renamed into place whole, under a lock: a folder that is there is
//! complete.

use super::cargo::{cargo_home, run};
use super::toolchain::has_standard_library;
use crate::TARGET;
use crate::cache::{Cache, create_folder};
use crate::command::clean;
use crate::error::{BuildError, SysrootError};
use crate::programs::answer;
use crate::progress::Progress;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Counted up when the recipe changes, so that what an older one built is not used.
const RECIPE: u32 = 2;

/// What a sysroot is built with and from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) rustc: &'a Path,
    pub(crate) cargo: &'a Path,
    /// What `rustc -vV` prints.
    pub(crate) version: &'a str,
    /// The `library` folder of the sources.
    pub(crate) library: &'a Path,
    /// The compiler's own sysroot.
    pub(crate) sysroot: &'a Path,
}

/// The private sysroot of this compiler, built if it is not there.
pub(crate) fn prepare(
    source: &Source<'_>,
    cache: &Cache,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<PathBuf, BuildError> {
    let folder = cache.folder("wasm-sysroot");
    let name = key(source.version, package_version(source.rustc).as_deref());
    let ready = folder.join(&name);
    if is_complete(&ready) {
        return Ok(ready);
    }
    let _lock = Cache::lock(&folder.join(format!("{name}.lock")), progress)?;
    // Whoever had the lock may have built it.
    if is_complete(&ready) {
        return Ok(ready);
    }
    progress(Progress::BuildingSysroot);
    let building = folder.join(format!("{name}.building"));
    remove(&building)?;
    remove(&ready)?;
    build(source, &building, progress)?;
    let made = building.join("sysroot");
    fs::rename(&made, &ready).map_err(|error| failed("rename", &made, error))?;
    remove(&building)?;
    Ok(ready)
}

fn is_complete(sysroot: &Path) -> bool {
    has_standard_library(&sysroot.join("lib/rustlib").join(TARGET))
}

/// Which compiler a sysroot is of: another compiler of the same version must not meet it, so the commit and the
/// package's version are both in the name.
fn key(version: &str, package: Option<&str>) -> String {
    let line = |name: &str| {
        version.lines().find_map(|line| line.strip_prefix(name)).map_or("unknown", str::trim).to_owned()
    };
    let commit: String = line("commit-hash:").chars().take(12).collect();
    let release = package.map_or_else(|| line("release:"), str::to_owned);
    let plain =
        |letter: char| if letter.is_ascii_alphanumeric() || ".+-~".contains(letter) { letter } else { '_' };
    format!("{commit}-{}-r{RECIPE}", release.chars().map(plain).collect::<String>())
}

/// The version of the Debian package that the compiler came with.
fn package_version(rustc: &Path) -> Option<String> {
    let owner = answer(Command::new("dpkg-query").arg("--search").arg(rustc)).ok()?;
    let package = owner.split([':', ',']).next()?;
    answer(Command::new("dpkg-query").args(["--show", "--showformat=${Version}", package])).ok()
}

/// Leaves a sysroot in `building/sysroot`.
fn build(
    source: &Source<'_>,
    building: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), BuildError> {
    let library = building.join("library");
    copy_folder(source.library, &library)?;
    let target = building.join("target");
    // The sources are wherever the cache is; panic messages must not say where.
    let mut flags = vec![
        "-Zforce-unstable-if-unmarked".to_owned(),
        "-Cembed-bitcode=yes".to_owned(),
        format!("--remap-path-prefix={}=/rust/library", library.display()),
    ];
    if let Some(home) = cargo_home() {
        flags.push(format!("--remap-path-prefix={}=/cargo", home.display()));
    }
    let mut command = clean(source.cargo);
    command
        .args(["build", "--release", "--locked", "--target", TARGET, "--no-default-features"])
        .args([
            "--features",
            "panic-unwind,compiler-builtins-mem",
            "--message-format=json-render-diagnostics",
        ])
        .arg("--manifest-path")
        .arg(library.join("sysroot/Cargo.toml"))
        // The library may use what is not stable; only this compiler's own ever does.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", source.rustc)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .current_dir(&library);
    let outcome = run(&mut command, &mut |artifact| progress(Progress::SysrootCrate(&artifact.name)))
        .map_err(|error| failed("run", source.cargo, error))?;
    if !outcome.success {
        let compiler = source.version.lines().next().unwrap_or("the compiler").to_owned();
        return Err(SysrootError::Compile { compiler, output: outcome.output }.into());
    }
    let libraries = building.join("sysroot/lib/rustlib");
    let installed = libraries.join(TARGET).join("lib");
    create_folder(&installed)?;
    let built = target.join(TARGET).join("release/deps");
    for entry in fs::read_dir(&built).map_err(|error| failed("read", &built, error))? {
        let path = entry.map_err(|error| failed("read", &built, error))?.path();
        if let (Some(name), true) = (path.file_name(), path.extension().is_some_and(|kind| kind == "rlib")) {
            fs::copy(&path, installed.join(name)).map_err(|error| failed("copy", &path, error))?;
        }
    }
    link_host_libraries(source, &libraries)
}

/// What a build runs itself (build scripts, procedural macros) is compiled for this machine.
fn link_host_libraries(source: &Source<'_>, libraries: &Path) -> Result<(), BuildError> {
    let Some(host) = source.version.lines().find_map(|line| line.strip_prefix("host: ")) else {
        return Ok(());
    };
    let (from, to) = (source.sysroot.join("lib/rustlib").join(host), libraries.join(host));
    #[cfg(unix)]
    let linked = std::os::unix::fs::symlink(&from, &to);
    #[cfg(windows)]
    let linked = std::os::windows::fs::symlink_dir(&from, &to);
    linked.map_err(|error| failed("link", &to, error))
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), BuildError> {
    create_folder(to)?;
    for entry in fs::read_dir(from).map_err(|error| failed("read", from, error))? {
        let path = entry.map_err(|error| failed("read", from, error))?.path();
        let Some(name) = path.file_name() else { continue };
        let copy = to.join(name);
        if path.is_dir() {
            copy_folder(&path, &copy)?;
        } else {
            fs::copy(&path, &copy).map_err(|error| failed("copy", &path, error))?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<(), BuildError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed("remove", folder, error)),
        _ => Ok(()),
    }
}

fn failed(what: &'static str, path: &Path, source: std::io::Error) -> BuildError {
    SysrootError::Io { what, path: path.to_path_buf(), source }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str = "rustc 1.96.0 (ac68faa20 2026-05-25)\nbinary: rustc\ncommit-hash: \
                           ac68faa20c58cbccd01ee7208bf3b6e93a7d7f96\nhost: x86_64-unknown-linux-gnu\nrelease: 1.96.0";

    #[test]
    fn compilers_that_differ_in_commit_or_package_have_sysroots_of_their_own() {
        let one = key(VERSION, Some("1.96.0+dfsg1-1~deb12u2"));
        assert_eq!(one, format!("ac68faa20c58-1.96.0+dfsg1-1~deb12u2-r{RECIPE}"));
        assert_ne!(one, key(VERSION, Some("1.96.0+dfsg1-1~deb12u3")));
        assert_ne!(one, key(&VERSION.replace("ac68", "bd79"), Some("1.96.0+dfsg1-1~deb12u2")));
        assert_eq!(key(VERSION, None), format!("ac68faa20c58-1.96.0-r{RECIPE}"));
        assert!(!key(VERSION, Some("1:2/../3")).contains('/'), "a version names no folder");
    }

    #[test]
    fn a_failed_build_keeps_what_cargo_said_and_leaves_no_sysroot() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("library");
        fs::create_dir_all(library.join("sysroot")).unwrap();
        fs::write(library.join("sysroot/Cargo.toml"), "[package]\nname = \"sysroot\"\n[nonsense").unwrap();
        let cache = Cache::at(folder.path().join("cache")).unwrap();
        let cargo = PathBuf::from(env!("CARGO"));
        let source = Source {
            rustc: Path::new("rustc"),
            cargo: &cargo,
            version: VERSION,
            library: &library,
            sysroot: folder.path(),
        };
        let error = prepare(&source, &cache, &mut |_| {}).unwrap_err();
        assert!(matches!(error, BuildError::Sysroot(SysrootError::Compile { .. })), "{error}");
        assert!(error.to_string().contains("[nonsense"), "cargo's own words are kept: {error}");
        let made: Vec<_> =
            fs::read_dir(cache.folder("wasm-sysroot")).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!made.iter().any(|path| is_complete(path)), "{made:?}");
    }
}
