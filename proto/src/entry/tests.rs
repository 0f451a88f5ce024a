use super::{encoding::KIND_COMMANDS, *};
use crate::session::Ticket;
use quorate_vocabulary::{Member, MemberRole, NodeId, PluginDigest, ReplicaId, SessionId};

fn member(replica: u64, role: MemberRole) -> Member {
    Member { replica: ReplicaId(replica), node: NodeId(replica + 100), role }
}

fn session_commands() -> Vec<SessionCommand> {
    let session = SessionId { term: u64::MAX, number: u64::MAX };
    let ticket = Ticket { session, sequence: u64::MAX, answered_below: u64::MAX };
    vec![
        SessionCommand::Plain(Bytes::from_static(b"one")),
        SessionCommand::Once { ticket, command: Bytes::from(vec![7; 300]) },
        SessionCommand::Once {
            ticket: Ticket { session: SessionId { term: 1, number: 2 }, sequence: 1, answered_below: 0 },
            command: Bytes::new(),
        },
        SessionCommand::Open { timeout_ms: 60_000 },
        SessionCommand::Keep { session, answered_below: 9 },
        SessionCommand::Close { session },
    ]
}

fn bodies() -> Vec<EntryBody> {
    let commands = vec![Bytes::from_static(b"one"), Bytes::new(), Bytes::from(vec![7; 300])];
    let members = vec![
        member(2, MemberRole::Learner),
        member(1, MemberRole::Voter),
        member(4, MemberRole::Witness),
        member(5, MemberRole::WitnessLearner),
    ];
    vec![
        EntryBody::Empty,
        EntryBody::Commands { time_ms: 1_700_000_000_000, commands: commands.clone() },
        EntryBody::Commands { time_ms: 0, commands },
        EntryBody::SessionCommands { time_ms: 1_700_000_000_000, commands: session_commands() },
        EntryBody::SessionCommands { time_ms: 0, commands: vec![SessionCommand::Plain(Bytes::new())] },
        EntryBody::Checkpoint { time_ms: u64::MAX },
        EntryBody::Checkpoint { time_ms: 0 },
        EntryBody::Timers { time_ms: 1_700_000_000_000 },
        EntryBody::Timers { time_ms: 0 },
        EntryBody::Order {
            time_ms: 7,
            order: Order::Activate(Activation { number: 3, plugin: PluginDigest::of(b"plugin") }),
        },
        EntryBody::Order { time_ms: 0, order: Order::Unfreeze },
        EntryBody::Order { time_ms: u64::MAX, order: Order::FreezeAfter { traps: 5 } },
        EntryBody::Withheld { kind: KIND_COMMANDS },
        EntryBody::BackgroundCheckpoint { time_ms: 1_700_000_000_000 },
        EntryBody::BackgroundCheckpoint { time_ms: 0 },
        EntryBody::TakeOver { time_ms: 1_700_000_000_000, checkpoint: 300 },
        EntryBody::TakeOver { time_ms: 0, checkpoint: u64::MAX },
        EntryBody::Attest { time_ms: 1_700_000_000_000 },
        EntryBody::Attest { time_ms: 0 },
        EntryBody::Verdict { time_ms: 1_700_000_000_000, index: 9, digest: [7; 32], agreed: 4 },
        EntryBody::Verdict { time_ms: 0, index: u64::MAX, digest: [0; 32], agreed: 0 },
        EntryBody::Configuration(Configuration::new(members.clone())),
        EntryBody::Configuration(Configuration {
            members,
            outgoing: vec![member(3, MemberRole::Voter)],
            priorities: [(ReplicaId(1), 0), (ReplicaId(2), 7)].into(),
            epoch: 3,
        }),
    ]
}

#[test]
fn every_body_reads_back_as_it_was_written() {
    for body in bodies() {
        let data = body.encode();
        assert_eq!(EntryBody::decode(&data), Ok(body.clone()));
        assert_eq!(EntryBody::is_configuration(&data), matches!(body, EntryBody::Configuration(_)));
        assert_eq!(EntryBody::peek_time_ms(&data), body.time_ms(), "{body:?}");
        let stamped = body.clone().stamped(7);
        assert_eq!(stamped.time_ms(), body.time_ms().map(|_| 7), "{body:?}");
        assert_eq!(stamped.stamped(body.time_ms().unwrap_or(0)), body);
    }
}

