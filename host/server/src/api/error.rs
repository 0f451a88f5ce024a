//! The one place where errors become what clients see: a status with an ErrorInfo, or a failure within a stream.

use crate::{LeaderHint, RequestError};
use quorate_proto::{reason, v1};
use quorate_replica::ports::SessionRefusal;
use quorate_vocabulary::NameError;
use std::collections::HashMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Why a request was not answered: found by the API itself, or by the node.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApiError {
    /// The node's.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A name that is none.
    #[error("{field} is not valid: {error}")]
    Name {
        /// Which field of the request.
        field: &'static str,
        /// What is wrong with it.
        error: NameError,
    },
    /// A message larger than any call takes.
    #[error("the message is larger than {bytes_max} bytes, which is more than this node takes")]
    MessageTooLarge {
        /// It was a query.
        query: bool,
        /// The most there may be.
        bytes_max: usize,
    },
    /// A command of a stream behind one that failed.
    #[error("the command was not handed on, because one before it in the stream failed")]
    BehindFailure,
    /// An upload that is not what its header announced.
    #[error("the upload is broken: {why}")]
    UploadBroken {
        /// What is wrong with it.
        why: String,
    },
}

impl ApiError {
    /// The code that programs tell errors apart by.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Request(error) => error.reason(),
            Self::Name { .. } => reason::INVALID_NAME,
            Self::MessageTooLarge { query: true, .. } => reason::REQUEST_TOO_LARGE,
            Self::MessageTooLarge { query: false, .. } => reason::COMMAND_TOO_LARGE,
            Self::BehindFailure => reason::BEHIND_FAILURE,
            Self::UploadBroken { .. } => reason::UPLOAD_BROKEN,
        }
    }

    /// The gRPC status code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Request(error) => error.code(),
            Self::Name { .. } | Self::MessageTooLarge { .. } | Self::UploadBroken { .. } => {
                Code::InvalidArgument
            }
            Self::BehindFailure => Code::Aborted,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn cure(&self) -> String {
        match self {
            Self::Request(error) => error.cure(),
            Self::Name { .. } => "correct the name".to_owned(),
            Self::MessageTooLarge { .. } => "send less at once".to_owned(),
            Self::BehindFailure => {
                "open a new stream and go on with the first command that failed".to_owned()
            }
            Self::UploadBroken { .. } => "upload it again".to_owned(),
        }
    }

    /// Whether it lies in what was sent, so that the same would fail the same way every time.
    #[must_use]
    pub fn is_the_requests_own(&self) -> bool {
        self.code() == Code::InvalidArgument
    }

    fn metadata(&self) -> HashMap<String, String> {
        let mut metadata = HashMap::from([
            (reason::metadata::CAUSE.to_owned(), cause(self).to_owned()),
            (reason::metadata::CURE.to_owned(), self.cure()),
        ]);
        if let Self::Request(RequestError::NotLeader { leader: Some(LeaderHint { node, address }), .. }) =
            self
        {
            metadata.insert(reason::metadata::LEADER_NODE.to_owned(), node.to_string());
            metadata.insert(reason::metadata::LEADER_ADDRESS.to_owned(), address.clone());
        }
        metadata
    }

    /// As one command of a stream is told.
    #[must_use]
    pub fn to_failure(&self) -> v1::Failure {
        v1::Failure {
            // The codes of gRPC are 0 to 16.
            code: u32::try_from(i32::from(self.code())).unwrap_or_default(),
            message: self.to_string(),
            reason: self.reason().to_owned(),
            metadata: self.metadata(),
        }
    }
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        if error.code() == Code::Internal {
            tracing::error!(reason = error.reason(), "{error}");
        } else {
            tracing::debug!(reason = error.reason(), "{error}");
        }
        let details = ErrorDetails::with_error_info(error.reason(), reason::DOMAIN, error.metadata());
        Self::with_error_details(error.code(), error.to_string(), details)
    }
}

/// Why such a thing happens.
fn cause(error: &ApiError) -> &'static str {
    match error {
        ApiError::Request(error) => cause_at_the_node(error),
        ApiError::Name { .. } => {
            "groups are named tenant/name and plugins tenant/name@version, of few characters that need no escaping"
        }
        ApiError::MessageTooLarge { .. } => "a node holds messages in memory while it works on them",
        ApiError::BehindFailure => {
            "commands of one stream are handed on in the order in which they were sent"
        }
        ApiError::UploadBroken { .. } => "the stream was cut, or the bytes changed on their way",
    }
}

