use super::one::One;
use crate::{BackgroundCheckpoint, PreparedCheckpoint, ReplicaFault};

/// What one replica's other thread is at.
#[derive(Default)]
pub(super) struct Background {
    work: Option<BackgroundCheckpoint>,
    prepared: Option<PreparedCheckpoint>,
}

impl Background {
    /// One step of what goes on beside apply: a checkpoint is taken up, prepared, or handed back. What was done.
    pub(super) fn step(&mut self, one: &mut One) -> Result<&'static str, ReplicaFault> {
        if let Some(prepared) = self.prepared.take() {
            one.replica.checkpoint_prepared(prepared)?;
            return Ok("hand back a checkpoint");
        }
        let Some(work) = self.work.take() else {
            self.work = one.replica.background_checkpoint();
            return Ok(if self.work.is_some() { "take up a checkpoint" } else { "find no checkpoint" });
        };
        // Its snapshot and its log may be gone, when it comes too late.
        let is_under_way = one.replica.checkpoint_under_way().is_some_and(|(index, _)| index == work.index());
        match work.run() {
            Ok(prepared) => self.prepared = Some(prepared),
            Err(met) if is_under_way => return Err(met),
            Err(_) => {}
        }
        Ok("prepare a checkpoint")
    }
}
