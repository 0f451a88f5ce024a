//! Members of groups, and changes of them.

use super::{malformed, nodes, numbers, parse};
use crate::{Alarm, CatalogError, Change, MembersChange, MembersEdit};
use quorate_proto::catalog::v1;
use quorate_vocabulary::{GroupName, Member, MemberRole, NodeId, ReplicaId};

fn wire_role(role: MemberRole) -> i32 {
    match role {
        MemberRole::Voter => v1::MemberRole::Voter.into(),
        MemberRole::Learner => v1::MemberRole::Learner.into(),
        MemberRole::Witness => v1::MemberRole::Witness.into(),
        MemberRole::WitnessLearner => v1::MemberRole::WitnessLearner.into(),
    }
}

fn role(member: &v1::Member) -> MemberRole {
    match member.role() {
        // As members were written when there were no learners.
        v1::MemberRole::Voter | v1::MemberRole::Unspecified => MemberRole::Voter,
        v1::MemberRole::Learner => MemberRole::Learner,
        v1::MemberRole::Witness => MemberRole::Witness,
        v1::MemberRole::WitnessLearner => MemberRole::WitnessLearner,
    }
}

pub(super) fn wire(members: &[Member]) -> Vec<v1::Member> {
    let one = |member: &Member| v1::Member {
        replica: member.replica.0,
        node: member.node.0,
        role: wire_role(member.role),
    };
    members.iter().map(one).collect()
}

pub(super) fn read(members: &[v1::Member]) -> Vec<Member> {
    let one = |member: &v1::Member| Member {
        replica: ReplicaId(member.replica),
        node: NodeId(member.node),
        role: role(member),
    };
    members.iter().map(one).collect()
}

pub(super) fn wire_under_way(change: &MembersChange) -> v1::MembersChange {
    v1::MembersChange {
        number: change.number,
        wanted: wire(&change.wanted),
        leaving: wire(&change.leaving),
        began_ms: change.began_ms,
        renews: change.renews.map(|(node, role)| v1::Member {
            replica: 0,
            node: node.0,
            role: wire_role(role),
        }),
    }
}

pub(super) fn wire_alarms(alarms: &[Alarm]) -> Vec<v1::Alarm> {
    let one = |alarm: &Alarm| v1::Alarm {
        node: alarm.node.0,
        replica: alarm.replica.0,
        what: alarm.what.clone(),
        raised_ms: alarm.raised_ms,
        ended_ms: alarm.ended_ms,
    };
    alarms.iter().map(one).collect()
}

pub(super) fn alarms(alarms: Vec<v1::Alarm>) -> Vec<Alarm> {
    let one = |alarm: v1::Alarm| Alarm {
        node: NodeId(alarm.node),
        replica: ReplicaId(alarm.replica),
        what: alarm.what,
        raised_ms: alarm.raised_ms,
        ended_ms: alarm.ended_ms,
    };
    alarms.into_iter().map(one).collect()
}

pub(super) fn under_way(change: &v1::MembersChange) -> MembersChange {
    MembersChange {
        number: change.number,
        wanted: read(&change.wanted),
        leaving: read(&change.leaving),
        began_ms: change.began_ms,
        renews: change.renews.as_ref().map(|member| (NodeId(member.node), role(member))),
    }
}

fn wire_roles(roles: &[(NodeId, MemberRole)]) -> Vec<v1::Member> {
    roles.iter().map(|(node, role)| v1::Member { replica: 0, node: node.0, role: wire_role(*role) }).collect()
}

fn roles(members: &[v1::Member]) -> Vec<(NodeId, MemberRole)> {
    members.iter().map(|member| (NodeId(member.node), role(member))).collect()
}

pub(super) fn wire_change(name: &GroupName, edit: &MembersEdit) -> v1::ChangeMembers {
    use v1::change_members::Edit;
    let edit = match edit {
        MembersEdit::Some { add, remove, promote } => Edit::Some(v1::MembersEdit {
            add: wire_roles(add),
            remove: numbers(remove),
            promote: numbers(promote),
        }),
        MembersEdit::All(all) => Edit::All(v1::MemberList { members: wire_roles(all) }),
    };
    v1::ChangeMembers { name: name.to_string(), edit: Some(edit) }
}

pub(super) fn change(change: v1::ChangeMembers) -> Result<Change, CatalogError> {
    use v1::change_members::Edit;
    let edit = match change.edit.ok_or_else(|| malformed("it does not say what is to be different"))? {
        Edit::Some(edit) => MembersEdit::Some {
            add: roles(&edit.add),
            remove: nodes(edit.remove),
            promote: nodes(edit.promote),
        },
        Edit::All(all) => MembersEdit::All(roles(&all.members)),
    };
    Ok(Change::ChangeMembers { name: parse(&change.name)?, edit })
}
