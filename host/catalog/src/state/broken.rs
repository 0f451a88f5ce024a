//! Replicas that are of no use any more: what is known of them, and what takes their place.

use super::{
    CatalogState,
    apply::{Changed, cut, next},
    members::members_text,
};
use crate::{
    Alarm, CatalogError, CatalogReply, Group, MembersChange, Renewal,
    limits::{ALARM_BYTES_MAX, GROUP_ALARMS_MAX},
};
use quorate_vocabulary::{GroupId, Member, NodeId, ReplicaId};
use std::fmt::Write;

impl CatalogState {
    /// A replica is of no use any more. `renew`: its node takes a new one.
    pub(super) fn note_broken(
        &mut self,
        id: GroupId,
        (node, replica): (NodeId, ReplicaId),
        what: &str,
        renew: bool,
        time_ms: u64,
    ) -> Changed {
        let mut group = self.group(id).ok_or(CatalogError::GroupGone { id })?.clone();
        let is_noted = group.has_alarm(replica);
        let is_known = group.replica_on(node) == Some(replica);
        let renewal = group.renewal(replica);
        let is_due = match renewal {
            Renewal::Member => renew,
            // It is waited for: whatever becomes of it, the change must go on, or be taken back.
            Renewal::Newcomer => true,
            Renewal::Later | Renewal::Never => false,
        };
        if !is_known || (is_noted && !is_due) {
            return Ok((CatalogReply::Group(group), None));
        }
        let mut text = format!("group {}: replica {replica} on node {node} is of no use", group.name);
        if !is_noted {
            let what = cut(what, ALARM_BYTES_MAX);
            let _ = write!(text, ": {what}");
            group.alarms.push(Alarm { node, replica, what, raised_ms: time_ms, ended_ms: 0 });
            let old = group.alarms.len().saturating_sub(GROUP_ALARMS_MAX);
            group.alarms.drain(..old);
        }
        match renewal {
            Renewal::Member if is_due => {
                take_out(&mut group, replica, time_ms);
                text.push_str("; it is replaced by a new one");
            }
            Renewal::Newcomer if renew => {
                let number = next(self.last_replica, "replicas")?;
                exchange(&mut group, replica, ReplicaId(number));
                self.last_replica = number;
                text.push_str("; it is replaced by a new one before it was a member");
            }
            Renewal::Newcomer => {
                take_back(&mut group, time_ms);
                let members = members_text(group.wanted());
                let _ = write!(text, "; the change of members that wanted it is taken back: {members}");
            }
            _ => {}
        }
        self.put_group(&group);
        Ok((CatalogReply::Group(group), Some(text)))
    }
}

/// The group is to go on without this member, and then get another one on its node. A change that is under way and could not
/// come about without it is taken back.
fn take_out(group: &mut Group, replica: ReplicaId, time_ms: u64) {
    let renews = group.members.iter().find(|member| member.replica == replica);
    let renews = renews.map(|member| (member.node, member.role));
    take_back(group, time_ms);
    if let Some(change) = &mut group.change {
        change.wanted.retain(|member| member.replica != replica);
        change.renews = renews;
    }
}

/// The group is to have the members that it had, but for one that is being replaced.
fn take_back(group: &mut Group, time_ms: u64) {
    let is_member = |member: &Member| group.members.iter().any(|known| known.replica == member.replica);
    let leaving = group.placed().filter(|member| !is_member(member)).copied().collect();
    let renews = group.change.as_ref().and_then(|change| change.renews);
    let stays = |member: &&Member| renews.is_none_or(|(node, _)| node != member.node);
    let wanted = group.members.iter().filter(stays).copied().collect();
    group.changes = group.changes.saturating_add(1);
    let number = group.changes;
    group.change = Some(MembersChange { number, wanted, leaving, began_ms: time_ms, renews });
}

/// Another replica is wanted in the place of this one, on the same node. It is another change, so that nobody completes the
/// one before. What the first one had is destroyed at once: if it is among those that vote by now it never will again.
fn exchange(group: &mut Group, replica: ReplicaId, by: ReplicaId) {
    let Some(change) = &mut group.change else { return };
    group.changes = group.changes.saturating_add(1);
    change.number = group.changes;
    for member in change.wanted.iter_mut().filter(|member| member.replica == replica) {
        member.replica = by;
    }
}
