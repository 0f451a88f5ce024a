//! Tells replicas that the time for a snapshot has come. Whether one is worth it each decides for itself.

use super::{apply_worker::ApplyWork, core::Core};
use quorate_replica::SnapshotSchedule;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How often to look who is due: in this part of the interval.
const LOOKS_PER_INTERVAL: u32 = 100;
/// The longest pause between looks, so that those that became due together are few.
const LOOK_PAUSE_MAX: Duration = Duration::from_secs(10);

impl Core {
    /// Has replicas look whether they need a snapshot, for as long as the node runs. It costs no group its sleep: apply knows
    /// what is new without asking raft.
    pub(super) async fn keep_time_of_snapshots(self: Arc<Self>) {
        let Some(interval) = self.config.snapshot_interval else { return };
        let Some(schedule) = SnapshotSchedule::new(interval, self.node()) else { return };
        let (started, mut seen) = (Instant::now(), Duration::ZERO);
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = tokio::time::sleep((interval / LOOKS_PER_INTERVAL).min(LOOK_PAUSE_MAX)) => {}
            }
            let now = started.elapsed();
            for replica in self.registry.all() {
                if schedule.is_due(replica.shared.group, seen, now) {
                    replica.apply(ApplyWork::SnapshotTime);
                }
            }
            seen = now;
        }
    }
}
