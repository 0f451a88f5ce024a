use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering, fence},
};
use tokio::sync::watch;

/// How far a log is applied, for those who wait for it.
///
/// There is a channel only once somebody has asked for it: nobody ever waits for most of thousands of groups.
#[derive(Debug)]
pub(super) struct AppliedIndex {
    newest: AtomicU64,
    channel: OnceLock<watch::Sender<u64>>,
}

impl AppliedIndex {
    pub(super) fn new(index: u64) -> Self {
        Self { newest: AtomicU64::new(index), channel: OnceLock::new() }
    }

    /// It is applied up to here. Told by one thread at a time.
    pub(super) fn note(&self, index: u64) {
        self.newest.store(index, Ordering::Relaxed);
        // Either the channel is seen here, or whoever has just made it sees the index.
        fence(Ordering::SeqCst);
        if let Some(channel) = self.channel.get() {
            channel.send_replace(index);
        }
    }

    /// What is noted from now on.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        let channel = self.channel.get_or_init(|| watch::Sender::new(0));
        fence(Ordering::SeqCst);
        let newest = self.newest.load(Ordering::Relaxed);
        channel.send_if_modified(|index| {
            let is_newer = *index < newest;
            *index = newest.max(*index);
            is_newer
        });
        channel.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_channel_once_somebody_asks() {
        let applied = AppliedIndex::new(3);
        applied.note(5);
        assert!(applied.channel.get().is_none());
        let mut seen = applied.subscribe();
        assert_eq!(*seen.borrow_and_update(), 5);
        assert!(!seen.has_changed().expect("it is open"), "what was before is no news");
        applied.note(6);
        assert!(seen.has_changed().expect("it is open"));
        assert_eq!(*seen.borrow_and_update(), 6);
        assert_eq!(*applied.subscribe().borrow(), 6);
        assert!(!seen.has_changed().expect("it is open"), "another one who asks is no news");
    }

    #[test]
    fn nobody_who_asks_meanwhile_misses_the_last() {
        for _ in 0..200 {
            let applied = AppliedIndex::new(0);
            let seen = std::thread::scope(|scope| {
                scope.spawn(|| (1..=50).for_each(|index| applied.note(index)));
                scope.spawn(|| applied.subscribe()).join().expect("it does not panic")
            });
            assert_eq!(*seen.borrow(), 50);
        }
    }
}
