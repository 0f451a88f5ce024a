//! What clients asked and saw.

mod linearizable;

pub use linearizable::{Action, Operation, Verdict, check};

use crate::checks::{Checks, Invariant};
use bytes::Bytes;
use quorate_consensus::RequestId;
use quorate_vocabulary::{GroupId, NodeId};
use std::collections::BTreeMap;

/// A request that a client waits for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) group: GroupId,
    pub(crate) node: NodeId,
    pub(crate) key: u64,
    /// Where its operation stands among those of its key.
    place: usize,
    pub(crate) is_read: bool,
    pub(crate) command: Bytes,
    /// All up to here was finished when it was asked.
    pub(crate) floor: u64,
    /// Its group has been recovered since: what comes of it now is of another history.
    late: bool,
}

/// Where an operation stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    group: GroupId,
    key: u64,
    place: usize,
}

/// What all clients did.
#[derive(Debug, Default)]
pub(crate) struct History {
    moment: u64,
    operations: BTreeMap<(GroupId, u64), Vec<Option<Operation>>>,
    asked: BTreeMap<RequestId, Asked>,
    /// Operations of each group that were done since this was cleared.
    done: BTreeMap<GroupId, usize>,
}

impl History {
    /// Faults are over: what is done is counted from now on.
    pub(crate) fn begin_healing(&mut self) {
        self.done.clear();
    }

    /// Operations of a group that were done since then.
    pub(crate) fn done_since_healing(&self, group: GroupId) -> usize {
        self.done.get(&group).copied().unwrap_or(0)
    }

    /// A client asks a node: for a read when there is no amount.
    pub(crate) fn ask(
        &mut self,
        request: RequestId,
        (group, key): (GroupId, u64),
        node: NodeId,
        amount: Option<i64>,
        command: Bytes,
        floor: u64,
    ) {
        self.moment += 1;
        let action = amount.map_or(Action::Read, Action::Add);
        let operations = self.operations.entry((group, key)).or_default();
        operations.push(Some(Operation { action, invoked: self.moment, returned: None, value: None }));
        let (place, is_read) = (operations.len() - 1, amount.is_none());
        self.asked.insert(request, Asked { group, node, key, place, is_read, command, floor, late: false });
    }

    /// A client begins to ask for this to be added, as often as it takes.
    pub(crate) fn begin(&mut self, (group, key): (GroupId, u64), amount: i64) -> Place {
        self.moment += 1;
        let action = Action::Add(amount);
        let operations = self.operations.entry((group, key)).or_default();
        operations.push(Some(Operation { action, invoked: self.moment, returned: None, value: None }));
        Place { group, key, place: operations.len() - 1 }
    }

    /// The client knows that this is done, and what came of it.
    pub(crate) fn resolve(&mut self, Place { group, key, place }: Place, value: i64) {
        *self.done.entry(group).or_default() += 1;
        self.moment += 1;
        let operations = self.operations.get_mut(&(group, key));
        if let Some(Some(operation)) = operations.and_then(|operations| operations.get_mut(place)) {
            (operation.returned, operation.value) = (Some(self.moment), Some(value));
        }
    }

    pub(crate) fn asked(&self, request: RequestId) -> Option<&Asked> {
        self.asked.get(&request)
    }

    /// The client has its answer. Without a value it knows only that it was done.
    pub(crate) fn done(&mut self, request: RequestId, value: Option<i64>) -> Option<Asked> {
        let asked = self.asked.remove(&request)?;
        *self.done.entry(asked.group).or_default() += 1;
        self.moment += 1;
        if asked.late {
            return Some(asked);
        }
        if let Some(operation) = self.operation(&asked) {
            (operation.0.returned, operation.0.value) = (Some(operation.1), value);
        }
        Some(asked)
    }

    /// A group goes on from what its survivors have. What was seen until now was seen, and may be gone.
    pub(crate) fn end_era(&mut self, group: GroupId) {
        for asked in self.asked.values_mut().filter(|asked| asked.group == group) {
            (asked.late, asked.floor) = (true, 0);
        }
    }

    fn operation(&mut self, asked: &Asked) -> Option<(&mut Operation, u64)> {
        let moment = self.moment;
        let operations = self.operations.get_mut(&(asked.group, asked.key))?;
        operations.get_mut(asked.place)?.as_mut().map(|operation| (operation, moment))
    }

    /// The client knows that nothing was done, and never will be.
    pub(crate) fn refused(&mut self, request: RequestId) {
        let Some(asked) = self.asked.remove(&request).filter(|asked| !asked.late || asked.is_read) else {
            return;
        };
        if let Some(operations) = self.operations.get_mut(&(asked.group, asked.key)) {
            operations[asked.place] = None;
        }
    }

    /// The client will never know: what it asked may have been done, or may be yet.
    pub(crate) fn lost(&mut self, request: RequestId) {
        if self.asked.get(&request).is_some_and(|asked| asked.is_read) {
            return self.refused(request);
        }
        self.asked.remove(&request);
    }

    /// The node that these waited for is gone.
    pub(crate) fn crashed(&mut self, node: NodeId) {
        let lost: Vec<RequestId> =
            self.asked.iter().filter(|(_, asked)| asked.node == node).map(|(request, _)| *request).collect();
        for request in lost {
            self.lost(request);
        }
    }

    /// Holds what clients saw against what could have been. Gives how many histories were checked, and how many of them
    /// were too tangled to decide.
    pub(crate) fn check(&self, checks: &mut Checks) -> (u64, u64) {
        let (mut checked, mut undecided) = (0, 0);
        for ((group, key), operations) in &self.operations {
            let operations: Vec<Operation> = operations.iter().flatten().cloned().collect();
            checked += 1;
            match check(&operations) {
                Verdict::Linearizable => {}
                Verdict::Undecided => undecided += 1,
                Verdict::Impossible => {
                    let what = format!("group {group}, key {key}: no order explains {operations:?}");
                    checks.violate(Invariant::Linearizable, what);
                }
            }
        }
        (checked, undecided)
    }
}
