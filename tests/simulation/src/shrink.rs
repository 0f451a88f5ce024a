//! Makes a failing run small: fewer steps, fewer kinds of faults, for as long as the same invariant does not hold.

use crate::{FaultKind, Settings, Violation, run};

/// So many runs are spent on it at most.
const RUNS_MAX: u32 = 60;

/// The smallest run found that violates the same invariant, and how.
#[must_use]
pub fn shrink(settings: &Settings, violation: &Violation) -> (Settings, Violation) {
    let mut search = Search { best: (settings.clone(), violation.clone()), runs: 0 };
    search.best.0.keeps_trace = false;
    // What is found while faults happen needs no step behind it.
    search.cut();
    for kind in FaultKind::ALL {
        let mut fewer = search.best.0.clone();
        if fewer.without.insert(*kind) {
            // Without this kind other things happen: there may be need of all the steps again.
            fewer.steps = fewer.steps.max(settings.steps);
            if !search.fails(fewer) {
                let mut fewer = search.best.0.clone();
                fewer.without.insert(*kind);
                search.fails(fewer);
            }
        }
    }
    search.cut();
    search.best
}

struct Search {
    best: (Settings, Violation),
    runs: u32,
}

impl Search {
    /// Whether this run fails as well, in which case it is the best one.
    fn fails(&mut self, settings: Settings) -> bool {
        if self.runs >= RUNS_MAX {
            return false;
        }
        self.runs += 1;
        let Some(violation) = run(&settings).violation else { return false };
        if violation.invariant != self.best.1.invariant {
            return false;
        }
        self.best = (Settings { steps: settings.steps.min(violation.step), ..settings }, violation);
        true
    }

    /// Fewer steps: the fewest of a run that fails before its faults stop, and fewer by halves of one that fails after.
    fn cut(&mut self) {
        let steps = self.best.0.steps.min(self.best.1.step);
        self.best.0.steps = steps;
        let (mut good, mut bad) = (0, steps);
        while bad - good > 1 && self.runs < RUNS_MAX {
            let middle = good + (bad - good) / 2;
            if self.fails(Settings { steps: middle, ..self.best.0.clone() }) {
                bad = middle;
            } else {
                good = middle;
            }
        }
    }
}
