//! Entries of a group's raft log as plain Rust values, and the bytes they are kept and sent as (`quorate.log.v1`).

use crate::{
    log::v1 as wire,
    session::{SESSION_FRAME_BYTES_MAX, SessionCommand},
};
use bytes::{BufMut, Bytes, BytesMut};
use prost::{Message, encoding::decode_varint};
use quorate_vocabulary::{Member, MemberRole, NodeId, PluginDigest, ReplicaId};
use std::collections::BTreeMap;

/// The format this build writes, and the only one it reads.
pub const ENTRY_FORMAT: u8 = 1;

const KIND_COMMANDS: u8 = 1;
const KIND_CHECKPOINT: u8 = 2;
const KIND_CONFIGURATION: u8 = 3;
const KIND_TIMERS: u8 = 4;
const KIND_WITHHELD: u8 = 5;
const KIND_BACKGROUND_CHECKPOINT: u8 = 6;
const KIND_TAKE_OVER: u8 = 7;
const KIND_ATTEST: u8 = 8;
const KIND_VERDICT: u8 = 9;
const KIND_ORDER: u8 = 10;
const KIND_SESSION_COMMANDS: u8 = 11;
/// A digest of the state.
const DIGEST_BYTES: usize = 32;
/// One byte for the format, one for the kind.
const HEADER_BYTES: usize = 2;
/// Field 1, a varint.
const TIME_TAG: u8 = 1 << 3;
/// What protobuf adds to a command: a tag and a length of at most five bytes.
const COMMAND_FRAME_BYTES_MAX: usize = 6;
/// What an entry of commands holds besides them: the header, and the time with its tag.
const COMMANDS_FRAME_BYTES_MAX: usize = HEADER_BYTES + 11;

/// Why bytes are not an entry that this build can apply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Written by another build.
    #[error(
        "the log entry has format {format}, this build reads format {ENTRY_FORMAT}: run the version of Quorate that wrote it, or a newer one"
    )]
    Format {
        /// The format the entry says it has.
        format: u8,
    },
    /// A kind this build does not know.
    #[error(
        "the log entry is of kind {kind}, which this build does not know: run a newer version of Quorate"
    )]
    Kind {
        /// The kind the entry says it is.
        kind: u8,
    },
    /// Bytes that do not read as what they say they are.
    #[error("the log entry is damaged: {cause}")]
    Damaged {
        /// What is wrong with them.
        cause: String,
    },
}

/// A place in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPoint {
    /// The index of the entry.
    pub index: u64,
    /// The term of the entry.
    pub term: u64,
}

/// One entry as it is stored and sent: where it stands, and its body as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogEntry {
    /// Its index.
    pub index: u64,
    /// The term of the leader that made it.
    pub term: u64,
    /// An encoded [`EntryBody`].
    pub data: Bytes,
}

impl LogEntry {
    /// Where the entry stands.
    #[must_use]
    pub fn point(&self) -> LogPoint {
        LogPoint { index: self.index, term: self.term }
    }

    /// CRC-32C over index, term and data, kept beside the entry on disk and on the wire.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        let place =
            crc32c::crc32c_append(crc32c::crc32c(&self.index.to_le_bytes()), &self.term.to_le_bytes());
        crc32c::crc32c_append(place, &self.data)
    }
}

/// Who belongs to a group. While a change is under way the configuration is joint: both the voters among `members`
/// and the `outgoing` ones must agree to everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Configuration {
    /// The members, in the order of their replicas.
    pub members: Vec<Member>,
    /// The voters of the configuration that is being left; empty unless this one is joint.
    pub outgoing: Vec<Member>,
    /// Who of the voters should lead: the one with the highest that lives, and one with 0 never. Of members that are
    /// not named here it is [`DEFAULT_PRIORITY`](Self::DEFAULT_PRIORITY).
    pub priorities: BTreeMap<ReplicaId, u32>,
    /// How often the group has been recovered after it had lost a majority of its voters.
    pub epoch: u64,
}

impl Configuration {
    /// The priority of a member whose own is not said.
    pub const DEFAULT_PRIORITY: u32 = 100;

    /// A configuration of these members that is not joint.
    #[must_use]
    pub fn new(mut members: Vec<Member>) -> Self {
        members.sort_by_key(|member| member.replica);
        Self { members, ..Self::default() }
    }

    /// Whether a change is under way.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// The member that is this replica, also when it is only in the configuration that is being left.
    #[must_use]
    pub fn member(&self, replica: ReplicaId) -> Option<&Member> {
        self.members.iter().chain(&self.outgoing).find(|member| member.replica == replica)
    }

