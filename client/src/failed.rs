use crate::{ClientError, error::describe};
use std::error::Error;
use tonic::{Code, ConnectError, Status};

/// How an attempt failed, which decides what may come next.
#[derive(Clone, Debug)]
pub(crate) enum Failed {
    /// The request never left.
    Unsent(ClientError),
    /// A node said what is wrong.
    Told(ClientError),
    /// The answer is lost; what was asked for may have been done.
    Lost(ClientError),
}

impl Failed {
    pub(crate) fn of(address: &str, status: &Status) -> Self {
        if let Some(told) = ClientError::told(status) {
            return Self::Told(told);
        }
        let error = ClientError::of_grpc(address, status);
        let unsent = match status.code() {
            Code::Unavailable => came_from_connecting(status),
            // gRPC says these before a node sees the request.
            Code::Unimplemented | Code::Unauthenticated | Code::PermissionDenied => return Self::Told(error),
            _ => false,
        };
        if unsent {
            Self::Unsent(ClientError::unreachable(address, &describe(status)))
        } else {
            Self::Lost(error)
        }
    }

    pub(crate) fn error(self) -> ClientError {
        match self {
            Self::Unsent(error) | Self::Told(error) | Self::Lost(error) => error,
        }
    }
}

/// A channel connects again by itself, so a call may still find out that nobody is there.
fn came_from_connecting(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}
