//! Plugins in JavaScript: run by QuickJS, which becomes part of the component.
//!
//! The engine and what embeds a program in it are one npm package, componentize-qjs, which jco's QuickJS backend is as well.

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
use std::fs;
use std::path::PathBuf;

/// The Debian packages that together build plugins in JavaScript, beside what npm installs.
pub const DEBIAN_PACKAGES: [&str; 2] = ["nodejs", "npm"];

/// The file with the machine.
const SOURCE: &str = "machine.js";
const PACKAGE: &str = include_str!("../../js/toolchain/package.json");
const LOCK: &str = include_str!("../../js/toolchain/package-lock.json");
const COMPONENTIZE: &str = "node_modules/componentize-qjs/bin/componentize-qjs";
/// The oldest version of Node.js that the package runs on.
const NODE_MAJOR_MIN: u32 = 18;
/// Where the SDK draws numbers of 64 bits whole: the engine hands on numbers of 53.
const RANDOM: &str = "package wasi:random@0.2.0;\n\ninterface random {\n    get-random-bytes: func(len: u64) -> list<u8>;\n    \
    get-random-u64: func() -> u64;\n}\n";
const RANDOM_IMPORT: &str = "    import wasi:random/random@0.2.0;\n";
/// Counted up when the recipe changes, so that what an older one built is not used.
const RECIPE: &str = "javascript 1";

struct Node {
    node: PathBuf,
    npm: PathBuf,
    version: String,
}

impl Node {
    fn find() -> Result<Self, ToolchainError> {
        Self::look().map_err(|why_not| ToolchainError::Missing {
            what: "Node.js that plugins in JavaScript can be built with",
            found: vec![why_not],
            install: format!("apt-get install --no-install-recommends {}", DEBIAN_PACKAGES.join(" ")),
        })
    }

    fn look() -> Result<Self, String> {
        let node = find("node").ok_or("There is no node on the PATH.")?;
        let npm = find("npm").ok_or("There is no npm on the PATH.")?;
        let version = answer(clean(&node).arg("--version"))?;
        match major(&version) {
            Some(major) if major >= NODE_MAJOR_MIN => Ok(Self { node, npm, version }),
            _ => Err(format!(
                "{} is of version {version}, and {NODE_MAJOR_MIN} is the oldest that will do.",
                node.display()
            )),
        }
    }

    /// The folder with the npm packages, installed if they are not there.
    fn packages(&self, cache: &Cache, progress: &mut dyn FnMut(Progress<'_>)) -> Result<PathBuf, BuildError> {
        installed(cache, "componentize-qjs", LOCK, std::env::consts::ARCH, progress, |folder| {
            for (name, text) in [("package.json", PACKAGE), ("package-lock.json", LOCK)] {
                let path = folder.join(name);
                fs::write(&path, text).map_err(|source| BuildError::Io { what: "write", path, source })?;
            }
            // Not `npm ci`: it wants a version of every optional package, and some platforms' were never published.
            let mut command = clean(&self.npm);
            command.current_dir(folder).args([
                "install",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ]);
            said(&mut command, "").map_err(|output| BuildError::Install {
                what: "componentize-qjs",
                from: "npm",
                output,
            })
        })
    }
}

/// `v20.1.2` is of version 20.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Whether plugins in JavaScript can be built here.
///
/// # Errors
/// Why not, and what to install.
pub fn ready() -> Result<(), ToolchainError> {
    Node::find().map(|_| ())
}

pub(crate) fn build(
    plugin: &Description,
    cache: &Cache,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Built, BuildError> {
    if !plugin.folder.join(SOURCE).is_file() {
        return Err(BuildError::NoSources { folder: plugin.folder.clone(), what: SOURCE });
    }
    let node = Node::find()?;
    let packages = node.packages(cache, progress)?;
    let mut staged = Staged::of(plugin)?;
    let world = World::of(plugin);
    let text = world.text().replacen("{\n", &format!("{{\n{RANDOM_IMPORT}"), 1);
    staged.add(".wit/plugin.wit", text.as_bytes())?;
    staged.add(".wit/deps/machine/machine.wit", CONTRACT.as_bytes())?;
    staged.add(".wit/deps/random/random.wit", RANDOM.as_bytes())?;
    let key = staged.key(&[RECIPE, LOCK]);
    let compiler = format!("componentize-qjs, Node.js {}", node.version);
    let component = kept(cache, &key, progress, |progress| {
        progress(Progress::Compiling);
        let out = staged.path().join(".component.wasm");
        let mut command = clean(&node.node);
        command
            .current_dir(staged.path())
            .arg(packages.join(COMPONENTIZE))
            .args([
                "--wit",
                ".wit",
                "--js",
                SOURCE,
                "--world",
                WORLD,
                "--sync",
                "--module-root",
                ".",
                "--output",
            ])
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
    fn old_versions_of_node_are_told_apart() {
        assert_eq!((major("v20.20.2"), major("v8.0.0")), (Some(20), Some(8)));
        assert_eq!(major("20.1"), None);
    }

    #[test]
    fn the_packages_are_of_exact_versions() {
        let package: serde_json::Value = serde_json::from_str(PACKAGE).unwrap();
        let versions = package["dependencies"].as_object().unwrap();
        assert!(
            versions
                .values()
                .all(|version| version.as_str().unwrap().starts_with(|first: char| first.is_ascii_digit()))
        );
        let lock: serde_json::Value = serde_json::from_str(LOCK).unwrap();
        for (name, package) in lock["packages"].as_object().unwrap() {
            assert!(name.is_empty() || package["integrity"].is_string(), "{name} has no checksum");
        }
    }
}
