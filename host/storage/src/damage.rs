//! Tells the failure of one group's data from a failure of the database.

use crate::StorageError;
use quorate_vocabulary::GroupId;
use rocksdb::ErrorKind;
use std::path::Path;

/// A read of this group's data failed. When a block of a file is damaged, only groups with data in it are hurt.
pub(crate) fn read_failed(
    group: GroupId,
    index: Option<u64>,
    path: &Path,
    error: rocksdb::Error,
) -> StorageError {
    match error.kind() {
        ErrorKind::Corruption => {
            corruption(group, index, format!("the database says: {}", error.into_string()))
        }
        _ => StorageError::database("be read", path)(error),
    }
}

pub(crate) fn corruption(group: GroupId, index: Option<u64>, what: impl Into<String>) -> StorageError {
    StorageError::Corruption { group, index, what: what.into() }
}
