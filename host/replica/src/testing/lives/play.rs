use super::{
    Lived, Lives, Random,
    background::Background,
    law::Law,
    one::{One, configuration},
};
use crate::{CommittedEntry, EntryBody, ReplicaFault, ports::LifecycleEvent};
use bytes::Bytes;
use quorate_vocabulary::ReplicaId;
use std::collections::BTreeMap;

const REPLICAS: u64 = 3;
/// Many times what a play takes for each entry.
const STEPS_PER_ENTRY_MAX: u64 = 100;
const COMMANDS_PER_ENTRY_MAX: u64 = 7;
const MILLISECONDS_PER_ENTRY_MAX: u64 = 40;

/// Three replicas and their log.
pub(super) struct Play<'a> {
    lives: &'a Lives,
    ones: Vec<(One, Background)>,
    log: Vec<CommittedEntry>,
    law: Law,
    random: Random,
    deeds: BTreeMap<&'static str, u64>,
}

fn met(who: usize) -> impl Fn(ReplicaFault) -> String {
    move |fault| format!("replica {who}: {fault}")
}

impl<'a> Play<'a> {
    pub(super) fn new(lives: &'a Lives, seed: u64) -> Result<Self, String> {
        let mut random = Random::new(seed);
        let log = log(lives, &mut random);
        let open = |_| Ok((One::open(lives, REPLICAS)?, Background::default()));
        let ones = (0..REPLICAS).map(open).collect::<Result<_, String>>()?;
        Ok(Self { lives, ones, log, law: Law::default(), random, deeds: BTreeMap::new() })
    }

    pub(super) fn run(mut self, spoil: bool) -> Result<Lived, String> {
        let mut steps = 0;
        while self.ones.iter().any(|(one, _)| one.applied() < self.lives.entries + 1) {
            steps += 1;
            if steps > STEPS_PER_ENTRY_MAX * self.lives.entries {
                return Err("the replicas get nowhere".into());
            }
            let who = self.random.length(self.ones.len());
            self.step(who, spoil)?;
        }
        self.compare_states()?;
        Ok(Lived { results: self.law.into_results(), deeds: self.deeds })
    }

    fn step(&mut self, who: usize, spoil: bool) -> Result<(), String> {
        let deed = self.random.below(40);
        let Some((one, background)) = self.ones.get_mut(who) else { return Ok(()) };
        let done = match deed {
            0 => {
                self.restart(who)?;
                "restart"
            }
            1 => {
                one.state.crash();
                self.restart(who)?;
                "lose commits"
            }
            2 => {
                one.state.flush();
                "flush"
            }
            3 => {
                one.rest();
                "evict"
            }
            4 => {
                if one.take_snapshot().map_err(met(who))? {
                    "take a snapshot"
                } else {
                    "find no snapshot to take"
                }
            }
            5 => self.install_snapshot(who)?,
            6..=12 => {
                let draw = if spoil { self.lives.harmless } else { self.lives.query };
                let query = draw(&mut self.random);
                if spoil {
                    one.waiting.set(Some(query));
                } else {
                    one.query(&query).map_err(met(who))?;
                }
                "query"
            }
            13 | 14 => {
                let event = event(&mut self.random);
                one.tell(&event).map_err(met(who))?;
                "call back"
            }
            15 => {
                one.forget_observer();
                "evict an observer"
            }
            16..=18 => background.step(one).map_err(met(who))?,
            _ => {
                self.apply(who)?;
                "apply"
            }
        };
        *self.deeds.entry(done).or_default() += 1;
        Ok(())
    }

    /// Opens a replica again, which then applies what its own log holds, as far as it comes before the next thing happens.
    fn restart(&mut self, who: usize) -> Result<(), String> {
        let patience = self.random.below(2 * self.lives.entries);
        let Some((one, _)) = self.ones.get_mut(who) else { return Ok(()) };
        let before = one.applied();
        // What waits runs as a command is applied for the first time.
        one.waiting.set(None);
        one.reopen().map_err(met(who))?;
        for _ in 0..patience {
            if self.ones.get(who).is_none_or(|(one, _)| one.applied() >= before) {
                break;
            }
            self.apply(who)?;
        }
        Ok(())
    }

