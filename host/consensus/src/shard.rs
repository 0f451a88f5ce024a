use crate::{
    ConfigError, Effect, Input, Now, RaftMessageType, Refusal, ReplicaStart, ReplicaStatus, ShardConfig,
    beats,
    liveness::Peers,
    replica::{Replica, ReplicaFault, answer_for_stopped, election_ticks},
    slot::{Slot, failed_status, panic_message, run},
};
use quorate_vocabulary::{GroupId, NodeId};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

/// Drives the replicas of many groups on one thread. See the crate's page for what the host must guarantee.
pub struct Shard {
    config: Arc<ShardConfig>,
    slots: BTreeMap<GroupId, Slot>,
    /// Those that run and do not sleep.
    awake: BTreeSet<GroupId>,
    peers: Peers,
    /// When the timers were last advanced; none before the first step.
    ticked: Option<Duration>,
    work: ShardWork,
}

/// What a shard has had to do, for whoever asks what a group costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardWork {
    /// Replicas that run and do not sleep.
    pub awake: usize,
    /// Replicas that sleep.
    pub asleep: usize,
    /// Ticks of single replicas, since the shard began.
    pub replica_ticks: u64,
    /// Replicas looked through for something to do, since the shard began.
    pub replica_settles: u64,
}

impl Shard {
    /// A shard without replicas.
    ///
    /// # Errors
    /// When the configuration does not [fit](ShardConfig::check).
    pub fn new(config: ShardConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let peers = Peers::new(&config);
        let (slots, awake, work) = (BTreeMap::new(), BTreeSet::new(), ShardWork::default());
        Ok(Self { config: Arc::new(config), slots, awake, peers, ticked: None, work })
    }

    /// What this shard has had to do so far.
    #[must_use]
    pub fn work(&self) -> ShardWork {
        ShardWork { awake: self.awake.len(), asleep: self.peers.asleep(), ..self.work }
    }

    /// Takes in all of `inputs`, in order, and adds what is to be done to `effects`, in order for each group. Never
    /// blocks. To be called at least once every heartbeat interval; timers advance by `now`, after the inputs, so that
    /// a shard that was kept from running hears what leaders have sent meanwhile before it takes them for dead.
    pub fn step(&mut self, now: Now, inputs: &mut Vec<Input>, effects: &mut Vec<Effect>) {
        let mut touched = BTreeSet::new();
        let first = effects.len();
        for input in inputs.drain(..) {
            self.take_in(now.monotonic, input, &mut touched, effects);
        }
        let ticks = self.ticks(now);
        for _ in 0..ticks {
            self.tick(now.monotonic, &mut touched, effects);
        }
        for group in touched {
            self.work.replica_settles += 1;
            self.with(group, effects, |replica, effects| {
                replica.set_now(now.monotonic);
                replica.settle(now, effects)
            });
            self.note_sleep(group, effects);
        }
        let owed = self.peers.owed().take(if ticks > 0 { usize::MAX } else { 0 });
        beats::merge(self.config.node, self.peers.run(), owed, first, effects);
    }

    fn tick(&mut self, now: Duration, touched: &mut BTreeSet<GroupId>, effects: &mut Vec<Effect>) {
        for group in self.peers.tick(now) {
            touched.insert(group);
            self.wake(group, effects);
        }
        for group in &self.awake {
            let Some(slot) = self.slots.get_mut(group) else { continue };
            touched.insert(*group);
            self.work.replica_ticks += 1;
            let peers = &self.peers;
            run(*group, slot, effects, |replica, effects| {
                replica.set_now(now);
                replica.tick(peers, effects)
            });
        }
    }

    fn wake(&mut self, group: GroupId, effects: &mut Vec<Effect>) {
        let Some(slot) = self.slots.get_mut(&group) else { return };
        let peers = &self.peers;
        run(group, slot, effects, |replica, _| {
            replica.wake(peers);
            Ok(())
        });
        self.note_sleep(group, effects);
    }

    /// Keeps account of who sleeps.
    fn note_sleep(&mut self, group: GroupId, effects: &mut Vec<Effect>) {
        let (is_running, nap) = match self.slots.get(&group) {
            Some(Slot::Running(replica)) => (true, replica.nap()),
            _ => (false, None),
        };
        match nap {
            Some(nap) => {
                if self.awake.remove(&group) || !self.peers.is_asleep(group) {
                    if let Some(Slot::Running(replica)) = self.slots.get_mut(&group) {
                        replica.give_back_room();
                    }
                    self.peers.falls_asleep(group, nap);
                    effects.push(Effect::FellAsleep { group });
                }
            }
            None => {
                self.peers.wakes_up(group);
                if is_running {
                    self.awake.insert(group);
                } else {
                    self.awake.remove(&group);
                }
            }
        }
    }

    /// How often the timers advance in this step.
    fn ticks(&mut self, now: Now) -> u32 {
        let interval = self.config.heartbeat_interval;
        let ticked = *self.ticked.get_or_insert(now.monotonic);
        let passed = now.monotonic.saturating_sub(ticked).as_nanos() / interval.as_nanos().max(1);
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        // However long this shard was kept from running, that alone must not make a follower campaign.
        let at_once_max = u32::try_from(election_ticks(&self.config) / 2).unwrap_or(u32::MAX);
        if passed > at_once_max {
            self.ticked = Some(now.monotonic);
            return at_once_max;
        }
        self.ticked = Some(ticked + interval * passed);
        passed
    }

