//! The shard thread's inbox: bounded for what comes from outside, open for what the shard itself asked for.

use super::shard_thread::Retirement;
use quorate_consensus::{Input, ReplicaStatus};
use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::oneshot;

/// Raft messages that may wait for the shard thread. Raft repeats what is dropped.
const MESSAGES_MAX: usize = 16 * 1024;
/// Bytes of entries in them.
const MESSAGES_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What the shard thread is handed.
#[allow(clippy::large_enum_variant)] // Nearly all are inputs, which would only be boxed to be unboxed.
pub(super) enum ShardItem {
    /// For the shard itself.
    Input(Input),
    /// Asks how all replicas are.
    Statuses(oneshot::Sender<Vec<ReplicaStatus>>),
    /// Closes a replica and has it removed.
    Retire(Retirement),
}

#[derive(Default)]
struct Waiting {
    items: Vec<ShardItem>,
    requests: usize,
    messages: usize,
    messages_bytes: usize,
    stopped: bool,
}

/// A queue that never makes a caller wait. What the shard's own effects come back as (persisted, applied, fetched and
/// the like) is always taken: there is never more of it than the shard asked for.
pub(super) struct ShardInbox {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    requests_max: usize,
}

/// The inbox takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InboxError {
    /// As many requests wait as may.
    Full,
    /// The node shuts down.
    Stopped,
}

impl ShardInbox {
    pub(super) fn new(requests_max: usize) -> Self {
        Self { waiting: Mutex::default(), filled: Condvar::new(), requests_max }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that can panic runs under the lock, so what it guards is whole even if its holder's thread died.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands in a client's request, or refuses it at once.
    pub(super) fn request(&self, input: Input) -> Result<(), InboxError> {
        let mut waiting = self.lock();
        if waiting.stopped {
            return Err(InboxError::Stopped);
        }
        if waiting.requests >= self.requests_max {
            return Err(InboxError::Full);
        }
        waiting.requests += 1;
        waiting.items.push(ShardItem::Input(input));
        drop(waiting);
        self.filled.notify_one();
        Ok(())
    }

    /// Hands in a peer's messages, and tells how many were dropped.
    pub(super) fn messages(&self, messages: impl IntoIterator<Item = Input>) -> usize {
        let mut dropped = 0;
        let mut waiting = self.lock();
        for message in messages {
            let bytes = entry_bytes(&message);
            let full = waiting.messages >= MESSAGES_MAX
                || (waiting.messages > 0
                    && waiting.messages_bytes.saturating_add(bytes) > MESSAGES_BYTES_MAX);
            if full || waiting.stopped {
                dropped += 1;
            } else {
                waiting.messages += 1;
                waiting.messages_bytes += bytes;
                waiting.items.push(ShardItem::Input(message));
            }
        }
        drop(waiting);
        self.filled.notify_one();
        dropped
    }

    /// Hands in what came of the shard's own effects, and what the node itself decides.
    pub(super) fn feedback(&self, inputs: impl IntoIterator<Item = Input>) {
        let mut waiting = self.lock();
        if !waiting.stopped {
            waiting.items.extend(inputs.into_iter().map(ShardItem::Input));
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// Asks how all replicas are. The answer never comes when the node shuts down.
    pub(super) fn statuses(&self) -> oneshot::Receiver<Vec<ReplicaStatus>> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        if !waiting.stopped {
            waiting.items.push(ShardItem::Statuses(sender));
        }
        drop(waiting);
        self.filled.notify_one();
        receiver
    }

    /// Has a replica closed and removed for ever.
    pub(super) fn retire(&self, retirement: Retirement) {
        let mut waiting = self.lock();
        if !waiting.stopped {
            waiting.items.push(ShardItem::Retire(retirement));
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// Takes nothing more; the shard thread ends once it has taken what waits.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.filled.notify_one();
    }

    /// Moves everything that waits to `items`, waiting for something at most so long. False when it was stopped and
    /// nothing is left.
    pub(super) fn take(&self, items: &mut Vec<ShardItem>, wait: Duration) -> bool {
        let waiting = self.lock();
        let (mut waiting, _) = self
            .filled
            .wait_timeout_while(waiting, wait, |waiting| waiting.items.is_empty() && !waiting.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        items.append(&mut waiting.items);
        waiting.requests = 0;
        waiting.messages = 0;
        waiting.messages_bytes = 0;
        !(waiting.stopped && items.is_empty())
    }
}

/// What makes a message large.
fn entry_bytes(input: &Input) -> usize {
    match input {
        Input::Message(message) => message.entries.iter().map(|entry| entry.data.len()).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_consensus::{ReadMode, RequestId};
    use quorate_vocabulary::GroupId;

    fn read(number: u64) -> Input {
        Input::Read { group: GroupId(1), request: RequestId(number), mode: ReadMode::Linearizable }
    }

    #[test]
    fn a_full_inbox_refuses_requests_at_once_and_still_takes_feedback() {
        let inbox = ShardInbox::new(2);
        assert_eq!(inbox.request(read(1)), Ok(()));
        assert_eq!(inbox.request(read(2)), Ok(()));
        assert_eq!(inbox.request(read(3)), Err(InboxError::Full));
        inbox.feedback([Input::Tick]);
        let mut items = Vec::new();
        assert!(inbox.take(&mut items, Duration::ZERO));
        assert_eq!(items.len(), 3);
        assert_eq!(inbox.request(read(4)), Ok(()), "there is room again");
    }

    #[test]
    fn messages_beyond_the_bound_are_dropped_and_counted() {
        let inbox = ShardInbox::new(1);
        assert_eq!(inbox.messages((0..MESSAGES_MAX + 3).map(|_| Input::Tick)), 3);
    }

    #[test]
    fn a_stopped_inbox_gives_out_what_it_holds_and_takes_no_more() {
        let inbox = ShardInbox::new(1);
        inbox.feedback([Input::Tick]);
        inbox.stop();
        assert_eq!(inbox.request(read(1)), Err(InboxError::Stopped));
        let mut items = Vec::new();
        assert!(inbox.take(&mut items, Duration::ZERO));
        assert_eq!(items.len(), 1);
        items.clear();
        assert!(!inbox.take(&mut items, Duration::ZERO));
    }
}
