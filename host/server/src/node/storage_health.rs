//! Whether this node may promise anything. Once the log's disk could not be written, it is not known what is on it; and
//! a node that has lost its data folder does not know what it promised before.

use quorate_vocabulary::NodeId;
use std::sync::OnceLock;

use crate::RequestError;

/// The verdict, for the life of the process.
#[derive(Debug, Default)]
pub(super) struct StorageHealth {
    failure: OnceLock<Failure>,
}

#[derive(Debug)]
enum Failure {
    Disk(String),
    FolderLost { by: NodeId },
}

impl StorageHealth {
    /// The disk failed in this way; the first failure is kept.
    pub(super) fn fail(&self, why: String) {
        let _ = self.failure.set(Failure::Disk(why));
    }

    /// The node is known to this other one with another data folder. False when it has failed before.
    pub(super) fn lose_folder(&self, by: NodeId) -> bool {
        self.failure.set(Failure::FolderLost { by }).is_ok()
    }

    /// Whether nothing has failed.
    pub(super) fn is_sound(&self) -> bool {
        self.failure.get().is_none()
    }

    /// Refuses a request when the disk has failed.
    pub(super) fn check(&self, node: NodeId) -> Result<(), RequestError> {
        match self.failure.get() {
            None => Ok(()),
            Some(Failure::FolderLost { by }) => Err(RequestError::FolderLost { node, by: *by }),
            Some(Failure::Disk(why)) if why.contains("No space left") => {
                Err(RequestError::StorageFull { node, why: why.clone() })
            }
            Some(Failure::Disk(why)) => {
                Err(RequestError::Internal { why: format!("the log cannot be written: {why}") })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_refuses_every_request_from_then_on() {
        let health = StorageHealth::default();
        assert!(health.check(NodeId(1)).is_ok());
        health.fail("IO error: No space left on device".to_owned());
        health.fail("another".to_owned());
        assert_eq!(health.check(NodeId(1)).expect_err("it failed").reason(), "STORAGE_FULL");
    }
}
