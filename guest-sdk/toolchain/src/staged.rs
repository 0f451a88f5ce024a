//! A copy of a plugin's source to build from, and what it comes to: toolchains that take a snapshot of a program see a folder
//! that holds the plugin and nothing else, and links out of it are followed here.

use crate::description::Description;
use crate::error::BuildError;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Sources larger than this are a mistake: an output or data folder within the plugin's.
const BYTES_MAX: u64 = 256 << 20;
/// The deepest a folder may lie: a link to a folder above it would go on for ever.
const DEPTH_MAX: usize = 32;

/// A folder that is removed when this is dropped.
pub(crate) struct Staged {
    folder: TempDir,
    digest: Sha256,
    bytes: u64,
}

impl Staged {
    /// Copies what the plugin is built from: all but hidden files and components.
    pub(crate) fn of(plugin: &Description) -> Result<Self, BuildError> {
        let folder = tempfile::tempdir().map_err(|source| BuildError::Io {
            what: "make a temporary folder in",
            path: std::env::temp_dir(),
            source,
        })?;
        let mut staged = Self { folder, digest: Sha256::new(), bytes: 0 };
        staged.copy(&plugin.folder, Path::new(""), 0)?;
        Ok(staged)
    }

    /// Where the copy is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Adds a file of ours.
    pub(crate) fn add(&mut self, name: &str, content: &[u8]) -> Result<(), BuildError> {
        let path = self.path().join(name);
        let failed = |source| BuildError::Io { what: "write", path: path.clone(), source };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        fs::write(&path, content).map_err(failed)?;
        self.note(Path::new(name), content);
        Ok(())
    }

    /// What all the files come to, with `toolchain`, which says all else that decides what is built of them.
    pub(crate) fn key(&self, toolchain: &[&str]) -> String {
        let mut digest = self.digest.clone();
        for part in toolchain {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn note(&mut self, name: &Path, content: &[u8]) {
        let name = name.as_os_str().as_encoded_bytes();
        for part in [name, content] {
            self.digest.update(part.len().to_le_bytes());
            self.digest.update(part);
        }
    }

    fn copy(&mut self, from: &Path, name: &Path, depth: usize) -> Result<(), BuildError> {
        let failed = |what| {
            let path = from.to_path_buf();
            move |source| BuildError::Io { what, path, source }
        };
        let to = self.path().join(name);
        if from.is_file() {
            self.bytes += fs::metadata(from).map_err(failed("read"))?.len();
            if self.bytes > BYTES_MAX {
                return Err(self.too_large(from));
            }
            let content = fs::read(from).map_err(failed("read"))?;
            fs::write(to, &content).map_err(failed("copy"))?;
            self.note(name, &content);
            return Ok(());
        }
        if depth > DEPTH_MAX {
            return Err(self.too_large(from));
        }
        fs::create_dir_all(to).map_err(failed("copy"))?;
        let entries = fs::read_dir(from).map_err(failed("list"))?;
        let mut names: Vec<PathBuf> =
            entries.flatten().map(|entry| PathBuf::from(entry.file_name())).collect();
        // The key must be the same wherever the folder is.
        names.sort();
        for child in names.iter().filter(|name| is_source(name)) {
            self.copy(&from.join(child), &name.join(child), depth + 1)?;
        }
        Ok(())
    }

    fn too_large(&self, at: &Path) -> BuildError {
        BuildError::TooMuchSource { path: at.to_path_buf(), megabytes: BYTES_MAX >> 20 }
    }
}

fn is_source(name: &Path) -> bool {
    let hidden = name.as_os_str().as_encoded_bytes().starts_with(b".");
    let made = name.extension().is_some_and(|kind| kind == "wasm" || kind == "pyc") || name == "__pycache__";
    !hidden && !made
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::{Kind, Language};
    use std::collections::BTreeSet;
    use std::os::unix::fs::symlink;

    fn plugin(folder: &Path) -> Description {
        Description {
            name: "p".into(),
            language: Language::JavaScript,
            kind: Some(Kind::Store),
            exports: BTreeSet::new(),
            folder: folder.to_path_buf(),
        }
    }

    #[test]
    fn links_are_followed_and_what_was_made_is_left_out() {
        let (here, sdk) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(sdk.path().join("sdk.js"), "1").unwrap();
        symlink(sdk.path(), here.path().join("quorate")).unwrap();
        for name in ["machine.js", "p.wasm", ".gitignore"] {
            fs::write(here.path().join(name), name).unwrap();
        }
        let mut staged = Staged::of(&plugin(here.path())).unwrap();
        assert_eq!(fs::read(staged.path().join("quorate/sdk.js")).unwrap(), b"1");
        assert!(staged.path().join("machine.js").exists());
        assert!(!staged.path().join("p.wasm").exists() && !staged.path().join(".gitignore").exists());
        let before = staged.key(&["tool 1"]);
        assert_ne!(before, staged.key(&["tool 2"]));
        assert_eq!(before, Staged::of(&plugin(here.path())).unwrap().key(&["tool 1"]));
        staged.add("wit/a.wit", b"a").unwrap();
        assert_ne!(before, staged.key(&["tool 1"]));
        fs::write(sdk.path().join("sdk.js"), "2").unwrap();
        assert_ne!(before, Staged::of(&plugin(here.path())).unwrap().key(&["tool 1"]));
    }

    #[test]
    fn a_link_to_a_folder_above_does_not_go_on_for_ever() {
        let here = tempfile::tempdir().unwrap();
        symlink(here.path(), here.path().join("again")).unwrap();
        assert!(matches!(Staged::of(&plugin(here.path())), Err(BuildError::TooMuchSource { .. })));
    }
}
