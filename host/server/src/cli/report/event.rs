use crate::cli::{output::Report, payload::Payload};
use quorate_client::Watched;
use serde::Serialize;

/// One line of `watch`. As JSON, the field `type` says which.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum EventReport {
    /// The plugin emitted something.
    Event {
        /// The index of the command's entry.
        index: u64,
        /// The command's place in the entry.
        ordinal: u32,
        /// The time that the leader stamped it with.
        time_ms: u64,
        /// The topic.
        topic: String,
        /// The plugin's bytes.
        payload: Payload,
    },
    /// This watcher was too slow.
    Missed {
        /// How many events it missed.
        count: u64,
    },
}

impl From<Watched> for EventReport {
    fn from(watched: Watched) -> Self {
        match watched {
            Watched::Event(event) => {
                let position = event.position.unwrap_or_default();
                Self::Event {
                    index: position.index,
                    ordinal: position.ordinal,
                    time_ms: position.time_ms,
                    topic: event.topic,
                    payload: Payload(event.payload),
                }
            }
            Watched::Missed(count) => Self::Missed { count },
        }
    }
}

impl Report for EventReport {
    fn human(&self) -> String {
        match self {
            Self::Event { index, ordinal, topic, payload, .. } => {
                // A topic is the plugin's text as well, and may not move the cursor.
                let topic = Payload(topic.clone().into());
                format!("{index}.{ordinal} {topic}: {payload}")
            }
            Self::Missed { count } => format!("missed {count} events: this watcher was too slow"),
        }
    }
}
