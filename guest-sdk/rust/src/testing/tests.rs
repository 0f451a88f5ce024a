//! The harnesses, by machines made to misbehave.

mod timers;

use super::*;
use crate::{
    Callback, Context, Host, Level, Lifecycle, MemoryMachine, Rejection, Reply, SnapshotReader,
    SnapshotWriter, Store, StoreMachine, StoreView,
};
use std::io::{self, Read, Write};

/// Interprets one word of command.
#[derive(Debug, Default)]
struct Words;

impl StoreMachine for Words {
    fn apply(&self, context: &Context, store: &mut Store, command: &[u8]) -> Result<Reply, Rejection> {
        store.put("written", command);
        context.emit("seen", command);
        context.info("applied");
        match command {
            b"reject" => Err("no".into()),
            b"panic" => panic!("oh"),
            b"random" => {
                Ok([context.random(), context.random()].map(|word| word.to_string()).join(" ").into())
            }
            b"where" => Ok(format!("{:?} {:?}", context.group(), context.position()).into()),
            _ => Ok(store.get("written").unwrap_or_default().into()),
        }
    }

    fn query(&self, _host: &Host, store: &StoreView, request: &[u8]) -> Result<Reply, Rejection> {
        match request {
            b"write" => {
                Store::new().put("a", "b");
                Ok(Reply::empty())
            }
            b"emit" => {
                Context::new(crate::Position::default()).emit("a", "b");
                Ok(Reply::empty())
            }
            key => store.get(key).map(Reply::from).ok_or_else(|| "absent".into()),
        }
    }
}

impl Lifecycle for Words {
    fn leader_start(&self, callback: &Callback<Self>, term: u64) {
        callback.propose(format!("{} leads {term}", callback.group().name));
    }

    fn configuration_committed(
        &self,
        callback: &Callback<Self>,
        index: u64,
        voters: &[u64],
        learners: &[u64],
    ) {
        callback.propose(format!("{index} {voters:?} {learners:?}"));
    }

    fn shutdown(&self, callback: &Callback<Self>) {
        callback.info(callback.store().get("written").is_some());
    }
}

crate::export_store_machine!(Words, lifecycle);

#[test]
fn a_rejected_or_panicking_command_writes_and_emits_nothing() {
    let mut words = StoreHarness::<Words>::new();
    assert_eq!(words.apply("one").reply_text(), "one", "a command reads its own writes");
    assert_eq!(words.apply("reject").rejection_text(), "no");
    assert_eq!(words.apply("panic").panic_message(), "oh");
    assert_eq!(words.query("written").reply_text(), "one");
    let topics: Vec<_> =
        words.events().iter().map(|event| (event.position.index, event.payload.clone())).collect();
    assert_eq!(topics, [(2, b"one".to_vec())]);
    assert_eq!(words.logs().len(), 3, "log lines are not part of the state");
    assert_eq!(words.logs()[0], LogLine { level: Level::Info, message: "applied".into() });
}

#[test]
fn commands_of_one_entry_share_its_index_and_have_places_of_their_own() {
    let mut words = StoreHarness::<Words>::new().in_group(7, "team/seven");
    let answers: Vec<_> =
        words.apply_entry(["where", "where"]).into_iter().map(Outcome::reply_text).collect();
    words.advance_ms(5);
    let later = words.apply("where").reply_text();
    assert!(answers[0].starts_with("Group { id: 7, name: \"team/seven\" } Position { index: 2, ordinal: 0"));
    assert!(answers[1].contains("index: 2, ordinal: 1, time_ms: 1720000000000"), "{}", answers[1]);
    assert!(later.contains("index: 3, ordinal: 0, time_ms: 1720000000005"), "{later}");
}