    fn apply(&mut self, who: usize) -> Result<(), String> {
        let Some((one, _)) = self.ones.get_mut(who) else { return Ok(()) };
        // The first entry of a group has index 2.
        let place = usize::try_from(one.applied().saturating_sub(1)).unwrap_or(usize::MAX);
        let Some(entry) = self.log.get(place) else { return Ok(()) };
        let result = one.apply(entry).map_err(met(who))?;
        self.law.check(who, &result, one.replica.applied())
    }

    fn install_snapshot(&mut self, who: usize) -> Result<&'static str, String> {
        let from = self.random.length(self.ones.len());
        let Some(theirs) = self.ones.get(from).map(|(one, _)| one.snapshots()) else { return Ok("nothing") };
        let Some((one, _)) = self.ones.get_mut(who) else { return Ok("nothing") };
        let Some(index) = one.install_newest(&theirs).map_err(met(who))? else {
            return Ok("find no snapshot to install");
        };
        match self.law.point(index) {
            Some(point) if point != one.replica.applied() => {
                Err(format!("replica {who} installed another state at entry {index}"))
            }
            _ => Ok("install a snapshot"),
        }
    }

    /// All stand at the same index with the same digest: hold their states against each other, by asking for everything.
    fn compare_states(&mut self) -> Result<(), String> {
        let mut states = Vec::new();
        for (who, (one, _)) in self.ones.iter_mut().enumerate() {
            one.forget_observer();
            let answers = self.lives.questions.iter().map(|question| one.query(question));
            let answers = answers.collect::<Result<Vec<_>, _>>().map_err(met(who))?;
            states.push((one.replica.applied().clone(), one.state.pairs(), answers));
        }
        match states.windows(2).position(|pair| pair.first() != pair.last()) {
            Some(place) => Err(format!("replicas {place} and {} hold different states", place + 1)),
            None => Ok(()),
        }
    }
}

fn log(lives: &Lives, random: &mut Random) -> Vec<CommittedEntry> {
    let (mut begun, mut time_ms) = (0, 1_000);
    let mut log = Vec::new();
    for place in 0..lives.entries {
        time_ms += random.below(MILLISECONDS_PER_ENTRY_MAX);
        let entry = CommittedEntry { index: place + 2, term: 1, body: body(lives, random, time_ms, begun) };
        if matches!(entry.body, EntryBody::BackgroundCheckpoint { .. }) {
            begun = entry.index;
        }
        log.push(entry);
    }
    log
}

/// `begun`: where the last checkpoint in the background began.
fn body(lives: &Lives, random: &mut Random, time_ms: u64, begun: u64) -> EntryBody {
    match random.below(17) {
        0 => EntryBody::Checkpoint { time_ms },
        14 => EntryBody::BackgroundCheckpoint { time_ms },
        // Sometimes twice, or of one that another checkpoint has made needless.
        15 | 16 => EntryBody::TakeOver { time_ms, checkpoint: begun },
        1 if random.below(2) == 0 => EntryBody::Attest { time_ms },
        1 => EntryBody::Empty,
        2 | 3 => EntryBody::Timers { time_ms },
        4 => EntryBody::Configuration(configuration(1 + random.below(5))),
        _ => {
            let commands = 1 + random.below(COMMANDS_PER_ENTRY_MAX);
            let commands: Vec<Bytes> = (0..commands).map(|_| (lives.command)(random)).collect();
            EntryBody::Commands { time_ms, commands }
        }
    }
}

fn event(random: &mut Random) -> LifecycleEvent {
    let (term, leader) = (1 + random.below(3), ReplicaId(2));
    match random.below(8) {
        0 | 1 => LifecycleEvent::LeaderStart { term },
        2 => LifecycleEvent::LeaderStop { term },
        3 => LifecycleEvent::StartFollowing { leader, term },
        4 => LifecycleEvent::StopFollowing { leader, term },
        5 => LifecycleEvent::ConfigurationCommitted { index: 1, members: Vec::new() },
        6 => LifecycleEvent::Error { message: "a play".to_owned() },
        _ => LifecycleEvent::Shutdown,
    }
}
