//! Committed entries: applied in order, answered, and a state that another node sent taken in their place.

use super::{ApplyWork, ApplyWorker, standstill::Lack};
use crate::RequestError;
use crate::node::{
    view::{GroupEvent, Submitted},
    waiters::Failure,
};
use quorate_consensus::{CommittedEntry, EntryBody, Input, LogPoint, Refusal, RequestId};
use quorate_replica::{
    CheckpointResult, EntryResult,
    ports::{AppliedPoint, Call, LifecycleEvent, Outcome, SessionAnswer},
};
use quorate_vocabulary::Position;
use std::sync::atomic::Ordering;

impl ApplyWorker {
    pub(super) fn entries(&mut self, entries: Vec<CommittedEntry>) {
        // Taken before, because a replica that has met a fault gives none.
        let before = self.callback_point();
        if let Some(last) = entries.last() {
            self.shared.history.committed(last.index);
        }
        self.applying.extend(entries.iter().flat_map(|entry| &entry.requests));
        let mut entries = entries.into_iter();
        while let Some(entry) = entries.next() {
            if let Some(lack) = self.lacks_for(&entry) {
                let rest = [entry].into_iter().chain(entries).collect();
                self.stand_still(lack, ApplyWork::Entries(rest));
                break;
            }
            if let EntryBody::TakeOver { checkpoint, .. } = entry.body {
                self.await_preparation(checkpoint);
            }
            let Some(replica) = &mut self.replica else {
                self.refuse(&entry.requests);
                continue;
            };
            let CommittedEntry { index, term, body, requests } = entry;
            let time_ms = body.time_ms();
            let entry = quorate_replica::CommittedEntry { index, term, body };
            match replica.apply(&entry) {
                Ok(mut result) => {
                    let applied = replica.applied().clone();
                    self.publish(applied);
                    if matches!(entry.body, EntryBody::Timers { .. }) {
                        self.timers_fired(&result);
                    }
                    if matches!(entry.body, EntryBody::Order { .. }) {
                        self.ordered(&requests, &mut result);
                    }
                    self.answer(&requests, time_ms, result);
                    if matches!(entry.body, EntryBody::Attest { .. }) {
                        self.noted();
                    }
                    if matches!(entry.body, EntryBody::Checkpoint { .. }) {
                        tracing::debug!(group = %self.shared.info.name, index, "checkpoint applied");
                    }
                }
                // All of it is done later.
                Err(fault) if fault.is_no_room() => {
                    let entry = CommittedEntry { index, term, body: entry.body, requests };
                    let rest = [entry].into_iter().chain(entries).collect();
                    self.stand_still(Lack::Room, ApplyWork::Entries(rest));
                    break;
                }
                Err(fault) => {
                    self.refuse(&requests);
                    let replica = self.replica.take();
                    self.failed(fault.to_string(), before.as_ref());
                    if Self::is_broken(&fault) {
                        self.give_up(replica, fault.to_string());
                    }
                }
            }
        }
        self.applying.clear();
        if let Some(replica) = &self.replica {
            let index = replica.applied().index;
            self.feedback(Input::Applied { group: self.group(), index });
            self.flush_reads();
            self.prepare_checkpoint();
            self.attest_if(self.shared.check_entries);
            self.snapshot_if_due();
            self.offer_wanted();
            self.watch_timers();
        }
    }

    fn publish(&self, point: AppliedPoint) {
        let index = point.index;
        self.shared.frozen.store(point.poison.is_frozen(), Ordering::Relaxed);
        let mut progress = self.shared.progress();
        if let Some(replica) = &self.replica {
            progress.plugin = replica.plugin_digest();
            progress.state_version = replica.plugin().state_version();
        }
        progress.applied = point;
        drop(progress);
        self.shared.applied.note(index);
    }

    pub(super) fn answer(&mut self, requests: &[RequestId], time_ms: Option<u64>, result: EntryResult) {
        let EntryResult { index, commands, repeats, checkpoint, configuration, activation: _ } = result;
        let time_ms = time_ms.unwrap_or_default();
        let mut answers = Vec::with_capacity(requests.len());
        let mut repeats = repeats.into_iter().peekable();
        for (ordinal, call) in commands.into_iter().enumerate() {
            let ordinal = u32::try_from(ordinal).unwrap_or(u32::MAX);
            let position = Position { index, ordinal, time_ms };
            let Call { outcome, fuel, events, logs, timers: _ } = call;
            let refused = match outcome {
                Outcome::Frozen => Some(RequestError::GroupFrozen { name: self.shared.info.name.clone() }),
                Outcome::Session(SessionAnswer::Refused(refusal)) => {
                    Some(RequestError::SessionRefused { group: self.group(), refusal })
                }
                _ => None,
            };
            if let Some(refused) = refused {
                if let Some(request) = requests.get(usize::try_from(ordinal).unwrap_or(usize::MAX)) {
                    self.shared.services.waiters.fail(*request, Failure::Error(refused));
                }
                continue;
            }
            let repeat = repeats.next_if(|repeat| repeat.ordinal == ordinal);
            self.shared.log.lines(index, &logs);
            for event in events {
                self.shared.events.publish(GroupEvent {
                    position,
                    topic: event.topic,
                    payload: event.payload,
                });
            }
            if let Some(request) = usize::try_from(ordinal).ok().and_then(|ordinal| requests.get(ordinal)) {
                let (repeated, position) = (repeat.is_some(), repeat.map_or(position, |repeat| repeat.first));
                answers.push((*request, Submitted { position, outcome, fuel, repeated }));
            }
        }
        if !answers.is_empty() {
            self.shared.services.waiters.submitted_all(answers);
        }
        if let Some(configuration) = configuration {
            for request in requests {
                self.shared.services.waiters.configured(*request, &configuration);
            }
            self.callback(LifecycleEvent::ConfigurationCommitted { index, members: configuration.members });
        }
        match checkpoint {
            Some(CheckpointResult::Taken(info)) => self.snapshot_taken(info),
            Some(CheckpointResult::Failed(failure)) => self.checkpoint_failed(index, &failure),
            Some(CheckpointResult::UnderWay { .. }) | None => {}
        }
    }

    /// The commands are committed, and this replica will never say what came of them.
    pub(super) fn refuse(&self, requests: &[RequestId]) {
        for request in requests {
            self.shared.services.waiters.fail(*request, Failure::Refused(Refusal::Lost));
        }
    }

    pub(super) fn restore(&mut self, point: LogPoint) {
        let Some(replica) = &mut self.replica else { return };
        match replica.lacks_for_snapshot(point.index) {
            Ok(None) => {}
            Ok(Some(lacks)) => return self.stand_still(Lack::Plugin(lacks), ApplyWork::Restore(point)),
            Err(fault) => return self.failed(fault.to_string(), None),
        }
        match replica.install_snapshot(point.index) {
            Ok(()) => {
                let applied = replica.applied().clone();
                let (index, time_ms) = (applied.index, applied.time_ms);
                self.publish(applied);
                self.note_newest_snapshot();
                tracing::info!(group = %self.shared.info.name, index, "restored from a snapshot of another node");
                self.feedback(Input::Restored { group: self.group(), index, time_ms });
                self.flush_reads();
            }
            Err(fault) if fault.is_no_room() => self.stand_still(Lack::Room, ApplyWork::Restore(point)),
            Err(fault) => self.failed(fault.to_string(), None),
        }
    }
}
