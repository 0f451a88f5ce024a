//! A node's log writer at work.

use crate::{
    checks::Invariant,
    cluster::Simulation,
    disk::{LogWork, lock},
    events::Event,
    faults::FaultKind,
    network::delay,
    planted::Bug,
};
use quorate_consensus::{Input, Persist};
use quorate_vocabulary::{GroupId, NodeId};

impl Simulation {
    pub(super) fn persist(&mut self, id: NodeId, persist: Persist) {
        let (group, number) = (persist.group, persist.number);
        self.trace.add(&[1, id.0, group.0, number, persist.entries.len() as u64]);
        if let Some(local) = self.local(id, group) {
            if let Some(restored) = &persist.restored {
                local.shadow.restore(restored.truncated);
            }
            local.shadow.append(&persist.entries);
        } else if let Some(witness) = self.witness(id, group) {
            if let Some(restored) = &persist.restored {
                witness.shadow.restore(restored.truncated);
            }
            witness.shadow.append(&persist.entries);
        }
        self.write(id, LogWork::Persist(persist));
        if self.settings.bug == Some(Bug::AcknowledgeBeforeSync) {
            self.tell(id, [Input::Persisted { group, number }]);
        }
    }

    /// Hands the log writer work.
    pub(crate) fn write(&mut self, id: NodeId, work: LogWork) {
        if self.running(id).is_some_and(|running| running.log.push(work)) {
            self.begin_write(id);
        }
    }

    fn begin_write(&mut self, id: NodeId) {
        let pieces = usize::try_from(self.random.disk.between(1, 12)).unwrap_or(1);
        let delay = delay(&mut self.random.disk, self.faults.disk_delay_us_max);
        let life = self.node(id).life;
        if self.running(id).is_some_and(|running| running.log.begin(pieces)) {
            self.push(delay, Event::LogWritten { node: id, life });
        }
    }

    /// What was being written is on disk.
    pub(crate) fn log_written(&mut self, id: NodeId) {
        if self.faults.has(FaultKind::Disk) && self.random.disk.chance(self.faults.disk_errors_per_mille) {
            // Nobody knows what of it got there, and the node promises nothing any more.
            self.coverage.disk_errors += 1;
            return self.crash_and_start(id);
        }
        let node = self.node(id);
        let Some(running) = &mut node.running else { return };
        let written = match running.log.finish(&mut node.disk) {
            Ok(written) => written,
            Err(what) => return self.checks.violate(Invariant::DiskOrder, format!("node {id}: {what}")),
        };
        for (group, before, entries) in &written.appended {
            self.checks.appended(*group, *before, entries);
            self.reply_early(id, *group, entries);
        }
        if self.settings.bug != Some(Bug::AcknowledgeBeforeSync) {
            let persisted = written.persisted.into_iter();
            let inputs: Vec<Input> =
                persisted.map(|(group, number)| Input::Persisted { group, number }).collect();
            self.tell(id, inputs);
        }
        for (group, _) in written.removed {
            self.node(id).disk.remove_folder(group);
            if let Some(running) = self.running(id) {
                running.busy.remove(&group);
            }
        }
        self.begin_write(id);
    }

    /// Entries are read back from disk.
    pub(crate) fn fetch(&mut self, id: NodeId, group: GroupId, first: u64, last: u64, bytes_max: usize) {
        let fails =
            self.faults.has(FaultKind::Disk) && self.random.disk.chance(self.faults.disk_errors_per_mille);
        let log = self.node(id).disk.log(group);
        let mut entries = log.map(|log| lock(log).read(first, last, bytes_max)).unwrap_or_default();
        if fails {
            self.disk_fails(id, group);
            entries.clear();
        }
        self.tell(id, [Input::Fetched { group, first, entries }]);
    }
}
