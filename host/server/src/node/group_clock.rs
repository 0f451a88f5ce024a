//! Tells replicas that the time has come for a snapshot, or for being compared. Whether it is worth it each decides for itself.

use super::{apply_worker::ApplyWork, core::Core};
use quorate_replica::GroupSchedule;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How often to look who is due: in this part of the shortest interval.
const LOOKS_PER_INTERVAL: u32 = 100;
/// The longest pause between looks, so that those that became due together are few.
const LOOK_PAUSE_MAX: Duration = Duration::from_secs(10);

impl Core {
    /// Has replicas look whether they need something, for as long as the node runs. It costs no group its sleep: apply knows
    /// what is new without asking raft.
    pub(super) async fn keep_time(self: Arc<Self>) {
        let schedule = |interval: Option<Duration>| GroupSchedule::new(interval?, self.node());
        let snapshots = schedule(self.config.snapshot_interval);
        let checks = schedule(self.config.check_interval);
        let intervals = self.config.snapshot_interval.into_iter().chain(self.config.check_interval);
        let Some(shortest) = intervals.min() else { return };
        let (started, mut seen) = (Instant::now(), Duration::ZERO);
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = tokio::time::sleep((shortest / LOOKS_PER_INTERVAL).min(LOOK_PAUSE_MAX)) => {}
            }
            let now = started.elapsed();
            let due = |schedule: Option<GroupSchedule>| {
                let is_due =
                    |schedule: GroupSchedule| self.registry.all_of(|group| schedule.is_due(group, seen, now));
                schedule.map(is_due).unwrap_or_default()
            };
            due(snapshots).iter().for_each(|replica| replica.apply(ApplyWork::SnapshotTime));
            due(checks).iter().for_each(|replica| replica.apply(ApplyWork::CheckTime));
            seen = now;
        }
    }
}
