//! Timers in both harnesses.

use super::super::*;
use crate::{
    Context, Host, MemoryMachine, MemoryTimers, Rejection, Reply, SnapshotReader, SnapshotWriter, Store,
    StoreMachine, StoreTimers, StoreView,
};
use std::io::{self, Read, Write};

/// Sets, cancels, and counts what fired.
fn command(context: &Context, command: &[u8]) -> Result<Reply, Rejection> {
    match command {
        b"two" => {
            context.set_timer(1, context.time_ms() + 200);
            context.set_timer(2, context.time_ms() + 100);
        }
        b"cancel" => context.cancel_timer(2),
        b"at once" => context.set_timer(1, 0),
        b"reject" => {
            context.set_timer(3, context.time_ms() + 100);
            context.cancel_timer(1);
            return Err("no".into());
        }
        b"panic" => {
            context.set_timer(3, 0);
            panic!("oh");
        }
        b"many" => (0..1_000).for_each(|id| context.set_timer(id, 0)),
        _ => return Err("unknown".into()),
    }
    Ok(Reply::empty())
}

/// 3 rejects, 4 panics, 5 sets itself again.
fn after(context: &Context, id: u64) -> Result<(), Rejection> {
    context.emit("fired", id.to_string());
    match id {
        3 => Err("no".into()),
        4 => panic!("oh"),
        _ => Ok(()),
    }
}

#[derive(Debug, Default)]
struct Stored;

impl StoreMachine for Stored {
    fn apply(&self, context: &Context, store: &mut Store, bytes: &[u8]) -> Result<Reply, Rejection> {
        if let [b'=', digit] = bytes {
            context.set_timer(u64::from(digit - b'0'), context.time_ms() + 100);
            return Ok(Reply::empty());
        }
        store.put("last", bytes);
        command(context, bytes)
    }

    fn query(&self, _host: &Host, store: &StoreView, _request: &[u8]) -> Result<Reply, Rejection> {
        Ok(store.get("fired").unwrap_or_default().into())
    }
}

impl StoreTimers for Stored {
    fn fired(&self, context: &Context, store: &mut Store, id: u64) -> Result<(), Rejection> {
        store.put("fired", id.to_string());
        if id == 5 {
            context.set_timer(5, 0);
        }
        after(context, id)
    }
}

crate::export_store_machine!(Stored, timers);

#[derive(Debug)]
struct Remembered(Vec<u8>);

impl MemoryMachine for Remembered {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn apply(&mut self, context: &Context, bytes: &[u8]) -> Result<Reply, Rejection> {
        command(context, bytes)
    }

    fn query(&self, _host: &Host, _request: &[u8]) -> Result<Reply, Rejection> {
        Ok(self.0.as_slice().into())
    }

    fn save(&self, snapshot: &mut SnapshotWriter) -> io::Result<()> {
        snapshot.write_all(&self.0)
    }

    fn load(snapshot: &mut SnapshotReader) -> io::Result<Self> {
        let mut bytes = Vec::new();
        snapshot.read_to_end(&mut bytes)?;
        Ok(Self(bytes))
    }
}

impl MemoryTimers for Remembered {
    fn fired(&mut self, context: &Context, id: u64) -> Result<(), Rejection> {
        self.0.extend(id.to_string().bytes());
        after(context, id)
    }
}

crate::export_memory_machine!(Remembered, timers);

fn ids(fired: &[(u64, Outcome)]) -> Vec<u64> {
    fired.iter().map(|(id, _)| *id).collect()
}

#[test]
fn timers_fire_when_time_has_come_in_the_order_of_their_times() {
    let mut stored = StoreHarness::<Stored>::new();
    let mut remembered = MemoryHarness::<Remembered>::new();
    let _ = stored.apply("two").reply();
    let _ = remembered.apply("two").reply();
    assert!(stored.fire_timers().is_empty() && remembered.fire_timers().is_empty());
    for (passed, expected) in [(99, vec![]), (1, vec![2]), (100, vec![1])] {
        stored.advance_ms(passed);
        remembered.advance_ms(passed);
        assert_eq!(ids(&stored.fire_timers()), expected);
        assert_eq!(ids(&remembered.fire_timers()), expected);
    }
    assert_eq!(stored.query("").reply_text(), "1");
    assert_eq!(remembered.query("").reply_text(), "21");
    let positions: Vec<_> = stored.events().iter().map(|event| event.position.index).collect();
    assert_eq!(positions, [3, 4], "timers that fire have an entry of their own");
    assert!(stored.timers().is_empty());
}

#[test]
fn what_rejects_or_panics_sets_and_cancels_nothing() {
    let mut stored = StoreHarness::<Stored>::new();
    let _ = stored.apply("two").reply();
    let _ = (stored.apply("reject"), stored.apply("panic"));
    assert!(stored.apply("many").panic_message().contains("a group allows 256 timers"));
    assert_eq!(stored.timers().len(), 2);
    let _ = stored.apply("cancel").reply();
    assert_eq!(stored.timers().len(), 1);
}

#[test]
fn a_timer_is_gone_once_it_fired_whatever_came_of_it() {
    let mut stored = StoreHarness::<Stored>::new();
    for command in ["=3", "=4", "=5"] {
        let _ = stored.apply(command).reply();
    }
    stored.advance_ms(100);
    let fired = stored.fire_timers();
    assert!(matches!(fired[0], (3, Outcome::Rejection(_))));
    assert!(matches!(fired[1], (4, Outcome::Trapped(_))));
    assert!(matches!(fired[2], (5, Outcome::Reply(_))));
    assert_eq!(stored.events().len(), 1);
    assert_eq!(stored.timers(), [(5, stored.position().time_ms + 10)], "set again, and due a little later");
}

#[test]
fn a_timer_of_a_time_that_has_come_is_due_a_little_later() {
    let mut remembered = MemoryHarness::<Remembered>::new();
    let _ = remembered.apply("at once").reply();
    assert!(remembered.fire_timers().is_empty());
    remembered.advance_ms(10);
    assert_eq!(ids(&remembered.fire_timers()), [1]);
    remembered.save_and_load();
}

#[test]
fn a_query_sets_no_timer() {
    let mut host = host::MemoryHost::default();
    let set = || host::lend(&mut host, host::Phase::Query, || host::set_timer(1, 1));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(set)).is_err());
}
