//! The bytes of an entry: its format, its kind, and a protobuf message of that kind.

use super::{EntryBody, EntryError};
use crate::{log::v1 as wire, session::SESSION_FRAME_BYTES_MAX};
use bytes::{BufMut, Bytes, BytesMut};
use prost::{Message, encoding::decode_varint};

/// The format this build writes, and the only one it reads.
pub const ENTRY_FORMAT: u8 = 1;

pub(super) const KIND_COMMANDS: u8 = 1;
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
/// One byte for the format, one for the kind.
const HEADER_BYTES: usize = 2;
/// Field 1, a varint.
const TIME_TAG: u8 = 1 << 3;
/// What protobuf adds to a command: a tag and a length of at most five bytes.
const COMMAND_FRAME_BYTES_MAX: usize = 6;
/// What an entry of commands holds besides them: the header, and the time with its tag.
const COMMANDS_FRAME_BYTES_MAX: usize = HEADER_BYTES + 11;

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
                let wire::Commands { time_ms, commands } = read(message)?;
                if commands.is_empty() {
                    return Err(EntryError::Damaged { cause: "an entry of commands without one".into() });
                }
                Ok(Self::Commands { time_ms, commands })
            }
            KIND_SESSION_COMMANDS => {
                let wire::SessionCommands { time_ms, commands } = read(message)?;
                if commands.is_empty() {
                    return Err(EntryError::Damaged { cause: "an entry of commands without one".into() });
                }
                let commands = commands.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
                Ok(Self::SessionCommands { time_ms, commands })
            }
            KIND_CHECKPOINT => {
                let wire::Checkpoint { time_ms } = read(message)?;
                Ok(Self::Checkpoint { time_ms })
            }
            KIND_TIMERS => {
                let wire::Timers { time_ms } = read(message)?;
                Ok(Self::Timers { time_ms })
            }
            KIND_ORDER => {
                let wire::Order { time_ms, order } = read(message)?;
                let unknown =
                    || EntryError::Damaged { cause: "an order that this build does not know".into() };
                Ok(Self::Order { time_ms, order: order.ok_or_else(unknown)?.try_into()? })
            }
            KIND_BACKGROUND_CHECKPOINT => {
                let wire::BackgroundCheckpoint { time_ms } = read(message)?;
                Ok(Self::BackgroundCheckpoint { time_ms })
            }
            KIND_TAKE_OVER => {
                let wire::TakeOver { time_ms, checkpoint } = read(message)?;
                Ok(Self::TakeOver { time_ms, checkpoint })
            }
            KIND_ATTEST => {
                let wire::Attest { time_ms } = read(message)?;
                Ok(Self::Attest { time_ms })
            }
            KIND_VERDICT => {
                let wire::Verdict { time_ms, index, digest, agreed } = read(message)?;
                let digest = digest.as_ref().try_into().map_err(|_| EntryError::Damaged {
                    cause: format!("a verdict's digest has {} bytes", digest.len()),
                })?;
                Ok(Self::Verdict { time_ms, index, digest, agreed })
            }
            KIND_CONFIGURATION => {
                let message = read::<wire::Configuration>(message)?;
                Ok(Self::Configuration(message.try_into()?))
            }
            KIND_WITHHELD => {
                let wire::Withheld { kind } = read(message)?;
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

fn read<M: Message + Default>(bytes: Bytes) -> Result<M, EntryError> {
    M::decode(bytes).map_err(|error| EntryError::Damaged { cause: error.to_string() })
}
