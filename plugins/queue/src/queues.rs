//! The queues themselves: what waits, what is delivered, and what comes back when.

use crate::keys::{self, DEAD, MESSAGE, READY};
use crate::record::{Message, Record};
use quorate_guest::{Context, Store};
use words::written;

/// The one timer: for whatever comes back first.
const TIMER: u64 = 0;

/// So many messages come back in one call, and the rest right behind it: however many do at once, they stay within the fuel
/// and the events of a command.
pub(crate) const BACK_PER_CALL_MAX: usize = 100;

/// The queues at the time of a command.
pub(crate) struct Queues<'call> {
    context: &'call Context,
    store: &'call mut Store,
}

impl<'call> Queues<'call> {
    pub(crate) fn new(context: &'call Context, store: &'call mut Store) -> Self {
        Self { context, store }
    }

    fn after(&self, milliseconds: u64) -> u64 {
        self.context.time_ms().saturating_add(milliseconds)
    }

    pub(crate) fn record(&self, name: &[u8]) -> Record {
        self.store.get(keys::queue(name)).and_then(|bytes| Record::read(&bytes)).unwrap_or_default()
    }

    pub(crate) fn put_record(&mut self, name: &[u8], record: &Record) {
        self.store.put(keys::queue(name), record.write());
    }

    fn message(&self, name: &[u8], id: u64) -> Option<Message> {
        Message::read(&self.store.get(keys::one(MESSAGE, name, id))?)
    }

    fn put_message(&mut self, name: &[u8], id: u64, message: &Message) {
        self.store.put(keys::one(MESSAGE, name, id), message.write());
    }

    /// Takes in a message, to be delivered after a while.
    pub(crate) fn enqueue(&mut self, name: &[u8], payload: &[u8], delay_ms: u64) -> u64 {
        let mut record = self.record(name);
        record.last_id += 1;
        let id = record.last_id;
        let message = Message { deliveries: 0, back_ms: 0, payload: payload.to_vec() };
        if delay_ms == 0 {
            self.make_ready(name, id, message, &mut record);
        } else {
            self.hide(name, id, message, delay_ms, &mut record);
        }
        self.put_record(name, &record);
        id
    }

    /// Delivers the message that waits longest, if one does.
    pub(crate) fn dequeue(&mut self, name: &[u8], visibility_ms: Option<u64>) -> Option<(u64, Message)> {
        self.bring_back_what_is_due();
        let ready = self.store.prefix(keys::all(READY, name)).page(1).next()?.key;
        let id = keys::number(&ready);
        let mut message = self.message(name, id)?;
        let mut record = self.record(name);
        self.store.delete(ready);
        record.ready -= 1;
        message.deliveries += 1;
        let visibility_ms = visibility_ms.unwrap_or(record.visibility_ms);
        let message = self.hide(name, id, message, visibility_ms, &mut record);
        self.put_record(name, &record);
        Some((id, message))
    }

    /// The message of a delivery that has not ended.
    fn delivered(&self, name: &[u8], id: u64, delivery: u64) -> Result<Message, String> {
        let message = self.message(name, id);
        message
            .filter(|message| message.deliveries == delivery && message.back_ms > self.context.time_ms())
            .ok_or_else(|| {
                format!("delivery {delivery} of message {id} of {} has ended, or never began", written(name))
            })
    }

    /// The message is done with.
    pub(crate) fn acknowledge(&mut self, name: &[u8], id: u64, delivery: u64) -> Result<(), String> {
        let message = self.delivered(name, id, delivery)?;
        let mut record = self.record(name);
        self.show(name, id, &message, &mut record);
        self.store.delete(keys::one(MESSAGE, name, id));
        self.put_record(name, &record);
        Ok(())
    }

    /// The message comes back later, so long from now; gives the time.
    pub(crate) fn extend(
        &mut self,
        name: &[u8],
        id: u64,
        delivery: u64,
        visibility_ms: u64,
    ) -> Result<u64, String> {
        let message = self.delivered(name, id, delivery)?;
        let mut record = self.record(name);
        self.show(name, id, &message, &mut record);
        Ok(self.hide(name, id, message, visibility_ms, &mut record).back_ms)
    }

    /// The message comes back now.
    pub(crate) fn give_back(&mut self, name: &[u8], id: u64, delivery: u64) -> Result<(), String> {
        let message = self.delivered(name, id, delivery)?;
        self.come_back(name, id, message);
        Ok(())
    }

    /// A dead letter begins anew, or is forgotten.
    pub(crate) fn raise(&mut self, name: &[u8], id: u64, forget: bool) -> Result<(), String> {
        let dead = keys::one(DEAD, name, id);
        let message = self.message(name, id).filter(|_| self.store.contains(&dead));
        let message =
            message.ok_or_else(|| format!("message {id} of {} is no dead letter", written(name)))?;
        let mut record = self.record(name);
        record.dead -= 1;
        self.store.delete(dead);
        if forget {
            self.store.delete(keys::one(MESSAGE, name, id));
        } else {
            self.make_ready(name, id, Message { deliveries: 0, ..message }, &mut record);
        }
        self.put_record(name, &record);
        Ok(())
    }

    /// Brings messages back whose time has come.
    pub(crate) fn bring_back_what_is_due(&mut self) {
        let now_ms = self.context.time_ms();
        let back = self.store.prefix(keys::BACK).take(BACK_PER_CALL_MAX).map(|pair| pair.key);
        let due: Vec<_> =
            back.take_while(|key| keys::read_back(key).is_some_and(|(at_ms, ..)| at_ms <= now_ms)).collect();
        for key in due {
            let Some((_, name, id)) = keys::read_back(&key) else { continue };
            if let Some(message) = self.message(name, id) {
                self.come_back(name, id, message);
            }
        }
    }

    fn come_back(&mut self, name: &[u8], id: u64, message: Message) {
        let mut record = self.record(name);
        self.show(name, id, &message, &mut record);
        if message.deliveries < record.deliveries_max {
            self.make_ready(name, id, message, &mut record);
        } else {
            record.dead += 1;
            self.store.put(keys::one(DEAD, name, id), []);
            self.put_message(name, id, &Message { back_ms: 0, ..message });
            self.context.emit("dead", format!("{} {id}", written(name)));
        }
        self.put_record(name, &record);
    }

    fn make_ready(&mut self, name: &[u8], id: u64, message: Message, record: &mut Record) {
        record.ready += 1;
        self.store.put(keys::one(READY, name, id), []);
        self.put_message(name, id, &Message { back_ms: 0, ..message });
        self.context.emit("ready", written(name));
    }

    fn hide(&mut self, name: &[u8], id: u64, message: Message, for_ms: u64, record: &mut Record) -> Message {
        record.hidden += 1;
        let message = Message { back_ms: self.after(for_ms), ..message };
        self.store.put(keys::back(message.back_ms, name, id), []);
        self.put_message(name, id, &message);
        message
    }

    /// It is hidden no more; what it is instead is up to the caller.
    fn show(&mut self, name: &[u8], id: u64, message: &Message, record: &mut Record) {
        record.hidden -= 1;
        self.store.delete(keys::back(message.back_ms, name, id));
    }

    /// Asks to be called for what comes back first.
    pub(crate) fn set_timer(&self) {
        let first = self.store.prefix(keys::BACK).page(1).next();
        match first.as_ref().and_then(|pair| keys::read_back(&pair.key)) {
            Some((at_ms, ..)) => self.context.set_timer(TIMER, at_ms),
            None => self.context.cancel_timer(TIMER),
        }
    }
}
