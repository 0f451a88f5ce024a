//! What replicas say to each other, between raft's words and those of the wire.

use crate::{
    Configuration, LogEntry, LogPoint,
    log_window::{log_entry, raft_entry, raft_snapshot, read_snapshot},
};
use quorate_proto::peer::v1::{RaftEntry, RaftMessage, RaftMessageType, SnapshotPoint};
use quorate_vocabulary::{GroupId, NodeId};
use raft::eraftpb::{Entry, Message, MessageType};

/// Which stream between two nodes a message goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Votes, heartbeats, reads and their answers: small, and never behind anything else.
    Control,
    /// Entries, and that they have arrived.
    Append,
}

/// The lane of this message.
#[must_use]
pub fn lane(message: &RaftMessage) -> Lane {
    match message.r#type() {
        RaftMessageType::Append | RaftMessageType::AppendResponse | RaftMessageType::Snapshot => Lane::Append,
        _ => Lane::Control,
    }
}

/// Why a message from a peer is not listened to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("its type is not known to this build")]
    Type,
    #[error("entry {index} was damaged on its way: its checksum does not fit")]
    Checksum { index: u64 },
    #[error("its entries are not in a row")]
    Entries,
    #[error("it names no snapshot, or one without members")]
    Snapshot,
    #[error("it has no term")]
    Term,
    #[error("its sender is no replica")]
    Sender,
}

/// The pairs of words.
const TYPES: [(MessageType, RaftMessageType); 13] = [
    (MessageType::MsgAppend, RaftMessageType::Append),
    (MessageType::MsgAppendResponse, RaftMessageType::AppendResponse),
    (MessageType::MsgRequestVote, RaftMessageType::RequestVote),
    (MessageType::MsgRequestVoteResponse, RaftMessageType::RequestVoteResponse),
    (MessageType::MsgRequestPreVote, RaftMessageType::RequestPreVote),
    (MessageType::MsgRequestPreVoteResponse, RaftMessageType::RequestPreVoteResponse),
    (MessageType::MsgSnapshot, RaftMessageType::Snapshot),
    (MessageType::MsgHeartbeat, RaftMessageType::Heartbeat),
    (MessageType::MsgHeartbeatResponse, RaftMessageType::HeartbeatResponse),
    (MessageType::MsgTransferLeader, RaftMessageType::TransferLeader),
    (MessageType::MsgTimeoutNow, RaftMessageType::TimeoutNow),
    (MessageType::MsgReadIndex, RaftMessageType::ReadIndex),
    (MessageType::MsgReadIndexResp, RaftMessageType::ReadIndexResponse),
];

fn is_read(kind: RaftMessageType) -> bool {
    matches!(kind, RaftMessageType::ReadIndex | RaftMessageType::ReadIndexResponse)
}

/// From raft to the wire. None for what raft only says to itself, which it never asks to be sent.
pub(crate) fn to_wire(group: GroupId, from: NodeId, to: NodeId, mut message: Message) -> Option<RaftMessage> {
    let kind = TYPES.iter().find(|(kind, _)| *kind == message.get_msg_type())?.1;
    let mut wire = RaftMessage {
        group: group.0,
        from_replica: message.from,
        to_replica: message.to,
        from_node: from.0,
        to_node: to.0,
        term: message.term,
        log_term: message.log_term,
        index: message.index,
        commit: message.commit,
        commit_term: message.commit_term,
        request_snapshot: message.request_snapshot,
        reject: message.reject,
        reject_hint: message.reject_hint,
        context: std::mem::take(&mut message.context),
        priority: message.priority,
        ..RaftMessage::default()
    };
    wire.set_type(kind);
    if is_read(kind) {
        // raft hides the mark of a read in an entry.
        wire.context = message.mut_entries().first_mut().map(|entry| std::mem::take(&mut entry.data))?;
    } else {
        let entry = |entry: &mut Entry| {
            let entry = log_entry(entry);
            let checksum = entry.checksum();
            RaftEntry { index: entry.index, term: entry.term, data: entry.data, checksum }
        };
        wire.entries = message.mut_entries().iter_mut().map(entry).collect();
    }
    if kind == RaftMessageType::Snapshot {
        let (point, configuration) = read_snapshot(message.get_snapshot())?;
        let configuration = Some((&configuration).into());
        wire.snapshot = Some(SnapshotPoint { index: point.index, term: point.term, configuration });
    }
    Some(wire)
}

/// The message for a snapshot at a later place than the one that raft has asked to be sent: for a host that sends the state as
/// it is when the sending begins ([`Input::SnapshotSendable`](crate::Input::SnapshotSendable)). All there must be applied.
#[must_use]
pub fn standing_at(message: RaftMessage, point: LogPoint, configuration: &Configuration) -> RaftMessage {
    let configuration = Some(configuration.into());
    let snapshot = Some(SnapshotPoint { index: point.index, term: point.term, configuration });
    RaftMessage { snapshot, ..message }
}

/// From the wire to raft, with everything checked that can be told from the message alone.
pub(crate) fn from_wire(wire: RaftMessage) -> Result<Message, MessageError> {
    let kind = wire.r#type();
    let (raft_kind, _) = TYPES.iter().find(|(_, known)| *known == kind).ok_or(MessageError::Type)?;
    if wire.from_replica == raft::INVALID_ID {
        return Err(MessageError::Sender);
    }
    // raft takes a message without a term for one from itself; only a read that is forwarded has none.
    if wire.term == 0 && kind != RaftMessageType::ReadIndex {
        return Err(MessageError::Term);
    }
    let mut message = Message {
        from: wire.from_replica,
        to: wire.to_replica,
        term: wire.term,
        log_term: wire.log_term,
        index: wire.index,
        commit: wire.commit,
        commit_term: wire.commit_term,
        request_snapshot: wire.request_snapshot,
        reject: wire.reject,
        reject_hint: wire.reject_hint,
        priority: wire.priority,
        ..Message::default()
    };
    message.set_msg_type(*raft_kind);
    if is_read(kind) {
        let mark = Entry { data: wire.context, ..Entry::default() };
        message.set_entries(vec![mark].into());
        return Ok(message);
    }
    message.context = wire.context;
    let mut entries = Vec::with_capacity(wire.entries.len());
    let mut before = wire.index;
    for RaftEntry { index, term, data, checksum } in wire.entries {
        if Some(index) != before.checked_add(1) {
            return Err(MessageError::Entries);
        }
        before = index;
        let entry = LogEntry { index, term, data };
        if entry.checksum() != checksum {
            return Err(MessageError::Checksum { index });
        }
        entries.push(raft_entry(entry));
    }
    message.set_entries(entries.into());
    if kind == RaftMessageType::Snapshot {
        let point = wire.snapshot.ok_or(MessageError::Snapshot)?;
        let configuration: Configuration = point
            .configuration
            .and_then(|configuration| configuration.try_into().ok())
            .ok_or(MessageError::Snapshot)?;
        if point.index == 0 || configuration.voters().next().is_none() {
            return Err(MessageError::Snapshot);
        }
        let point = LogPoint { index: point.index, term: point.term };
        message.set_snapshot(raft_snapshot(point, &configuration));
    }
    Ok(message)
}
