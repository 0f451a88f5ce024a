use super::{ActivationRecord, ActivePlugin, HostFault, PendingTimers, Poison, Sessions};
use prost::Message;
use quorate_proto::{entry::Configuration, log::v1 as wire};
use quorate_vocabulary::{PluginDigest, Position};
use std::{fmt, sync::Arc};

/// The rolling SHA-256 over every outcome and every change a replica has made, in order.
///
/// Replicas of a group that stand at the same index have the same digest, or one of them has diverged.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct StateDigest(pub [u8; 32]);

impl fmt::Display for StateDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for StateDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StateDigest({self})")
    }
}

/// How far a state has come: what stands beside it on disk, in the same batch, and in every snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedPoint {
    /// The last entry that is in the state.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// The newest time stamp any entry up to there carried, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// The digest of everything up to there.
    pub digest: StateDigest,
    /// Who belongs to the group as of there.
    pub configuration: Configuration,
    /// The timers that are set as of there.
    pub timers: PendingTimers,
    /// Which plugin the group runs as of there; none: the one that it began with.
    pub active: Option<ActivePlugin>,
    /// What came of the newest order to run another.
    pub activation: Option<Arc<ActivationRecord>>,
    /// What is done about commands that trap.
    pub poison: Poison,
    /// What was noted at the last entry that asked for it.
    pub attested: Option<Attested>,
    /// The sessions as of there.
    pub sessions: Sessions,
}

/// The digest that a replica had when an entry of the log asked for it. Replicas of a group have noted the same, or one of them
/// has diverged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attested {
    /// That entry.
    pub index: u64,
    /// Of everything before it.
    pub digest: StateDigest,
}

/// The version of the encoding of [`AppliedPoint`].
const FORMAT: u32 = 1;

impl AppliedPoint {
    /// The index and the term at which the log of every group begins: nothing stands there.
    pub const FIRST: u64 = 1;

    /// Where a new group begins: nothing applied, with these members.
    #[must_use]
    pub fn initial(configuration: Configuration) -> Self {
        let digest = StateDigest::default();
        Self {
            index: Self::FIRST,
            term: Self::FIRST,
            time_ms: 0,
            digest,
            configuration,
            timers: PendingTimers::default(),
            active: None,
            activation: None,
            poison: Poison::default(),
            attested: None,
            sessions: Sessions::default(),
        }
    }

    /// The plugin the group runs as of there, when it began with this one.
    #[must_use]
    pub fn plugin(&self, founding: PluginDigest) -> PluginDigest {
        self.active.map_or(founding, |active| active.plugin)
    }

    /// Where a replica begins that joins a group which runs already: it holds nothing, not even what the group began with,
    /// and waits for a snapshot.
    #[must_use]
    pub fn joining() -> Self {
        Self { index: 0, term: 0, ..Self::initial(Configuration::default()) }
    }

    /// The position behind everything that is applied, as queries and callbacks see it.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { index: self.index, ordinal: u32::MAX, time_ms: self.time_ms }
    }

    /// The bytes that stand for it on disk, but for the sessions, which stand beside it in rows of their own.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        StoredPoint {
            format: FORMAT,
            index: self.index,
            term: self.term,
            time_ms: self.time_ms,
            digest: self.digest.0.to_vec(),
            configuration: Some((&self.configuration).into()),
            timers: self.timers.iter().map(|(id, at_ms)| StoredTimer { id, at_ms }).collect(),
            active: self.active.map(|active| StoredActive {
                plugin: active.plugin.as_bytes().to_vec(),
                state_version: active.state_version,
            }),
            activation: self.activation.as_deref().map(StoredActivation::from),
            freeze_after: self.poison.freeze_after,
            traps_in_a_row: self.poison.traps_in_a_row,
            frozen_at: self.poison.frozen_at,
            attested: self
                .attested
                .map(|attested| StoredAttested { index: attested.index, digest: attested.digest.0.to_vec() }),
            sessions_opened: self.sessions.opened(),
        }
        .encode_to_vec()
    }

    /// Reads what [`AppliedPoint::encode`] wrote: without a session.
    pub fn decode(bytes: &[u8]) -> Result<Self, HostFault> {
        let stored = StoredPoint::decode(bytes)
            .map_err(|error| HostFault::new("decoding an applied point, which is damaged", error))?;
        if stored.format != FORMAT {
            return Err(HostFault::because(format!(
                "an applied point has format {}, and this version of Quorate reads format {FORMAT}: run the version that wrote it",
                stored.format
            )));
        }
        let digest = read_digest(stored.digest)?;
        let attested = stored.attested.map(|attested| {
            Ok::<_, HostFault>(Attested { index: attested.index, digest: read_digest(attested.digest)? })
        });
        let configuration = Configuration::try_from(stored.configuration.unwrap_or_default())
            .map_err(|error| HostFault::new("decoding the members in an applied point", error))?;
        let active = match stored.active {
            Some(active) => Some(ActivePlugin {
                plugin: plugin_digest(&active.plugin)?,
                state_version: active.state_version,
            }),
            None => None,
        };
        let activation = stored.activation.map(ActivationRecord::try_from).transpose()?;
        Ok(Self {
            index: stored.index,
            term: stored.term,
            time_ms: stored.time_ms,
            digest,
            configuration,
            attested: attested.transpose()?,
            sessions: Sessions::none_of(stored.sessions_opened),
            timers: stored.timers.into_iter().map(|timer| (timer.id, timer.at_ms)).collect(),
            active,
            activation: activation.map(Arc::new),
            poison: Poison {
                freeze_after: stored.freeze_after,
                traps_in_a_row: stored.traps_in_a_row,
                frozen_at: stored.frozen_at,
            },
        })
    }
}

