//! What goes wrong, and how often.

use crate::random::{Random, Stream};
use std::{collections::BTreeSet, fmt, str::FromStr};

macro_rules! fault_kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// A kind of fault, or of disturbance, that can be switched off.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FaultKind {
            $($(#[$doc])* $name,)*
        }

        impl FaultKind {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name on the command line.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

fault_kinds! {
    /// Messages are lost.
    Drop = "drop";
    /// Messages come twice.
    Duplicate = "duplicate";
    /// Messages take long, and overtake each other.
    Delay = "delay";
    /// Nodes hear nothing of each other.
    Partition = "partition";
    /// A node hears another that does not hear it.
    OneWay = "one-way";
    /// Nodes lose all that is not on disk, and come back.
    Crash = "crash";
    /// Disks fail to read and write.
    Disk = "disk";
    /// Disks and machines are slow.
    Slow = "slow";
    /// Clocks run at different speeds.
    Drift = "drift";
    /// Wall clocks jump.
    Jump = "jump";
    /// Snapshots are lost on their way.
    LostSnapshot = "lost-snapshot";
    /// Commands trap, and checkpoints fail.
    Trap = "trap";
    /// Groups lose a majority of their voters for good.
    Majority = "majority";
    /// The state of a replica is changed behind its back.
    Corrupt = "corrupt";
    /// What a replica has on disk cannot be read any more.
    Damage = "damage";
    /// Members change.
    Members = "members";
    /// Members are preferred as leaders, or not.
    Priorities = "priorities";
    /// The leadership is handed over.
    Transfer = "transfer";
    /// Groups are created and deleted.
    Groups = "groups";
    /// Groups change the version that they run.
    Versions = "versions";
    /// Snapshots and checkpoints beyond those that are due.
    Snapshots = "snapshots";
    /// Observers are dropped and made anew.
    Observers = "observers";
}

impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

impl FromStr for FaultKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().copied().find(|kind| kind.word() == word);
        known.ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|kind| kind.word()).collect();
            format!("no such kind of fault; there are {}", words.join(", "))
        })
    }
}

/// How bad things are, in this run.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    without: BTreeSet<FaultKind>,
    pub(crate) drop_per_mille: u64,
    pub(crate) duplicate_per_mille: u64,
    pub(crate) lost_snapshots_per_mille: u64,
    pub(crate) message_delay_us_max: u64,
    pub(crate) disk_delay_us_max: u64,
    pub(crate) work_delay_us_max: u64,
    pub(crate) disk_errors_per_mille: u64,
    /// How much faster or slower than the true time a clock may run, in parts of a million.
    pub(crate) drift_ppm_max: u64,
}

impl Faults {
    pub(crate) fn draw(seed: u64, without: &BTreeSet<FaultKind>) -> Self {
        let mut random = Random::new(seed, Stream::Plan);
        let mut faults = Self {
            without: without.clone(),
            drop_per_mille: random.below(60),
            duplicate_per_mille: random.below(60),
            lost_snapshots_per_mille: random.below(500),
            message_delay_us_max: random.between(500, 40_000),
            disk_delay_us_max: random.between(500, 30_000),
            work_delay_us_max: random.between(200, 20_000),
            drift_ppm_max: random.below(30_000),
            disk_errors_per_mille: random.below(3),
        };
        let calm = Self::calm();
        for kind in without {
            match kind {
                FaultKind::Drop => faults.drop_per_mille = 0,
                FaultKind::Duplicate => faults.duplicate_per_mille = 0,
                FaultKind::Delay => faults.message_delay_us_max = calm.message_delay_us_max,
                FaultKind::LostSnapshot => faults.lost_snapshots_per_mille = 0,
                FaultKind::Drift => faults.drift_ppm_max = 0,
                FaultKind::Slow => {
                    faults.disk_delay_us_max = calm.disk_delay_us_max;
                    faults.work_delay_us_max = calm.work_delay_us_max;
                }
                _ => {}
            }
        }
        faults
    }

    /// A cluster as one would wish it.
    pub(crate) fn calm() -> Self {
        Self {
            without: FaultKind::ALL.iter().copied().collect(),
            drop_per_mille: 0,
            duplicate_per_mille: 0,
            lost_snapshots_per_mille: 0,
            message_delay_us_max: 500,
            disk_delay_us_max: 1_000,
            work_delay_us_max: 300,
            disk_errors_per_mille: 0,
            drift_ppm_max: 0,
        }
    }

    /// Whether this kind happens at all.
    pub(crate) fn has(&self, kind: FaultKind) -> bool {
        !self.without.contains(&kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_word() {
        for kind in FaultKind::ALL {
            assert_eq!(kind.word().parse(), Ok(*kind));
        }
        assert!("nothing".parse::<FaultKind>().is_err());
    }

    #[test]
    fn a_kind_that_is_switched_off_leaves_the_others_as_they_were() {
        let all = Faults::draw(3, &BTreeSet::new());
        let fewer = Faults::draw(3, &[FaultKind::Drop, FaultKind::Slow].into());
        assert_eq!(fewer.drop_per_mille, 0);
        assert_eq!(fewer.duplicate_per_mille, all.duplicate_per_mille);
        assert_eq!(fewer.message_delay_us_max, all.message_delay_us_max);
        assert!(all.has(FaultKind::Crash) && !fewer.has(FaultKind::Drop));
    }
}
