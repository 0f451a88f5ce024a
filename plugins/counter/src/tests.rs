use super::*;
use proptest::{collection::vec, prelude::*};
use quorate_guest::testing::{LifecycleEvent, MemoryHarness, Outcome};
use state::LEADERS_MAX;

fn counter() -> MemoryHarness<Counter> {
    MemoryHarness::new()
}

#[test]
fn adding_and_subtracting_reply_with_the_new_value() {
    let mut counter = counter();
    assert_eq!(counter.query("get").reply_text(), "0");
    assert_eq!(counter.apply("add 5").reply_text(), "5");
    assert_eq!(counter.apply("subtract 2").reply_text(), "3");
    assert_eq!(counter.query("get").reply_text(), "3");
}

#[test]
fn spaces_around_words_do_not_matter() {
    let mut counter = counter();
    assert_eq!(counter.apply("  add\t 7\n").reply_text(), "7");
    assert_eq!(counter.query(" get ").reply_text(), "7");
}

#[test]
fn each_change_is_emitted_with_the_new_value() {
    let mut counter = counter();
    for command in ["add 5", "subtract 9", "subtract 5"] {
        let _ = counter.apply(command);
    }
    let events: Vec<_> =
        counter.events().iter().map(|event| (event.topic.as_str(), &event.payload[..])).collect();
    assert_eq!(events, [("changed", &b"5"[..]), ("changed", b"0")]);
}

#[test]
fn a_value_below_zero_is_rejected_and_the_old_one_stays() {
    let mut counter = counter();
    let _ = counter.apply("add 1");
    assert_eq!(
        counter.apply("subtract 2").rejection_text(),
        "cannot subtract 2: the value is 1 and must stay from 0 to 18446744073709551615"
    );
    assert_eq!(counter.query("get").reply_text(), "1");
}

#[test]
fn a_value_past_the_largest_is_rejected_and_the_largest_can_be_reached() {
    let mut counter = counter();
    let largest = u64::MAX.to_string();
    assert_eq!(counter.apply(format!("add {largest}")).reply_text(), largest);
    assert!(
        counter
            .apply("add 1")
            .rejection_text()
            .starts_with("cannot add 1: the value is 18446744073709551615")
    );
    assert_eq!(counter.apply("add 0").reply_text(), largest);
}

#[test]
fn what_is_no_number_is_rejected_by_name() {
    let mut counter = counter();
    for word in ["-1", "+1", "1.5", "0x10", "ten", "18446744073709551616", "１"] {
        let rejection = counter.apply(format!("add {word}")).rejection_text();
        assert_eq!(rejection, format!("not a whole number from 0 to 18446744073709551615: {word}"));
    }
}

#[test]
fn unknown_commands_and_queries_are_rejected_with_those_that_are_known() {
    let mut counter = counter();
    for command in ["", "add", "add 1 2", "get", "ADD 1", "trap now"] {
        let rejection = counter.apply(command).rejection_text();
        assert_eq!(rejection, format!("unknown command `{command}`; known are `add N`, `subtract N`"));
    }
    assert_eq!(counter.query("add 1").rejection_text(), "unknown query `add 1`; known are `get`, `leaders`");
    assert_eq!(counter.apply(b"\xff").rejection_text(), "commands and queries are UTF-8 text");
}

#[test]
fn a_trap_leaves_the_value_as_it_was() {
    let mut counter = counter();
    let _ = counter.apply("add 3");
    assert!(counter.apply("trap").panic_message().contains("`trap`"));
    assert_eq!(counter.query("get").reply_text(), "3");
}

#[test]
fn a_new_leader_puts_its_term_in_the_log_and_every_replica_can_show_it() {
    let mut counter = counter();
    assert_eq!(counter.query("leaders").reply_text(), "");
    counter.tell(&LifecycleEvent::LeaderStart { term: 2 });
    assert_eq!(counter.proposals(), [b"note-leader 2".to_vec()]);
    assert_eq!(counter.query("leaders").reply_text(), "", "a callback itself changes nothing");
    assert!(counter.apply_proposals().into_iter().all(|outcome| outcome.reply().is_empty()));
    let _ = counter.apply("add 1");
    counter.tell(&LifecycleEvent::LeaderStop { term: 2 });
    counter.tell(&LifecycleEvent::LeaderStart { term: 5 });
    let _ = counter.apply_proposals();
    assert_eq!(counter.query("leaders").reply_text(), "term 2 at index 2\nterm 5 at index 4");
}

