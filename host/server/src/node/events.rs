//! The events of one group, for those who watch it on this node.

use super::view::GroupEvent;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// Events a slow watcher may lag behind before it loses the oldest.
const EVENTS_KEPT: usize = 1024;

/// A channel that is only there while somebody watches: it takes memory for all the events that it may keep, and most
/// groups are watched by nobody.
#[derive(Default)]
pub(super) struct Events {
    channel: Mutex<Option<broadcast::Sender<GroupEvent>>>,
}

impl Events {
    fn channel(&self) -> MutexGuard<'_, Option<broadcast::Sender<GroupEvent>>> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All events from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<GroupEvent> {
        self.channel().get_or_insert_with(|| broadcast::Sender::new(EVENTS_KEPT)).subscribe()
    }

    /// Gives an event to those who watch.
    pub(super) fn publish(&self, event: GroupEvent) {
        let mut channel = self.channel();
        let Some(sender) = &*channel else { return };
        if sender.send(event).is_err() {
            // The last of them has gone.
            *channel = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use quorate_vocabulary::Position;

    fn event(topic: &str) -> GroupEvent {
        GroupEvent { position: Position::default(), topic: topic.to_owned(), payload: Bytes::new() }
    }

    #[test]
    fn the_channel_is_there_while_somebody_watches() {
        let events = Events::default();
        events.publish(event("unseen"));
        assert!(events.channel().is_none());
        let (mut one, mut other) = (events.subscribe(), events.subscribe());
        events.publish(event("seen"));
        for watcher in [&mut one, &mut other] {
            assert_eq!(watcher.try_recv().expect("an event").topic, "seen");
        }
        drop((one, other));
        events.publish(event("late"));
        assert!(events.channel().is_none());
    }
}
