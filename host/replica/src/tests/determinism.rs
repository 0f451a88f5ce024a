//! Three replicas of one log, each with a life of its own: restarts, lost commits, snapshots taken and installed, checkpoints
//! prepared in the background or not in time, queries and callbacks at any moment. What they answer, burn and hold must be the same.

use super::harness::{BOTH, FUEL, Host, MEMORY_BYTES, entry_of};
use crate::{
    BackgroundCheckpoint, CheckpointResult, CommittedEntry, EntryBody, EntryResult, PreparedCheckpoint,
    ReplicaFault,
    ports::{AppliedPoint, LifecycleEvent, Snapshots},
};
use bytes::Bytes;
use quorate_vocabulary::MachineKind;
use std::collections::BTreeMap;

const REPLICAS: usize = 3;
const ENTRIES: u64 = 150;
const SEEDS: u64 = 20;
/// Many times what a run takes.
const STEPS_MAX: u64 = 100 * ENTRIES;

/// xorshift64*: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % bound
    }
}

fn command(random: &mut Random) -> String {
    let name = random.below(5);
    match random.below(24) {
        0 => "trap".into(),
        1 => "reject".into(),
        2 => format!("remove n{name}"),
        3 => "clear".into(),
        // Near the budget: whether it fits hangs on the heap.
        4 | 5 => format!("burn {}", FUEL - 200 + random.below(100)),
        6 | 7 => format!("take {}", random.below(MEMORY_BYTES / 2)),
        8 => format!("reply {}", random.below(130)),
        9 => format!("emit topic {}", random.below(130)),
        10 => format!("add {} 1", "n".repeat(usize::try_from(random.below(70)).expect("small"))),
        11 => ["break-save", "break-load", "mend", "mend"][usize::try_from(random.below(4)).expect("small")]
            .into(),
        12 => "time".into(),
        13..=15 => format!("timer {} {}", random.below(12), random.below(300)),
        16 => format!("cancel {}", random.below(12)),
        _ => format!("add n{name} {}", random.below(100)),
    }
}

/// `begun`: where the last checkpoint in the background began.
fn body(random: &mut Random, begun: u64) -> EntryBody {
    match random.below(17) {
        0 => EntryBody::Checkpoint { time_ms: 5 },
        14 => EntryBody::BackgroundCheckpoint { time_ms: 5 },
        // Sometimes twice, or of one that another checkpoint has made needless.
        15 | 16 => EntryBody::TakeOver { time_ms: 5, checkpoint: begun },
        1 if random.below(2) == 0 => EntryBody::Attest { time_ms: 5 },
        1 => EntryBody::Empty,
        2 | 3 => EntryBody::Timers { time_ms: 5 + random.below(300) },
        4 => EntryBody::Configuration(super::harness::configuration(1 + random.below(5))),
        _ => {
            let commands: Vec<String> = (0..=random.below(6)).map(|_| command(random)).collect();
            entry_of(&commands.iter().map(String::as_str).collect::<Vec<_>>())
        }
    }
}

/// What the first replica that applied an entry made of it: the law for all others, and for itself when it applies it again.
#[derive(Default)]
struct Law(BTreeMap<u64, (EntryResult, AppliedPoint)>);

impl Law {
    fn check(&mut self, who: usize, result: &EntryResult, applied: &AppliedPoint) -> Result<(), String> {
        let index = result.index;
        let (first, point) = self.0.entry(index).or_insert_with(|| (result.clone(), applied.clone()));
        if (&*first, &*point) != (result, applied) {
            return Err(format!(
                "replica {who} made of entry {index}: {result:?} at {applied:?}, and the first one: {first:?} at {point:?}"
            ));
        }
        Ok(())
    }
}

/// What one replica's other thread is at.
#[derive(Default)]
struct Background {
    work: Option<BackgroundCheckpoint>,
    prepared: Option<PreparedCheckpoint>,
}

struct Cluster {
    hosts: Vec<Host>,
    background: Vec<Background>,
    log: Vec<CommittedEntry>,
    law: Law,
    random: Random,
}

impl Cluster {
    fn new(kind: MachineKind, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut begun = 0;
        let log = (0..ENTRIES).map(|place| {
            let entry = CommittedEntry { index: place + 2, term: 1, body: body(&mut random, begun) };
            if matches!(entry.body, EntryBody::BackgroundCheckpoint { .. }) {
                begun = entry.index;
            }
            entry
        });
        let log: Vec<CommittedEntry> = log.collect();
        let hosts = (0..REPLICAS).map(|_| Host::new(kind)).collect();
        let background = (0..REPLICAS).map(|_| Background::default()).collect();
        Self { hosts, background, log, law: Law::default(), random }
    }

