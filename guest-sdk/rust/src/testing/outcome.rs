use crate::{Rejection, Reply};
use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

/// How a command or query ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// With a reply.
    Reply(Reply),
    /// With a rejection; the state is as before.
    Rejection(Rejection),
    /// With a panic; the state is as before.
    Trapped(String),
}

impl Outcome {
    /// Runs the machine, and turns a panic into an outcome.
    pub(super) fn of(act: impl FnOnce() -> Result<Reply, Rejection>) -> Self {
        match panic::catch_unwind(AssertUnwindSafe(act)) {
            Ok(Ok(reply)) => Self::Reply(reply),
            Ok(Err(rejection)) => Self::Rejection(rejection),
            Err(payload) => Self::Trapped(panic_message(payload.as_ref())),
        }
    }

    /// The reply.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn reply(self) -> Vec<u8> {
        match self {
            Self::Reply(reply) => reply.into_bytes(),
            other => panic!("expected a reply, found {other:?}"),
        }
    }

    /// The reply as text.
    ///
    /// # Panics
    /// When there is none, or it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn reply_text(self) -> String {
        text(self.reply())
    }

    /// The rejection.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn rejection(self) -> Vec<u8> {
        match self {
            Self::Rejection(rejection) => rejection.into_bytes(),
            other => panic!("expected a rejection, found {other:?}"),
        }
    }

    /// The rejection as text.
    ///
    /// # Panics
    /// When there is none, or it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn rejection_text(self) -> String {
        text(self.rejection())
    }

    /// The message of the panic.
    ///
    /// # Panics
    /// When the machine did not.
    #[must_use]
    #[track_caller]
    pub fn panic_message(self) -> String {
        match self {
            Self::Trapped(message) => message,
            other => panic!("expected a panic, found {other:?}"),
        }
    }
}

#[track_caller]
fn text(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => panic!("expected UTF-8, found \"{}\"", error.as_bytes().escape_ascii()),
    }
}

/// What a panic said.
pub(super) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let literal = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    literal.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}

/// What came of a migration.
pub(super) fn migrated(outcome: Outcome) -> Result<(), String> {
    match outcome {
        Outcome::Reply(_) => Ok(()),
        Outcome::Rejection(why) => Err(text(why.into_bytes())),
        Outcome::Trapped(message) => Err(format!("panicked: {message}")),
    }
}
