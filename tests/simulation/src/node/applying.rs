//! Apply: committed entries in order, answers to those who wait, states that other nodes sent.

use super::{ApplyWork, ObserveWork};
use crate::{
    checks::{number, pairs_fingerprint},
    cluster::Simulation,
    faults::FaultKind,
    planted::Bug,
};
use quorate_consensus::{
    CommittedEntry, EntryBody, Input, LogEntry, LogPoint, RequestId, Role, SessionCommand,
};
use quorate_replica::{
    CheckpointResult,
    ports::{Call, LifecycleEvent, Outcome},
};
use quorate_vocabulary::{GroupId, MachineKind, NodeId};
use std::collections::VecDeque;

/// The entry as somebody hands it to a machine who does not know of sessions.
fn without_tickets(entry: &quorate_replica::CommittedEntry) -> quorate_replica::CommittedEntry {
    let mut entry = entry.clone();
    if let EntryBody::SessionCommands { commands, .. } = &mut entry.body {
        for command in commands {
            if let SessionCommand::Once { command: bytes, .. } = command {
                *command = SessionCommand::Plain(bytes.clone());
            }
        }
    }
    entry
}

impl Simulation {
    /// Apply does the next thing it was given.
    pub(crate) fn apply_next(&mut self, id: NodeId, group: GroupId) {
        let Some(work) = self.local(id, group).and_then(|local| local.work.pop_front()) else { return };
        match work {
            ApplyWork::Entries(entries) => self.apply_entries(id, group, entries),
            ApplyWork::Restore(point) => self.restore(id, group, point),
            ApplyWork::Role { role, term, leader } => {
                let leader = leader.map(|leader| leader.replica);
                self.tell_role(id, group, role, term, leader);
            }
            ApplyWork::Established { term } => {
                if let Some(local) = self.local(id, group)
                    && local.leading != Some(term)
                {
                    local.leading = Some(term);
                    self.callback(id, group, LifecycleEvent::LeaderStart { term });
                }
                self.propose_take_over(id, group);
                self.snapshot_if_due(id, group);
            }
            ApplyWork::Read { index, request } => self.read(id, group, index, request),
            ApplyWork::Callback(event) => self.callback(id, group, event),
            ApplyWork::RenewObserver => {
                if let Some(local) = self.local(id, group) {
                    local.observer = local.replica.observer();
                }
            }
            ApplyWork::Snapshot => self.begin_snapshot(id, group),
            ApplyWork::Unused { index } => {
                if let Some(local) = self.local(id, group)
                    && local.snapshots.remove_unused(index)
                {
                    self.coverage.snapshots_unused += 1;
                }
            }
            ApplyWork::SnapshotWritten(info) => self.snapshot_taken(id, group, &info),
        }
    }

    fn apply_entries(&mut self, id: NodeId, group: GroupId, entries: Vec<CommittedEntry>) {
        let now = self.now;
        let wall_ms = self.node(id).clock.wall_ms(now);
        let own_clock = self.settings.bug == Some(Bug::OwnClock);
        let Some(local) = self.local(id, group) else { return };
        if let Some(last) = entries.last() {
            local.history.committed(last.index);
        }
        let mut entries = VecDeque::from(entries);
        while let Some(entry) = entries.pop_front() {
            let lacks = self.local(id, group).and_then(|local| local.replica.lacks_for(&entry.body));
            if let Some(lacks) = lacks {
                entries.push_front(entry);
                self.stand_still(id, group, lacks, ApplyWork::Entries(entries.into()));
                break;
            }
            let CommittedEntry { index, term, mut body, requests } = entry;
            let flushes = self.random.work.chance(300);
            let fails = self.faults.has(FaultKind::Disk)
                && self.random.disk.below(20_000) < self.faults.disk_errors_per_mille;
            let Some(local) = self.local(id, group) else { return };
            if own_clock
                && local.role != Role::Leader
                && let EntryBody::Commands { time_ms, .. } = &mut body
            {
                *time_ms = wall_ms;
            }
            let entry = quorate_replica::CommittedEntry { index, term, body };
            if fails && local.kind == MachineKind::Store {
                local.state.fail_next();
            }
            let handed = self.settings.bug.filter(|bug| *bug == Bug::SkipSessionTable);
            let handed = handed.map_or(entry.clone(), |_| without_tickets(&entry));
            let Some(local) = self.local(id, group) else { return };
            let applied = local.replica.apply(&handed);
            let (point, kind) = (local.replica.applied().clone(), local.kind);
            if flushes {
                local.state.flush();
            }
            let who = format!("node {id}");
            let result = match applied {
                Ok(result) => result,
                Err(_) if self.local(id, group).is_some_and(|local| local.state.has_failed()) => {
                    self.disk_fails(id, group);
                    return self.stop_replica(id, group);
                }
                Err(fault) => return self.replica_fault(id, group, &fault),
            };
            self.coverage.entries_applied += 1;
            self.trace.add(&[
                5,
                id.0,
                group.0,
                index,
                u64::from_le_bytes(*point.digest.0.first_chunk().unwrap_or(&[0; 8])),
            ]);
            let calls: Vec<Call> = result.commands.clone();
            if !self.is_excused(id, group) {
                self.checks.applied(group, &who, &entry.body, result.commands, &point);
            }
            if self.is_corrupted(id, group) {
                self.answer_vaguely(group, index, &requests);
            } else {
                self.answer(group, index, &requests, &calls);
            }
            if let Some(record) = &result.activation {
                self.coverage.activations += 1;
                self.coverage.activations_failed += u64::from(record.failure.is_some());
            }
            if matches!(entry.body, EntryBody::Attest { .. }) {
                self.noted(id, group);
            }
            if let Some(configuration) = result.configuration {
                self.coverage.configurations += 1;
                self.note_epoch(id, group, (index, configuration.epoch));
                let members = configuration.members;
                self.callback(id, group, LifecycleEvent::ConfigurationCommitted { index, members });
            }
            match result.checkpoint {
                Some(CheckpointResult::Taken(info)) => {
                    self.coverage.checkpoints += 1;
                    self.check_snapshot(id, group, kind, index);
                    self.snapshot_taken(id, group, &info);
                }
                Some(CheckpointResult::Failed(_)) => self.checkpoint_failed(id, group, index),
                Some(CheckpointResult::UnderWay { .. }) => self.coverage.checkpoints_begun += 1,
                None => {}
            }
        }
        let Some(local) = self.local(id, group) else { return };
        let index = local.replica.applied().index;
        self.tell(id, [Input::Applied { group, index }]);
        self.flush_reads(id, group);
        self.prepare_checkpoint(id, group);
        self.attest_if(id, group, self.plan.check_entries);
        self.snapshot_if_due(id, group);
        self.save_outside_checkpoint(id, group);
    }

