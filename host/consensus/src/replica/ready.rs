//! What raft has ready: to persist, to send, to apply.

use super::{Replica, ReplicaFault, lease::Lease, snapshots::Restoring};
use crate::{
    CommittedEntry, Effect, EntryBody, LogEntry, Now, Persist, RaftMessage, RestoredLog,
    log_window::{hard_state, log_entry, read_snapshot},
    message::to_wire,
};
use quorate_vocabulary::ReplicaId;
use raft::{
    SnapshotStatus,
    eraftpb::{Entry, Message, MessageType},
};

impl Replica {
    /// Goes on until nothing more can be done without the host.
    pub(crate) fn settle(&mut self, now: Now, effects: &mut Vec<Effect>) -> Result<(), ReplicaFault> {
        if std::mem::take(&mut self.campaigns_now) {
            self.campaign();
        }
        loop {
            self.announce(effects);
            let mut moved = self.append_waiting(now);
            moved |= self.leave_joint();
            moved |= self.promote(effects);
            moved |= self.propose_recovered();
            moved |= self.ask_reads();
            while self.raw.has_ready() {
                self.take_ready(effects)?;
                moved = true;
            }
            moved |= self.hand_over(effects)?;
            if !moved {
                break;
            }
        }
        self.ask_to_restore(effects);
        self.send_released(effects);
        self.want_snapshot(effects);
        self.fetch_for_sends(effects);
        self.evict();
        Ok(())
    }

    /// Packs what waits into entries, as long as few enough are on their way: the fuller the way, the larger the
    /// entries.
    fn append_waiting(&mut self, now: Now) -> bool {
        let mut moved = false;
        while self.is_leader()
            && self.raw.raft.lead_transferee.is_none()
            && self.proposals.in_flight(self.raw.raft.raft_log.committed) < self.config.inflight_entries_max
        {
            let time_ms = now.wall_ms.max(self.raw.store().time_ms());
            let Some(packed) = self.proposals.pack(&self.config, time_ms) else { break };
            let mut message = Message { from: self.replica.0, ..Message::default() };
            message.set_msg_type(MessageType::MsgPropose);
            message.set_entries(vec![Entry { data: packed.body.encode(), ..Entry::default() }].into());
            if self.raw.raft.step(message).is_err() {
                self.proposals.put_back(packed);
                break;
            }
            self.raw.mut_store().saw_time(time_ms);
            let raft = &self.raw.raft;
            self.proposals.appended(raft.raft_log.last_index(), raft.term, packed);
            moved = true;
        }
        moved
    }

    fn ask_reads(&mut self) -> bool {
        if self.is_leader() {
            if !self.raw.raft.commit_to_current_term() {
                return false;
            }
            for message in self.reads.take_held() {
                let _ = self.raw.step(message);
            }
        } else if self.raw.raft.leader_id == raft::INVALID_ID {
            return false;
        }
        let Some(mark) = self.reads.begin_round() else { return false };
        self.raw.read_index(mark);
        true
    }

    fn take_ready(&mut self, effects: &mut Vec<Effect>) -> Result<(), ReplicaFault> {
        let mut ready = self.raw.ready();
        let number = ready.number();
        for state in ready.take_read_states() {
            self.reads.answered(self.group, &state.request_ctx.into(), state.index, effects);
        }
        let restored = if ready.snapshot().is_empty() {
            None
        } else {
            let (point, configuration) = read_snapshot(ready.snapshot())
                .ok_or_else(|| ReplicaFault("it was given a snapshot without members".to_owned()))?;
            self.check_own_role(&configuration)?;
            self.proposals.committed(self.group, point.index, 0, effects);
            self.raw.mut_store().restore(point, configuration.clone());
            self.applying.restore(point.index);
            self.configuration = configuration.clone();
            self.restoring = Some(Restoring { point, configuration: configuration.clone(), is_asked: false });
            Some(RestoredLog { truncated: point, configuration })
        };
        let entries: Vec<LogEntry> = ready.take_entries().iter_mut().map(log_entry).collect();
        if let Some(first) = entries.first().map(|entry| entry.index) {
            let term = |index: u64| {
                let place = usize::try_from(index.checked_sub(first)?).ok()?;
                entries.get(place).map(|entry| entry.term)
            };
            self.proposals.replaced(self.group, first, term, effects);
            self.raw.mut_store().append(&entries).map_err(|error| ReplicaFault(error.to_string()))?;
        }
        if let Some(entry) = ready.committed_entries().last() {
            self.applying.committed = entry.index;
        }
        let immediate = ready.take_messages();
        let after = ready.take_persisted_messages();
        let must_persist = ready.must_sync();
        self.raw.advance_append_async(ready);

        if must_persist {
            let hard_state = self.disk.write(number, hard_state(&self.raw.raft.hard_state()));
            effects.push(Effect::Persist(Persist {
                group: self.group,
                number,
                restored,
                entries,
                hard_state,
            }));
        }
        if let Some(persisted) = self.disk.made(number) {
            self.raw.on_persist_ready(persisted);
        }
        immediate.into_iter().for_each(|message| self.disk.hold_for_vote(message));
        after.into_iter().for_each(|message| self.disk.hold(message));
        self.send(effects);
        Ok(())
    }

    pub(super) fn persisted(&mut self, number: u64, effects: &mut Vec<Effect>) {
        let persisted = self.disk.persisted(number);
        self.raw.on_persist_ready(persisted);
        self.send(effects);
    }

    fn send(&mut self, effects: &mut Vec<Effect>) {
        let messages = self.disk.take_sendable();
        self.think_over_sleep();
        for message in messages {
            if let Some(message) = self.pass(message) {
                self.send_one(message, effects);
            }
        }
    }

