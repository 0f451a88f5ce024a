//! A replica that is alone in its group, in words short enough for tests.

use super::{Plugin, plugin};
use bytes::Bytes;
use quorate_rehearsal::Stage;
use quorate_replica::CheckpointResult;
use quorate_replica::ports::{AppliedPoint, Call, Callback, GroupLimits, LifecycleEvent, Outcome, Trap};

/// A [`Stage`] on which the host never fails.
pub(crate) struct Running(Stage);

impl Running {
    pub(crate) fn start(folder: &str) -> Self {
        Self::start_with(folder, GroupLimits::default())
    }

    pub(crate) fn start_with(folder: &str, limits: GroupLimits) -> Self {
        let Plugin { compiled, checked, .. } = plugin(folder);
        Self(Stage::new(compiled, checked.digest, limits).unwrap())
    }

    /// Applies the commands as one entry.
    pub(crate) fn entry<Command: Into<Bytes>>(
        &mut self,
        commands: impl IntoIterator<Item = Command>,
    ) -> Vec<Call> {
        self.0.entry(commands.into_iter().map(Into::into).collect()).unwrap()
    }

    pub(crate) fn apply(&mut self, command: impl Into<Bytes>) -> Call {
        self.entry([command.into()]).remove(0)
    }

    /// Lets time pass, and the timers fire that are due by then.
    pub(crate) fn pass(&mut self, milliseconds: u64) -> Vec<Call> {
        self.0.pass(milliseconds).unwrap()
    }

    pub(crate) fn query(&mut self, request: impl Into<Bytes>) -> Call {
        self.0.query(&request.into()).unwrap()
    }

    pub(crate) fn tell(&mut self, event: &LifecycleEvent) -> Callback {
        self.0.tell(event).unwrap()
    }

    pub(crate) fn checkpoint(&mut self) -> CheckpointResult {
        self.0.checkpoint().unwrap().expect("a memory machine has checkpoints")
    }

    pub(crate) fn applied(&self) -> &AppliedPoint {
        self.0.replica().applied()
    }

    /// What the newest checkpoint wrote.
    pub(crate) fn saved(&self) -> Bytes {
        self.0.saved().expect("a checkpoint was taken")
    }

    /// The replica as after a restart of its node.
    pub(crate) fn restart(mut self) -> Self {
        assert!(self.0.restart().unwrap(), "what was replayed came to the same");
        self
    }
}

#[track_caller]
pub(crate) fn reply(call: &Call) -> &str {
    match &call.outcome {
        Outcome::Reply(reply) => str::from_utf8(reply).unwrap(),
        other => panic!("expected a reply, found {other:?}"),
    }
}

#[track_caller]
pub(crate) fn rejection(call: &Call) -> &str {
    match &call.outcome {
        Outcome::Rejection(rejection) => str::from_utf8(rejection).unwrap(),
        other => panic!("expected a rejection, found {other:?}"),
    }
}

#[track_caller]
pub(crate) fn trap(call: &Call) -> &Trap {
    match &call.outcome {
        Outcome::Trapped(trap) => trap,
        other => panic!("expected a trap, found {other:?}"),
    }
}