    /// How much the group prefers this replica as its leader. A witness never leads.
    #[must_use]
    pub fn priority(&self, replica: ReplicaId) -> u32 {
        if self.is_witness(replica) {
            return 0;
        }
        self.priorities.get(&replica).copied().unwrap_or(Self::DEFAULT_PRIORITY)
    }

    /// Whether this replica is a member that holds no commands and no state.
    #[must_use]
    pub fn is_witness(&self, replica: ReplicaId) -> bool {
        self.member(replica).is_some_and(|member| member.role.is_witness())
    }

    /// The priority of the voter that should lead.
    #[must_use]
    pub fn highest_priority(&self) -> u32 {
        self.voters().map(|voter| self.priority(voter)).max().unwrap_or(Self::DEFAULT_PRIORITY)
    }

    /// The replicas that vote, of the incoming configuration, witnesses among them.
    pub fn voters(&self) -> impl Iterator<Item = ReplicaId> {
        self.members.iter().filter(|member| member.role.votes()).map(|member| member.replica)
    }
}

/// What an operator has a group do, at one place of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Run another plugin from here on.
    Activate(Activation),
    /// Take commands again, after too many have trapped.
    Unfreeze,
    /// Take no more commands once so many have trapped in a row; 0: go on whatever traps.
    FreezeAfter {
        /// How many.
        traps: u32,
    },
}

/// Which plugin a group is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activation {
    /// Which upgrade of the group; one that is not above the last does nothing.
    pub number: u64,
    /// The plugin.
    pub plugin: PluginDigest,
}

/// What an entry means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EntryBody {
    /// Nothing: the first entry of a leader's term.
    #[default]
    Empty,
    /// Commands for the machine.
    Commands {
        /// The leader's stamp, in milliseconds since the Unix epoch; never less than in an earlier entry.
        time_ms: u64,
        /// The commands, in order.
        commands: Vec<Bytes>,
    },
    /// Commands of which at least one is of a session or about one.
    SessionCommands {
        /// The leader's stamp.
        time_ms: u64,
        /// The commands, in order.
        commands: Vec<SessionCommand>,
    },
    /// Every replica saves its state here and starts again from what it saved.
    Checkpoint {
        /// The leader's stamp.
        time_ms: u64,
    },
    /// Every replica begins to save its state as of here, on another instance, while commands go on.
    BackgroundCheckpoint {
        /// The leader's stamp.
        time_ms: u64,
    },
    /// Every replica goes on from what it saved as of a checkpoint, with the entries since applied to it again. Does nothing
    /// when that checkpoint is not under way any more.
    TakeOver {
        /// The leader's stamp.
        time_ms: u64,
        /// The index of the checkpoint.
        checkpoint: u64,
    },
    /// Every replica notes the digest of all it has applied, and tells its leader.
    Attest {
        /// The leader's stamp.
        time_ms: u64,
    },
    /// What most replicas have noted. One that has noted something else stops.
    Verdict {
        /// The leader's stamp.
        time_ms: u64,
        /// The entry at which it was noted.
        index: u64,
        /// What was.
        digest: [u8; DIGEST_BYTES],
        /// The last entry before that at which all of them had noted the same; 0: not known.
        agreed: u64,
    },
    /// The members from here on.
    Configuration(Configuration),
    /// The timers of the group that are due fire.
    Timers {
        /// The leader's stamp.
        time_ms: u64,
    },
    /// The group does what an operator has ordered.
    Order {
        /// The leader's stamp.
        time_ms: u64,
        /// What.
        order: Order,
    },
    /// In the log of a witness: an entry whose content it does not hold.
    Withheld {
        /// The kind of that entry, as its header says.
        kind: u8,
    },
}

