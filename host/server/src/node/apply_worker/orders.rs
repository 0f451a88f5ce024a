//! Orders of an operator: another plugin from one entry on, for which a replica waits where it is not compiled yet.

use super::{ApplyWork, ApplyWorker};
use crate::node::view::ReplicaState;
use quorate_consensus::{CommittedEntry, EntryBody, RequestId};
use quorate_replica::{
    EntryResult,
    ports::{LifecycleEvent, Plugin},
};
use quorate_vocabulary::PluginDigest;
use std::{collections::VecDeque, mem, sync::Arc};

/// What a replica does not do before it has a plugin.
pub(super) struct Standstill {
    lacks: PluginDigest,
    works: VecDeque<ApplyWork>,
}

impl ApplyWorker {
    /// Stands still until the plugin is compiled here. The group goes on without this replica, which loses nothing.
    pub(super) fn stand_still(&mut self, lacks: PluginDigest, first: ApplyWork) {
        tracing::info!(group = %self.shared.info.name, plugin = %lacks, "a replica waits for its plugin");
        let why = format!("it waits for the plugin {lacks}, which is fetched and compiled");
        self.shared.progress().state = ReplicaState::Starting { why };
        self.standstill = Some(Standstill { lacks, works: VecDeque::from([first]) });
        // Nobody receives it only when the node shuts down.
        let _ = self.shared.services.lacking.send((self.group(), lacks));
    }

    /// Gives the work back that can be done now.
    pub(super) fn unless_at_a_standstill(&mut self, work: ApplyWork) -> Option<ApplyWork> {
        match work {
            ApplyWork::Restore(point) if self.standstill.is_some() => {
                // What waits is in the snapshot already, or is handed over again behind it.
                let waiting = self.leave_standstill();
                for work in waiting {
                    match work {
                        ApplyWork::Entries(entries) => {
                            let (past, next): (Vec<_>, Vec<_>) =
                                entries.into_iter().partition(|entry| entry.index <= point.index);
                            past.iter().for_each(|entry| self.refuse(&entry.requests));
                            debug_assert!(next.is_empty(), "raft hands nothing over before it has restored");
                        }
                        ApplyWork::Restore(_) => {}
                        other => self.redo(other),
                    }
                }
                Some(ApplyWork::Restore(point))
            }
            ApplyWork::Entries(_)
            | ApplyWork::Restore(_)
            | ApplyWork::Role(_)
            | ApplyWork::Established { .. }
            | ApplyWork::Callback(_) => match &mut self.standstill {
                Some(standstill) => {
                    standstill.works.push_back(work);
                    None
                }
                None => Some(work),
            },
            work => Some(work),
        }
    }

    fn redo(&mut self, work: ApplyWork) {
        use crate::node::pool::Worker;
        self.work(work);
    }

    /// The plugin is compiled: it is held here until the entry that wanted it is applied.
    pub(super) fn plugin_ready(&mut self, digest: PluginDigest, plugin: Arc<dyn Plugin>) {
        if self.standstill.as_ref().is_none_or(|standstill| standstill.lacks != digest) {
            return;
        }
        for work in self.leave_standstill() {
            // May lead to the next one, behind which the rest then waits.
            self.redo(work);
        }
        drop(plugin);
    }

    fn leave_standstill(&mut self) -> VecDeque<ApplyWork> {
        let Some(standstill) = self.standstill.take() else { return VecDeque::new() };
        let mut progress = self.shared.progress();
        if matches!(progress.state, ReplicaState::Starting { .. }) {
            progress.state = ReplicaState::Running;
        }
        standstill.works
    }

    /// The replica is no more: nobody will say what came of what waits.
    pub(super) fn end_standstill(&mut self) {
        for work in self.leave_standstill() {
            if let ApplyWork::Entries(entries) = work {
                entries.iter().for_each(|entry| self.refuse(&entry.requests));
            }
        }
    }

    /// The plugin that an entry needs and that is not compiled here.
    pub(super) fn lacks_for(&self, entry: &CommittedEntry) -> Option<PluginDigest> {
        let EntryBody::Order { .. } = &entry.body else { return None };
        self.replica.as_ref()?.lacks_for(&entry.body)
    }

    /// An order has been carried out.
    pub(super) fn ordered(&mut self, requests: &[RequestId], result: &mut EntryResult) {
        for request in requests {
            self.shared.services.waiters.ordered(*request);
        }
        let Some(record) = mem::take(&mut result.activation) else { return };
        let (group, index, plugin) = (&self.shared.info.name, record.index, record.plugin);
        match &record.failure {
            None => {
                tracing::info!(%group, index, %plugin, "the group runs another plugin");
                if let Some(term) = self.life.leading() {
                    // The one before was told, and this one was not.
                    self.callback(LifecycleEvent::LeaderStart { term });
                }
            }
            Some(why) => {
                tracing::warn!(%group, index, %plugin, why, "the group goes on with the plugin that it ran");
            }
        }
    }
}
