//! Commands, queries, snapshots and callbacks of well-behaved plugins.

use crate::replica::{Running, rejection, reply};
use quorate_replica::CheckpointResult;
use quorate_replica::ports::LifecycleEvent;

#[test]
fn the_counter_counts_and_its_events_and_rejections_come_through() {
    let mut counter = Running::start("plugins/counter");
    let calls = counter.entry(["add 5", "subtract 9", "add 2"]);
    assert_eq!(reply(&calls[0]), "5");
    assert!(rejection(&calls[1]).starts_with("cannot subtract 9"));
    assert_eq!(reply(&calls[2]), "7");
    assert_eq!(calls[2].events[0].topic, "changed");
    assert_eq!(calls[2].events[0].payload, "7");
    assert!(calls.iter().all(|call| call.fuel > 0));
    assert_eq!(reply(&counter.query("get")), "7");
}

#[test]
fn the_counter_is_the_same_after_a_checkpoint_and_a_restart() {
    let mut counter = Running::start("plugins/counter");
    counter.apply("add 40");
    assert!(matches!(counter.checkpoint(), CheckpointResult::Taken(_)));
    let saved = counter.saved();
    assert!(saved.windows(4).any(|window| window == b"QCNT"), "the plugin's own bytes are in the snapshot");
    counter.apply("add 2");
    let mut counter = counter.restart();
    assert_eq!(reply(&counter.query("get")), "42");
    assert_eq!(reply(&counter.apply("add 1")), "43");
}

#[test]
fn a_leader_of_the_counter_proposes_to_note_itself() {
    let mut counter = Running::start("plugins/counter");
    let callback = counter.tell(&LifecycleEvent::LeaderStart { term: 6 });
    assert_eq!(callback.failure, None);
    assert_eq!(callback.proposals, ["note-leader 6"]);
    assert_eq!(callback.logs[0].message, "leads in term 6");
    counter.apply(callback.proposals[0].clone());
    assert_eq!(reply(&counter.query("leaders")), "term 6 at index 2");
}

#[test]
fn kv_keeps_values_in_the_host_and_drops_those_of_rejected_commands() {
    let mut kv = Running::start("plugins/kv");
    let calls = kv.entry(["put a 1", "create a 2", "cas a 1 \"two words\"", "put b 3"]);
    assert_eq!(rejection(&calls[1]), "a has a value");
    assert_eq!(reply(&calls[2]), "ok");
    assert_eq!(reply(&kv.query("get a")), "two words");
    assert_eq!(reply(&kv.query("scan \"\"")), "a \"two words\"\nb 3");
    assert_eq!(reply(&kv.query("scan \"\" 1")), "a \"two words\"\n# more: scan \"\" 1 a");
    assert_eq!(reply(&kv.query("scan \"\" 1 a")), "b 3");
    kv.apply("delete a");
    let mut kv = kv.restart();
    assert_eq!(rejection(&kv.query("get a")), "a has no value");
    assert_eq!(reply(&kv.query("get b")), "3");
}

#[test]
fn kv_scans_more_than_the_host_gives_at_once() {
    let mut kv = Running::start("plugins/kv");
    let value = "v".repeat(600 << 10);
    for key in ["a", "b", "c"] {
        assert_eq!(reply(&kv.apply(format!("put {key} {value}"))), "ok");
    }
    let page = kv.query("scan \"\"");
    let lines: Vec<_> = reply(&page).lines().map(|line| &line[..line.len().min(20)]).collect();
    assert_eq!(lines, ["a vvvvvvvvvvvvvvvvvv", "# more: scan \"\" 100 "]);
}

#[test]
fn kv_does_all_of_a_batch_or_nothing() {
    let mut kv = Running::start("plugins/kv");
    let calls = kv.entry([
        "batch put a 1 ; swap a 2 ; allocate ids 5 ; merge a 3 ,",
        "batch put a 9 ; delete-range \"\" \"\" ; create b 1 ; cas b 2 3",
    ]);
    assert_eq!(reply(&calls[0]), "ok\n1\n1 5\nok");
    assert_eq!(calls[0].events.len(), 3);
    assert_eq!(rejection(&calls[1]), "command 4 of the batch: b is 1");
    assert_eq!(reply(&kv.query("multi-get a b")), "a 2,3\nb");
    assert_eq!(reply(&kv.query("sequence ids")), "5");
}

#[test]
fn a_leader_of_kv_proposes_to_note_itself() {
    let mut kv = Running::start("plugins/kv");
    let callback = kv.tell(&LifecycleEvent::LeaderStart { term: 6 });
    assert_eq!((callback.failure, callback.proposals.len()), (None, 1));
    kv.apply(callback.proposals[0].clone());
    assert_eq!(reply(&kv.query("leaders")), "term 6 at index 2");
}

#[test]
fn the_greeter_greets() {
    let mut greeter = Running::start("examples/plugins/greeter");
    assert_eq!(reply(&greeter.apply("Ada")), "Hello, Ada! Greeted 1 times.");
    assert_eq!(reply(&greeter.apply("Ada")), "Hello, Ada! Greeted 2 times.");
    assert_eq!(reply(&greeter.query("Ada")), "2");
    assert!(rejection(&greeter.apply(" ")).starts_with("whom shall I greet?"));
}
