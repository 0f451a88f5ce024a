//! The locks themselves: who holds them, who is next, and what ends when.

use crate::keys;
use crate::record::{Holder, Waiter};
use quorate_guest::{Context, Store};
use words::written;

/// The one timer: for whatever ends first.
const TIMER: u64 = 0;

/// So much that ends is seen to in one call, and the rest right behind it: however many locks end at once, they stay within
/// the fuel and the events of a command.
pub(crate) const ENDS_PER_CALL_MAX: usize = 100;

/// So many may wait for one lock.
pub(crate) const WAITERS_MAX: usize = 1000;

/// The locks at the time of a command.
pub(crate) struct Locks<'call> {
    context: &'call Context,
    store: &'call mut Store,
}

impl<'call> Locks<'call> {
    pub(crate) fn new(context: &'call Context, store: &'call mut Store) -> Self {
        Self { context, store }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.context.time_ms()
    }

    /// Who holds a lock, once all that has ended by now is over.
    pub(crate) fn holder(&mut self, name: &[u8]) -> Option<Holder> {
        let holder = self.store.get(keys::holder(name)).and_then(|bytes| Holder::read(&bytes));
        match holder {
            Some(holder) if holder.until_ms <= self.now_ms() => {
                self.end_lease(name, &holder, "expired");
                self.store.get(keys::holder(name)).and_then(|bytes| Holder::read(&bytes))
            }
            holder => holder,
        }
    }

    /// Those who wait for a lock and have not given up, the first one first.
    pub(crate) fn waiters(&self, name: &[u8]) -> Vec<(u64, Waiter)> {
        self.waiting(name).collect()
    }

    fn waiting(&self, name: &[u8]) -> impl Iterator<Item = (u64, Waiter)> + '_ {
        let now_ms = self.now_ms();
        let pairs = self.store.prefix(keys::waiters(name));
        let waiters = pairs.filter_map(|pair| Some((keys::number(&pair.key), Waiter::read(&pair.value)?)));
        waiters.filter(move |(_, waiter)| waiter.until_ms > now_ms)
    }

    /// Gives a lock that nobody holds.
    pub(crate) fn grant(&mut self, name: &[u8], owner: &[u8], lease_ms: u64) -> Holder {
        let last = self.store.get(keys::LAST_TOKEN).map_or(0, |last| keys::number(&last));
        let token = last + 1;
        self.store.put(keys::LAST_TOKEN, token.to_be_bytes());
        let until_ms = self.now_ms().saturating_add(lease_ms);
        let holder = Holder { token, until_ms, owner: owner.to_vec() };
        self.put_holder(name, &holder);
        self.emit("granted", name, &holder);
        holder
    }

    /// Keeps a holder, and when its lease ends.
    pub(crate) fn put_holder(&mut self, name: &[u8], holder: &Holder) {
        let key = keys::holder(name);
        self.store.put(keys::end(holder.until_ms, &key), []);
        self.store.put(key, holder.write());
    }

    /// Gives a lease a new end.
    pub(crate) fn renew(&mut self, name: &[u8], holder: Holder, lease_ms: u64) -> Holder {
        self.store.delete(keys::end(holder.until_ms, &keys::holder(name)));
        let holder = Holder { until_ms: self.now_ms().saturating_add(lease_ms), ..holder };
        self.put_holder(name, &holder);
        holder
    }

    /// The lock is free, or goes to who has waited longest.
    pub(crate) fn end_lease(&mut self, name: &[u8], holder: &Holder, how: &str) {
        let key = keys::holder(name);
        self.store.delete(keys::end(holder.until_ms, &key));
        self.store.delete(key);
        self.emit(how, name, holder);
        // One whose patience has ended, and who has not been told yet, is passed over.
        let next = self.waiting(name).next();
        if let Some((number, waiter)) = next {
            self.remove_waiter(name, number, &waiter);
            self.grant(name, &waiter.owner, waiter.lease_ms);
        }
    }

    /// Puts one at the end of those who wait.
    pub(crate) fn push_waiter(&mut self, name: &[u8], waiter: &Waiter) {
        let last = self.store.prefix(keys::waiters(name)).page(1).reversed().next();
        let key = keys::waiter(name, last.map_or(0, |last| keys::number(&last.key) + 1));
        self.store.put(keys::end(waiter.until_ms, &key), []);
        self.store.put(key, waiter.write());
    }

    pub(crate) fn remove_waiter(&mut self, name: &[u8], number: u64, waiter: &Waiter) {
        let key = keys::waiter(name, number);
        self.store.delete(keys::end(waiter.until_ms, &key));
        self.store.delete(key);
    }

    fn give_up(&mut self, name: &[u8], number: u64, waiter: &Waiter) {
        self.remove_waiter(name, number, waiter);
        self.context.emit("gave-up", format!("{} {}", written(name), written(&waiter.owner)));
    }

    /// Sees to the leases and the patience that have ended.
    pub(crate) fn end_what_is_due(&mut self) {
        let now_ms = self.now_ms();
        let ends = self.store.prefix(keys::END).take(ENDS_PER_CALL_MAX).map(|pair| pair.key);
        let due: Vec<_> =
            ends.take_while(|key| keys::read_end(key).is_some_and(|(at_ms, ..)| at_ms <= now_ms)).collect();
        for key in due {
            let Some((_, what, name)) = keys::read_end(&key) else { continue };
            match self.store.get(what).as_deref().and_then(Waiter::read) {
                Some(waiter) if keys::is_waiter(what) => self.give_up(name, keys::number(what), &waiter),
                _ => drop(self.holder(name)),
            }
        }
    }

    /// Asks to be called for what ends first.
    pub(crate) fn set_timer(&self) {
        let first = self.store.prefix(keys::END).page(1).next();
        match first.as_ref().and_then(|pair| keys::read_end(&pair.key)) {
            Some((at_ms, ..)) => self.context.set_timer(TIMER, at_ms),
            None => self.context.cancel_timer(TIMER),
        }
    }

    fn emit(&self, topic: &str, name: &[u8], holder: &Holder) {
        let (name, owner) = (written(name), written(&holder.owner));
        self.context.emit(topic, format!("{name} {owner} {}", holder.token));
    }
}
