//! What changes the state.

use crate::keys::{NAME_BYTES_MAX, PAYLOAD_BYTES_MAX};
use crate::queues::Queues;
use words::{Word, number, written};

/// The shortest and the longest time a message is hidden: ten milliseconds, and a day.
pub(crate) const DURATION_MS_MIN: u64 = 10;
pub(crate) const DURATION_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// The most deliveries of one message that a queue may allow.
pub(crate) const DELIVERIES_MAX: u64 = 1000;

/// What may be typed, for those who typed something else.
const KNOWN: &str = "`enqueue QUEUE PAYLOAD [DELAY-MS]`, `dequeue QUEUE [VISIBILITY-MS]`, `ack QUEUE ID DELIVERY`, \
    `extend QUEUE ID DELIVERY VISIBILITY-MS`, `return QUEUE ID DELIVERY`, `revive QUEUE ID`, `forget QUEUE ID`, \
    `configure QUEUE DELIVERIES VISIBILITY-MS`";

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command<'text> {
    queue: Word<'text>,
    action: Action<'text>,
}

#[derive(Debug, PartialEq, Eq)]
enum Action<'text> {
    Enqueue { payload: Word<'text>, delay_ms: u64 },
    Dequeue { visibility_ms: Option<u64> },
    Acknowledge { id: u64, delivery: u64 },
    Extend { id: u64, delivery: u64, visibility_ms: u64 },
    Return { id: u64, delivery: u64 },
    Raise { id: u64, forget: bool },
    Configure { deliveries_max: u64, visibility_ms: u64 },
}

impl<'text> Command<'text> {
    pub(crate) fn parse(line: &'text [u8]) -> Result<Self, String> {
        let words = words::split(line)?;
        let [verb, queue, parameters @ ..] = words.as_slice() else {
            let verb = words.first().map(|verb| &**verb).unwrap_or_default();
            return Err(unknown(verb));
        };
        let action = match (&**verb, parameters) {
            (b"enqueue", [payload]) => Action::Enqueue { payload: payload_of(payload)?, delay_ms: 0 },
            (b"enqueue", [payload, delay]) => {
                Action::Enqueue { payload: payload_of(payload)?, delay_ms: duration(delay)? }
            }
            (b"dequeue", []) => Action::Dequeue { visibility_ms: None },
            (b"dequeue", [visibility]) => Action::Dequeue { visibility_ms: Some(duration(visibility)?) },
            (b"ack", [id, delivery]) => Action::Acknowledge { id: number(id)?, delivery: number(delivery)? },
            (b"extend", [id, delivery, visibility]) => Action::Extend {
                id: number(id)?,
                delivery: number(delivery)?,
                visibility_ms: duration(visibility)?,
            },
            (b"return", [id, delivery]) => Action::Return { id: number(id)?, delivery: number(delivery)? },
            (b"revive", [id]) => Action::Raise { id: number(id)?, forget: false },
            (b"forget", [id]) => Action::Raise { id: number(id)?, forget: true },
            (b"configure", [deliveries, visibility]) => Action::Configure {
                deliveries_max: deliveries_max(deliveries)?,
                visibility_ms: duration(visibility)?,
            },
            _ => return Err(unknown(verb)),
        };
        check_name(queue)?;
        Ok(Self { queue: queue.clone(), action })
    }

    pub(crate) fn apply(&self, queues: &mut Queues<'_>) -> Result<String, String> {
        let name = &*self.queue;
        match &self.action {
            Action::Enqueue { payload, delay_ms } => {
                return Ok(queues.enqueue(name, payload, *delay_ms).to_string());
            }
            Action::Dequeue { visibility_ms } => {
                let delivered = queues.dequeue(name, *visibility_ms);
                let line = delivered.map(|(id, message)| {
                    format!("{id} {} {}", message.deliveries, written(&message.payload))
                });
                return Ok(line.unwrap_or_default());
            }
            Action::Acknowledge { id, delivery } => queues.acknowledge(name, *id, *delivery)?,
            Action::Extend { id, delivery, visibility_ms } => {
                return Ok(queues.extend(name, *id, *delivery, *visibility_ms)?.to_string());
            }
            Action::Return { id, delivery } => queues.give_back(name, *id, *delivery)?,
            Action::Raise { id, forget } => queues.raise(name, *id, *forget)?,
            Action::Configure { deliveries_max, visibility_ms } => {
                let mut record = queues.record(name);
                (record.deliveries_max, record.visibility_ms) = (*deliveries_max, *visibility_ms);
                queues.put_record(name, &record);
            }
        }
        Ok("ok".to_owned())
    }
}

fn unknown(verb: &[u8]) -> String {
    format!("unknown command `{}`, or not with these words; known are {KNOWN}", written(verb))
}

fn duration(word: &[u8]) -> Result<u64, String> {
    let milliseconds = number(word)?;
    if (DURATION_MS_MIN..=DURATION_MS_MAX).contains(&milliseconds) {
        return Ok(milliseconds);
    }
    Err(format!("a time is from {DURATION_MS_MIN} to {DURATION_MS_MAX} milliseconds, not {milliseconds}"))
}

fn deliveries_max(word: &[u8]) -> Result<u64, String> {
    match number(word)? {
        deliveries @ 1..=DELIVERIES_MAX => Ok(deliveries),
        deliveries => {
            Err(format!("a message is delivered from 1 to {DELIVERIES_MAX} times, not {deliveries}"))
        }
    }
}

fn payload_of<'text>(word: &Word<'text>) -> Result<Word<'text>, String> {
    match word.len() {
        0..=PAYLOAD_BYTES_MAX => Ok(word.clone()),
        bytes => Err(format!("the payload has {bytes} bytes; the most is {PAYLOAD_BYTES_MAX}")),
    }
}

pub(crate) fn check_name(name: &[u8]) -> Result<(), String> {
    match name.len() {
        0 => Err("a name has at least one byte".into()),
        1..=NAME_BYTES_MAX => Ok(()),
        bytes => Err(format!("the name has {bytes} bytes; the most is {NAME_BYTES_MAX}")),
    }
}