fn cause_at_the_node(error: &RequestError) -> &'static str {
    match error {
        RequestError::NotLeader { .. } => "only the leader of a group takes its commands",
        RequestError::GroupNotFound { .. } => {
            "it was never created, was deleted, or this node has not heard of it yet"
        }
        RequestError::GroupNotReady { .. } => "the replica on this node is being created or started",
        RequestError::ReplicaFailed { .. } => "the host failed it: its disk, its memory, or damaged data",
        RequestError::PluginNotFound { .. } => "this version of it was never uploaded",
        RequestError::NodeNotFound { .. } => "it never joined this cluster",
        RequestError::NodeDraining { .. } => "an operator is emptying it",
        RequestError::MemberNotFound { .. } => "it never held one, or a learner, or the replica was removed",
        RequestError::TransferFailed { .. } => {
            "a leader is followed only by a voter that lives and has all that is committed"
        }
        RequestError::RecoveryRefused { .. } => {
            "only a group that cannot help itself is recovered, by the survivor whose log is longest"
        }
        RequestError::NameTaken { .. } => "a name belongs to one group at a time",
        RequestError::VersionTaken { .. } => {
            "replicas and restarts rely on it that a version stays what it is"
        }
        RequestError::PluginInUse { .. } => "the group could not be restarted without it",
        RequestError::CommandTooLarge { .. } => "commands are copied to every replica and kept in the log",
        RequestError::RequestTooLarge { .. } => "requests are copied into the plugin's memory",
        RequestError::GroupFrozen { .. } => {
            "a plugin that traps again and again is given no more commands, so that nobody works on with what it left"
        }
        RequestError::SessionRefused { refusal, .. } => match refusal {
            SessionRefusal::Unknown { .. } => {
                "a session ends when it is closed, or when it was not used for as long as its time-out"
            }
            SessionRefusal::TooMany { .. } => "every replica keeps all sessions of its group in memory",
            SessionRefusal::Timeout { .. } => "a session costs memory until it ends",
            SessionRefusal::TooFarAhead { .. } | SessionRefusal::RepliesFull { .. } => {
                "answers are kept until the client says that it has them, and there is room for so many"
            }
            SessionRefusal::Answered { .. } => "such answers are forgotten",
            SessionRefusal::OtherCommand => {
                "a sequence number stands for one command, so that a repeat can be told from another one"
            }
        },
        RequestError::NothingToRollBack { .. } => "it was never upgraded, or every upgrade is rolled back",
        RequestError::NoUpgrade { .. } => "it is done, or failed, or was given up before",
        RequestError::UpgradeRefused { .. } => "a group keeps its state from one version to the next",
        RequestError::UpgradeUnverified { .. } => {
            "a version is tried in memory, in a copy of what the group did since its newest snapshot"
        }
        RequestError::Overloaded { .. } => "requests come in faster than they are done",
        RequestError::NoQuorum { .. } => "half or more of the group's replicas cannot be reached",
        RequestError::DeadlineExceeded { .. } => {
            "the node or the group is slow or busy, or the time was short"
        }
        RequestError::OutcomeUnknown { .. } => {
            "the leader died, lost the lead, or was too slow while the command was on its way"
        }
        RequestError::PluginRefused { .. } => {
            "only components that keep the contract of wit/machine.wit can run"
        }
        RequestError::InvalidArgument { .. } => "the request was put together wrongly",
        RequestError::NotEnoughNodes { .. } => "each replica is on a node of its own",
        RequestError::CatalogRefused { .. } => "it does not fit with what the catalog holds",
        RequestError::StorageFull { .. } => "logs, states and snapshots need room on the disk",
        RequestError::FolderLost { .. } => {
            "without its data folder a node does not know what it acknowledged and for whom it voted"
        }
        RequestError::QueryFailed { .. } => "the host failed it: its disk, its memory, or the watchdog",
        RequestError::SnapshotFailed { .. } => {
            "the plugin could not save its state, or the host could not write it"
        }
        RequestError::ShuttingDown => "it was told to stop",
        RequestError::Internal { .. } => "a defect of Quorate, or of the machine it runs on",
    }
}
