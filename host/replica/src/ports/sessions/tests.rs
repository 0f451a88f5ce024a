use super::*;
use crate::ports::{Outcome, Trap, TrapKind};
use bytes::Bytes;
use quorate_vocabulary::Position;

const TIMEOUT_MS: u64 = 5_000;

fn limits() -> GroupLimits {
    GroupLimits {
        sessions_max: 3,
        session_commands_max: 4,
        session_reply_bytes_max: 200,
        sessions_reply_bytes_max: 400,
        session_timeout_ms_max: 10_000,
        ..GroupLimits::default()
    }
}

/// A table, and the rows that everything it did has left.
#[derive(Default)]
struct Kit {
    sessions: Sessions,
    rows: BTreeMap<Bytes, Bytes>,
}

impl Kit {
    fn run<T>(&mut self, run: impl FnOnce(&mut Sessions, &mut SessionRows) -> T) -> T {
        let mut changed = SessionRows::default();
        let value = run(&mut self.sessions, &mut changed);
        for (key, value) in changed.iter() {
            match value {
                Some(value) => drop(self.rows.insert(key.clone(), value.clone())),
                None => drop(self.rows.remove(key)),
            }
        }
        self.is_whole();
        value
    }

    /// What the rows say, and what a snapshot holds, is the table.
    fn is_whole(&self) {
        let mut read = Sessions::none_of(self.sessions.opened());
        read.load(&self.rows).expect("whole rows");
        assert_eq!(read, self.sessions);
        assert_eq!((read.len(), read.reply_bytes()), (self.sessions.len(), self.sessions.reply_bytes()));
        let mut read = self.sessions.without_rows();
        read.decode(self.sessions.encode()).expect("just encoded");
        assert_eq!(read, self.sessions);
    }

    fn open(&mut self, time_ms: u64) -> SessionAnswer {
        self.run(|sessions, rows| sessions.open((7, time_ms), TIMEOUT_MS, &limits(), rows))
    }

    fn opened(&mut self, time_ms: u64) -> SessionId {
        match self.open(time_ms) {
            SessionAnswer::Opened(opened) => opened.session,
            other => panic!("{other:?}"),
        }
    }

    fn begin(&mut self, session: SessionId, sequence: u64, answered_below: u64, time_ms: u64) -> Turn {
        let ticket = Ticket { session, sequence, answered_below };
        self.run(|sessions, rows| sessions.begin(&ticket, 1, time_ms, &limits(), rows))
    }

    fn answer(&mut self, session: SessionId, sequence: u64, outcome: &Outcome) {
        let ticket = Ticket { session, sequence, answered_below: 0 };
        let position = Position { index: 9, ordinal: 2, time_ms: 1 };
        let kept = Kept::of(position, 1, outcome).expect("the machine was asked");
        self.run(|sessions, rows| sessions.answered(&ticket, kept, rows));
    }

    fn expire(&mut self, time_ms: u64) {
        self.run(|sessions, rows| sessions.expire(time_ms, rows));
    }
}

fn reply(bytes: usize) -> Outcome {
    Outcome::Reply(Bytes::from(vec![7; bytes]))
}

#[test]
fn an_answer_is_repeated_until_the_client_says_that_it_has_it() {
    let mut kit = Kit::default();
    let session = kit.opened(100);
    let trap = Outcome::Trapped(Trap { kind: TrapKind::OutOfFuel, message: "words".into() });
    let answers = [reply(3), Outcome::Rejection(Bytes::from_static(b"no")), trap];
    for (sequence, answer) in (1..).zip(&answers) {
        assert_eq!(kit.begin(session, sequence, 0, 100), Turn::Apply);
        kit.answer(session, sequence, answer);
    }
    for (sequence, answer) in (1..).zip(&answers) {
        let Turn::Repeat(kept) = kit.begin(session, sequence, 0, 200) else { panic!("not a repeat") };
        assert_eq!(kept.position.index, 9);
        match (kept.outcome(), answer) {
            (Outcome::Trapped(again), Outcome::Trapped(first)) => assert_eq!(again.kind, first.kind),
            (again, first) => assert_eq!(again, *first),
        }
    }
    assert!(matches!(kit.begin(session, 3, 3, 300), Turn::Repeat(_)));
    assert_eq!(kit.begin(session, 2, 0, 300), Turn::Refused(SessionRefusal::Answered { answered_below: 3 }));
    // It cannot have the answer of a command that it asks for now.
    assert_eq!(kit.begin(session, 4, 9, 300), Turn::Apply);
    assert_eq!(kit.sessions.reply_bytes(), 0);
}

#[test]
fn commands_come_in_any_order_within_the_window_and_never_beyond() {
    let mut kit = Kit::default();
    let session = kit.opened(100);
    for sequence in [4, 2, 1, 3] {
        assert_eq!(kit.begin(session, sequence, 1, 100), Turn::Apply);
        kit.answer(session, sequence, &reply(0));
    }
    assert_eq!(kit.begin(session, 0, 0, 100), Turn::Refused(SessionRefusal::Answered { answered_below: 1 }));
    let refused = Turn::Refused(SessionRefusal::TooFarAhead { answered_below: 1, max: 4 });
    assert_eq!(kit.begin(session, 5, 1, 100), refused);
    assert_eq!(kit.begin(session, u64::MAX, 1, 100), refused);
    assert_eq!(kit.begin(session, 5, 2, 100), Turn::Apply);
}