impl EntryBody {
    /// The bytes that stand in the log.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::Commands { time_ms, commands } => {
                let message = wire::Commands { time_ms: *time_ms, commands: commands.clone() };
                framed(KIND_COMMANDS, &message)
            }
            Self::SessionCommands { time_ms, commands } => {
                let commands = commands.iter().map(Into::into).collect();
                framed(KIND_SESSION_COMMANDS, &wire::SessionCommands { time_ms: *time_ms, commands })
            }
            Self::Checkpoint { time_ms } => framed(KIND_CHECKPOINT, &wire::Checkpoint { time_ms: *time_ms }),
            Self::BackgroundCheckpoint { time_ms } => {
                framed(KIND_BACKGROUND_CHECKPOINT, &wire::BackgroundCheckpoint { time_ms: *time_ms })
            }
            Self::TakeOver { time_ms, checkpoint } => {
                framed(KIND_TAKE_OVER, &wire::TakeOver { time_ms: *time_ms, checkpoint: *checkpoint })
            }
            Self::Attest { time_ms } => framed(KIND_ATTEST, &wire::Attest { time_ms: *time_ms }),
            Self::Verdict { time_ms, index, digest, agreed } => {
                let digest = Bytes::copy_from_slice(digest);
                let (time_ms, index, agreed) = (*time_ms, *index, *agreed);
                framed(KIND_VERDICT, &wire::Verdict { time_ms, index, digest, agreed })
            }
            Self::Timers { time_ms } => framed(KIND_TIMERS, &wire::Timers { time_ms: *time_ms }),
            Self::Order { time_ms, order } => {
                framed(KIND_ORDER, &wire::Order { time_ms: *time_ms, order: Some(order.into()) })
            }
            Self::Withheld { kind } => framed(KIND_WITHHELD, &wire::Withheld { kind: u32::from(*kind) }),
            Self::Configuration(configuration) => {
                framed(KIND_CONFIGURATION, &wire::Configuration::from(configuration))
            }
        }
    }

    /// Reads what [`encode`](Self::encode) wrote. Commands share the memory of `data`.
    ///
    /// # Errors
    /// When the bytes were written in another format, or are damaged.
    pub fn decode(data: &Bytes) -> Result<Self, EntryError> {
        let Some(kind) = kind(data)? else { return Ok(Self::Empty) };
        let message = data.slice(HEADER_BYTES..);
        match kind {
            KIND_COMMANDS => {
                let wire::Commands { time_ms, commands } =
                    wire::Commands::decode(message).map_err(|error| damaged(&error))?;
                if commands.is_empty() {
                    return Err(EntryError::Damaged { cause: "an entry of commands without one".into() });
                }
                Ok(Self::Commands { time_ms, commands })
            }
            KIND_SESSION_COMMANDS => {
                let wire::SessionCommands { time_ms, commands } =
                    wire::SessionCommands::decode(message).map_err(|error| damaged(&error))?;
                if commands.is_empty() {
                    return Err(EntryError::Damaged { cause: "an entry of commands without one".into() });
                }
                let commands = commands.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
                Ok(Self::SessionCommands { time_ms, commands })
            }
            KIND_CHECKPOINT => {
                let wire::Checkpoint { time_ms } =
                    wire::Checkpoint::decode(message).map_err(|error| damaged(&error))?;
                Ok(Self::Checkpoint { time_ms })
            }
            KIND_TIMERS => {
                let wire::Timers { time_ms } =
                    wire::Timers::decode(message).map_err(|error| damaged(&error))?;
                Ok(Self::Timers { time_ms })
            }
            KIND_ORDER => {
                let wire::Order { time_ms, order } =
                    wire::Order::decode(message).map_err(|error| damaged(&error))?;
                let unknown =
                    || EntryError::Damaged { cause: "an order that this build does not know".into() };
                Ok(Self::Order { time_ms, order: order.ok_or_else(unknown)?.try_into()? })
            }
            KIND_BACKGROUND_CHECKPOINT => {
                let wire::BackgroundCheckpoint { time_ms } =
                    wire::BackgroundCheckpoint::decode(message).map_err(|error| damaged(&error))?;
                Ok(Self::BackgroundCheckpoint { time_ms })
            }
            KIND_TAKE_OVER => {
                let wire::TakeOver { time_ms, checkpoint } =
                    wire::TakeOver::decode(message).map_err(|error| damaged(&error))?;
                Ok(Self::TakeOver { time_ms, checkpoint })
            }
            KIND_ATTEST => {
                let wire::Attest { time_ms } =
                    wire::Attest::decode(message).map_err(|error| damaged(&error))?;
                Ok(Self::Attest { time_ms })
            }
            KIND_VERDICT => {
                let wire::Verdict { time_ms, index, digest, agreed } =
                    wire::Verdict::decode(message).map_err(|error| damaged(&error))?;
                let digest = digest.as_ref().try_into().map_err(|_| EntryError::Damaged {
                    cause: format!("a verdict's digest has {} bytes", digest.len()),
                })?;
                Ok(Self::Verdict { time_ms, index, digest, agreed })
            }
            KIND_CONFIGURATION => {
                let message = wire::Configuration::decode(message).map_err(|error| damaged(&error))?;
                Ok(Self::Configuration(message.try_into()?))
            }
            KIND_WITHHELD => {
                let wire::Withheld { kind } =
                    wire::Withheld::decode(message).map_err(|error| damaged(&error))?;
                let kind = u8::try_from(kind)
                    .map_err(|_| EntryError::Damaged { cause: format!("it withholds the kind {kind}") })?;
                Ok(Self::Withheld { kind })
            }
            kind => Err(EntryError::Kind { kind }),
        }
    }

    /// Whether these bytes are a configuration, told by the header alone.
    #[must_use]
    pub fn is_configuration(data: &Bytes) -> bool {
        matches!(kind(data), Ok(Some(KIND_CONFIGURATION)))
    }

    /// Whether these bytes stand for content that is not here, told by the header alone.
    #[must_use]
    pub fn is_withheld(data: &Bytes) -> bool {
        matches!(kind(data), Ok(Some(KIND_WITHHELD)))
    }

    /// What a witness is given in place of these bytes: the members as they are, and of all else only the kind.
    ///
    /// # Errors
    /// When their header cannot be read.
    pub fn withhold(data: &Bytes) -> Result<Bytes, EntryError> {
        Ok(match kind(data)? {
            None | Some(KIND_CONFIGURATION | KIND_WITHHELD) => data.clone(),
            Some(kind) => Self::Withheld { kind }.encode(),
        })
    }

    /// The stamp of an entry that has one.
    #[must_use]
    pub fn time_ms(&self) -> Option<u64> {
        match self {
            Self::Commands { time_ms, .. }
            | Self::SessionCommands { time_ms, .. }
            | Self::Checkpoint { time_ms }
            | Self::BackgroundCheckpoint { time_ms }
            | Self::TakeOver { time_ms, .. }
            | Self::Attest { time_ms }
            | Self::Verdict { time_ms, .. }
            | Self::Timers { time_ms }
            | Self::Order { time_ms, .. } => Some(*time_ms),
            Self::Empty | Self::Configuration(_) | Self::Withheld { .. } => None,
        }
    }

    /// Whether it is the host's own affair, which nobody waits for and which a leader proposes again if it is lost.
    #[must_use]
    pub fn is_own(&self) -> bool {
        matches!(
            self,
            Self::BackgroundCheckpoint { .. }
                | Self::TakeOver { .. }
                | Self::Attest { .. }
                | Self::Verdict { .. }
        )
    }

    /// The same entry with this stamp, if it is one that has a stamp.
    #[must_use]
    pub fn stamped(mut self, stamp_ms: u64) -> Self {
        match &mut self {
            Self::Commands { time_ms, .. }
            | Self::SessionCommands { time_ms, .. }
            | Self::Checkpoint { time_ms }
            | Self::BackgroundCheckpoint { time_ms }
            | Self::TakeOver { time_ms, .. }
            | Self::Attest { time_ms }
            | Self::Verdict { time_ms, .. }
            | Self::Order { time_ms, .. }
            | Self::Timers { time_ms } => *time_ms = stamp_ms,
            Self::Empty | Self::Configuration(_) | Self::Withheld { .. } => {}
        }
        self
    }

    /// The stamp of an encoded entry that has one, told without reading the rest of it.
    #[must_use]
    pub fn peek_time_ms(data: &Bytes) -> Option<u64> {
        let Ok(Some(
            KIND_COMMANDS
            | KIND_SESSION_COMMANDS
            | KIND_CHECKPOINT
            | KIND_TIMERS
            | KIND_BACKGROUND_CHECKPOINT
            | KIND_TAKE_OVER
            | KIND_ATTEST
            | KIND_VERDICT
            | KIND_ORDER,
        )) = kind(data)
        else {
            return None;
        };
        // Fields are written in the order of their numbers, and a stamp of 0 is not written.
        match data.get(HEADER_BYTES) {
            Some(&TIME_TAG) => decode_varint(&mut data.get(HEADER_BYTES + 1..)?).ok(),
            _ => Some(0),
        }
    }

    /// How many bytes an entry of these commands has at most: so that a limit can be kept before encoding.
    #[must_use]
    pub fn commands_bytes_max(commands: usize, command_bytes: usize) -> usize {
        COMMANDS_FRAME_BYTES_MAX + commands * COMMAND_FRAME_BYTES_MAX + command_bytes
    }

    /// The same for an entry of commands of which some are of sessions.
    #[must_use]
    pub fn session_commands_bytes_max(commands: usize, command_bytes: usize) -> usize {
        COMMANDS_FRAME_BYTES_MAX + commands * SESSION_FRAME_BYTES_MAX + command_bytes
    }
}

