//! Whether the packages of a plugin that lie in folders of this machine are still what was built last.
//!
//! Cargo goes by times, which a copy or an archive brings along from elsewhere: what is older than the last build it takes for
//! built.

use crate::error::BuildError;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where the digest of what was built last stands, in cargo's target folder.
const RECORD: &str = "sources.sha256";
/// Deeper folders are not looked into.
const DEPTH_MAX: usize = 32;

/// The sources, as they are now.
pub(super) struct Sources {
    record: PathBuf,
    digest: String,
    packages: Vec<String>,
}

impl Sources {
    /// Those of the package with this manifest, and of what it needs that has no source but a folder, by what cargo says.
    pub(super) fn of(metadata: &Value, manifest: &Path, target: &Path) -> Result<Self, BuildError> {
        let needed = needed(metadata, manifest);
        let mut digest = Sha256::new();
        let mut packages = Vec::new();
        for package in metadata["packages"].as_array().into_iter().flatten() {
            let (Some(id), Some(manifest)) = (package["id"].as_str(), package["manifest_path"].as_str())
            else {
                continue;
            };
            if !package["source"].is_null() || !needed.contains(id) {
                continue;
            }
            packages.push(id.to_owned());
            let manifest = Path::new(manifest);
            let folder = manifest.parent().unwrap_or(manifest);
            for path in [manifest.to_path_buf(), folder.join("build.rs"), folder.join("src")] {
                note(&mut digest, folder, &path, 0).map_err(|source| BuildError::Io {
                    what: "read",
                    path,
                    source,
                })?;
            }
        }
        let digest = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { record: target.join(RECORD), digest, packages })
    }

    /// The packages that cargo must not take for built, because something about them is not what was built last.
    pub(super) fn stale(&self) -> &[String] {
        match fs::read_to_string(&self.record) {
            Ok(last) if last == self.digest => &[],
            _ => &self.packages,
        }
    }

    /// They are built.
    pub(super) fn built(&self) -> Result<(), BuildError> {
        crate::cache::write_whole(&self.record, self.digest.as_bytes())
    }
}

/// The package with this manifest and all that it needs.
fn needed<'a>(metadata: &'a Value, manifest: &Path) -> BTreeSet<&'a str> {
    let list = |value: &'a Value| value.as_array().into_iter().flatten();
    let is_it = |package: &&Value| package["manifest_path"].as_str().map(Path::new) == Some(manifest);
    let mut found = BTreeSet::new();
    let mut next: Vec<_> =
        list(&metadata["packages"]).filter(is_it).filter_map(|it| it["id"].as_str()).collect();
    while let Some(id) = next.pop() {
        if found.insert(id) {
            let node = list(&metadata["resolve"]["nodes"]).filter(|node| node["id"] == *id);
            next.extend(node.flat_map(|node| list(&node["dependencies"])).filter_map(Value::as_str));
        }
    }
    found
}

/// A file, or all in a folder that is not hidden; what is not there is nothing.
fn note(digest: &mut Sha256, root: &Path, path: &Path, depth: usize) -> io::Result<()> {
    if path.is_file() {
        let name = path.strip_prefix(root).unwrap_or(path).as_os_str().as_encoded_bytes();
        for part in [name, &fs::read(path)?] {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
    } else if path.is_dir() && depth < DEPTH_MAX {
        let mut names = fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        for name in names.iter().filter(|name| !name.as_encoded_bytes().starts_with(b".")) {
            note(digest, root, &path.join(name), depth + 1)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sources_are_told_by_what_they_say() {
        let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let source = folder.path().join("src/deep/lib.rs");
        fs::create_dir_all(source.parent().unwrap()).unwrap();
        let manifest = folder.path().join("Cargo.toml");
        fs::write(&manifest, "[package]").unwrap();
        fs::write(&source, "1").unwrap();
        let metadata = json!({
            "packages": [
                { "id": "mine", "manifest_path": manifest, "source": null },
                { "id": "sdk", "manifest_path": "/sdk/Cargo.toml", "source": null },
                { "id": "theirs", "manifest_path": "/registry/theirs/Cargo.toml", "source": "registry" },
                { "id": "beside", "manifest_path": "/beside/Cargo.toml", "source": null },
            ],
            "resolve": { "nodes": [
                { "id": "mine", "dependencies": ["theirs"] },
                { "id": "theirs", "dependencies": ["sdk"] },
            ] },
        });
        let now = || Sources::of(&metadata, &manifest, target.path()).unwrap();
        assert_eq!(now().stale(), ["mine", "sdk"], "nothing is known of an earlier build");
        now().built().unwrap();
        assert!(now().stale().is_empty());
        let written = fs::metadata(&source).unwrap().modified().unwrap();
        fs::write(&source, "2").unwrap();
        fs::File::options().append(true).open(&source).unwrap().set_modified(written).unwrap();
        assert_eq!(now().stale(), ["mine", "sdk"], "whenever it was written");
        now().built().unwrap();
        assert!(now().stale().is_empty());
        fs::rename(&source, source.with_file_name("other.rs")).unwrap();
        assert_eq!(now().stale(), ["mine", "sdk"]);
    }
}