    fn take_in(
        &mut self,
        now: Duration,
        input: Input,
        touched: &mut BTreeSet<GroupId>,
        effects: &mut Vec<Effect>,
    ) {
        let group = match &input {
            Input::Tick => return,
            Input::Unreachable { node } => return self.unreachable(*node, touched, effects),
            Input::Open(start) => start.group,
            Input::Message(message) if message.r#type() == RaftMessageType::Beat => {
                let Input::Message(beat) = input else { return };
                self.peers.hear(NodeId(beat.from_node), beat.run, now);
                for message in beats::split(beat) {
                    self.take_in(now, Input::Message(message), touched, effects);
                }
                return;
            }
            Input::Message(message) => GroupId(message.group),
            Input::Close { group }
            | Input::Propose { group, .. }
            | Input::ProposeInSession { group, .. }
            | Input::ProposeCheckpoint { group }
            | Input::ProposeTimers { group }
            | Input::ProposeOrder { group, .. }
            | Input::ProposeEntry { group, .. }
            | Input::ProposeConfiguration { group, .. }
            | Input::ProposePriorities { group, .. }
            | Input::TransferLeader { group, .. }
            | Input::Recover { group, .. }
            | Input::Read { group, .. }
            | Input::Persisted { group, .. }
            | Input::Applied { group, .. }
            | Input::Restored { group, .. }
            | Input::Fetched { group, .. }
            | Input::SnapshotSent { group, .. }
            | Input::SnapshotTaken { group, .. }
            | Input::SnapshotSendable { group, .. } => *group,
        };
        touched.insert(group);
        if let Some(Slot::Running(replica)) = self.slots.get(&group)
            && replica.is_asleep()
            && replica.is_woken_by(&input)
        {
            self.wake(group, effects);
        }
        match input {
            Input::Open(start) => self.open(now, *start, effects),
            Input::Close { .. } => self.close(group, effects),
            input if matches!(self.slots.get(&group), Some(Slot::Running(_))) => {
                let Some(slot) = self.slots.get_mut(&group) else { return };
                let peers = &self.peers;
                run(group, slot, effects, |replica, effects| {
                    replica.set_now(now);
                    match input {
                        Input::Recover { request, survivors, .. } => {
                            replica.recover(request, &survivors, peers, effects)
                        }
                        input => replica.handle(input, effects),
                    }
                });
            }
            Input::Propose { request, .. }
            | Input::ProposeInSession { request, .. }
            | Input::ProposeConfiguration { request, .. }
            | Input::ProposeOrder { request, .. }
            | Input::ProposePriorities { request, .. }
            | Input::TransferLeader { request, .. }
            | Input::Recover { request, .. }
            | Input::Read { request, .. } => {
                let reason = match self.slots.get(&group) {
                    Some(_) => Refusal::Unavailable { cause: "its replica on this node has failed" },
                    None => Refusal::NotHere,
                };
                effects.push(Effect::Refused { group, request, reason });
            }
            Input::Message(message) => {
                if let Some(Slot::Failed(status)) = self.slots.get(&group)
                    && status.replica.0 == message.to_replica
                {
                    effects.extend(answer_for_stopped(&message).map(Effect::Send));
                }
            }
            // Late news of a replica that is gone.
            _ => {}
        }
    }

    fn open(&mut self, now: Duration, start: ReplicaStart, effects: &mut Vec<Effect>) {
        let group = start.group;
        self.close(group, effects);
        let failed = failed_status(&start);
        let opened = catch_unwind(AssertUnwindSafe(|| Replica::open(&self.config, start, now)));
        let slot = match opened.unwrap_or_else(|panic| Err(ReplicaFault(panic_message(&*panic)))) {
            Ok(replica) => Slot::Running(Box::new(replica)),
            Err(ReplicaFault(cause)) => {
                effects.push(Effect::ReplicaFailed { group, cause: cause.clone() });
                Slot::Failed(Box::new(ReplicaStatus { failure: Some(cause), ..failed }))
            }
        };
        self.slots.insert(group, slot);
    }

    fn close(&mut self, group: GroupId, effects: &mut Vec<Effect>) {
        if let Some(Slot::Running(mut replica)) = self.slots.remove(&group) {
            replica.close(effects);
        }
    }

    fn unreachable(&mut self, node: NodeId, touched: &mut BTreeSet<GroupId>, effects: &mut Vec<Effect>) {
        // One that sleeps sends nothing that could be lost.
        for group in &self.awake {
            let Some(slot) = self.slots.get_mut(group) else { continue };
            touched.insert(*group);
            run(*group, slot, effects, |replica, _| {
                replica.unreachable(node);
                Ok(())
            });
        }
    }

    fn with(
        &mut self,
        group: GroupId,
        effects: &mut Vec<Effect>,
        work: impl FnOnce(&mut Replica, &mut Vec<Effect>) -> Result<(), ReplicaFault>,
    ) {
        if let Some(slot) = self.slots.get_mut(&group) {
            run(group, slot, effects, work);
        }
    }

    /// How this group's replica is, if one is open.
    #[must_use]
    pub fn status(&self, group: GroupId) -> Option<ReplicaStatus> {
        self.slots.get(&group).map(Slot::status)
    }

    /// How all open replicas are, in the order of their groups.
    pub fn statuses(&self) -> impl Iterator<Item = ReplicaStatus> {
        self.slots.values().map(Slot::status)
    }
}