#[test]
fn a_term_is_noted_once_and_old_terms_are_forgotten() {
    let mut counter = counter();
    let terms = u64::try_from(LEADERS_MAX).unwrap() + 5;
    for term in 1..=terms {
        let _ = counter.apply(format!("note-leader {term}"));
        let _ = counter.apply(format!("note-leader {term}"));
    }
    let leaders = counter.query("leaders").reply_text();
    assert_eq!(leaders.lines().count(), LEADERS_MAX);
    assert!(leaders.starts_with("term 6 at index 12\n"), "{leaders}");
}

#[test]
fn the_value_and_the_leaders_survive_saving_and_loading() {
    let mut counter = counter();
    for command in ["add 77", "note-leader 1", "note-leader 9"] {
        let _ = counter.apply(command);
    }
    counter.save_and_load();
    assert_eq!(counter.query("get").reply_text(), "77");
    assert_eq!(counter.query("leaders").reply_text(), "term 1 at index 3\nterm 9 at index 4");
}

#[test]
fn the_saved_form_is_the_documented_one() {
    let mut counter = counter();
    let _ = counter.apply_entry(["add 258", "note-leader 3"]);
    let expected = b"QCNT\x01\0\0\0\x02\x01\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0";
    assert_eq!(counter.save(), expected);
}

#[test]
fn a_snapshot_of_something_else_is_refused_with_the_reason() {
    let refusal = |bytes: &[u8]| MemoryHarness::<Counter>::loaded(bytes).unwrap_err().to_string();
    assert_eq!(refusal(b""), "too short for a counter");
    assert_eq!(refusal(b"QCNT\x01\0\0\0"), "too short for a counter");
    assert_eq!(refusal(&[0; 16]), "not a counter");
    assert_eq!(refusal(b"QCNT\x02\0\0\0\0\0\0\0\0\0\0\0"), "a counter of format 2; this version reads 1");
    assert_eq!(refusal(b"QCNT\x01\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0"), "half a change of leader");
    assert_eq!(refusal(b"QCNT\x01\0\0\0\0\0\0\0\0\0\0\0x"), "bytes behind the last change of leader");
}

/// What is done to a counter.
#[derive(Clone, Debug)]
enum Step {
    Add(u64),
    Subtract(u64),
    Trap,
    SaveAndLoad,
}

fn step() -> impl Strategy<Value = Step> {
    // Near the ends as often as between them.
    let amount = || prop_oneof![0..10_u64, any::<u64>(), Just(u64::MAX)];
    prop_oneof![
        4 => amount().prop_map(Step::Add),
        4 => amount().prop_map(Step::Subtract),
        1 => Just(Step::Trap),
        1 => Just(Step::SaveAndLoad),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_counter_counts_as_a_number_does(steps in vec(step(), 0..60)) {
        let (mut counter, mut model) = (counter(), 0_u64);
        for step in steps {
            let (command, after) = match step {
                Step::Add(amount) => (format!("add {amount}"), model.checked_add(amount)),
                Step::Subtract(amount) => (format!("subtract {amount}"), model.checked_sub(amount)),
                Step::Trap => {
                    assert!(!counter.apply("trap").panic_message().is_empty());
                    continue;
                }
                Step::SaveAndLoad => {
                    counter.save_and_load();
                    continue;
                }
            };
            match (counter.apply(&command), after) {
                (Outcome::Reply(reply), Some(after)) => {
                    prop_assert_eq!(reply.into_bytes(), after.to_string().into_bytes());
                    model = after;
                }
                (Outcome::Rejection(_), None) => {}
                (outcome, after) => prop_assert!(false, "{}: {:?}, not {:?}", command, outcome, after),
            }
            prop_assert_eq!(counter.query("get").reply_text(), model.to_string());
        }
    }
}
