//! Which version a group is to run, until its own log says what came of that.

use super::{
    CatalogState,
    apply::{Changed, cut},
};
use crate::{
    CatalogError, CatalogReply, Group, Upgrade, UpgradeOutcome,
    limits::{FAILURE_BYTES_MAX, UPGRADES_MAX},
};
use quorate_replica::ports::ActivationRecord;
use quorate_vocabulary::{GroupId, GroupName, NodeId, PluginReference};

/// What is said of an upgrade whose place another has taken.
const OVERTAKEN: &str = "another version was asked for before it was activated";
/// What is said of an upgrade that was given up.
const CANCELLED: &str = "it was given up before it was activated";

impl CatalogState {
    pub(super) fn upgrade_group(
        &mut self,
        name: &GroupName,
        plugin: Option<&PluginReference>,
        actor: &str,
        time_ms: u64,
    ) -> Changed {
        let group =
            self.group_named(name).ok_or_else(|| CatalogError::GroupUnknown { name: name.clone() })?;
        let is_rollback = plugin.is_none();
        let to = match plugin {
            Some(plugin) => plugin,
            None => group.before().ok_or_else(|| CatalogError::NothingBefore { name: name.clone() })?,
        };
        let published =
            self.plugin(to).ok_or_else(|| CatalogError::PluginUnknown { reference: to.clone() })?;
        if published.kind != group.kind {
            return Err(CatalogError::KindChanged { group: name.clone(), reference: to.clone() });
        }
        let wanted = group.upgrade().map_or(&group.plugin, |upgrade| &upgrade.to);
        if wanted == to {
            return Ok((CatalogReply::Group(group.clone()), None));
        }
        let (to, digest) = (to.clone(), published.digest);
        let mut group = group.clone();
        if let Some(before) = group.upgrades.last_mut() {
            give_up(before, OVERTAKEN, time_ms);
        }
        let change = format!("group {name} is to run {to} in place of {}", group.plugin);
        group.upgrades_asked = group.upgrades_asked.saturating_add(1);
        let upgrade = Upgrade {
            number: group.upgrades_asked,
            from: group.plugin.clone(),
            to,
            digest,
            is_rollback,
            actor: actor.to_owned(),
            asked_ms: time_ms,
            prepared: Vec::new(),
            outcome: None,
        };
        remember(&mut group, upgrade);
        self.put_group(&group);
        Ok((CatalogReply::Group(group), Some(change)))
    }

    pub(super) fn note_prepared(
        &mut self,
        id: GroupId,
        number: u64,
        node: NodeId,
        failure: Option<&str>,
        time_ms: u64,
    ) -> Changed {
        let group = self.group(id).ok_or(CatalogError::GroupGone { id })?;
        let mut group = group.clone();
        let is_member = group.replica_on(node).is_some();
        let Some(upgrade) = group.upgrades.last_mut().filter(|upgrade| upgrade.number == number && is_member)
        else {
            return Ok((CatalogReply::Group(group), None));
        };
        let mut change = None;
        if let Some(failure) = failure {
            let why = format!("node {node} cannot run it: {failure}");
            change = Some(format!("group {} does not get {}: {why}", group.name, upgrade.to));
            give_up(upgrade, &why, time_ms);
        } else if let Err(place) = upgrade.prepared.binary_search(&node) {
            upgrade.prepared.insert(place, node);
        }
        self.put_group(&group);
        Ok((CatalogReply::Group(group), change))
    }

    pub(super) fn cancel_upgrade(&mut self, name: &GroupName, time_ms: u64) -> Changed {
        let group =
            self.group_named(name).ok_or_else(|| CatalogError::GroupUnknown { name: name.clone() })?;
        let mut group = group.clone();
        let under_way = group.upgrades.last_mut().filter(|upgrade| upgrade.outcome.is_none());
        let upgrade = under_way.ok_or_else(|| CatalogError::NoUpgrade { name: name.clone() })?;
        give_up(upgrade, CANCELLED, time_ms);
        let change = format!("group {name} is not to run {} any more", upgrade.to);
        self.put_group(&group);
        Ok((CatalogReply::Group(group), Some(change)))
    }

    /// The group's own log says what it runs: whatever was wanted, or given up, meanwhile. What it says of an earlier entry may
    /// come late, from a leader of then, and is only history.
    pub(super) fn note_activation(&mut self, id: GroupId, record: &ActivationRecord) -> Changed {
        let group = self.group(id).ok_or(CatalogError::GroupGone { id })?;
        let mut group = group.clone();
        let activated_at = |upgrade: &Upgrade| upgrade.outcome.as_ref()?.index;
        let newest = group.upgrades.iter().filter_map(activated_at).max();
        let is_late = newest.is_some_and(|newest| newest > record.index);
        let known = group.upgrades.iter_mut().find(|upgrade| upgrade.number == record.number);
        if known.as_deref().and_then(activated_at).is_some_and(|index| index >= record.index) {
            return Ok((CatalogReply::Group(group), None));
        }
        let failure = record.failure.as_deref().map(|why| cut(why, FAILURE_BYTES_MAX));
        let outcome = UpgradeOutcome { index: Some(record.index), time_ms: record.time_ms, failure };
        let (to, digest) = if let Some(upgrade) = known {
            upgrade.outcome = Some(outcome);
            (upgrade.to.clone(), upgrade.digest)
        } else {
            // Asked for in a time that the catalog has lost.
            let published = self.plugin_with_digest(record.plugin);
            let Some(published) = published.filter(|_| record.number > group.upgrades_asked) else {
                return Ok((CatalogReply::Group(group), None));
            };
            let upgrade = Upgrade {
                number: record.number,
                from: group.plugin.clone(),
                to: published.reference.clone(),
                digest: record.plugin,
                is_rollback: false,
                actor: "unknown".to_owned(),
                asked_ms: record.time_ms,
                prepared: Vec::new(),
                outcome: Some(outcome),
            };
            let of = (upgrade.to.clone(), upgrade.digest);
            group.upgrades_asked = record.number;
            remember(&mut group, upgrade);
            of
        };
        let name = &group.name;
        let change = match &record.failure {
            Some(failure) => {
                format!(
                    "group {name} goes on with {}: {to} failed: {}",
                    group.plugin,
                    cut(failure, FAILURE_BYTES_MAX)
                )
            }
            None if is_late => format!("group {name} ran {to} from entry {} on", record.index),
            None => {
                let change = format!("group {name} runs {to} from entry {} on", record.index);
                (group.plugin, group.digest) = (to, digest);
                change
            }
        };
        self.put_group(&group);
        Ok((CatalogReply::Group(group), Some(change)))
    }
}

/// Ends an upgrade that is under way, without it.
fn give_up(upgrade: &mut Upgrade, why: &str, time_ms: u64) {
    let failure = Some(cut(why, FAILURE_BYTES_MAX));
    upgrade.outcome.get_or_insert(UpgradeOutcome { index: None, time_ms, failure });
}

fn remember(group: &mut Group, upgrade: Upgrade) {
    group.upgrades.push(upgrade);
    let beyond = group.upgrades.len().saturating_sub(UPGRADES_MAX);
    group.upgrades.drain(..beyond);
}
