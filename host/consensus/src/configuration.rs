//! Our configurations as raft's, and the steps from one to another.

use crate::Configuration;
use quorate_vocabulary::{Member, MemberRole, ReplicaId};
use raft::eraftpb::{ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2, ConfState};
use std::collections::{BTreeMap, BTreeSet};

/// What raft calls this configuration.
pub(crate) fn conf_state(configuration: &Configuration) -> ConfState {
    let outgoing: BTreeSet<u64> = configuration.outgoing.iter().map(|member| member.replica.0).collect();
    let mut state = ConfState { voters_outgoing: outgoing.iter().copied().collect(), ..ConfState::default() };
    for member in &configuration.members {
        let replica = member.replica.0;
        match member.role {
            MemberRole::Voter | MemberRole::Witness => state.voters.push(replica),
            // Still a voter of the configuration that is being left, and a learner only afterwards.
            MemberRole::Learner | MemberRole::WitnessLearner if outgoing.contains(&replica) => {
                state.learners_next.push(replica);
            }
            MemberRole::Learner | MemberRole::WitnessLearner => state.learners.push(replica),
        }
    }
    state
}

/// Whether raft is in this configuration.
pub(crate) fn is_in(state: &ConfState, configuration: &Configuration) -> bool {
    let sorted = |state: &ConfState| {
        [&state.voters, &state.learners, &state.voters_outgoing, &state.learners_next].map(|replicas| {
            let mut replicas = replicas.clone();
            replicas.sort_unstable();
            replicas
        })
    };
    sorted(state) == sorted(&conf_state(configuration))
}

/// The next configuration on the way from `current`, which is not joint, to these members.
///
/// # Errors
/// When no group can have these members, or they are the members already.
pub(crate) fn next(current: &Configuration, members: &[Member]) -> Result<Configuration, String> {
    let mut known: BTreeMap<ReplicaId, Member> = BTreeMap::new();
    for member in members {
        if member.replica.0 == 0 {
            return Err("0 is no replica".into());
        }
        if known.insert(member.replica, *member).is_some() {
            return Err(format!("replica {} is named twice", member.replica));
        }
        if let Some(now) = current.member(member.replica)
            && now.node != member.node
        {
            return Err(format!(
                "replica {} is on node {}: on node {} it would be another replica, with a number of its own",
                member.replica, now.node, member.node
            ));
        }
        if let Some(now) = current.member(member.replica)
            && now.role.is_witness() != member.role.is_witness()
        {
            return Err(format!(
                "replica {} is a {} and cannot become a {}: remove it, and add a replica with another number",
                member.replica, now.role, member.role
            ));
        }
    }
    if !members.iter().any(|member| member.role.votes()) {
        return Err("none of them votes".into());
    }
    if !members.iter().any(|member| member.role == MemberRole::Voter) {
        return Err("those of them that vote are witnesses, which hold no state".into());
    }
    let mut target = Configuration::new(members.to_vec());
    target.epoch = current.epoch;
    target.priorities = current.priorities.clone();
    target.priorities.retain(|replica, _| known.contains_key(replica));
    check_priorities(&target)?;
    match changes(current, &target).len() {
        0 => return Err("these are the members".into()),
        // One at a time needs no joint configuration.
        1 => {}
        _ => {
            target.outgoing = current.members.iter().filter(|member| member.role.votes()).copied().collect();
        }
    }
    Ok(target)
}

/// The configuration after `current`, which is not joint, in which these members have these priorities.
///
/// # Errors
/// When no group can have them, or has them already.
pub(crate) fn with_priorities(
    current: &Configuration,
    priorities: &BTreeMap<ReplicaId, u32>,
) -> Result<Configuration, String> {
    if let Some(stranger) = priorities.keys().find(|replica| current.member(**replica).is_none()) {
        return Err(format!("replica {stranger} is no member"));
    }
    if let Some(witness) = priorities.keys().find(|replica| current.is_witness(**replica)) {
        return Err(format!("replica {witness} is a witness, which never leads"));
    }
    let mut next = current.clone();
    next.priorities.extend(priorities);
    next.priorities.retain(|_, priority| *priority != Configuration::DEFAULT_PRIORITY);
    check_priorities(&next)?;
    if next == *current { Err("these are the priorities".into()) } else { Ok(next) }
}

