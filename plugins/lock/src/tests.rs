use super::*;
use quorate_guest::testing::StoreHarness;

mod model;

type Harness = StoreHarness<Lock>;

fn lock() -> Harness {
    StoreHarness::new()
}

fn events(lock: &Harness) -> Vec<String> {
    lock.events().iter().map(|event| format!("{} {}", event.topic, event.payload.escape_ascii())).collect()
}

/// What is answered, with times as they stand behind the first command's.
fn relative(start_ms: u64, answer: &str) -> String {
    let words = answer.split(' ').map(|word| match word.parse::<u64>() {
        Ok(number) if number >= start_ms => format!("+{}", number - start_ms),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_free_lock_is_held_and_its_tokens_rise() {
    let mut lock = lock();
    let start = lock.position().time_ms;
    let answer = lock.apply("acquire a ada 1000").reply_text();
    assert_eq!(relative(start, &answer), "held 1 +1000");
    assert_eq!(lock.apply("acquire a ada 5000").reply_text(), answer, "asked again");
    assert!(lock.apply("acquire a ben 1000").rejection_text().starts_with("a is held by ada until "));
    assert!(lock.apply("acquire b ben 1000").reply_text().starts_with("held 2 "));
    assert_eq!(lock.apply("release a 1").reply_text(), "ok");
    assert_eq!(lock.query("holder a").rejection_text(), "a is free");
    assert!(lock.apply("acquire a ben 1000").reply_text().starts_with("held 3 "));
    assert_eq!(lock.query("check a 3").reply_text(), "ok");
    assert_eq!(lock.query("check a 1").rejection_text(), "a is held with the token 3, not 1");
}

#[test]
fn a_lease_ends_by_a_timer_and_the_lock_goes_to_who_has_waited_longest() {
    let mut lock = lock();
    let start = lock.position().time_ms;
    let _ = lock.apply("acquire a ada 1000");
    assert_eq!(lock.apply("acquire a ben 500 9000").reply_text(), "waiting 1");
    assert_eq!(lock.apply("acquire a \"c d\" 500 9000").reply_text(), "waiting 2");
    assert_eq!(lock.apply("acquire a ben 500 9000").reply_text(), "waiting 1", "asked again");
    assert_eq!(lock.timers(), [(0, start + 1000)]);
    lock.advance_ms(999);
    assert!(lock.fire_timers().is_empty());
    lock.advance_ms(1);
    assert_eq!(lock.fire_timers().len(), 1);
    let holder = lock.query("holder a").reply_text();
    assert_eq!(relative(start, &holder), "ben 2 +1500");
    lock.advance_ms(500);
    let _ = lock.fire_timers();
    let list = lock.query("list").reply_text();
    assert_eq!(relative(start, &list), "a \"c d\" 3 +2000");
    lock.advance_ms(500);
    let _ = lock.fire_timers();
    assert_eq!(lock.query("list").reply_text(), "");
    assert!(lock.timers().is_empty(), "nothing is left to wait for");
    assert_eq!(lock.pairs().len(), 1, "but for the last token nothing is kept: {:?}", lock.pairs());
    assert_eq!(
        events(&lock),
        [
            "granted a ada 1",
            "expired a ada 1",
            "granted a ben 2",
            "expired a ben 2",
            "granted a \\\"c d\\\" 3",
            "expired a \\\"c d\\\" 3",
        ]
    );
}

#[test]
fn a_command_sees_that_a_lease_has_ended_also_before_the_timer() {
    let mut lock = lock();
    let _ = lock.apply("acquire a ada 1000");
    let _ = lock.apply("acquire a ben 1000 9000");
    lock.advance_ms(1000);
    assert_eq!(lock.apply("renew a 1 1000").rejection_text(), "a is held with the token 2, not 1");
    assert_eq!(lock.query("waiters a").reply_text().lines().count(), 1, "a rejection changes nothing");
    assert!(lock.apply("acquire a cid 1000").rejection_text().starts_with("a is held by ben"));
    assert!(lock.apply("acquire a ben 1000").reply_text().starts_with("held 2 "));
    assert!(lock.fire_timers().is_empty(), "the timer was set anew");
}

#[test]
fn renewing_puts_the_end_of_a_lease_off_and_ends_with_the_lease() {
    let mut lock = lock();
    let start = lock.position().time_ms;
    let _ = lock.apply("acquire a ada 1000");
    lock.advance_ms(900);
    let renewed = lock.apply("renew a 1 1000").reply_text();
    assert_eq!(relative(start, &renewed), "held 1 +1900");
    lock.advance_ms(999);
    assert!(lock.fire_timers().is_empty());
    lock.advance_ms(1);
    let rejection = lock.apply("renew a 1 1000").rejection_text();
    assert_eq!(rejection, "a is free: the lease of the token 1 has ended");
    assert_eq!(lock.fire_timers().len(), 1);
    assert_eq!(lock.apply("release a 1").rejection_text(), rejection);
}

#[test]
fn who_waits_gives_up_when_patience_ends_or_by_command() {
    let mut lock = lock();
    let _ = lock.apply("acquire a ada 10000");
    for owner in ["ben", "cid", "dan"] {
        let _ = lock.apply(format!("acquire a {owner} 1000 {}", if owner == "ben" { 500 } else { 9000 }));
    }
    assert_eq!(lock.apply("give-up a cid").reply_text(), "ok");
    assert_eq!(lock.apply("give-up a cid").rejection_text(), "cid does not wait for a");
    lock.advance_ms(500);
    assert_eq!(lock.fire_timers().len(), 1);
    assert_eq!(events(&lock).last().unwrap(), "gave-up a ben");
    assert_eq!(lock.apply("release a 1").reply_text(), "ok");
    assert!(lock.query("holder a").reply_text().starts_with("dan 2 "));
}

#[test]
fn any_number_of_locks_may_end_at_once() {
    let mut lock = lock();
    for number in 0..locks::ENDS_PER_CALL_MAX * 2 + 10 {
        let _ = lock.apply(format!("acquire n{number} ada 1000"));
    }
    lock.advance_ms(1000);
    for _ in 0..3 {
        let before = lock.events().len();
        assert_eq!(lock.fire_timers().len(), 1);
        assert!(lock.events().len() - before <= 256, "a group allows no more events of a command");
        lock.advance_ms(10);
    }
    assert_eq!(lock.query("list").reply_text(), "");
    assert!(lock.timers().is_empty());
}

#[test]
fn many_may_wait_for_a_lock_and_not_more() {
    let mut lock = lock();
    let _ = lock.apply("acquire a ada 10000");
    for number in 0..locks::WAITERS_MAX {
        let _ = lock.apply(format!("acquire a w{number} 1000 1000"));
    }
    assert_eq!(lock.apply("acquire a late 1000 1000").rejection_text(), "1000 wait for a already");
    lock.advance_ms(1000);
    assert_eq!(lock.apply("acquire a late 1000 1000").reply_text(), "waiting 1", "all others gave up");
}

#[test]
fn what_cannot_be_is_rejected_with_the_reason() {
    let mut lock = lock();
    for command in ["", "acquire a", "acquire a b", "release a", "ACQUIRE a b 1000"] {
        assert!(lock.apply(command).rejection_text().contains("known are `acquire NAME"), "{command}");
    }
    assert_eq!(lock.apply("acquire \"\" a 1000").rejection_text(), "a name has at least one byte");
    assert!(lock.apply(format!("acquire a {} 1000", "o".repeat(257))).rejection_text().contains("257 bytes"));
    for time in ["9", "86400001"] {
        let rejection = lock.apply(format!("acquire a b {time}")).rejection_text();
        assert_eq!(rejection, format!("a time is from 10 to 86400000 milliseconds, not {time}"));
    }
    assert!(lock.query("owner a").rejection_text().starts_with("unknown query `owner`"));
}
