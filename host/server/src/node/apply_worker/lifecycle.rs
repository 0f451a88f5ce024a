//! What the plugin is told of its replica's life.

use super::ApplyWorker;
use crate::{
    RequestError,
    node::{life::RoleChange, observe_worker::ObserveWork},
};
use quorate_replica::{ReadPoint, ports::LifecycleEvent};

impl ApplyWorker {
    pub(super) fn role(&mut self, change: RoleChange) {
        for event in self.life.role_changed(change) {
            self.callback(event);
        }
        self.publish_leaders();
        self.watch_timers();
        if self.life.leading().is_none() && !self.snapshot_replies.is_empty() && self.is_memory() {
            // The checkpoint was proposed by a leader that is none any more.
            let (group, leader) = (self.group(), None);
            self.answer_snapshots(|| Err(RequestError::NotLeader { group, leader: leader.clone() }));
        }
    }

    pub(super) fn established(&mut self, term: u64) {
        if let Some(event) = self.life.established(term, self.shared.member()) {
            self.callback(event);
            self.publish_leaders();
        }
        self.propose_take_over();
        self.snapshot_if_due();
        self.watch_timers();
    }

    pub(super) fn publish_leaders(&self) {
        self.shared.progress().leaders_seen = self.life.leaders_seen();
    }

    pub(super) fn callback_point(&self) -> Option<ReadPoint> {
        let replica = self.replica.as_ref().filter(|replica| replica.plugin().has_lifecycle())?;
        replica.read_point().ok()
    }

    pub(super) fn callback(&self, event: LifecycleEvent) {
        if let Some(point) = self.callback_point() {
            self.observers.callback(ObserveWork::Callback { point, event });
        }
    }
}
