use super::*;
use quorate_guest::testing::StoreHarness;

mod model;

type Harness = StoreHarness<Queue>;

fn queue() -> Harness {
    StoreHarness::new()
}

fn topics(queue: &Harness) -> Vec<String> {
    let events = queue.events().iter();
    events.map(|event| format!("{} {}", event.topic, event.payload.escape_ascii())).collect()
}

#[test]
fn messages_come_in_the_order_in_which_they_went_in_and_once_when_acknowledged() {
    let mut queue = queue();
    assert_eq!(queue.apply("dequeue jobs").reply_text(), "", "there is none");
    assert_eq!(queue.apply("enqueue jobs \"first job\"").reply_text(), "1");
    assert_eq!(queue.apply("enqueue jobs second").reply_text(), "2");
    assert_eq!(queue.apply("enqueue other third").reply_text(), "1");
    assert_eq!(queue.apply("dequeue jobs").reply_text(), "1 1 \"first job\"");
    assert_eq!(queue.apply("dequeue jobs").reply_text(), "2 1 second");
    assert_eq!(queue.apply("dequeue jobs").reply_text(), "");
    assert_eq!(queue.query("depth jobs").reply_text(), "ready 0 hidden 2 dead 0");
    assert_eq!(queue.apply("ack jobs 1 1").reply_text(), "ok");
    assert_eq!(queue.apply("ack jobs 2 1").reply_text(), "ok");
    assert!(queue.apply("ack jobs 1 1").rejection_text().contains("has ended, or never began"));
    assert_eq!(
        queue.query("queues").reply_text(),
        "jobs ready 0 hidden 0 dead 0\nother ready 1 hidden 0 dead 0"
    );
    assert!(queue.timers().is_empty());
    assert_eq!(topics(&queue), ["ready jobs", "ready jobs", "ready other"]);
}

#[test]
fn a_message_that_is_not_acknowledged_comes_back_by_a_timer() {
    let mut queue = queue();
    let start = queue.position().time_ms;
    let _ = queue.apply("enqueue jobs a");
    let _ = queue.apply("dequeue jobs 1000");
    assert_eq!(queue.timers(), [(0, start + 1000)]);
    queue.advance_ms(1000);
    assert_eq!(queue.query("depth jobs").reply_text(), "ready 0 hidden 1 dead 0");
    assert_eq!(queue.fire_timers().len(), 1);
    assert_eq!(queue.query("depth jobs").reply_text(), "ready 1 hidden 0 dead 0");
    assert_eq!(topics(&queue), ["ready jobs", "ready jobs"], "those who wait are told");
    assert_eq!(queue.apply("dequeue jobs").reply_text(), "1 2 a");
    let late = queue.apply("ack jobs 1 1").rejection_text();
    assert_eq!(late, "delivery 1 of message 1 of jobs has ended, or never began");
    assert_eq!(queue.apply("ack jobs 1 2").reply_text(), "ok");
}

#[test]
fn a_delivery_that_is_over_is_over_also_before_the_timer() {
    let mut queue = queue();
    let _ = queue.apply("enqueue jobs a");
    let _ = queue.apply("dequeue jobs 1000");
    queue.advance_ms(1000);
    for command in ["ack jobs 1 1", "extend jobs 1 1 1000", "return jobs 1 1"] {
        assert!(queue.apply(command).rejection_text().contains("has ended"), "{command}");
    }
    assert_eq!(queue.apply("dequeue jobs").reply_text(), "1 2 a");
    assert!(queue.fire_timers().is_empty());
}

#[test]
fn who_needs_longer_extends_and_who_gives_up_returns() {
    let mut queue = queue();
    let start = queue.position().time_ms;
    let _ = (queue.apply("enqueue jobs a"), queue.apply("enqueue jobs b"));
    let _ = queue.apply("dequeue jobs 1000");
    queue.advance_ms(900);
    assert_eq!(queue.apply("extend jobs 1 1 1000").reply_text(), (start + 1900).to_string());
    queue.advance_ms(900);
    assert!(queue.fire_timers().is_empty());
    assert_eq!(queue.apply("return jobs 1 1").reply_text(), "ok");
    assert_eq!(queue.query("peek jobs").reply_text(), "1 1 a\n2 0 b", "it is older than the others still");
}

