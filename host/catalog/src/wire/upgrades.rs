//! Changes of the version that a group runs.

use super::{digest, digest_bytes, nodes, numbers, parse};
use crate::{CatalogError, Change, Upgrade, UpgradeOutcome};
use quorate_proto::catalog::v1;
use quorate_replica::ports::ActivationRecord;
use quorate_vocabulary::GroupId;

/// A text that is missing when it is empty.
pub(super) fn text(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

pub(super) fn wire_activation(group: GroupId, record: &ActivationRecord) -> v1::NoteActivation {
    v1::NoteActivation {
        group: group.0,
        number: record.number,
        digest: digest_bytes(record.plugin),
        index: record.index,
        time_ms: record.time_ms,
        failure: record.failure.clone().unwrap_or_default(),
    }
}

pub(super) fn activation(note: v1::NoteActivation) -> Result<Change, CatalogError> {
    let v1::NoteActivation { group, number, digest: plugin, index, time_ms, failure } = note;
    let plugin = digest(&plugin)?;
    let record = ActivationRecord { number, plugin, index, time_ms, failure: text(failure) };
    Ok(Change::NoteActivation { group: GroupId(group), record })
}

impl From<&Upgrade> for v1::Upgrade {
    fn from(upgrade: &Upgrade) -> Self {
        Self {
            number: upgrade.number,
            from: upgrade.from.to_string(),
            to: upgrade.to.to_string(),
            digest: digest_bytes(upgrade.digest),
            is_rollback: upgrade.is_rollback,
            actor: upgrade.actor.clone(),
            asked_ms: upgrade.asked_ms,
            prepared: numbers(&upgrade.prepared),
            outcome: upgrade.outcome.as_ref().map(|outcome| v1::UpgradeOutcome {
                index: outcome.index.unwrap_or_default(),
                time_ms: outcome.time_ms,
                failure: outcome.failure.clone().unwrap_or_default(),
            }),
        }
    }
}

impl TryFrom<v1::Upgrade> for Upgrade {
    type Error = CatalogError;

    fn try_from(upgrade: v1::Upgrade) -> Result<Self, CatalogError> {
        Ok(Self {
            number: upgrade.number,
            from: parse(&upgrade.from)?,
            to: parse(&upgrade.to)?,
            digest: digest(&upgrade.digest)?,
            is_rollback: upgrade.is_rollback,
            actor: upgrade.actor,
            asked_ms: upgrade.asked_ms,
            prepared: nodes(upgrade.prepared),
            outcome: upgrade.outcome.map(|outcome| UpgradeOutcome {
                index: Some(outcome.index).filter(|index| *index > 0),
                time_ms: outcome.time_ms,
                failure: text(outcome.failure),
            }),
        })
    }
}
