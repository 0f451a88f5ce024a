//! Checkpoints in the background: prepared on another thread, and taken over at the entry that the leader proposes when it is
//! ready itself and the others have had as long again.

use super::{ApplyWork, ApplyWorker, standstill::ROOM_PAUSE};
use crate::node::{local_replica::ReplicaShared, pool::panic_message};
use quorate_consensus::Input;
use quorate_replica::{BackgroundCheckpoint, EntryBody, PreparedCheckpoint, Replica};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak, mpsc},
    time::{Duration, Instant},
};

/// The longest a leader that is ready waits for the others. One that is not ready by then does the rest when it takes over.
const PATIENCE_MAX: Duration = Duration::from_secs(10);

/// A checkpoint that another thread prepares.
pub(super) struct Preparation {
    checkpoint: u64,
    began: Instant,
    done: mpsc::Receiver<Result<PreparedCheckpoint, String>>,
    /// Gone when nobody waits for room any more to do it on another thread.
    has_time: Arc<()>,
}

/// What the other thread needs for it.
struct Work {
    work: BackgroundCheckpoint,
    done: mpsc::SyncSender<Result<PreparedCheckpoint, String>>,
    has_time: Weak<()>,
    shared: Weak<ReplicaShared>,
}

impl Work {
    fn run(self) {
        let prepared = match catch_unwind(AssertUnwindSafe(|| self.work.clone().run())) {
            Ok(Err(fault)) if fault.is_no_room() => return self.run_later(),
            Ok(prepared) => prepared.map_err(|fault| fault.to_string()),
            Err(panic) => Err(panic_message(panic.as_ref())),
        };
        // Nobody takes it when the replica has gone, or has another checkpoint by now.
        let _ = self.done.send(prepared);
        if let Some(shared) = self.shared.upgrade() {
            shared.tell_apply(ApplyWork::CheckpointPrepared);
        }
    }

    fn run_later(self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let runtime = shared.services.runtime.clone();
        runtime.clone().spawn(async move {
            tokio::time::sleep(ROOM_PAUSE).await;
            if self.has_time.strong_count() > 0 {
                runtime.spawn_blocking(move || self.run());
            }
        });
    }
}

impl ApplyWorker {
    /// Has a checkpoint prepared that has begun. To be called when entries were applied.
    pub(super) fn prepare_checkpoint(&mut self) {
        let Some(work) = self.replica.as_mut().and_then(Replica::background_checkpoint) else { return };
        let (sender, done) = mpsc::sync_channel(1);
        let has_time = Arc::new(());
        let (checkpoint, began) = (work.index(), Instant::now());
        let task = Work {
            done: sender,
            has_time: Arc::downgrade(&has_time),
            shared: Arc::downgrade(&self.shared),
            work,
        };
        self.preparation = Some(Preparation { checkpoint, began, done, has_time });
        self.shared.services.runtime.spawn_blocking(move || task.run());
    }

    /// Takes what was prepared, if it is done. The leader then waits for the others as long as it took itself.
    pub(super) fn checkpoint_prepared(&mut self) {
        let Some(preparation) = &self.preparation else { return };
        let Ok(prepared) = preparation.done.try_recv() else { return };
        let patience = preparation.began.elapsed().min(PATIENCE_MAX);
        self.preparation = None;
        self.hand_back(prepared);
        if self.life.leading().is_some() {
            let shared = Arc::downgrade(&self.shared);
            self.shared.services.runtime.spawn(async move {
                tokio::time::sleep(patience).await;
                if let Some(shared) = shared.upgrade() {
                    shared.tell_apply(ApplyWork::TakeOverTime);
                }
            });
        }
    }

    /// The next entry says that the successor of this checkpoint takes over: waits for what another thread still does about it.
    pub(super) fn await_preparation(&mut self, checkpoint: u64) {
        if let Some(preparation) =
            self.preparation.take_if(|preparation| preparation.checkpoint == checkpoint)
        {
            drop(preparation.has_time);
            // If that thread is gone, or waits for room, apply does the work itself.
            if let Ok(prepared) = preparation.done.recv() {
                self.hand_back(prepared);
            }
        }
    }

    fn hand_back(&mut self, prepared: Result<PreparedCheckpoint, String>) {
        let Some(replica) = &mut self.replica else { return };
        let handed_back = match prepared {
            Ok(prepared) => replica.checkpoint_prepared(prepared).map_err(|fault| fault.to_string()),
            Err(why) if replica.checkpoint_under_way().is_some() => Err(why),
            // Of one that is of no use any more.
            Err(_) => Ok(()),
        };
        if let Err(why) = handed_back {
            let point = self.callback_point();
            self.failed(why, point.as_ref());
        }
    }

    /// The leader lets the successor take over, if it is ready.
    pub(super) fn propose_take_over(&self) {
        let under_way = self.replica.as_ref().and_then(Replica::checkpoint_under_way);
        if let Some((checkpoint, true)) = under_way
            && self.life.leading().is_some()
        {
            let body = EntryBody::TakeOver { time_ms: 0, checkpoint };
            self.feedback(Input::ProposeEntry { group: self.group(), body });
        }
    }
}
