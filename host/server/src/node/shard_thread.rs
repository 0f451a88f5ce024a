//! The thread that drives consensus. It computes and hands on, and never waits for anything but its inbox.

use super::{
    apply_worker::ApplyWork,
    inbox::{ShardInbox, ShardItem},
    life::RoleChange,
    log_writer::LogWork,
    outbound::Outbound,
    registry::Registry,
    services::Services,
    waiters::Failure,
};
use quorate_consensus::{Effect, Input, Now, Role, Shard};
use quorate_storage::StorageError;
use quorate_vocabulary::{GroupId, ReplicaId};
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::oneshot;

/// Room is kept for so many effects, or inputs, of one step.
const EFFECTS_KEPT: usize = 256;

/// What the thread needs beside the shard.
pub(super) struct ShardThread {
    pub(super) shard: Shard,
    pub(super) tick: Duration,
    /// Whether replicas are compared although few entries have come since the last time.
    pub(super) checks_by_time: bool,
    pub(super) services: Services,
    pub(super) registry: Arc<Registry>,
    pub(super) log: mpsc::Sender<LogWork>,
    pub(super) outbound: Outbound,
}

/// A replica that is to leave this node for ever: closed first, and removed behind all it still had to write.
pub(super) struct Retirement {
    pub(super) group: GroupId,
    pub(super) replica: ReplicaId,
    pub(super) done: oneshot::Sender<Result<(), StorageError>>,
}

impl ShardThread {
    /// Starts the thread. It ends when its inbox is stopped.
    pub(super) fn start(self) -> io::Result<JoinHandle<()>> {
        let inbox = self.services.inbox.clone();
        thread::Builder::new().name("shard".to_owned()).spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| self.run(&inbox))).is_err() {
                // Panics of single replicas are caught within: this is a defect of the node's own.
                tracing::error!("the shard thread panicked; this node takes no part until it is restarted");
                inbox.stop();
            }
        })
    }

    fn run(mut self, inbox: &ShardInbox) {
        let began = Instant::now();
        let (mut items, mut inputs, mut effects, mut retired) = (vec![], vec![], vec![], vec![]);
        let mut next_tick = self.tick;
        loop {
            if !inbox.take(&mut items, next_tick.saturating_sub(began.elapsed())) {
                return;
            }
            let mut statuses = Vec::new();
            for item in items.drain(..) {
                match item {
                    ShardItem::Input(input) => inputs.push(input),
                    ShardItem::Statuses(reply) => statuses.push(reply),
                    ShardItem::Retire(retirement) => {
                        inputs.push(Input::Close { group: retirement.group });
                        retired.push(retirement);
                    }
                }
            }
            let monotonic = began.elapsed();
            if monotonic >= next_tick {
                next_tick = monotonic + self.tick;
            }
            self.shard.step(Now { monotonic, wall_ms: wall_ms() }, &mut inputs, &mut effects);
            inputs.shrink_to(EFFECTS_KEPT);
            for effect in effects.drain(..) {
                self.carry_out(effect);
            }
            // What thousands of groups had to say at once is not held room for.
            effects.shrink_to(EFFECTS_KEPT);
            items.shrink_to(EFFECTS_KEPT);
            for Retirement { group, replica, done } in retired.drain(..) {
                self.write(LogWork::Remove { group, replica, done });
            }
            for reply in statuses {
                // Whoever asked may have gone.
                let _ = reply.send(self.shard.statuses().collect());
            }
        }
    }

    fn carry_out(&self, effect: Effect) {
        match effect {
            Effect::Persist(persist) => self.write(LogWork::Persist(persist)),
            Effect::Send(message) => self.outbound.send(message),
            Effect::SendSnapshot { group, to, node, message } => {
                self.outbound.send_snapshot(self.registry.get(group), group, to, node, message);
            }
            Effect::Apply { group, entries } => self.apply(group, ApplyWork::Entries(entries)),
            Effect::Restore { group, point, .. } => self.apply(group, ApplyWork::Restore(point)),
            Effect::SnapshotUnused { group, point } => {
                self.apply(group, ApplyWork::Unused { index: point.index });
            }
            Effect::CutLog { group, truncated, configuration } => {
                self.write(LogWork::Cut { group, truncated, configuration });
            }
            Effect::Fetch { group, first, last, bytes_max } => {
                self.outbound.fetch(group, first, last, bytes_max);
            }
            Effect::Refused { request, reason, .. } => {
                self.services.waiters.fail(request, Failure::Refused(reason));
            }
            Effect::ReadReady { group, request, index } => {
                if let Some(mut ticket) = self.services.waiters.read(request) {
                    ticket.confirmed();
                    match self.registry.get(group) {
                        Some(replica) => {
                            if let Some(asked) = ticket.asked {
                                replica.shared.note_confirmed(asked, index);
                            }
                            replica.apply(ApplyWork::Read { index, ticket });
                        }
                        None => ticket.fail(Failure::Refused(quorate_consensus::Refusal::NotHere)),
                    }
                }
            }
            Effect::LeaderTransferred { request, leader, .. } => {
                self.services.waiters.transferred(request, leader);
            }
            Effect::RoleChanged { group, role, term, leader } => {
                let change = RoleChange { role, term, leader };
                if let Some(replica) = self.registry.get(group) {
                    replica.shared.set_lead(change);
                    replica.apply(ApplyWork::Role(change));
                    if role == Role::Leader {
                        self.services.leading.send_replace(());
                    }
                } else if let Some(witness) = self.registry.witness(group) {
                    witness.set_lead(change);
                }
            }
            Effect::LeaderEstablished { group, term } => self.apply(group, ApplyWork::Established { term }),
            // The moment at which it is due would wake the group, and keep it awake for as long as it takes to fall asleep.
            Effect::SoonAsleep { group } if self.checks_by_time => self.apply(group, ApplyWork::CheckTime),
            Effect::SoonAsleep { .. } => {}
            Effect::FellAsleep { group } => self.apply(group, ApplyWork::Rest),
            Effect::SnapshotWanted { group, index_min } => {
                self.apply(group, ApplyWork::SnapshotWanted { index_min });
            }
            Effect::ReplicaFailed { group, cause } => match self.registry.witness(group) {
                Some(witness) => witness.fail(raft_failed(&cause)),
                None => self.apply(group, ApplyWork::Fail(raft_failed(&cause))),
            },
        }
    }

    fn apply(&self, group: GroupId, work: ApplyWork) {
        // A replica that is being removed is not in the registry any more, and has no use for it.
        if let Some(replica) = self.registry.get(group) {
            replica.apply(work);
        }
    }

    fn write(&self, work: LogWork) {
        // The log writer ends after this thread, or has failed; then nothing is promised any more.
        let _ = self.log.send(work);
    }
}

/// Milliseconds since the Unix epoch, by this machine's clock.
pub(super) fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What is said of a replica with which raft cannot go on. Most often its disk has lost entries that it acknowledged.
pub(super) fn raft_failed(cause: &str) -> String {
    format!(
        "raft cannot go on with what is in its log ({cause}): if that is so again after a restart of this node, its disk has \
         lost what was written to it; remove this replica with `quorate group members remove`, and place a new one with \
         `quorate group members add`"
    )
}