#[test]
fn of_what_a_witness_is_given_only_members_can_be_read() {
    for body in bodies() {
        let given = EntryBody::withhold(&body.encode()).expect("it reads");
        let decoded = EntryBody::decode(&given).expect("it reads");
        match &body {
            EntryBody::Empty | EntryBody::Configuration(_) | EntryBody::Withheld { .. } => {
                assert_eq!(decoded, body);
            }
            EntryBody::Commands { .. }
            | EntryBody::SessionCommands { .. }
            | EntryBody::Checkpoint { .. }
            | EntryBody::BackgroundCheckpoint { .. }
            | EntryBody::TakeOver { .. }
            | EntryBody::Attest { .. }
            | EntryBody::Verdict { .. }
            | EntryBody::Timers { .. }
            | EntryBody::Order { .. } => {
                assert!(EntryBody::is_withheld(&given) && given.len() <= 4, "{body:?}: {given:?}");
            }
        }
    }
}

#[test]
fn the_bytes_of_an_entry_never_change() {
    // What is on disk must be read by every later version.
    let body = EntryBody::Commands { time_ms: 300, commands: vec![Bytes::from_static(b"ab")] };
    assert_eq!(body.encode().as_ref(), [1, 1, 8, 0xac, 2, 0x12, 2, b'a', b'b']);
    let once = SessionCommand::Once {
        ticket: Ticket { session: SessionId { term: 2, number: 3 }, sequence: 5, answered_below: 4 },
        command: Bytes::from_static(b"ab"),
    };
    let body = EntryBody::SessionCommands { time_ms: 1, commands: vec![once] };
    let ticket = [0x0a, 4, 8, 2, 16, 3, 16, 5, 24, 4, 0x22, 2, b'a', b'b'];
    assert_eq!(body.encode().as_ref(), [&[1, 11, 8, 1, 0x12, 16, 0x12, 14][..], &ticket].concat());
    assert_eq!(EntryBody::Checkpoint { time_ms: 1 }.encode().as_ref(), [1, 2, 8, 1]);
    assert_eq!(EntryBody::Timers { time_ms: 1 }.encode().as_ref(), [1, 4, 8, 1]);
    assert_eq!(EntryBody::BackgroundCheckpoint { time_ms: 1 }.encode().as_ref(), [1, 6, 8, 1]);
    assert_eq!(EntryBody::Attest { time_ms: 1 }.encode().as_ref(), [1, 8, 8, 1]);
    let body = EntryBody::Verdict { time_ms: 1, index: 9, digest: [7; 32], agreed: 4 };
    let bytes = [&[1, 9, 8, 1, 16, 9, 0x1a, 32][..], &[7; 32], &[32, 4]].concat();
    assert_eq!(body.encode().as_ref(), bytes);
    assert!(matches!(
        EntryBody::decode(&Bytes::from_static(&[1, 9, 8, 1, 0x1a, 1, 7])),
        Err(EntryError::Damaged { .. })
    ));
    let body = EntryBody::TakeOver { time_ms: 1, checkpoint: 9 };
    assert_eq!(body.encode().as_ref(), [1, 7, 8, 1, 16, 9]);
    let body = EntryBody::Order { time_ms: 1, order: Order::Unfreeze };
    assert_eq!(body.encode().as_ref(), [1, 10, 8, 1, 0x1a, 0]);
    let body = EntryBody::Order { time_ms: 1, order: Order::FreezeAfter { traps: 3 } };
    assert_eq!(body.encode().as_ref(), [1, 10, 8, 1, 0x22, 2, 8, 3]);
    let body = EntryBody::Configuration(Configuration::new(vec![member(1, MemberRole::Voter)]));
    assert_eq!(body.encode().as_ref(), [1, 3, 0x0a, 6, 8, 1, 0x10, 101, 0x18, 1]);
    let mut configuration = Configuration::new(vec![member(1, MemberRole::Voter)]);
    (configuration.priorities, configuration.epoch) = ([(ReplicaId(1), 0)].into(), 2);
    let bytes = EntryBody::Configuration(configuration).encode();
    assert_eq!(bytes.as_ref(), [1, 3, 0x0a, 8, 8, 1, 0x10, 101, 0x18, 1, 0x20, 0, 0x18, 2]);
}

