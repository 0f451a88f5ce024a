//! Runs compilers as if from a fresh shell, whatever process this is part of.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

/// Settings of cargo that say where packages come from: the user's, and wanted.
const KEPT_PREFIXES: [&str; 5] =
    ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRY", "CARGO_REGISTRIES_"];

/// A command without what an outer cargo, or a shell set up for another build, would make it do differently.
///
/// Under `cargo run` or `cargo test` the environment names another compiler, another target folder, flags and
/// wrappers; each of them would silently change, or break, what is built here.
pub(crate) fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    let names: Vec<OsString> = env::vars_os().map(|(name, _)| name).collect();
    let inside_cargo = names.iter().any(|name| name == "CARGO");
    for name in names {
        if leaks(&name, inside_cargo) {
            command.env_remove(name);
        }
    }
    // A rust-toolchain.toml may name a toolchain that is not installed: that is an error, not a download.
    command.env("RUSTUP_AUTO_INSTALL", "0");
    command.env("CARGO_TERM_COLOR", "never");
    command
}

fn leaks(name: &OsStr, inside_cargo: bool) -> bool {
    let Some(name) = name.to_str() else { return false };
    if KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return false;
    }
    // What rustup and cargo set for their children is the outer build's choice; set by hand it is the user's.
    if matches!(name, "RUSTUP_TOOLCHAIN" | "LD_LIBRARY_PATH" | "DYLD_FALLBACK_LIBRARY_PATH") {
        return inside_cargo;
    }
    name == "CARGO"
        || name.starts_with("CARGO_")
        || name.starts_with("__CARGO")
        || name.starts_with("RUSTC")
        || name.starts_with("RUSTDOC")
        || matches!(
            name,
            "RUSTFLAGS" | "RUST_RECURSION_COUNT" | "RUSTUP_TOOLCHAIN_SOURCE" | "RUST_TARGET_PATH"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_an_outer_build_do_not_leak_in() {
        for name in [
            "CARGO",
            "CARGO_MANIFEST_DIR",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_PROFILE_RELEASE_LTO",
            "__CARGO_TEST_CHANNEL_OVERRIDE_DO_NOT_USE_THIS",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTC_BOOTSTRAP",
            "RUSTFLAGS",
            "RUSTDOCFLAGS",
        ] {
            assert!(leaks(OsStr::new(name), false), "{name}");
        }
    }

    #[test]
    fn the_users_own_settings_stay() {
        for name in
            ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "CARGO_NET_OFFLINE", "CARGO_HTTP_PROXY", "TMPDIR"]
        {
            assert!(!leaks(OsStr::new(name), true), "{name}");
        }
        for name in ["RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"] {
            assert!(!leaks(OsStr::new(name), false), "{name} set by hand");
            assert!(leaks(OsStr::new(name), true), "{name} set by cargo");
        }
    }

    #[test]
    fn a_cleaned_command_hears_nothing_of_the_test_run_it_is_part_of() {
        // Cargo sets CARGO_MANIFEST_DIR for every test.
        assert!(env::var_os("CARGO_MANIFEST_DIR").is_some(), "this test runs under cargo");
        let output = clean(Path::new("env")).output().unwrap();
        let seen = String::from_utf8(output.stdout).unwrap();
        assert!(!seen.lines().any(|line| line.starts_with("CARGO_MANIFEST_DIR=")), "{seen}");
        assert!(seen.lines().any(|line| line == "RUSTUP_AUTO_INSTALL=0"), "{seen}");
    }
}
