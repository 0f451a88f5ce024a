//! Packages of npm and PyPI that a toolchain consists of: exact versions, by a lock file, in a folder of the cache.

use crate::cache::{Cache, create_folder};
use crate::error::BuildError;
use crate::progress::Progress;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// The file whose presence says that all is there.
const COMPLETE: &str = ".complete";

/// The folder with the packages of this lock file, which `install` fills when they are not there. `with` is what else
/// decides what is installed, such as the version of the interpreter.
pub(crate) fn installed(
    cache: &Cache,
    what: &'static str,
    lock: &str,
    with: &str,
    progress: &mut dyn FnMut(Progress<'_>),
    install: impl FnOnce(&Path) -> Result<(), BuildError>,
) -> Result<PathBuf, BuildError> {
    let digest = Sha256::new().chain_update(lock).chain_update(with).finalize();
    let key: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let folders = cache.folder("toolchains");
    let folder = folders.join(format!("{what}-{key}"));
    let complete = folder.join(COMPLETE);
    if complete.is_file() {
        return Ok(folder);
    }
    let _lock = Cache::lock(&folders.join(format!("{what}-{key}.lock")), progress)?;
    // Whoever had the lock may have installed them.
    if complete.is_file() {
        return Ok(folder);
    }
    progress(Progress::Installing(what));
    if folder.exists() {
        let failed = |source| BuildError::Io { what: "remove", path: folder.clone(), source };
        fs::remove_dir_all(&folder).map_err(failed)?;
    }
    create_folder(&folder)?;
    install(&folder)?;
    fs::write(&complete, lock).map_err(|source| BuildError::Io { what: "write", path: complete, source })?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_half_installed_is_installed_anew() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_path_buf()).unwrap();
        let run = |lock: &str, fails: bool| {
            let mut ran = false;
            let outcome = installed(&cache, "t", lock, "", &mut |_| {}, |folder| {
                ran = true;
                assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "nothing is left of an earlier attempt");
                fs::write(folder.join("package"), lock).unwrap();
                if fails { Err(BuildError::NoCacheFolder) } else { Ok(()) }
            });
            (ran, outcome)
        };
        assert!(run("1", true).1.is_err());
        let (ran, one) = run("1", false);
        assert!(ran);
        let (ran, again) = run("1", false);
        assert!(!ran);
        assert_eq!(one.unwrap(), again.unwrap());
        assert!(run("2", false).0, "another lock file is another folder");
    }
}
