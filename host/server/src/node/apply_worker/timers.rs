//! Timers: the leader sleeps until the first is due, and proposes the entry at which all that are due fire.

use super::{ApplyWork, ApplyWorker};
use crate::node::{alarm::Order, shard_thread::wall_ms};
use quorate_consensus::Input;
use quorate_replica::{EntryResult, ports::Outcome};
use std::{sync::Arc, time::Duration};

impl ApplyWorker {
    /// To be called whenever what is applied, or who leads, has changed.
    pub(super) fn watch_timers(&mut self) {
        let Some(replica) = &self.replica else { return };
        if self.life.leading().is_none() || replica.applied().poison.is_frozen() {
            self.alarm.reset();
            return;
        }
        let applied = replica.applied();
        // No entry is stamped earlier than the last one.
        let now_ms = wall_ms().max(applied.time_ms);
        match self.alarm.turn(applied.timers.next_ms(), now_ms) {
            Order::Nothing => {}
            Order::Sleep(sleep) => self.sleep(sleep),
            Order::Propose => self.feedback(Input::ProposeTimers { group: self.group() }),
        }
    }

    fn sleep(&mut self, sleep: Duration) {
        // Neither keeps a replica that is closed.
        let shared = Arc::downgrade(&self.shared);
        let sleep = self.shared.services.runtime.spawn(async move {
            tokio::time::sleep(sleep).await;
            if let Some(shared) = shared.upgrade() {
                shared.tell_apply(ApplyWork::TimersDue);
            }
        });
        if let Some(before) = self.alarm_sleep.replace(sleep.abort_handle()) {
            before.abort();
        }
    }

    pub(super) fn timers_due(&mut self) {
        self.alarm.reset();
        self.watch_timers();
    }

    /// Nobody waits for what comes of a timer, so what went wrong is told to the operator.
    pub(super) fn timers_fired(&mut self, result: &EntryResult) {
        self.alarm.reset();
        let (group, index) = (&self.shared.info.name, result.index);
        for call in &result.commands {
            match &call.outcome {
                Outcome::Reply(_) | Outcome::Frozen | Outcome::Session(_) => {}
                Outcome::Rejection(why) => {
                    let why = String::from_utf8_lossy(why);
                    tracing::info!(%group, index, %why, "the plugin rejected a timer of its own");
                }
                Outcome::Trapped(trap) => {
                    tracing::warn!(%group, index, %trap, "the plugin trapped when a timer fired");
                }
            }
        }
    }
}
