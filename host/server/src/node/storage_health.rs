//! Whether the log's disk can be written. Once it could not, it is not known what is on it, and nothing is promised.

use quorate_vocabulary::NodeId;
use std::sync::OnceLock;

use crate::RequestError;

/// The verdict, for the life of the process.
#[derive(Debug, Default)]
pub(super) struct StorageHealth {
    failure: OnceLock<String>,
}

impl StorageHealth {
    /// The disk failed in this way; the first failure is kept.
    pub(super) fn fail(&self, why: String) {
        let _ = self.failure.set(why);
    }

    /// How it failed, if it did.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Refuses a request when the disk has failed.
    pub(super) fn check(&self, node: NodeId) -> Result<(), RequestError> {
        match self.failure() {
            None => Ok(()),
            Some(why) if why.contains("No space left") => {
                Err(RequestError::StorageFull { node, why: why.to_owned() })
            }
            Some(why) => Err(RequestError::Internal { why: format!("the log cannot be written: {why}") }),
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
