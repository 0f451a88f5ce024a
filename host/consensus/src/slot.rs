//! The place of one replica in a shard: what fails in it stays in it.

use crate::{
    Effect, ReplicaStart, ReplicaStatus, Role,
    replica::{Replica, ReplicaFault},
};
use quorate_vocabulary::GroupId;
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// A replica that is open.
pub(crate) enum Slot {
    Running(Box<Replica>),
    /// It has failed; what is left is what to say about it.
    Failed(Box<ReplicaStatus>),
}

impl Slot {
    pub(crate) fn status(&self) -> ReplicaStatus {
        match self {
            Self::Running(replica) => replica.status(),
            Self::Failed(status) => status.as_ref().clone(),
        }
    }
}

/// Lets a replica work. raft panics where it finds what cannot be: that ends this replica, and no other.
pub(crate) fn run(
    group: GroupId,
    slot: &mut Slot,
    effects: &mut Vec<Effect>,
    work: impl FnOnce(&mut Replica, &mut Vec<Effect>) -> Result<(), ReplicaFault>,
) {
    let Slot::Running(replica) = slot else { return };
    let before = effects.len();
    let worked = catch_unwind(AssertUnwindSafe(|| work(replica, effects)));
    let Err(ReplicaFault(cause)) = worked.unwrap_or_else(|panic| Err(ReplicaFault(panic_message(&*panic))))
    else {
        return;
    };
    // Nothing may be written or sent that was not thought through to its end. Answers are, and committed entries.
    let told: Vec<Effect> = effects.drain(before..).filter(is_final).collect();
    effects.extend(told);
    replica.close(effects);
    let status = catch_unwind(AssertUnwindSafe(|| replica.status()));
    let status = status.unwrap_or_else(|_| unknown_status(group));
    effects.push(Effect::ReplicaFailed { group, cause: cause.clone() });
    *slot = Slot::Failed(Box::new(ReplicaStatus { failure: Some(cause), role: Role::Follower, ..status }));
}

fn is_final(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Refused { .. }
            | Effect::ReadReady { .. }
            | Effect::LeaderTransferred { .. }
            | Effect::Apply { .. }
            | Effect::RoleChanged { .. }
    )
}

pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "raft panicked without saying why".to_owned())
}

fn unknown_status(group: GroupId) -> ReplicaStatus {
    failed_status(&ReplicaStart::joining(group, 0.into()))
}

pub(crate) fn failed_status(start: &ReplicaStart) -> ReplicaStatus {
    ReplicaStatus {
        group: start.group,
        replica: start.replica,
        is_witness: start.is_witness,
        role: Role::Follower,
        term: start.hard_state.term,
        leader: None,
        configuration: start.configuration.clone(),
        commit: start.hard_state.commit,
        applied: start.applied,
        last: start.log.last().unwrap_or_default(),
        truncated: start.truncated,
        snapshot: None,
        waiting_bytes: 0,
        progress: Vec::new(),
        is_asleep: false,
        failure: None,
    }
}
