//! Components that were built before, by all that they were built from.
//!
//! Toolchains that take a snapshot of a running program take seconds, and not all of them make the same bytes of the same
//! source twice; a plugin that nobody changed stays the same plugin.

use crate::cache::{Cache, write_whole};
use crate::error::BuildError;
use crate::progress::Progress;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The folder of the cache.
const FOLDER: &str = "components";
/// How many are kept; those that were used longest ago go first.
const KEPT_MAX: usize = 40;

/// The component of this key, made if it is not there.
pub(crate) fn kept(
    cache: &Cache,
    key: &str,
    progress: &mut dyn FnMut(Progress<'_>),
    make: impl FnOnce(&mut dyn FnMut(Progress<'_>)) -> Result<Vec<u8>, BuildError>,
) -> Result<Vec<u8>, BuildError> {
    let folder = cache.folder(FOLDER);
    let path = folder.join(format!("{key}.wasm"));
    let _lock = Cache::lock(&folder.join(format!("{key}.lock")), progress)?;
    if let Ok(component) = fs::read(&path) {
        // Used again: kept for longer.
        if let Ok(file) = fs::File::options().append(true).open(&path) {
            file.set_modified(SystemTime::now()).ok();
        }
        return Ok(component);
    }
    let component = make(progress)?;
    write_whole(&path, &component)?;
    forget_oldest(&folder, KEPT_MAX);
    Ok(component)
}

/// What cannot be removed stays: it is only a cache.
fn forget_oldest(folder: &Path, kept_max: usize) {
    let mut found: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|kind| kind == "wasm"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    found.sort();
    let surplus = found.len().saturating_sub(kept_max);
    for (_, path) in found.into_iter().take(surplus) {
        fs::remove_file(&path).ok();
        fs::remove_file(path.with_extension("lock")).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_was_made_is_not_made_again_and_the_oldest_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_path_buf()).unwrap();
        let made =
            |bytes: &'static [u8]| kept(&cache, "a", &mut |_| {}, move |_| Ok(bytes.to_vec())).unwrap();
        assert_eq!(made(b"one"), b"one");
        assert_eq!(made(b"two"), b"one");
        let failed = kept(&cache, "b", &mut |_| {}, |_| Err(BuildError::NoCacheFolder));
        assert!(failed.is_err() && !folder.path().join("components/b.wasm").exists());
        let components = folder.path().join(FOLDER);
        for (age, name) in [(30, "old.wasm"), (20, "older.lock"), (10, "young.wasm")] {
            let file = fs::File::create(components.join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        }
        forget_oldest(&components, 2);
        assert!(!components.join("old.wasm").exists() && components.join("young.wasm").exists());
        assert!(components.join("a.wasm").exists());
    }
}
