//! Files and folders that survive a power failure.

use crate::StorageError;
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

/// Writes a file so that after a crash it holds either all of this or what it held before.
pub(crate) fn write_file_atomically(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let temporary = path.with_extension(TEMPORARY_EXTENSION);
    let mut file = File::create(&temporary).map_err(StorageError::io("create", &temporary))?;
    file.write_all(bytes).map_err(StorageError::io("write", &temporary))?;
    file.sync_all().map_err(StorageError::io("sync", &temporary))?;
    drop(file);
    fs::rename(&temporary, path).map_err(StorageError::io("place", path))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// What a file that is being written is called, for a moment.
pub(crate) const TEMPORARY_EXTENSION: &str = "tmp";

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StorageError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(StorageError::io("sync the folder", path))
}

/// Creates a folder and those above it, durably. One that is there is no error.
pub(crate) fn create_folder(path: &Path) -> Result<(), StorageError> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(StorageError::io("create the folder", path))?;
    // An empty parent is the current folder.
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}

/// Removes a folder and all that is in it. One that is not there is no error.
pub(crate) fn remove_folder(path: &Path) -> Result<(), StorageError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(StorageError::io("remove the folder", path)),
    }
}

/// The names in a folder, in order.
pub(crate) fn names(path: &Path) -> Result<Vec<String>, StorageError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(StorageError::io("list the folder", path))? {
        let entry = entry.map_err(StorageError::io("list the folder", path))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
