//! What ten thousand idle groups cost, counted in work and messages rather than in time.

use super::cluster::voters;
use crate::{
    Effect, EntryBody, Input, Now, RaftMessageType, ReplicaStart, Role, Shard, ShardConfig, ShardWork,
};
use quorate_vocabulary::{GroupId, NodeId};
use std::{mem, time::Duration};

const GROUPS: u64 = 10_000;
const NODES: u64 = 3;

/// Shards whose disks, machines and network take no time.
struct Instant {
    now: Duration,
    shards: Vec<Shard>,
    inputs: Vec<Vec<Input>>,
    beats: u64,
    messages: u64,
}

impl Instant {
    fn new() -> Self {
        let shard = |node| {
            let mut config = ShardConfig::new(NodeId(node), node);
            config.hibernate_after = Some(Duration::from_millis(300));
            Shard::new(config).expect("a configuration that fits")
        };
        let inputs = (1..=NODES).map(|node| {
            let open = |group| {
                Input::Open(Box::new(ReplicaStart::bootstrap(GroupId(group), node.into(), voters(1..=NODES))))
            };
            (1..=GROUPS).map(open).collect()
        });
        let inputs = inputs.collect();
        let shards = (1..=NODES).map(shard).collect();
        Self { now: Duration::ZERO, shards, inputs, beats: 0, messages: 0 }
    }

    /// One tick, and all that comes of it.
    fn tick(&mut self) {
        self.now += Duration::from_millis(100);
        let mut due: Vec<usize> = (0..self.shards.len()).collect();
        while !due.is_empty() {
            for place in mem::take(&mut due) {
                let now = Now { monotonic: self.now, wall_ms: 1 };
                let mut effects = Vec::new();
                self.shards[place].step(now, &mut self.inputs[place], &mut effects);
                for effect in effects {
                    self.carry_out(place, effect);
                }
            }
            due.extend((0..self.shards.len()).filter(|place| !self.inputs[*place].is_empty()));
        }
    }

    fn carry_out(&mut self, place: usize, effect: Effect) {
        match effect {
            Effect::Persist(persist) => {
                let (group, number) = (persist.group, persist.number);
                self.inputs[place].push(Input::Persisted { group, number });
            }
            Effect::Apply { group, entries } => {
                assert!(entries.iter().all(|entry| entry.body == EntryBody::Empty));
                let index = entries.last().expect("an entry").index;
                self.inputs[place].push(Input::Applied { group, index });
            }
            Effect::Send(message) => {
                let is_beat = message.r#type() == RaftMessageType::Beat;
                *if is_beat { &mut self.beats } else { &mut self.messages } += 1;
                let to = usize::try_from(message.to_node - 1).expect("a node");
                self.inputs[to].push(Input::Message(message));
            }
            _ => {}
        }
    }

    fn work(&self) -> Vec<ShardWork> {
        self.shards.iter().map(Shard::work).collect()
    }
}

#[test]
fn ten_thousand_idle_groups_cost_a_beat_a_node_pair_and_nothing_else() {
    let mut cluster = Instant::new();
    let groups = usize::try_from(GROUPS).expect("small");
    let mut ticks = 0;
    while cluster.work().iter().any(|work| work.asleep < groups) {
        cluster.tick();
        ticks += 1;
        assert!(ticks < 60, "never asleep: {:?}", cluster.work());
    }
    let leads = |status: crate::ReplicaStatus| usize::from(status.role == Role::Leader);
    let leaders: usize = cluster.shards.iter().flat_map(Shard::statuses).map(leads).sum();
    assert_eq!(leaders, groups, "each has a leader");

    let before = cluster.work();
    (cluster.beats, cluster.messages) = (0, 0);
    const TICKS: u64 = 600;
    for _ in 0..TICKS {
        cluster.tick();
    }
    assert_eq!(cluster.work(), before, "no replica is ticked or looked at");
    assert_eq!(cluster.messages, 0);
    assert_eq!(cluster.beats, TICKS * NODES * (NODES - 1), "one a node pair and direction, every tick");

    // One that wakes costs what one costs.
    let group = GroupId(GROUPS / 2);
    let place = cluster
        .shards
        .iter()
        .position(|shard| shard.status(group).is_some_and(|status| status.role == Role::Leader));
    let place = place.expect("a leader");
    let (request, mode) = (crate::RequestId(1), crate::ReadMode::Linearizable);
    cluster.inputs[place].push(Input::Read { group, request, mode });
    cluster.tick();
    for (work, before) in cluster.work().into_iter().zip(before) {
        assert_eq!((work.awake, work.asleep), (1, groups - 1));
        assert!(work.replica_settles - before.replica_settles < 10, "{work:?} after {before:?}");
    }
}
