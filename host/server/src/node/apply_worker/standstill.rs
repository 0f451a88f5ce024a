//! What a replica cannot do yet: it waits for a plugin that is not compiled here, or for room for its instance. Its group goes on
//! without it, and what it has to apply is kept in order.

use super::{ApplyWork, ApplyWorker};
use crate::node::view::ReplicaState;
use quorate_consensus::{CommittedEntry, EntryBody};
use quorate_replica::ports::Plugin;
use quorate_vocabulary::PluginDigest;
use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

/// How often a replica that waits for room looks whether there is some.
pub(super) const ROOM_PAUSE: Duration = Duration::from_millis(200);

/// What a replica lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// A plugin that is not compiled here yet.
    Plugin(PluginDigest),
    /// Room for its instance.
    Room,
}

impl fmt::Display for Lack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plugin(digest) => {
                write!(formatter, "it waits for the plugin {digest}, which is fetched and compiled")
            }
            Self::Room => formatter.write_str(
                "it waits for room for its instance: as many live on this node as may (plugin_instances_max)",
            ),
        }
    }
}

/// What a replica does not do before it has what it lacks.
pub(super) struct Standstill {
    lack: Lack,
    works: VecDeque<ApplyWork>,
}

impl ApplyWorker {
    /// What it lacks to apply this entry.
    pub(super) fn lacks_for(&self, entry: &CommittedEntry) -> Option<Lack> {
        let replica = self.replica.as_ref()?;
        if let EntryBody::Order { .. } = &entry.body
            && let Some(plugin) = replica.lacks_for(&entry.body)
        {
            return Some(Lack::Plugin(plugin));
        }
        replica.lacks_room_for(&entry.body).then_some(Lack::Room)
    }

    /// Stands still until it has what it lacks. The group goes on without this replica, which loses nothing.
    pub(super) fn stand_still(&mut self, lack: Lack, first: ApplyWork) {
        tracing::info!(group = %self.shared.info.name, %lack, "a replica stands still");
        self.shared.progress().state = ReplicaState::Starting { why: lack.to_string() };
        self.standstill = Some(Standstill { lack, works: VecDeque::from([first]) });
        match lack {
            Lack::Plugin(plugin) => {
                // Nobody receives it only when the node shuts down.
                let _ = self.shared.services.lacking.send((self.group(), plugin));
            }
            Lack::Room => self.look_for_room_later(),
        }
    }

    fn look_for_room_later(&self) {
        let shared = Arc::downgrade(&self.shared);
        self.shared.services.runtime.spawn(async move {
            tokio::time::sleep(ROOM_PAUSE).await;
            if let Some(shared) = shared.upgrade() {
                shared.tell_apply(ApplyWork::RoomTime);
            }
        });
    }

    /// There may be room by now.
    pub(super) fn look_for_room(&mut self) {
        if self.standstill.as_ref().is_none_or(|standstill| standstill.lack != Lack::Room) {
            return;
        }
        match &self.replica {
            Some(replica) if !replica.plugin().has_room() => self.look_for_room_later(),
            _ => {
                tracing::info!(group = %self.shared.info.name, "a replica has room for its instance");
                self.go_on();
            }
        }
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
        if self.standstill.as_ref().is_none_or(|standstill| standstill.lack != Lack::Plugin(digest)) {
            return;
        }
        self.go_on();
        drop(plugin);
    }

    fn go_on(&mut self) {
        for work in self.leave_standstill() {
            // May lead to the next one, behind which the rest then waits.
            self.redo(work);
        }
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
}
