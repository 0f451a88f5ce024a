//! Messages between raft's words and ours.

use super::{
    cluster::{GROUP, voters},
    lone::{Lone, append, commands, message, persists, snapshot},
};
use crate::{
    Configuration, Effect, EntryBody, Input, Lane, LogPoint, RaftMessage, RaftMessageType, ReplicaStart,
    lane,
    message::{MessageError, from_wire, to_wire},
};
use bytes::Bytes;
use prost::Message as _;
use quorate_vocabulary::NodeId;

/// A message of every type, with everything in it that the type may have.
fn messages() -> Vec<RaftMessage> {
    let mut messages = Vec::new();
    for number in 1..=13 {
        let kind = RaftMessageType::try_from(number).expect("a type");
        let mut whole = RaftMessage {
            log_term: 2,
            index: 3,
            commit: 4,
            commit_term: 5,
            request_snapshot: 6,
            reject: true,
            reject_hint: 7,
            context: Bytes::from_static(b"mark"),
            priority: -8,
            ..message(kind, 9, 10)
        };
        if kind == RaftMessageType::Append {
            let bodies = [
                EntryBody::Empty,
                commands(1, &[b"a", b"b"]),
                EntryBody::Configuration(Configuration {
                    outgoing: voters(2..=3),
                    ..Configuration::new(voters(1..=2))
                }),
            ];
            whole.entries = append(9, 10, LogPoint { index: 3, term: 2 }, &bodies, 0).entries;
        }
        if kind == RaftMessageType::Snapshot {
            whole.snapshot = snapshot(9, 10, LogPoint { index: 20, term: 8 }, voters(1..=3)).snapshot;
        }
        messages.push(whole);
    }
    messages
}

#[test]
fn every_message_comes_through_raft_as_it_was() {
    for message in messages() {
        let raft = from_wire(message.clone()).expect("a message");
        let back =
            to_wire(GROUP, NodeId(message.from_node), NodeId(message.to_node), raft).expect("a message");
        assert_eq!(back, message);
        let bytes = message.encode_to_vec();
        assert_eq!(RaftMessage::decode(bytes.as_slice()), Ok(message));
    }
}

#[test]
fn entries_and_their_answers_have_a_lane_of_their_own() {
    for message in messages() {
        let expected = match message.r#type() {
            RaftMessageType::Append | RaftMessageType::AppendResponse | RaftMessageType::Snapshot => {
                Lane::Append
            }
            _ => Lane::Control,
        };
        assert_eq!(lane(&message), expected, "{:?}", message.r#type());
    }
}

#[test]
fn a_damaged_entry_is_not_taken_in() {
    let mut lone = Lone::new(3);
    let mut damaged = append(2, 2, ReplicaStart::BOOTSTRAP, &[commands(1, &[b"whole"])], 1);
    let mut bytes = damaged.entries[0].data.to_vec();
    *bytes.last_mut().expect("bytes") ^= 1;
    damaged.entries[0].data = bytes.into();
    assert_eq!(from_wire(damaged.clone()), Err(MessageError::Checksum { index: 2 }));
    assert_eq!(persists(&lone.receive(damaged)).count(), 0);
    assert_eq!(lone.status().last.index, 1);
    assert_eq!(lone.status().term, 1, "nothing of the message counts");
}

#[test]
fn messages_that_make_no_sense_are_ignored() {
    let good = append(2, 2, ReplicaStart::BOOTSTRAP, &[EntryBody::Empty, EntryBody::Empty], 1);
    let gap = {
        let mut entries = good.entries.clone();
        entries.remove(0);
        RaftMessage { entries, ..good.clone() }
    };
    let cases = [
        (RaftMessage { r#type: 0, ..good.clone() }, MessageError::Type),
        (RaftMessage { r#type: 99, ..good.clone() }, MessageError::Type),
        (RaftMessage { from_replica: 0, ..good.clone() }, MessageError::Sender),
        (RaftMessage { term: 0, ..good.clone() }, MessageError::Term),
        (gap, MessageError::Entries),
        (RaftMessage { index: u64::MAX, ..good.clone() }, MessageError::Entries),
        (message(RaftMessageType::Snapshot, 2, 2), MessageError::Snapshot),
        (snapshot(2, 2, LogPoint { index: 5, term: 1 }, vec![]), MessageError::Snapshot),
        (snapshot(2, 2, LogPoint { index: 0, term: 1 }, voters(1..=3)), MessageError::Snapshot),
    ];
    let mut lone = Lone::new(3);
    for (message, error) in cases {
        assert_eq!(from_wire(message.clone()), Err(error));
        let mut effects = lone.receive(message);
        // What came before the message has to go, whatever it was.
        effects.retain(|effect| !matches!(effect, Effect::SnapshotUnused { .. }));
        assert!(effects.is_empty(), "{effects:?}");
    }
    assert_eq!(lone.status().term, 1);
    assert!(from_wire(good).is_ok());
}

#[test]
fn no_message_does_more_than_end_the_replica_it_is_for() {
    // Whatever a peer sends, the shard goes on: see what each type does with numbers that cannot be.
    for mut message in messages() {
        for extreme in [0, 1, u64::MAX] {
            message.commit = extreme;
            message.log_term = extreme;
            message.reject_hint = extreme;
            message.term = extreme.max(1);
            let mut lone = Lone::new(3);
            lone.step_and_persist(vec![Input::Message(message.clone())]);
            lone.ticks(3);
            assert!(lone.shard.status(GROUP).is_some());
        }
    }
}
