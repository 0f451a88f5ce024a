//! Chance, all of it from the seed.

/// A number that depends on all of these and looks like chance (SplitMix64's finalizer).
pub(crate) fn mix(parts: &[u64]) -> u64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    parts.iter().fold(GOLDEN, |state, &part| {
        let mut mixed = (state ^ part).wrapping_add(GOLDEN);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

/// What chance is asked about. Each has a stream of its own, so that a fault that is switched off leaves the others as
/// they were.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Plan = 1,
    Network,
    Disk,
    Work,
    Actions,
    Clients,
    Clocks,
    Upsets,
    Sessions,
    Versions,
}

/// A stream of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64, stream: Stream) -> Self {
        Self(mix(&[seed, stream as u64]))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = mix(&[self.0]);
        self.0
    }

    /// Less than `end`; 0 when that is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// From `first` to `last`, both included.
    pub(crate) fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    pub(crate) fn pick<T: Clone>(&mut self, choices: &[T]) -> Option<T> {
        let place = self.below(u64::try_from(choices.len()).unwrap_or(u64::MAX));
        choices.get(usize::try_from(place).ok()?).cloned()
    }
}

/// All streams of a run.
#[derive(Clone, Debug)]
pub(crate) struct Randoms {
    pub(crate) network: Random,
    pub(crate) disk: Random,
    pub(crate) work: Random,
    pub(crate) actions: Random,
    pub(crate) clients: Random,
    pub(crate) clocks: Random,
    pub(crate) upsets: Random,
    pub(crate) sessions: Random,
    pub(crate) versions: Random,
}

impl Randoms {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            network: Random::new(seed, Stream::Network),
            disk: Random::new(seed, Stream::Disk),
            work: Random::new(seed, Stream::Work),
            actions: Random::new(seed, Stream::Actions),
            clients: Random::new(seed, Stream::Clients),
            clocks: Random::new(seed, Stream::Clocks),
            upsets: Random::new(seed, Stream::Upsets),
            sessions: Random::new(seed, Stream::Sessions),
            versions: Random::new(seed, Stream::Versions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_the_same_for_a_seed_and_differ_between_each_other() {
        let draw = |seed, stream| {
            let mut random = Random::new(seed, stream);
            (0..10).map(|_| random.below(1_000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, Stream::Disk), draw(1, Stream::Disk));
        assert_ne!(draw(1, Stream::Disk), draw(1, Stream::Network));
        assert_ne!(draw(1, Stream::Disk), draw(2, Stream::Disk));
    }

    #[test]
    fn what_is_drawn_lies_where_it_should() {
        let mut random = Random::new(1, Stream::Plan);
        assert!((0..100).all(|_| (3..=5).contains(&random.between(3, 5))));
        assert_eq!(random.pick::<u8>(&[]), None);
    }
}
