//! What stands in the records, as Rust values and as bytes.

use super::keys;
use crate::record::{seal, unseal};
use bytes::Bytes;
use prost::Message;
use quorate_consensus::{Configuration, HardState, LogEntry, LogPoint};
use quorate_proto::storage::v1::{HardStateRecord, PluginRecord, ReplicaRecord};
use quorate_vocabulary::{GroupId, PluginDigest, ReplicaId};

const TERM_BYTES: usize = 8;

/// What is known of a replica beside its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReplicaFacts {
    pub(super) replica: ReplicaId,
    pub(super) truncated: LogPoint,
    pub(super) configuration: Configuration,
    pub(super) plugin: Option<PluginDigest>,
    pub(super) description: Bytes,
}

impl ReplicaFacts {
    pub(super) fn seal(&self, group: GroupId) -> (Vec<u8>, Vec<u8>) {
        let key = keys::replica(group);
        let message = ReplicaRecord {
            group: group.0,
            replica: self.replica.0,
            truncated_index: self.truncated.index,
            truncated_term: self.truncated.term,
            configuration: Some((&self.configuration).into()),
            plugin: self.plugin.map(|digest| Bytes::copy_from_slice(digest.as_bytes())).unwrap_or_default(),
            description: self.description.clone(),
        };
        let record = seal(&key, &[&message.encode_to_vec()]);
        (key, record)
    }

    pub(super) fn unseal(key: &[u8], record: &[u8]) -> Result<Self, String> {
        let message: ReplicaRecord = decode(key, record)?;
        let plugin = match message.plugin.as_ref() {
            [] => None,
            digest => Some(PluginDigest::try_from(digest).map_err(|error| error.to_string())?),
        };
        Ok(Self {
            replica: ReplicaId(message.replica),
            truncated: LogPoint { index: message.truncated_index, term: message.truncated_term },
            configuration: Configuration::try_from(message.configuration.unwrap_or_default())
                .map_err(|error| error.to_string())?,
            plugin,
            description: message.description,
        })
    }
}

pub(super) fn seal_hard_state(group: GroupId, hard_state: HardState) -> (Vec<u8>, Vec<u8>) {
    let key = keys::hard_state(group);
    let HardState { term, vote, commit } = hard_state;
    let message = HardStateRecord { term, vote: vote.map(|vote| vote.0), commit };
    let record = seal(&key, &[&message.encode_to_vec()]);
    (key, record)
}

pub(super) fn unseal_hard_state(key: &[u8], record: &[u8]) -> Result<HardState, String> {
    let HardStateRecord { term, vote, commit } = decode(key, record)?;
    Ok(HardState { term, vote: vote.map(ReplicaId), commit })
}

/// An entry is its term and its data; the checksum is over these, the group and the index, which are its key.
pub(super) fn seal_entry(key: &[u8], entry: &LogEntry) -> Vec<u8> {
    seal(key, &[&entry.term.to_le_bytes(), &entry.data])
}

/// The data shares the memory of the record.
pub(super) fn unseal_entry(key: &[u8], index: u64, record: &Bytes) -> Result<LogEntry, String> {
    let payload = unseal(key, record)?;
    let Some((term, data)) = payload.split_first_chunk::<TERM_BYTES>() else {
        return Err(format!("an entry of {} bytes is too short", payload.len()));
    };
    Ok(LogEntry { index, term: u64::from_le_bytes(*term), data: record.slice_ref(data) })
}

pub(super) fn seal_plugin(digest: PluginDigest, bytes: u64) -> (Vec<u8>, Vec<u8>) {
    let key = keys::plugin(digest);
    let record = seal(&key, &[&PluginRecord { bytes }.encode_to_vec()]);
    (key, record)
}

pub(super) fn unseal_plugin(key: &[u8], record: &[u8]) -> Result<u64, String> {
    decode(key, record).map(|PluginRecord { bytes }| bytes)
}

fn decode<M: Message + Default>(key: &[u8], record: &[u8]) -> Result<M, String> {
    M::decode(unseal(key, record)?).map_err(|error| format!("a record cannot be read: {error}"))
}