#[test]
fn random_numbers_depend_on_the_position_and_the_group_alone() {
    let draw = |group| {
        let mut words = StoreHarness::<Words>::new().in_group(group, "a/b");
        words.apply_entry(["random", "random"]).into_iter().map(Outcome::reply_text).collect::<Vec<_>>()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let drawn = draw(1);
    assert_ne!(drawn[0], drawn[1]);
    let (first, second) = drawn[0].split_once(' ').unwrap();
    assert_ne!(first, second);
}

#[test]
fn what_a_query_must_not_do_traps() {
    let mut words = StoreHarness::<Words>::new();
    assert!(words.query("write").panic_message().contains("only while a command is applied"));
    assert!(words.query("emit").panic_message().contains("only while a command is applied"));
    assert_eq!(words.query("a").rejection_text(), "absent", "nothing was written");
}

#[test]
fn a_leader_proposes_and_the_proposals_are_applied_when_asked() {
    let mut words = StoreHarness::<Words>::new();
    words.tell(&LifecycleEvent::LeaderStart { term: 3 });
    words.tell(&LifecycleEvent::ConfigurationCommitted { index: 9, voters: vec![1, 2], learners: vec![3] });
    assert_eq!(words.proposals(), [b"test/group leads 3".to_vec(), b"9 [1, 2] [3]".to_vec()]);
    let answers: Vec<_> = words.apply_proposals().into_iter().map(Outcome::reply_text).collect();
    assert_eq!(answers, ["test/group leads 3", "9 [1, 2] [3]"]);
    assert!(words.proposals().is_empty());
    words.tell(&LifecycleEvent::Shutdown);
    assert_eq!(words.logs().last().unwrap().message, "true", "a callback reads the store");
}

#[test]
#[should_panic(expected = "only a leader proposes")]
fn who_does_not_lead_cannot_propose() {
    let mut words = StoreHarness::<Words>::new();
    words.tell(&LifecycleEvent::LeaderStart { term: 3 });
    words.tell(&LifecycleEvent::LeaderStop { term: 3 });
    words.tell(&LifecycleEvent::ConfigurationCommitted { index: 9, voters: vec![], learners: vec![] });
}

#[test]
fn ranges_read_every_pair_once_in_either_direction_whatever_the_page() {
    let mut words = StoreHarness::<Words>::new();
    for number in 0..10 {
        words.put(format!("a/{number}"), number.to_string());
    }
    words.put("a", "before");
    words.put("a0", "behind");
    words.put("b/0", "other");
    let read = |words: &mut StoreHarness<Words>, take: fn(&StoreView) -> Vec<crate::Pair>| {
        let pairs = std::cell::RefCell::new(Vec::new());
        let mut host = words.clone_host();
        host::lend(&mut host, host::Phase::Query, || *pairs.borrow_mut() = take(&StoreView::new()));
        pairs.into_inner().into_iter().map(|pair| String::from_utf8(pair.key).unwrap()).collect::<Vec<_>>()
    };
    let ten: Vec<_> = (0..10).map(|number| format!("a/{number}")).collect();
    assert_eq!(read(&mut words, |store| store.prefix("a/").collect()), ten);
    assert_eq!(read(&mut words, |store| store.prefix("a/").page(1).collect()), ten);
    assert_eq!(read(&mut words, |store| store.prefix("a/").page(3).collect()), ten);
    let backwards: Vec<_> = ten.iter().rev().cloned().collect();
    assert_eq!(read(&mut words, |store| store.prefix("a/").page(3).reversed().collect()), backwards);
    assert_eq!(read(&mut words, |store| store.range("a/8", Some(b"b")).collect()), ["a/8", "a/9", "a0"]);
    assert_eq!(read(&mut words, |store| store.range("a/9", None).collect()), ["a/9", "a0", "b/0"]);
    assert!(
        read(&mut words, |store| store.range("b", Some(b"a")).collect()).is_empty(),
        "from behind to before"
    );
}

impl StoreHarness<Words> {
    fn clone_host(&self) -> host::MemoryHost {
        self.host().clone()
    }
}

/// A list of bytes that grows by each command.
#[derive(Debug)]
struct Bytes(Vec<u8>);

impl MemoryMachine for Bytes {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn apply(&mut self, context: &Context, command: &[u8]) -> Result<Reply, Rejection> {
        match command {
            b"reject" => return Err("no".into()),
            b"change and reject" => {
                self.0.push(1);
                return Err("no".into());
            }
            b"change and panic" => {
                self.0.push(1);
                context.emit("half", "done");
                panic!("oh");
            }
            _ => self.0.extend_from_slice(command),
        }
        context.emit("length", self.0.len().to_string());
        Ok(Reply::empty())
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
        if bytes == b"nonsense" {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no state of this machine"));
        }
        // A fault, to be found by save_and_load.
        bytes.retain(|byte| *byte != b'!');
        Ok(Self(bytes))
    }
}

impl Lifecycle for Bytes {}

crate::export_memory_machine!(Bytes, lifecycle);

#[test]
fn a_memory_machine_goes_on_from_what_it_was_before_a_panic() {
    let mut bytes = MemoryHarness::<Bytes>::new();
    assert_eq!(bytes.apply("ab").reply(), b"");
    assert_eq!(bytes.apply("change and panic").panic_message(), "oh");
    assert_eq!(bytes.apply("reject").rejection_text(), "no");
    assert_eq!(bytes.query("").reply_text(), "ab");
    assert_eq!(bytes.events().len(), 1);
}

#[test]
#[should_panic(expected = "rejected \"change and reject\" and still changed its state")]
fn a_rejection_that_changes_the_state_fails_the_test() {
    let _ = MemoryHarness::<Bytes>::new().apply("change and reject");
}

#[test]
fn state_larger_than_a_chunk_survives_saving_and_loading() {
    let mut bytes = MemoryHarness::<Bytes>::new();
    let large: Vec<u8> = (b'"'..=u8::MAX).cycle().take(700_000).collect();
    let _ = bytes.apply(&large);
    bytes.save_and_load();
    assert_eq!(bytes.machine().0, large);
    assert_eq!(MemoryHarness::<Bytes>::loaded(large.clone()).unwrap().save(), large);
}

#[test]
#[should_panic(expected = "a loaded machine saves other bytes")]
fn a_machine_that_loads_less_than_it_saved_fails_the_test() {
    let mut bytes = MemoryHarness::<Bytes>::new();
    let _ = bytes.apply("lost!");
    bytes.save_and_load();
}

#[test]
fn a_snapshot_that_is_none_is_the_machines_own_error() {
    let error = MemoryHarness::<Bytes>::loaded("nonsense").unwrap_err();
    assert_eq!(error.to_string(), "no state of this machine");
}

#[test]
#[should_panic(expected = "run the machine in a quorate_guest::testing harness")]
fn a_machine_outside_of_a_harness_is_told_where_it_belongs() {
    let _ = Host::new().random();
}