    fn answer(&mut self, group: GroupId, index: u64, requests: &[RequestId], calls: &[Call]) {
        for (ordinal, (request, call)) in requests.iter().zip(calls).enumerate() {
            if self.answer_in_session(group, (index, ordinal), *request, call) {
                continue;
            }
            let Outcome::Reply(reply) = &call.outcome else {
                self.history.refused(*request);
                continue;
            };
            self.acknowledge(group, index, ordinal, *request, number(reply));
        }
    }

    /// What the machine answers is worth nothing. That the commands are in the log is true all the same.
    fn answer_vaguely(&mut self, group: GroupId, index: u64, requests: &[RequestId]) {
        for (ordinal, request) in requests.iter().enumerate() {
            self.acknowledge(group, index, ordinal, *request, None);
        }
    }

    fn acknowledge(
        &mut self,
        group: GroupId,
        index: u64,
        ordinal: usize,
        request: RequestId,
        value: Option<i64>,
    ) {
        let Some(asked) = self.history.done(request, value) else { return };
        self.coverage.commands_done += 1;
        self.checks.acknowledged(group, index, ordinal, &asked.command);
        self.checks.finish(group, asked.floor, index, false);
    }

    /// A bug: what a leader has on disk is done, as far as its clients are told.
    pub(crate) fn reply_early(&mut self, id: NodeId, group: GroupId, entries: &[LogEntry]) {
        if self.settings.bug != Some(Bug::ReplyBeforeCommit)
            || !self.local(id, group).is_some_and(|local| local.leads())
        {
            return;
        }
        for entry in entries {
            let Ok(EntryBody::Commands { commands, .. }) = EntryBody::decode(&entry.data) else { continue };
            for (ordinal, command) in commands.iter().enumerate() {
                // The amount is the number of the request.
                let text = String::from_utf8_lossy(command);
                let Some(request) =
                    text.strip_prefix("add k").and_then(|rest| rest.split(' ').nth(1)?.parse().ok())
                else {
                    continue;
                };
                let request = RequestId(request);
                if self.history.asked(request).is_some_and(|asked| asked.node == id && asked.group == group) {
                    self.acknowledge(group, entry.index, ordinal, request, None);
                }
            }
        }
    }

    fn restore(&mut self, id: NodeId, group: GroupId, point: LogPoint) {
        let who = format!("node {id}");
        let Some(local) = self.local(id, group) else { return };
        match local.replica.lacks_for_snapshot(point.index) {
            Ok(None) => {}
            Ok(Some(lacks)) => return self.stand_still(id, group, lacks, ApplyWork::Restore(point)),
            Err(fault) => return self.replica_fault(id, group, &fault),
        }
        if let Err(fault) = local.replica.install_snapshot(point.index) {
            return self.replica_fault(id, group, &fault);
        }
        let applied = local.replica.applied().clone();
        let (kind, state) = (local.kind, local.state.clone());
        let numbers = if kind == MachineKind::Store { pairs_fingerprint(&state.pairs()) } else { None };
        self.coverage.snapshots_installed += 1;
        if !self.is_excused(id, group) {
            self.checks.stands_at(group, &who, &applied, numbers);
        }
        let (index, time_ms) = (applied.index, applied.time_ms);
        self.tell(id, [Input::Restored { group, index, time_ms }]);
        self.flush_reads(id, group);
    }

    fn read(&mut self, id: NodeId, group: GroupId, index: u64, request: RequestId) {
        let is_barrier = self.is_barrier(id, request);
        let key = self.history.asked(request).map(|asked| asked.key);
        let Some(local) = self.local(id, group).filter(|_| is_barrier || key.is_some()) else { return };
        if local.replica.applied().index < index {
            local.reads.push((index, request));
            return;
        }
        let Some(key) = key else { return self.keep(id) };
        let query = format!("get k{key}").into();
        match local.replica.read_point() {
            Ok(point) => self.observe(id, group, ObserveWork::Query { point, request: Some(request), query }),
            Err(fault) => self.replica_fault(id, group, &fault),
        }
    }

    fn flush_reads(&mut self, id: NodeId, group: GroupId) {
        let Some(local) = self.local(id, group) else { return };
        for (index, request) in std::mem::take(&mut local.reads) {
            // Those that are not due yet come back to the list.
            self.read(id, group, index, request);
        }
    }
}