fn framed(kind: u8, message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::with_capacity(HEADER_BYTES + message.encoded_len());
    bytes.put_u8(ENTRY_FORMAT);
    bytes.put_u8(kind);
    message.encode_raw(&mut bytes);
    bytes.freeze()
}

fn kind(data: &Bytes) -> Result<Option<u8>, EntryError> {
    match data.as_ref() {
        [] => Ok(None),
        [ENTRY_FORMAT, kind, ..] => Ok(Some(*kind)),
        [ENTRY_FORMAT] => Err(EntryError::Damaged { cause: "it ends after its first byte".into() }),
        [format, ..] => Err(EntryError::Format { format: *format }),
    }
}

fn damaged(error: &prost::DecodeError) -> EntryError {
    EntryError::Damaged { cause: error.to_string() }
}

impl From<&Order> for wire::order::Order {
    fn from(order: &Order) -> Self {
        match order {
            Order::Activate(Activation { number, plugin }) => Self::Activate(wire::Activate {
                number: *number,
                plugin: Bytes::copy_from_slice(plugin.as_bytes()),
            }),
            Order::Unfreeze => Self::Unfreeze(wire::Unfreeze {}),
            Order::FreezeAfter { traps } => Self::FreezeAfter(wire::FreezeAfter { traps: *traps }),
        }
    }
}

