use crate::StorageError;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Seek, Write},
    path::Path,
    process,
};

/// The file whose lock says that a process holds the folder.
pub(super) const FILE: &str = "lock";

/// Held as long as a data folder is; the operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    pub(super) fn take(folder: &Path) -> Result<Self, StorageError> {
        let path = folder.join(FILE);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(StorageError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                return Err(StorageError::InUse { path: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(StorageError::io("lock", &path)(source)),
        }
        // Only for the message that another process gives.
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", process::id()))
            .map_err(StorageError::io("write", &path))?;
        Ok(Self { _file: file })
    }
}