#[test]
fn commands_share_the_memory_of_the_entry() {
    let data = EntryBody::Commands { time_ms: 1, commands: vec![Bytes::from(vec![9; 64])] }.encode();
    let Ok(EntryBody::Commands { commands, .. }) = EntryBody::decode(&data) else { panic!("commands") };
    let memory = data.as_ptr_range();
    assert!(memory.contains(&commands[0].as_ptr()));
}

#[test]
fn what_another_build_wrote_is_told_from_what_is_damaged() {
    let decode = |bytes: &'static [u8]| EntryBody::decode(&Bytes::from_static(bytes));
    assert_eq!(decode(&[2, 1, 8, 1]), Err(EntryError::Format { format: 2 }));
    assert_eq!(decode(&[1, 99, 8, 1]), Err(EntryError::Kind { kind: 99 }));
    assert!(matches!(decode(&[1]), Err(EntryError::Damaged { .. })));
    assert!(matches!(decode(&[1, 1, 8, 1]), Err(EntryError::Damaged { .. })), "no command");
    assert!(matches!(decode(&[1, 11, 8, 1]), Err(EntryError::Damaged { .. })), "no command of sessions");
    assert!(matches!(decode(&[1, 11, 0x12, 0]), Err(EntryError::Damaged { .. })), "no kind");
    assert!(matches!(decode(&[1, 11, 0x12, 2, 0x2a, 0]), Err(EntryError::Damaged { .. })), "no session");
    assert!(matches!(decode(&[1, 10, 8, 1]), Err(EntryError::Damaged { .. })), "no order");
    assert!(matches!(decode(&[1, 10, 0x12, 3, 0x12, 1, 9]), Err(EntryError::Damaged { .. })), "a digest");
    assert!(matches!(decode(&[1, 3, 0x0a, 4, 8, 1, 0x18, 9]), Err(EntryError::Damaged { .. })), "a role");
}

#[test]
fn no_bytes_make_reading_panic() {
    for body in bodies() {
        let whole = body.encode();
        for length in 0..whole.len() {
            let _ = EntryBody::decode(&whole.slice(..length));
            let _ = EntryBody::peek_time_ms(&whole.slice(..length));
        }
        for place in 0..whole.len().min(40) {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = whole.to_vec();
                bytes[place] = value;
                let _ = EntryBody::decode(&bytes.clone().into());
                let _ = EntryBody::peek_time_ms(&bytes.into());
            }
        }
    }
}

#[test]
fn an_entry_of_commands_is_never_larger_than_foretold() {
    for (count, size) in [(1, 0), (1, 1), (3, 127), (3, 128), (2, 1 << 20), (1_000, 5)] {
        let commands = vec![Bytes::from(vec![1; size]); count];
        let bytes = EntryBody::Commands { time_ms: u64::MAX, commands }.encode().len();
        assert!(bytes <= EntryBody::commands_bytes_max(count, count * size), "{count} of {size}: {bytes}");
        let session = SessionId { term: u64::MAX, number: u64::MAX };
        let ticket = Ticket { session, sequence: u64::MAX, answered_below: u64::MAX };
        let command = SessionCommand::Once { ticket, command: Bytes::from(vec![1; size]) };
        let commands = vec![command; count];
        let bytes = EntryBody::SessionCommands { time_ms: u64::MAX, commands }.encode().len();
        assert!(
            bytes <= EntryBody::session_commands_bytes_max(count, count * size),
            "{count} of {size} in sessions: {bytes}"
        );
    }
}

#[test]
fn the_checksum_covers_place_and_data() {
    let entry = LogEntry { index: 7, term: 3, data: Bytes::from_static(b"data") };
    let others = [
        LogEntry { index: 8, ..entry.clone() },
        LogEntry { term: 4, ..entry.clone() },
        LogEntry { data: Bytes::from_static(b"dati"), ..entry.clone() },
    ];
    for other in others {
        assert_ne!(entry.checksum(), other.checksum(), "{other:?}");
    }
}

#[test]
fn members_of_both_sides_of_a_joint_configuration_are_found() {
    let joint = Configuration {
        members: vec![member(1, MemberRole::Voter)],
        outgoing: vec![member(1, MemberRole::Voter), member(2, MemberRole::Voter)],
        ..Configuration::default()
    };
    assert!(joint.is_joint());
    assert_eq!(joint.member(ReplicaId(2)).map(|member| member.node), Some(NodeId(102)));
    assert_eq!(joint.member(ReplicaId(3)), None);
    assert_eq!(joint.voters().collect::<Vec<_>>(), [ReplicaId(1)]);
}