impl TryFrom<wire::order::Order> for Order {
    type Error = EntryError;

    fn try_from(message: wire::order::Order) -> Result<Self, EntryError> {
        Ok(match message {
            wire::order::Order::Activate(wire::Activate { number, plugin }) => {
                let plugin = PluginDigest::try_from(plugin.as_ref())
                    .map_err(|error| EntryError::Damaged { cause: error.to_string() })?;
                Self::Activate(Activation { number, plugin })
            }
            wire::order::Order::Unfreeze(wire::Unfreeze {}) => Self::Unfreeze,
            wire::order::Order::FreezeAfter(wire::FreezeAfter { traps }) => Self::FreezeAfter { traps },
        })
    }
}

impl From<&Configuration> for wire::Configuration {
    fn from(configuration: &Configuration) -> Self {
        let member = |member: &Member| {
            // What is said of it, also of a witness, whose priority is 0 whatever is said.
            let priority = configuration.priorities.get(&member.replica).copied();
            let priority = priority.unwrap_or(Configuration::DEFAULT_PRIORITY);
            let priority = (priority != Configuration::DEFAULT_PRIORITY).then_some(priority);
            wire::Member { priority, ..member.into() }
        };
        Self {
            members: configuration.members.iter().map(member).collect(),
            outgoing: configuration.outgoing.iter().map(Into::into).collect(),
            epoch: configuration.epoch,
        }
    }
}

impl TryFrom<wire::Configuration> for Configuration {
    type Error = EntryError;

    fn try_from(message: wire::Configuration) -> Result<Self, EntryError> {
        let read = |members: Vec<wire::Member>| -> Result<Vec<Member>, EntryError> {
            members.into_iter().map(Member::try_from).collect()
        };
        let of_members = message.members.iter();
        let priorities =
            of_members.filter_map(|member| Some((ReplicaId(member.replica), member.priority?))).collect();
        let epoch = message.epoch;
        Ok(Self { members: read(message.members)?, outgoing: read(message.outgoing)?, priorities, epoch })
    }
}

impl From<&Member> for wire::Member {
    fn from(member: &Member) -> Self {
        let role = match member.role {
            MemberRole::Voter => wire::MemberRole::Voter,
            MemberRole::Learner => wire::MemberRole::Learner,
            MemberRole::Witness => wire::MemberRole::Witness,
            MemberRole::WitnessLearner => wire::MemberRole::WitnessLearner,
        };
        Self { replica: member.replica.0, node: member.node.0, role: role.into(), priority: None }
    }
}

impl TryFrom<wire::Member> for Member {
    type Error = EntryError;

    fn try_from(message: wire::Member) -> Result<Self, EntryError> {
        let role = match message.role() {
            wire::MemberRole::Voter => MemberRole::Voter,
            wire::MemberRole::Learner => MemberRole::Learner,
            wire::MemberRole::Witness => MemberRole::Witness,
            wire::MemberRole::WitnessLearner => MemberRole::WitnessLearner,
            wire::MemberRole::Unspecified => {
                return Err(EntryError::Damaged {
                    cause: format!("replica {} has a role that this build does not know", message.replica),
                });
            }
        };
        Ok(Self { replica: ReplicaId(message.replica), node: NodeId(message.node), role })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Ticket;
    use quorate_vocabulary::SessionId;

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
            assert!(
                bytes <= EntryBody::commands_bytes_max(count, count * size),
                "{count} of {size}: {bytes}"
            );
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
}