    fn run(&mut self, spoil: bool) -> Result<(), String> {
        let mut steps = 0;
        while self.hosts.iter().any(|host| host.replica.applied().index < ENTRIES + 1) {
            steps += 1;
            if steps > STEPS_MAX {
                return Err("the replicas get nowhere".into());
            }
            let who = usize::try_from(self.random.below(3)).expect("small");
            match self.random.below(40) {
                0 => self.restart(who)?,
                1 => {
                    self.hosts[who].state.crash();
                    self.restart(who)?;
                }
                2 => self.hosts[who].state.flush(),
                3 => {
                    self.hosts[who].replica.rest();
                    self.hosts[who].observer.rest();
                }
                4 => self.take_snapshot(who)?,
                5 => self.install_snapshot(who)?,
                6..=12 => self.query(who, spoil)?,
                13 | 14 => self.call_back(who)?,
                15 => self.hosts[who].observer = self.hosts[who].replica.observer(),
                16..=18 => self.work_in_background(who)?,
                _ => self.apply(who)?,
            }
        }
        self.compare_states()
    }

    /// Opens a replica again, which then applies what its own log holds, as far as it comes before the next thing happens.
    fn restart(&mut self, who: usize) -> Result<(), String> {
        let before = self.hosts[who].replica.applied().index;
        self.hosts[who].reopen().map_err(|fault| format!("replica {who}: {fault}"))?;
        let patience = self.random.below(2 * ENTRIES);
        for _ in 0..patience {
            if self.hosts[who].replica.applied().index >= before {
                break;
            }
            self.apply(who)?;
        }
        Ok(())
    }

    fn apply(&mut self, who: usize) -> Result<(), String> {
        let host = &mut self.hosts[who];
        let next = host.replica.applied().index + 1;
        let place = usize::try_from(next - 2).expect("small");
        let Some(entry) = self.log.get(place) else { return Ok(()) };
        // As its own log has it: pushed once, and not again after a restart.
        if host.history.entry(next).is_none() {
            host.history.insert(entry.clone());
        }
        let result = host.replica.apply(entry).map_err(|fault| format!("replica {who}: {fault}"))?;
        if let Some(CheckpointResult::Taken(_)) = &result.checkpoint {
            host.history.cut_through(next);
        }
        let applied = host.replica.applied().clone();
        self.law.check(who, &result, &applied)
    }

    /// One step of what goes on beside apply: a checkpoint is taken up, prepared, or handed back.
    fn work_in_background(&mut self, who: usize) -> Result<(), String> {
        let fault = |fault: ReplicaFault| format!("replica {who}, in the background: {fault}");
        let (host, background) = (&mut self.hosts[who], &mut self.background[who]);
        if let Some(prepared) = background.prepared.take() {
            host.replica.checkpoint_prepared(prepared).map_err(fault)?;
        } else if let Some(work) = background.work.take() {
            // Its snapshot and its log may be gone, when it comes too late.
            let is_under_way =
                host.replica.checkpoint_under_way().is_some_and(|(index, _)| index == work.index());
            match work.run() {
                Ok(prepared) => background.prepared = Some(prepared),
                Err(met) if is_under_way => return Err(fault(met)),
                Err(_) => {}
            }
        } else {
            background.work = host.replica.background_checkpoint();
        }
        Ok(())
    }

    fn take_snapshot(&mut self, who: usize) -> Result<(), String> {
        let host = &mut self.hosts[who];
        let snapshot = host.replica.snapshot().map_err(|fault| fault.to_string())?;
        if let Some(snapshot) = snapshot {
            let info = snapshot.write().map_err(|fault| fault.to_string())?;
            host.history.cut_through(info.header.point.index);
        }
        Ok(())
    }

    fn install_snapshot(&mut self, who: usize) -> Result<(), String> {
        let from = usize::try_from(self.random.below(3)).expect("small");
        let theirs = self.hosts[from].snapshots.clone();
        let host = &mut self.hosts[who];
        let newest = theirs.newest().map_err(|fault| fault.to_string())?;
        let newest = newest.map_or(0, |newest| newest.header.point.index);
        if newest <= host.replica.applied().index {
            return Ok(());
        }
        host.snapshots.receive_newest(&theirs);
        host.history.cut_through(newest);
        host.replica.install_snapshot(newest).map_err(|fault| format!("replica {who}: {fault}"))?;
        if let Some((_, point)) = self.law.0.get(&newest)
            && point != host.replica.applied()
        {
            return Err(format!("replica {who} installed another state at entry {newest}"));
        }
        Ok(())
    }

