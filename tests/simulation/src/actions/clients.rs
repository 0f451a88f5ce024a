//! What clients ask for.

use crate::{cluster::Simulation, faults::FaultKind, node::ApplyWork, planted::Bug};
use bytes::Bytes;
use quorate_consensus::{Input, ReadMode, RequestId};
use quorate_vocabulary::{GroupId, NodeId};

/// So many operations go to the same few keys, then others are used: so that a key's history stays short.
pub(super) const OPERATIONS_PER_KEYS: u64 = 60;
const KEYS: u64 = 3;

impl Simulation {
    pub(super) fn key(&mut self, group: GroupId) -> u64 {
        let drawn = self.random.clients.below(KEYS);
        let operations = self.operations.entry(group).or_default();
        *operations += 1;
        *operations / OPERATIONS_PER_KEYS * KEYS + drawn
    }

    /// The leader most of the time, or any node that has a replica.
    fn target(&mut self, group: GroupId, leader_per_mille: u64) -> Option<NodeId> {
        let holders: Vec<NodeId> = self.holders(group).into_iter().collect();
        let other = self.random.clients.pick(&holders);
        let leader = self.leader_of(group).filter(|_| self.random.clients.chance(leader_per_mille));
        leader.or(other)
    }

    pub(super) fn submit_somewhere(&mut self, group: GroupId) {
        let Some(node) = self.target(group, 850) else { return };
        if group.is_catalog() {
            return;
        }
        for _ in 0..=self.random.clients.below(4) {
            if self.random.clients.chance(800) {
                self.submit(node, group);
            } else {
                self.submit_other(node, group);
            }
        }
    }

    pub(super) fn ask_somewhere(&mut self, group: GroupId) {
        if let Some(node) = self.target(group, 500)
            && !group.is_catalog()
        {
            self.ask(node, group);
        }
    }

    /// A client adds something.
    pub(crate) fn submit(&mut self, node: NodeId, group: GroupId) {
        let (key, request) = (self.key(group), self.request(node));
        // The amount tells the command from all others.
        let command = Bytes::from(format!("add k{key} {}", request.0));
        let floor = self.checks.finished(group);
        let amount = i64::try_from(request.0).unwrap_or(i64::MAX);
        self.history.ask(request, (group, key), node, Some(amount), command.clone(), floor);
        self.tell(node, [Input::Propose { group, request, command }]);
    }

    /// A client wants to know a sum.
    pub(crate) fn ask(&mut self, node: NodeId, group: GroupId) {
        let (key, request) = (self.key(group), self.request(node));
        let floor = self.checks.finished(group);
        self.history.ask(request, (group, key), node, None, Bytes::new(), floor);
        if self.reads_early(node, group, request) {
            return;
        }
        let by_lease = self.random.clients.chance(400);
        let mode = if by_lease { ReadMode::Lease } else { ReadMode::Linearizable };
        self.tell(node, [Input::Read { group, request, mode }]);
    }

    /// A bug: a leader that is new answers from what it has.
    fn reads_early(&mut self, node: NodeId, group: GroupId, request: RequestId) -> bool {
        let bug = self.settings.bug == Some(Bug::ReadBeforeFirstCommit);
        let early = bug && self.local(node, group).is_some_and(|local| local.leads() && !local.established);
        if early {
            self.answered(request);
            self.work(node, group, ApplyWork::Read { index: 0, request });
        }
        early
    }

    /// Commands that are awkward for the machine.
    fn submit_other(&mut self, node: NodeId, group: GroupId) {
        let random = &mut self.random.clients;
        let (what, amount) = (random.below(100), random.below(200));
        let may_trap = self.faults.has(FaultKind::Trap);
        let command = match what {
            // Whether it burns too much hangs on a hundred units that the instance's history decides.
            0..30 if may_trap => format!("burn {}", 9_750 + amount),
            30..40 if may_trap => format!("take {}", amount * 100),
            40..50 if may_trap => "trap".to_owned(),
            50..60 => "reject".to_owned(),
            60..75 => "time".to_owned(),
            75..80 => format!("reply {amount}"),
            80..85 => format!("emit news {amount}"),
            85..87 if may_trap => "break-save".to_owned(),
            87..89 if may_trap => "break-load".to_owned(),
            89..92 => "add probe 1".to_owned(),
            92..95 => "mend".to_owned(),
            95..97 => "version".to_owned(),
            97 if may_trap => "break-migrate".to_owned(),
            98 if may_trap => "refuse-migrate".to_owned(),
            97..99 => "remove break-migrate".to_owned(),
            99 => "remove refuse-migrate".to_owned(),
            _ => "nothing".to_owned(),
        };
        let request = self.request(node);
        self.tell(node, [Input::Propose { group, request, command: command.into() }]);
    }
}