    /// What was held back from witnesses and need be no longer.
    fn send_released(&mut self, effects: &mut Vec<Effect>) {
        for message in self.take_released() {
            self.send_one(message, effects);
        }
    }

    fn send_one(&mut self, message: Message, effects: &mut Vec<Effect>) {
        let to = ReplicaId(message.to);
        let is_snapshot = message.get_msg_type() == MessageType::MsgSnapshot;
        let node = self.address(to);
        let stamp = match message.get_msg_type() {
            MessageType::MsgHeartbeat => Lease::stamp(self.now),
            MessageType::MsgHeartbeatResponse => self.lease.stamp_heard(message.term),
            _ => 0,
        };
        let wire = node.and_then(|node| to_wire(self.group, self.config.node, node, message));
        let epoch = self.configuration.epoch;
        let wire = wire.map(|wire| RaftMessage { epoch, ..wire });
        let wire = wire.map(|wire| match stamp {
            0 => wire,
            _ => {
                let (sleep, index) = self.sleep_mark();
                RaftMessage { sent_stamp: stamp, sleep, index, ..wire }
            }
        });
        match (wire, node) {
            (Some(message), Some(_)) if is_snapshot && self.configuration.is_witness(to) => {
                // The message is all of it.
                effects.push(Effect::Send(message));
                self.raw.report_snapshot(to.0, SnapshotStatus::Finish);
            }
            (Some(message), Some(node)) if is_snapshot => {
                effects.push(Effect::SendSnapshot { group: self.group, to, node, message });
            }
            (Some(message), _) => effects.push(Effect::Send(message)),
            // A snapshot that leads nowhere is lost, and raft must know.
            (None, _) if is_snapshot => self.raw.report_snapshot(to.0, SnapshotStatus::Failure),
            (None, _) => {}
        }
    }

    /// Hands committed entries to apply, as many as it may have at once. Whether there were any.
    fn hand_over(&mut self, effects: &mut Vec<Effect>) -> Result<bool, ReplicaFault> {
        if self.restoring.is_some() {
            return Ok(false);
        }
        if self.is_witness {
            return self.witness_committed(effects);
        }
        let mut entries = Vec::new();
        let mut changes_members = false;
        while self.applying.handed < self.applying.committed
            && self.applying.has_room(self.config.applying_bytes_max)
        {
            let index = self.applying.handed + 1;
            let cached = self.raw.store().cached_entry(index).map(|entry| log_entry(&mut entry.clone()));
            let Some(entry) = cached.or_else(|| self.applying.fetched.pop_front()) else {
                self.fetch_to_apply(index, effects);
                break;
            };
            self.applying.hand(index, entry.data.len());
            let body = EntryBody::decode(&entry.data)
                .map_err(|error| ReplicaFault(format!("entry {index} cannot be applied: {error}")))?;
            if EntryBody::is_withheld(&entry.data) {
                return Err(ReplicaFault(format!(
                    "entry {index} has no content, and this replica is no witness"
                )));
            }
            if let EntryBody::Configuration(configuration) = &body {
                self.enter(configuration)?;
                changes_members = true;
            }
            entries.push(CommittedEntry { index, term: entry.term, body, requests: Vec::new() });
        }
        if entries.is_empty() {
            return Ok(false);
        }
        // For raft an entry is applied when its configuration is in force: the machine may take its time without
        // keeping this replica from campaigning.
        self.raw.advance_apply_to(self.applying.handed);
        self.raw.mut_store().saw_handed(self.applying.handed);
        if changes_members {
            // How far the log is committed is otherwise written now and then only, and learned again from a leader. But
            // a voter that forgets a change of members waits for votes of replicas that may be destroyed by now. So does
            // one that has recovered its group, though for it nothing changes here.
            let (number, hard_state) = self.disk.write_unasked(hard_state(&self.raw.raft.hard_state()));
            let (restored, entries, hard_state) = (None, Vec::new(), Some(hard_state));
            effects.push(Effect::Persist(Persist {
                group: self.group,
                number,
                restored,
                entries,
                hard_state,
            }));
        }
        // Only now, with nothing left that can fail: until here the requests are refused if it does.
        for entry in &mut entries {
            entry.requests = self.proposals.committed(self.group, entry.index, entry.term, effects);
        }
        effects.push(Effect::Apply { group: self.group, entries });
        self.announce(effects);
        Ok(true)
    }

    fn fetch_to_apply(&mut self, first: u64, effects: &mut Vec<Effect>) {
        if self.applying.fetching.is_some() {
            return;
        }
        self.applying.fetching = Some(first);
        let last = self.applying.committed.min(self.raw.store().cached_from() - 1);
        effects.push(Effect::Fetch {
            group: self.group,
            first,
            last,
            bytes_max: self.config.append_bytes_max,
        });
    }

    fn fetch_for_sends(&mut self, effects: &mut Vec<Effect>) {
        if !self.is_leader() {
            self.raw.store().forget_sends();
            return;
        }
        let bytes_max = self.config.append_bytes_max;
        let missing = self.raw.store().missing().into_iter();
        effects.extend(missing.map(|(first, last)| Effect::Fetch {
            group: self.group,
            first,
            last,
            bytes_max,
        }));
    }

    fn evict(&mut self) {
        let persisted = self.raw.raft.raft_log.persisted;
        let handed = self.applying.handed;
        let (bytes_max, unapplied_max) = (self.config.log_cache_bytes_max, self.config.applying_bytes_max);
        self.raw.mut_store().evict(bytes_max, persisted, handed, unapplied_max);
    }
}
