//! The folder where compiled code is kept, and the locks that let several builds share it.

use crate::error::BuildError;
use crate::progress::Progress;
use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// `${XDG_CACHE_HOME:-~/.cache}/quorate`.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    root: PathBuf,
}

/// Held while a folder of the cache is being written; let go when dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Cache {
    pub(crate) fn open() -> Result<Self, BuildError> {
        let root =
            cache_home(|name| env::var_os(name).map(PathBuf::from)).ok_or(BuildError::NoCacheFolder)?;
        Self::at(root.join("quorate"))
    }

    pub(crate) fn at(root: PathBuf) -> Result<Self, BuildError> {
        create_folder(&root)?;
        Ok(Self { root })
    }

    /// A folder of the cache, which need not exist.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Takes the lock `path`, saying so when another process has it.
    pub(crate) fn lock(path: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Lock, BuildError> {
        let failed = |source| BuildError::Io { what: "lock", path: path.to_path_buf(), source };
        if let Some(parent) = path.parent() {
            create_folder(parent)?;
        }
        let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress(Progress::Waiting);
                file.lock().map_err(failed)?;
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        Ok(Lock { _file: file })
    }
}

/// The XDG base directory rules: an empty or relative value counts as none.
fn cache_home(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))
}

pub(crate) fn create_folder(path: &Path) -> Result<(), BuildError> {
    fs::create_dir_all(path).map_err(|source| BuildError::Io {
        what: "create the folder",
        path: path.to_path_buf(),
        source,
    })
}

/// Writes a file so that nobody ever sees a part of it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let failed = |source| BuildError::Io { what: "write", path: path.to_path_buf(), source };
    fs::write(&part, bytes).and_then(|()| fs::rename(&part, path)).map_err(|error| {
        // The error that matters is the first; a leftover part is only untidy.
        fs::remove_file(&part).ok();
        failed(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_follows_the_xdg_rules() {
        let with = |xdg: Option<&str>, home: Option<&str>| {
            let (xdg, home) = (xdg.map(PathBuf::from), home.map(PathBuf::from));
            cache_home(move |name| if name == "HOME" { home.clone() } else { xdg.clone() })
        };
        assert_eq!(with(Some("/x"), Some("/home/a")), Some(PathBuf::from("/x")));
        assert_eq!(with(Some(""), Some("/home/a")), Some(PathBuf::from("/home/a/.cache")));
        assert_eq!(with(Some("relative"), Some("/home/a")), Some(PathBuf::from("/home/a/.cache")));
        assert_eq!(with(None, None), None);
    }

    #[test]
    fn a_second_taker_of_a_lock_waits_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/lock");
        let held = Cache::lock(&path, &mut |_| panic!("nobody else holds it")).unwrap();
        let (told, heard) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                Cache::lock(&path, &mut |step| told.send(step == Progress::Waiting).unwrap()).unwrap();
            });
            assert!(heard.recv().unwrap());
            assert!(!second.is_finished());
            drop(held);
            second.join().unwrap();
        });
    }

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no part is left");
        // A folder cannot be replaced by a file.
        let taken = folder.path().join("folder");
        fs::create_dir(&taken).unwrap();
        assert!(matches!(write_whole(&taken, b"x"), Err(BuildError::Io { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no part is left");
    }
}