    fn query(&mut self, who: usize, spoil: bool) -> Result<(), String> {
        let request = match self.random.below(8) {
            0 => "trap".to_owned(),
            1 => format!("burn {}", FUEL - 100),
            2 => format!("take {}", self.random.below(MEMORY_BYTES)),
            3 => "sum".to_owned(),
            _ => format!("get n{}", self.random.below(5)),
        };
        let request = Bytes::from(request);
        let host = &mut self.hosts[who];
        if spoil && !request.starts_with(b"trap") && !request.starts_with(b"burn") {
            host.replica.query_on_the_apply_instance(&request);
            return Ok(());
        }
        let point = host.replica.read_point().map_err(|fault| fault.to_string())?;
        host.observer.query(&point, &request).map_err(|fault| format!("replica {who}: {fault}"))?;
        Ok(())
    }

    fn call_back(&mut self, who: usize) -> Result<(), String> {
        let host = &mut self.hosts[who];
        let point = host.replica.read_point().map_err(|fault| fault.to_string())?;
        let event = LifecycleEvent::LeaderStart { term: 1 };
        host.observer.lifecycle(&point, &event).map_err(|fault| format!("replica {who}: {fault}"))?;
        Ok(())
    }

    /// All stand at the same index with the same digest: hold their states against each other, by asking for everything.
    fn compare_states(&mut self) -> Result<(), String> {
        let mut states = Vec::new();
        for host in &mut self.hosts {
            let applied = host.replica.applied().clone();
            let mut observer = host.replica.observer();
            let point = host.replica.read_point().map_err(|fault| fault.to_string())?;
            let mut numbers = Vec::new();
            for name in ["n0", "n1", "n2", "n3", "n4", "replied", "emitted", "rejected", "trapped"] {
                let request = Bytes::from(format!("get {name}"));
                let call = observer.query(&point, &request).map_err(|fault| fault.to_string())?;
                numbers.push(call.outcome);
            }
            states.push((applied, host.state.pairs(), numbers));
        }
        match states.windows(2).position(|pair| pair[0] != pair[1]) {
            Some(place) => Err(format!("replicas {place} and {} hold different states", place + 1)),
            None => Ok(()),
        }
    }
}

#[test]
fn replicas_with_different_lives_come_to_the_same() {
    for kind in BOTH {
        for seed in 0..SEEDS {
            if let Err(difference) = Cluster::new(kind, seed).run(false) {
                panic!("{kind} machine, seed {seed}: {difference}");
            }
        }
    }
}

#[test]
fn a_query_on_the_apply_instance_would_be_noticed() {
    let noticed = |seed: &u64| Cluster::new(MachineKind::Memory, *seed).run(true).is_err();
    assert_eq!((0..SEEDS).filter(noticed).count(), usize::try_from(SEEDS).expect("small"));
}

#[test]
fn the_lives_of_the_test_meet_everything_they_should() {
    let mut seen = BTreeMap::new();
    for seed in 0..SEEDS {
        let mut cluster = Cluster::new(MachineKind::Memory, seed);
        cluster.run(false).expect("shown by the test above");
        for (result, _) in cluster.law.0.values() {
            match &result.checkpoint {
                Some(CheckpointResult::Taken(_)) => {
                    *seen.entry("checkpoint taken".to_owned()).or_insert(0) += 1;
                }
                Some(CheckpointResult::Failed(failure)) => {
                    let what = if failure.to_string().contains("trapped") { "save" } else { "load" };
                    *seen.entry(format!("{what} failed")).or_insert(0) += 1;
                }
                Some(CheckpointResult::UnderWay { .. }) => {
                    *seen.entry("checkpoint under way".to_owned()).or_insert(0) += 1;
                }
                None => {}
            }
            for call in &result.commands {
                let what = match super::harness::trap_kind(call) {
                    Some(kind) => kind.to_string(),
                    None => "answered".to_owned(),
                };
                *seen.entry(what).or_insert(0) += 1;
            }
        }
    }
    let expected = [
        "answered",
        "checkpoint taken",
        "checkpoint under way",
        "limit exceeded",
        "load failed",
        "out of fuel",
        "out of memory",
        "save failed",
        "trap",
    ];
    assert_eq!(seen.keys().map(String::as_str).collect::<Vec<_>>(), expected, "{seen:?}");
    assert!(seen.values().all(|count| *count >= 5), "{seen:?}");
}