#[test]
fn what_is_kept_is_bounded_for_a_session_and_for_all() {
    let mut kit = Kit::default();
    let (one, two, three) = (kit.opened(100), kit.opened(100), kit.opened(100));
    assert_eq!(kit.open(100), SessionAnswer::Refused(SessionRefusal::TooMany { max: 3 }));
    for session in [one, two] {
        assert_eq!(kit.begin(session, 1, 0, 100), Turn::Apply);
        kit.answer(session, 1, &reply(200));
    }
    let refused = |bytes, max| Turn::Refused(SessionRefusal::RepliesFull { bytes, max });
    assert_eq!(kit.begin(one, 2, 0, 100), refused(264, 200));
    assert_eq!(kit.begin(three, 1, 0, 100), refused(528, 400), "all of them have too much");
    assert!(matches!(kit.begin(one, 1, 0, 100), Turn::Repeat(_)), "what is kept is told");
    assert_eq!(kit.begin(one, 2, 2, 100), Turn::Apply, "what it has need not be kept");
    assert_eq!(kit.begin(three, 1, 0, 100), Turn::Apply);
}

#[test]
fn a_sequence_is_one_command() {
    let mut kit = Kit::default();
    let session = kit.opened(100);
    assert_eq!(kit.begin(session, 1, 0, 100), Turn::Apply);
    kit.answer(session, 1, &reply(1));
    let ticket = Ticket { session, sequence: 1, answered_below: 0 };
    let turn = kit.run(|sessions, rows| sessions.begin(&ticket, 2, 100, &limits(), rows));
    assert_eq!(turn, Turn::Refused(SessionRefusal::OtherCommand));
}

#[test]
fn a_session_ends_when_the_log_is_past_its_time_and_not_before() {
    let mut kit = Kit::default();
    let (one, two) = (kit.opened(100), kit.opened(100));
    kit.expire(5_100);
    assert_eq!(kit.sessions.len(), 2, "its time-out is not over");
    kit.run(|sessions, rows| sessions.keep(one, 0, 3_000, rows));
    kit.expire(5_101);
    assert_eq!(kit.sessions.len(), 1);
    assert_eq!(kit.begin(two, 1, 0, 5_101), Turn::Refused(SessionRefusal::Unknown { session: two }));
    kit.expire(8_000);
    assert_eq!(kit.begin(one, 1, 0, 8_000), Turn::Apply);
    kit.answer(one, 1, &reply(1));
    kit.expire(20_000);
    assert_eq!(kit.sessions, Sessions::none_of(2), "nothing of it is left");
    assert!(kit.rows.is_empty());
    assert_eq!(kit.opened(20_000), SessionId { term: 7, number: 3 }, "no number is used twice");
}

#[test]
fn one_that_was_closed_is_gone_and_closing_it_again_is_no_error() {
    let mut kit = Kit::default();
    let session = kit.opened(100);
    assert_eq!(kit.begin(session, 1, 0, 100), Turn::Apply);
    kit.answer(session, 1, &reply(1));
    for _ in 0..2 {
        assert_eq!(kit.run(|sessions, rows| sessions.close(session, rows)), SessionAnswer::Closed);
        assert!(kit.sessions.is_empty() && kit.rows.is_empty());
    }
}

#[test]
fn time_outs_are_bounded() {
    let mut kit = Kit::default();
    let refused =
        SessionAnswer::Refused(SessionRefusal::Timeout { min: SESSION_TIMEOUT_MS_MIN, max: 10_000 });
    for timeout_ms in [0, SESSION_TIMEOUT_MS_MIN - 1, 10_001, u64::MAX] {
        let answer = kit.run(|sessions, rows| sessions.open((7, 1), timeout_ms, &limits(), rows));
        assert_eq!(answer, refused);
    }
}

#[test]
fn damaged_rows_are_refused() {
    let mut kit = Kit::default();
    let session = kit.opened(100);
    assert_eq!(kit.begin(session, 1, 0, 100), Turn::Apply);
    kit.answer(session, 1, &reply(1));
    let bytes = kit.sessions.encode();
    for length in 1..bytes.len() {
        let mut read = Sessions::default();
        // Cut between two rows it is whole, only less.
        let cut = read.decode(bytes.slice(..length));
        assert!(cut.is_err() || read != kit.sessions, "{length}");
    }
    let rows: Vec<_> = kit.rows.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let load = |rows: &[(Bytes, Bytes)]| Sessions::default().load(rows.iter().cloned());
    assert!(load(&rows[1..]).is_err(), "an answer of no session");
    assert!(load(&[rows[0].clone(), rows[0].clone()]).is_err(), "twice the same");
    assert!(load(&[(Bytes::from_static(b"key"), Bytes::new())]).is_err(), "no key");
    assert!(load(&[rows[0].clone(), (rows[1].0.clone(), Bytes::new())]).is_err(), "no answer");
    let garbage = Bytes::from_static(&[255; 9]);
    assert!(load(&[(rows[0].0.clone(), garbage)]).is_err());
}
