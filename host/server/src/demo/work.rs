use bytes::Bytes;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// Commands that several clients take in turns, not more of them than are allowed so far.
pub(super) struct Work {
    left: Mutex<Left>,
    allowed: watch::Sender<u64>,
}

struct Left {
    commands: Box<dyn Iterator<Item = Bytes> + Send>,
    taken: u64,
}

impl Work {
    /// All of these commands, of which so many may be taken for the time being.
    pub(super) fn new(commands: impl Iterator<Item = Bytes> + Send + 'static, allowed: u64) -> Self {
        Self {
            left: Mutex::new(Left { commands: Box::new(commands), taken: 0 }),
            allowed: watch::Sender::new(allowed),
        }
    }

    /// All may be taken.
    pub(super) fn allow_all(&self) {
        self.allowed.send_replace(u64::MAX);
    }

    /// The next command, once it may be taken; none at the end. Dropped before it is done, it has taken none.
    pub(super) async fn next(&self) -> Option<Bytes> {
        let mut allowed = self.allowed.subscribe();
        loop {
            {
                let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
                if left.taken < *allowed.borrow_and_update() {
                    left.taken += 1;
                    return left.commands.next();
                }
            }
            // The sender is here as well.
            allowed.changed().await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt, future::join};

    fn numbers(count: u8) -> impl Iterator<Item = Bytes> + Send {
        (0..count).map(|number| vec![number].into())
    }

    #[tokio::test]
    async fn commands_are_given_in_order_and_then_none() {
        let work = Work::new(numbers(2), 10);
        for expected in [Some(0), Some(1), None, None] {
            assert_eq!(work.next().await.map(|command| command[0]), expected);
        }
    }

    #[tokio::test]
    async fn more_than_are_allowed_are_waited_for() {
        let work = Work::new(numbers(3), 1);
        assert!(work.next().await.is_some());
        assert_eq!(work.next().now_or_never(), None);
        let (next, ()) = join(work.next(), async { work.allow_all() }).await;
        assert_eq!(next.expect("it is allowed")[0], 1, "the one that was waited for in vain is not lost");
    }
}