fn check_priorities(configuration: &Configuration) -> Result<(), String> {
    if configuration.voters().all(|voter| configuration.priority(voter) == 0) {
        return Err("none of its voters may lead".into());
    }
    Ok(())
}

/// What raft is to do to come from `current` to `next`.
pub(crate) fn change(current: &Configuration, next: &Configuration) -> ConfChangeV2 {
    let mut change = ConfChangeV2::default();
    if current.is_joint() && !next.is_joint() {
        // Without changes it means: leave.
        return change;
    }
    if next.is_joint() {
        // Leaving is proposed by whoever leads then: raft's own way of leaving is lost with its leader.
        change.set_transition(ConfChangeTransition::Explicit);
    }
    let mut changes = changes(current, next);
    if changes.is_empty() {
        // Members are as they were, and raft takes no changes for leaving. That a voter is one changes nothing.
        changes.extend(next.voters().next().map(|voter| single(voter, ConfChangeType::AddNode)));
    }
    change.set_changes(changes.into());
    change
}

fn single(replica: ReplicaId, kind: ConfChangeType) -> ConfChangeSingle {
    let mut single = ConfChangeSingle { node_id: replica.0, ..ConfChangeSingle::default() };
    single.set_change_type(kind);
    single
}

fn changes(current: &Configuration, next: &Configuration) -> Vec<ConfChangeSingle> {
    let role = |members: &[Member], replica| {
        members.iter().find(|member| member.replica == replica).map(|member| member.role)
    };
    let mut changes = Vec::new();
    for member in &next.members {
        if role(&current.members, member.replica) != Some(member.role) {
            changes.push(match member.role {
                role if role.votes() => single(member.replica, ConfChangeType::AddNode),
                _ => single(member.replica, ConfChangeType::AddLearnerNode),
            });
        }
    }
    for member in &current.members {
        if role(&next.members, member.replica).is_none() {
            changes.push(single(member.replica, ConfChangeType::RemoveNode));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_vocabulary::NodeId;

    fn member(replica: u64, role: MemberRole) -> Member {
        Member { replica: ReplicaId(replica), node: NodeId(replica), role }
    }

    fn voters(replicas: &[u64]) -> Vec<Member> {
        replicas.iter().map(|&replica| member(replica, MemberRole::Voter)).collect()
    }

    #[test]
    fn one_change_needs_no_joint_configuration() {
        let current = Configuration::new(voters(&[1, 2, 3]));
        for members in [voters(&[1, 2]), voters(&[1, 2, 3, 4])] {
            assert!(!next(&current, &members).expect("members").is_joint());
        }
        let mut demoted = voters(&[1, 2]);
        demoted.push(member(3, MemberRole::Learner));
        assert!(!next(&current, &demoted).expect("members").is_joint());
    }

    #[test]
    fn several_changes_go_through_a_joint_configuration() {
        let current = Configuration::new(voters(&[1, 2, 3]));
        let mut members = voters(&[1, 4]);
        members.push(member(2, MemberRole::Learner));
        let joint = next(&current, &members).expect("members");
        let state = conf_state(&joint);
        assert_eq!(state.voters, [1, 4]);
        assert_eq!(state.voters_outgoing, [1, 2, 3]);
        assert_eq!((state.learners_next, state.learners), (vec![2], vec![]));
        assert_eq!(change(&current, &joint).get_transition(), ConfChangeTransition::Explicit);
        assert!(change(&joint, &Configuration::new(members)).get_changes().is_empty());
    }

    #[test]
    fn members_that_no_group_can_have_are_refused() {
        let current = Configuration::new(voters(&[1, 2]));
        let moved = Member { node: NodeId(9), ..member(2, MemberRole::Voter) };
        for (members, cause) in [
            (voters(&[1, 1]), "twice"),
            (voters(&[0]), "0 is no replica"),
            (vec![], "none of them votes"),
            (vec![member(1, MemberRole::Learner)], "none of them votes"),
            (vec![member(1, MemberRole::Voter), moved], "on node 2"),
            (voters(&[2, 1]), "these are the members"),
            (vec![member(1, MemberRole::Voter), member(2, MemberRole::Witness)], "cannot become a witness"),
            (vec![member(3, MemberRole::Witness)], "are witnesses"),
        ] {
            let refused = next(&current, &members).expect_err(cause);
            assert!(refused.contains(cause), "{refused}");
        }
    }
}
