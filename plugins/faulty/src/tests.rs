use super::*;
use quorate_guest::testing::{LifecycleEvent, MemoryHarness};

fn faulty() -> MemoryHarness<Faulty> {
    MemoryHarness::new()
}

#[test]
fn it_keeps_a_text_so_that_a_test_can_see_what_a_fault_left() {
    let mut faulty = faulty();
    let _ = faulty.apply("set one two");
    assert_eq!(faulty.query("get").reply_text(), "one two");
    assert_eq!(faulty.apply("set-and three trap").panic_message(), "trap");
    assert_eq!(faulty.apply("set-and three panic oh no").panic_message(), "oh no");
    assert_eq!(faulty.query("get").reply_text(), "one two");
    assert_eq!(faulty.apply("set-and three huge-reply 3").reply_text(), "rrr");
    assert_eq!(faulty.query("get").reply_text(), "three");
}

#[test]
fn faults_of_a_size_have_that_size() {
    let mut faulty = faulty();
    assert_eq!(faulty.apply("allocate 100000").reply_text(), "100000");
    assert_eq!(faulty.apply("huge-reply 1000").reply().len(), 1000);
    assert_eq!(faulty.apply("huge-rejection 1000").rejection().len(), 1000);
    assert_eq!(faulty.query("huge-reply 1000").reply().len(), 1000, "queries misbehave likewise");
    assert_eq!(faulty.apply("log 5").reply_text(), "5");
    assert_eq!(faulty.logs().len(), 5);
    assert_eq!(faulty.apply("allocate much").rejection_text(), "not a number: `much`");
}

#[test]
fn events_are_emitted_as_told() {
    let mut faulty = faulty();
    let _ = faulty.apply("emit topic a payload");
    let _ = faulty.apply("emit bare");
    let events: Vec<_> =
        faulty.events().iter().map(|event| (event.topic.as_str(), &event.payload[..])).collect();
    assert_eq!(events, [("topic", &b"a payload"[..]), ("bare", b"")]);
}

#[test]
fn it_tells_what_the_host_tells_it() {
    let mut faulty = faulty().in_group(4, "team/four");
    assert_eq!(faulty.apply("group").reply_text(), "4 team/four");
    assert_eq!(faulty.apply("position").reply_text(), "3 0");
    let time = faulty.position().time_ms;
    assert_eq!(faulty.apply("time").reply_text(), time.to_string());
    let random = faulty.apply("random").reply_text();
    let (first, second) = random.split_once(' ').unwrap();
    assert_ne!(first, second);
}

#[test]
fn callbacks_are_seen_by_the_instance_and_noted_in_the_log_by_the_leader() {
    let mut faulty = faulty();
    for event in [
        LifecycleEvent::StartFollowing { leader: 3, term: 1 },
        LifecycleEvent::StopFollowing { leader: 3, term: 1 },
        LifecycleEvent::LeaderStart { term: 2 },
        LifecycleEvent::ConfigurationCommitted { index: 5, voters: vec![1, 2], learners: vec![] },
        LifecycleEvent::LeaderStop { term: 2 },
        LifecycleEvent::Error { message: "disk".into() },
        LifecycleEvent::Shutdown,
    ] {
        faulty.tell(&event);
    }
    let seen = "start-following 3 1\nstop-following 3 1\nleader-start 2\nconfiguration-committed 5 [1, 2] []\n\
                leader-stop 2\nerror disk\nshutdown";
    assert_eq!(faulty.query("lifecycle").reply_text(), seen);
    assert_eq!(faulty.query("noted").reply_text(), "");
    let _ = faulty.apply_proposals();
    assert_eq!(faulty.query("noted").reply_text(), "leader-start 2");
}

#[test]
#[should_panic(expected = "told to")]
fn a_callback_misbehaves_when_told_to() {
    let mut faulty = faulty();
    let _ = faulty.apply("on-leader-start panic told to");
    faulty.tell(&LifecycleEvent::LeaderStart { term: 1 });
}

#[test]
#[should_panic(expected = "no room")]
fn saving_fails_when_told_to() {
    let mut faulty = faulty();
    let _ = faulty.apply("on-save reject no room");
    faulty.save();
}

#[test]
fn all_of_its_state_survives_saving_and_loading() {
    let mut faulty = faulty();
    for command in ["set text", "note a", "note", "on-leader-start log 1"] {
        assert_eq!(faulty.apply(command).reply_text(), "ok");
    }
    faulty.save_and_load();
    assert_eq!(faulty.query("get").reply_text(), "text");
    assert_eq!(faulty.query("noted").reply_text(), "a\n");
    let error = MemoryHarness::<Faulty>::loaded("nonsense").unwrap_err();
    assert_eq!(error.to_string(), "not a state of faulty");
}

#[test]
fn what_is_unknown_is_rejected() {
    let mut faulty = faulty();
    for command in ["", "dance", "on-save dance", "set-and text"] {
        assert!(faulty.apply(command).rejection_text().starts_with("unknown `"), "{command}");
    }
    assert!(faulty.query("set text").rejection_text().starts_with("unknown `set text`"));
}

#[test]
fn a_timer_notes_itself_or_misbehaves() {
    let mut faulty = faulty();
    for command in ["set-timer 1 100", "set-timer 2 100", "cancel-timer 2", "set-timer 3 200"] {
        assert_eq!(faulty.apply(command).reply_text(), "ok");
    }
    faulty.advance_ms(100);
    assert_eq!(faulty.fire_timers().len(), 1);
    let _ = faulty.apply("on-timer panic oh no");
    faulty.save_and_load();
    faulty.advance_ms(100);
    let mut fired = faulty.fire_timers();
    assert_eq!(fired.remove(0).1.panic_message(), "oh no");
    assert_eq!(faulty.query("noted").reply_text(), "timer 1");
    assert_eq!(faulty.apply("set-timer much").rejection_text(), "not a number: `much`");
}
