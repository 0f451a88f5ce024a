//! What ten thousand idle groups cost, counted in work and messages rather than in time.

use super::cluster::voters;
use crate::{
    Effect, EntryBody, HardState, Input, LogEntry, LogPoint, Now, RaftMessageType, ReplicaStart, Role, Shard,
    ShardConfig, ShardWork,
};
use quorate_vocabulary::{GroupId, NodeId};
use std::{mem, time::Duration};

const NODES: u64 = 3;

/// The number in a vector of the node of this number.
fn place_of(node: u64) -> usize {
    usize::try_from(node - 1).expect("a node")
}

/// Shards whose disks, machines and network take no time.
struct Instant {
    groups: usize,
    now: Duration,
    shards: Vec<Shard>,
    inputs: Vec<Vec<Input>>,
    beats: u64,
    messages: u64,
}

fn shard(node: u64, seed: u64) -> Shard {
    let mut config = ShardConfig::new(NodeId(node), seed);
    config.hibernate_after = Some(Duration::from_millis(300));
    Shard::new(config).expect("a configuration that fits")
}

impl Instant {
    fn new(groups: u64) -> Self {
        let inputs = (1..=NODES).map(|node| {
            let open = |group| {
                Input::Open(Box::new(ReplicaStart::bootstrap(GroupId(group), node.into(), voters(1..=NODES))))
            };
            (1..=groups).map(open).collect()
        });
        let inputs = inputs.collect();
        let shards = (1..=NODES).map(|node| shard(node, node)).collect();
        let groups = usize::try_from(groups).expect("small");
        Self { groups, now: Duration::ZERO, shards, inputs, beats: 0, messages: 0 }
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
                self.inputs[place_of(message.to_node)].push(Input::Message(message));
            }
            _ => {}
        }
    }

    /// Until all groups sleep.
    fn sleep(&mut self) {
        let mut ticks = 0;
        while self.work().iter().any(|work| work.asleep < self.groups) {
            self.tick();
            ticks += 1;
            assert!(ticks < 300, "never asleep: {:?}", self.work());
        }
    }

    /// A node begins anew with what its replicas had.
    fn restart(&mut self, node: u64) {
        let old = mem::replace(&mut self.shards[place_of(node)], shard(node, node + 100));
        self.inputs[place_of(node)] = old
            .statuses()
            .map(|status| {
                let mut start = ReplicaStart::bootstrap(status.group, status.replica, voters(1..=NODES));
                let LogPoint { index, term } = status.last;
                start.hard_state = HardState { term: status.term, vote: None, commit: index };
                start.entries = vec![LogEntry { index, term, data: EntryBody::Empty.encode() }];
                start.applied = index;
                Input::Open(Box::new(start))
            })
            .collect();
    }

    fn work(&self) -> Vec<ShardWork> {
        self.shards.iter().map(Shard::work).collect()
    }
}

#[test]
fn ten_thousand_idle_groups_cost_a_beat_a_node_pair_and_nothing_else() {
    let mut cluster = Instant::new(10_000);
    let groups = cluster.groups;
    cluster.sleep();
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
    let group = GroupId(5_000);
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

#[test]
fn a_node_that_begins_anew_does_not_wake_everything_at_once() {
    let mut cluster = Instant::new(3_000);
    cluster.sleep();
    let terms = |cluster: &Instant| -> Vec<u64> {
        cluster.shards.iter().flat_map(Shard::statuses).map(|status| status.term).collect()
    };
    let leads = |status: crate::ReplicaStatus| usize::from(status.role == Role::Leader);
    // One that leads nothing: nobody needs another leader.
    let place = cluster.shards.iter().position(|shard| shard.statuses().map(leads).sum::<usize>() == 0);
    let node = u64::try_from(place.expect("such a node") + 1).expect("small");
    let before = terms(&cluster);
    cluster.restart(node);
    let mut awake_max = 0;
    for _ in 0..150 {
        cluster.tick();
        awake_max = cluster.work().iter().map(|work| work.awake).max().unwrap_or(0).max(awake_max);
    }
    assert!((1..cluster.groups / 2).contains(&awake_max), "{awake_max} awake at once");
    cluster.sleep();
    assert_eq!(terms(&cluster), before, "and nobody campaigns");
}