fn read_digest(bytes: Vec<u8>) -> Result<StateDigest, HostFault> {
    let digest = bytes.try_into();
    digest
        .map(StateDigest)
        .map_err(|_| HostFault::because("an applied point is damaged: its digest is not 32 bytes long"))
}

#[derive(Clone, PartialEq, Message)]
struct StoredPoint {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(uint64, tag = "2")]
    index: u64,
    #[prost(uint64, tag = "3")]
    term: u64,
    #[prost(uint64, tag = "4")]
    time_ms: u64,
    #[prost(bytes = "vec", tag = "5")]
    digest: Vec<u8>,
    #[prost(message, optional, tag = "6")]
    configuration: Option<wire::Configuration>,
    #[prost(message, repeated, tag = "7")]
    timers: Vec<StoredTimer>,
    #[prost(message, optional, tag = "8")]
    active: Option<StoredActive>,
    #[prost(message, optional, tag = "9")]
    activation: Option<StoredActivation>,
    #[prost(uint32, tag = "10")]
    freeze_after: u32,
    #[prost(uint32, tag = "11")]
    traps_in_a_row: u32,
    #[prost(uint64, optional, tag = "12")]
    frozen_at: Option<u64>,
    #[prost(message, optional, tag = "13")]
    attested: Option<StoredAttested>,
    #[prost(uint64, tag = "14")]
    sessions_opened: u64,
}

#[derive(Clone, PartialEq, Message)]
struct StoredActive {
    #[prost(bytes = "vec", tag = "1")]
    plugin: Vec<u8>,
    #[prost(uint32, tag = "2")]
    state_version: u32,
}

#[derive(Clone, PartialEq, Message)]
struct StoredActivation {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(bytes = "vec", tag = "2")]
    plugin: Vec<u8>,
    #[prost(uint64, tag = "3")]
    index: u64,
    #[prost(uint64, tag = "4")]
    time_ms: u64,
    #[prost(string, optional, tag = "5")]
    failure: Option<String>,
}

impl From<&ActivationRecord> for StoredActivation {
    fn from(record: &ActivationRecord) -> Self {
        let ActivationRecord { number, plugin, index, time_ms, failure } = record.clone();
        Self { number, plugin: plugin.as_bytes().to_vec(), index, time_ms, failure }
    }
}

impl TryFrom<StoredActivation> for ActivationRecord {
    type Error = HostFault;

    fn try_from(stored: StoredActivation) -> Result<Self, HostFault> {
        let StoredActivation { number, plugin, index, time_ms, failure } = stored;
        Ok(Self { number, plugin: plugin_digest(&plugin)?, index, time_ms, failure })
    }
}

fn plugin_digest(bytes: &[u8]) -> Result<PluginDigest, HostFault> {
    PluginDigest::try_from(bytes)
        .map_err(|error| HostFault::new("decoding the plugin in an applied point", error))
}

#[derive(Clone, PartialEq, Message)]
struct StoredAttested {
    #[prost(uint64, tag = "1")]
    index: u64,
    #[prost(bytes = "vec", tag = "2")]
    digest: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredTimer {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    at_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};

    fn point() -> AppliedPoint {
        let member = |number, role| Member { replica: ReplicaId(number), node: NodeId(number + 100), role };
        AppliedPoint {
            index: 7,
            term: 3,
            time_ms: 1_700_000_000_000,
            digest: StateDigest([9; 32]),
            configuration: Configuration {
                members: vec![member(1, MemberRole::Voter), member(2, MemberRole::Learner)],
                outgoing: vec![member(3, MemberRole::Voter)],
                ..Configuration::default()
            },
            timers: [(0, 1_700_000_000_500), (u64::MAX, u64::MAX)].into_iter().collect(),
            active: Some(ActivePlugin { plugin: PluginDigest::of(b"second"), state_version: 2 }),
            activation: Some(Arc::new(ActivationRecord {
                number: 3,
                plugin: PluginDigest::of(b"third"),
                index: 6,
                time_ms: 1_700_000_000_000,
                failure: Some("it trapped".into()),
            })),
            poison: Poison { freeze_after: 3, traps_in_a_row: 4, frozen_at: Some(5) },
            attested: Some(Attested { index: 5, digest: StateDigest([8; 32]) }),
            sessions: Sessions::none_of(8),
        }
    }

    #[test]
    fn an_applied_point_reads_back_as_it_was_written() {
        assert_eq!(AppliedPoint::decode(&point().encode()).expect("just encoded"), point());
        let first = AppliedPoint::initial(point().configuration);
        assert_eq!(AppliedPoint::decode(&first.encode()).expect("just encoded"), first);
    }

    #[test]
    fn damaged_bytes_and_other_formats_are_refused() {
        let bytes = point().encode();
        assert!(AppliedPoint::decode(&bytes[..bytes.len() - 1]).is_err());
        assert!(AppliedPoint::decode(&[]).is_err(), "format 0 is none");
        let short = StoredPoint { format: FORMAT, digest: vec![1; 31], ..StoredPoint::default() };
        assert!(AppliedPoint::decode(&short.encode_to_vec()).is_err());
        let active = Some(StoredActive { plugin: vec![1; 31], state_version: 0 });
        let short = StoredPoint { format: FORMAT, digest: vec![1; 32], active, ..StoredPoint::default() };
        assert!(AppliedPoint::decode(&short.encode_to_vec()).is_err());
        let newer = StoredPoint { format: FORMAT + 1, digest: vec![1; 32], ..StoredPoint::default() };
        let error = AppliedPoint::decode(&newer.encode_to_vec()).expect_err("from the future");
        assert!(error.to_string().contains("format 2"), "{error}");
    }
}