#[test]
fn a_delayed_message_is_delivered_later() {
    let mut queue = queue();
    assert_eq!(queue.apply("enqueue jobs later 500").reply_text(), "1");
    assert_eq!(queue.apply("enqueue jobs now").reply_text(), "2");
    assert_eq!(queue.apply("dequeue jobs").reply_text(), "2 1 now");
    assert_eq!(queue.apply("dequeue jobs").reply_text(), "");
    queue.advance_ms(500);
    let _ = queue.fire_timers();
    assert_eq!(queue.apply("dequeue jobs").reply_text(), "1 1 later");
}

#[test]
fn a_message_delivered_too_often_becomes_a_dead_letter_that_can_be_revived_or_forgotten() {
    let mut queue = queue();
    assert_eq!(queue.apply("configure jobs 2 1000").reply_text(), "ok");
    let _ = (queue.apply("enqueue jobs a"), queue.apply("enqueue jobs b"));
    for _ in 0..2 {
        let _ = (queue.apply("dequeue jobs"), queue.apply("dequeue jobs"));
        queue.advance_ms(1000);
        let _ = queue.fire_timers();
    }
    assert_eq!(queue.query("depth jobs").reply_text(), "ready 0 hidden 0 dead 2");
    assert_eq!(queue.query("dead jobs").reply_text(), "1 2 a\n2 2 b");
    assert_eq!(topics(&queue)[4..], ["dead jobs 1", "dead jobs 2"]);
    assert_eq!(queue.apply("dequeue jobs").reply_text(), "");
    assert_eq!(queue.apply("revive jobs 1").reply_text(), "ok");
    assert_eq!(queue.apply("forget jobs 2").reply_text(), "ok");
    assert_eq!(queue.apply("forget jobs 2").rejection_text(), "message 2 of jobs is no dead letter");
    assert_eq!(queue.apply("dequeue jobs").reply_text(), "1 1 a", "it begins anew");
    assert_eq!(queue.apply("ack jobs 1 1").reply_text(), "ok");
    assert_eq!(queue.pairs().len(), 1, "only the queue itself is left");
}

#[test]
fn any_number_of_messages_may_come_back_at_once() {
    let mut queue = queue();
    let count = queues::BACK_PER_CALL_MAX * 2 + 10;
    for _ in 0..count {
        let _ = queue.apply("enqueue jobs x 1000");
    }
    queue.advance_ms(1000);
    for _ in 0..3 {
        let before = queue.events().len();
        assert_eq!(queue.fire_timers().len(), 1);
        assert!(queue.events().len() - before <= 256, "a group allows no more events of a command");
        queue.advance_ms(10);
    }
    assert_eq!(queue.query("depth jobs").reply_text(), format!("ready {count} hidden 0 dead 0"));
    assert!(queue.timers().is_empty());
}

#[test]
fn what_cannot_be_is_rejected_with_the_reason() {
    let mut queue = queue();
    for command in ["", "enqueue", "enqueue jobs", "dequeue jobs 100 100", "ack jobs 1", "purge jobs"] {
        assert!(queue.apply(command).rejection_text().contains("known are `enqueue QUEUE"), "{command}");
    }
    assert_eq!(queue.apply("enqueue \"\" a").rejection_text(), "a name has at least one byte");
    let large = "x".repeat(keys::PAYLOAD_BYTES_MAX + 1);
    assert!(queue.apply(format!("enqueue jobs {large}")).rejection_text().contains("262145 bytes"));
    assert!(queue.apply("dequeue jobs 9").rejection_text().contains("from 10 to 86400000"));
    assert!(queue.apply("configure jobs 0 1000").rejection_text().contains("from 1 to 1000 times"));
    assert!(queue.query("peek jobs 0").rejection_text().contains("from 1 to 1000"));
    assert!(queue.query("list").rejection_text().starts_with("unknown query `list`"));
}
