use quorate_proto::peer::v1::{RaftMessage, RaftMessageType};

/// Which stream between two nodes a message goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Votes, heartbeats, reads and answers: small, and never behind anything else.
    Control,
    /// Entries.
    Append,
}

/// The lane of this message.
#[must_use]
pub fn lane(message: &RaftMessage) -> Lane {
    match message.r#type() {
        // Answers to appends stay in order with each other and are as small as heartbeats are, but there are as many
        // of them as there are appends.
        RaftMessageType::Append | RaftMessageType::AppendResponse | RaftMessageType::Snapshot => Lane::Append,
        _ => Lane::Control,
    }
}
