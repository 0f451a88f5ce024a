//! Many seeds, on many threads.

use crate::{Bug, Coverage, Invariant, Outcome, Settings, run};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// What came of many seeds.
#[derive(Clone, Debug, Default)]
pub struct Campaign {
    /// How many ran.
    pub seeds: u64,
    /// Where they got, all together.
    pub coverage: Coverage,
    /// The runs that violated something.
    pub failures: Vec<(Settings, Outcome)>,
}

/// Runs `seeds` seeds from `first` on, by as many threads; tells of each as it ends.
pub fn run_seeds(
    like: &Settings,
    first: u64,
    seeds: u64,
    threads: usize,
    tell: &(dyn Fn(&Campaign) + Sync),
) -> Campaign {
    let next = AtomicU64::new(first);
    let campaign = Mutex::new(Campaign::default());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return;
            }
            let settings = Settings { seed, ..like.clone() };
            let outcome = run(&settings);
            let mut campaign = campaign.lock().unwrap_or_else(PoisonError::into_inner);
            campaign.seeds += 1;
            campaign.coverage.add(&outcome.coverage);
            if outcome.violation.is_some() {
                campaign.failures.push((settings, outcome));
            }
            tell(&campaign);
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    let mut campaign = campaign.into_inner().unwrap_or_else(PoisonError::into_inner);
    campaign.failures.sort_by_key(|(settings, _)| settings.seed);
    campaign
}

/// How a planted bug was caught.
#[derive(Clone, Debug)]
pub struct Caught {
    /// Which.
    pub bug: Bug,
    /// The seeds it took, and the run that caught it; none when it was not caught.
    pub by: Option<(u64, Settings, Outcome)>,
}

impl Caught {
    /// What caught it.
    #[must_use]
    pub fn invariant(&self) -> Option<Invariant> {
        let (_, _, outcome) = self.by.as_ref()?;
        outcome.violation.as_ref().map(|violation| violation.invariant)
    }
}

/// Plants a bug, and runs seeds from `first` on until one catches it.
#[must_use]
pub fn catch(bug: Bug, first: u64, seeds_max: u64, steps: u64) -> Caught {
    for seed in first..first + seeds_max {
        let settings = Settings { bug: Some(bug), ..Settings::new(seed, steps) };
        let outcome = run(&settings);
        if outcome.violation.is_some() {
            return Caught { bug, by: Some((seed - first + 1, settings, outcome)) };
        }
    }
    Caught { bug, by: None }
}
