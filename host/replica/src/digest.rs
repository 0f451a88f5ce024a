use crate::ports::{Call, OpenedSession, Outcome, SessionAnswer, SessionRows, StateDigest, StoreChanges};
use quorate_vocabulary::Position;
use sha2::{Digest, Sha256};

/// What one entry adds to the rolling digest: its index, how each command ended, and what changed in the store.
///
/// Messages of traps, log lines and fuel are not in it: they are told, not replicated.
#[derive(Clone)]
pub(crate) struct EntryDigest(Sha256);

/// What kind of thing follows, so that no two sequences read the same.
mod tag {
    pub(super) const REPLY: u8 = 1;
    pub(super) const REJECTION: u8 = 2;
    pub(super) const TRAP: u8 = 3;
    pub(super) const REMOVED_RANGE: u8 = 4;
    pub(super) const REMOVED_KEY: u8 = 5;
    pub(super) const SET_KEY: u8 = 6;
    pub(super) const CHECKPOINT: u8 = 7;
    pub(super) const CONFIGURATION: u8 = 8;
    pub(super) const EVENT: u8 = 9;
    pub(super) const TIMER_SET: u8 = 10;
    pub(super) const TIMER_CANCELLED: u8 = 11;
    pub(super) const FROZEN: u8 = 12;
    pub(super) const ORDER: u8 = 13;
    pub(super) const ACTIVATION: u8 = 14;
    pub(super) const SESSION_OPENED: u8 = 15;
    pub(super) const SESSION_KEPT: u8 = 16;
    pub(super) const SESSION_CLOSED: u8 = 17;
    pub(super) const SESSION_REFUSED: u8 = 18;
    pub(super) const SESSION_ROW_SET: u8 = 19;
    pub(super) const SESSION_ROW_REMOVED: u8 = 20;
}

impl EntryDigest {
    pub(crate) fn new(before: StateDigest, index: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(before.0);
        hash.update(index.to_le_bytes());
        Self(hash)
    }

    pub(crate) fn add_call(&mut self, ordinal: u32, call: &Call) {
        add_call(&mut self.0, ordinal, call);
    }

    pub(crate) fn add_changes(&mut self, changes: &StoreChanges) {
        for range in &changes.removed {
            add_bytes(&mut self.0, tag::REMOVED_RANGE, &range.start);
            self.0.update([u8::from(range.end.is_some())]);
            add_bytes(&mut self.0, tag::REMOVED_RANGE, range.end.as_deref().unwrap_or_default());
        }
        for (key, value) in &changes.keys {
            match value {
                Some(value) => {
                    add_bytes(&mut self.0, tag::SET_KEY, key);
                    add_bytes(&mut self.0, tag::SET_KEY, value);
                }
                None => add_bytes(&mut self.0, tag::REMOVED_KEY, key),
            }
        }
    }

    pub(crate) fn add_sessions(&mut self, rows: &SessionRows) {
        for (key, value) in rows.iter() {
            match value {
                Some(value) => {
                    add_bytes(&mut self.0, tag::SESSION_ROW_SET, key);
                    add_bytes(&mut self.0, tag::SESSION_ROW_SET, value);
                }
                None => add_bytes(&mut self.0, tag::SESSION_ROW_REMOVED, key),
            }
        }
    }

    pub(crate) fn add_checkpoint(&mut self, taken: bool) {
        self.0.update([tag::CHECKPOINT, u8::from(taken)]);
    }

    pub(crate) fn add_configuration(&mut self, encoded: &[u8]) {
        add_bytes(&mut self.0, tag::CONFIGURATION, encoded);
    }

    pub(crate) fn add_order(&mut self, encoded: &[u8]) {
        add_bytes(&mut self.0, tag::ORDER, encoded);
    }

    pub(crate) fn add_activation(&mut self, taken: bool) {
        self.0.update([tag::ACTIVATION, u8::from(taken)]);
    }

    pub(crate) fn finish(self) -> StateDigest {
        StateDigest(self.0.finalize().into())
    }
}

/// What a memory machine did since its checkpoint, but for the commands that trapped: compared when it is done again. Fuel
/// is in it, since an instance that does the same again burns the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReplayDigest(StateDigest);

impl ReplayDigest {
    pub(crate) fn add(&mut self, position: Position, call: &Call) {
        let mut hash = Sha256::new();
        hash.update(self.0.0);
        hash.update(position.index.to_le_bytes());
        hash.update(call.fuel.to_le_bytes());
        add_call(&mut hash, position.ordinal, call);
        self.0 = StateDigest(hash.finalize().into());
    }
}

fn add_call(hash: &mut Sha256, ordinal: u32, call: &Call) {
    hash.update(ordinal.to_le_bytes());
    match &call.outcome {
        Outcome::Reply(bytes) => add_bytes(hash, tag::REPLY, bytes),
        Outcome::Rejection(bytes) => add_bytes(hash, tag::REJECTION, bytes),
        Outcome::Trapped(trap) => hash.update([tag::TRAP, trap.kind.code()]),
        Outcome::Frozen => hash.update([tag::FROZEN]),
        Outcome::Session(answer) => add_session_answer(hash, answer),
    }
    for event in &call.events {
        add_bytes(hash, tag::EVENT, event.topic.as_bytes());
        add_bytes(hash, tag::EVENT, &event.payload);
    }
    for (id, change) in &call.timers {
        let (tag, at_ms) = match change {
            Some(at_ms) => (tag::TIMER_SET, *at_ms),
            None => (tag::TIMER_CANCELLED, 0),
        };
        hash.update([tag]);
        hash.update(id.to_le_bytes());
        hash.update(at_ms.to_le_bytes());
    }
}

fn add_session_answer(hash: &mut Sha256, answer: &SessionAnswer) {
    match answer {
        SessionAnswer::Opened(OpenedSession { session, timeout_ms, commands_max }) => {
            hash.update([tag::SESSION_OPENED]);
            for number in [session.term, session.number, *timeout_ms, *commands_max] {
                hash.update(number.to_le_bytes());
            }
        }
        SessionAnswer::Kept => hash.update([tag::SESSION_KEPT]),
        SessionAnswer::Closed => hash.update([tag::SESSION_CLOSED]),
        SessionAnswer::Refused(refusal) => hash.update([tag::SESSION_REFUSED, refusal.code()]),
    }
}

fn add_bytes(hash: &mut Sha256, tag: u8, bytes: &[u8]) {
    hash.update([tag]);
    hash.update(bytes.len().to_le_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{KeyRange, Trap, TrapKind};
    use bytes::Bytes;

    fn of(calls: &[Outcome], changes: &StoreChanges) -> StateDigest {
        let mut digest = EntryDigest::new(StateDigest::default(), 2);
        for (ordinal, outcome) in (0..).zip(calls) {
            digest.add_call(ordinal, &Call::of(outcome.clone()));
        }
        digest.add_changes(changes);
        digest.finish()
    }

    fn trap(kind: TrapKind, message: &str) -> Outcome {
        Outcome::Trapped(Trap { kind, message: message.into() })
    }

    #[test]
    fn every_outcome_and_every_change_shows() {
        let text = Bytes::from_static;
        let none = StoreChanges::default();
        let set = |value| StoreChanges { keys: [(text(b"k"), value)].into(), ..none.clone() };
        let removed =
            |end| StoreChanges { removed: vec![KeyRange { start: text(b"k"), end }], ..none.clone() };
        let all = [
            of(&[], &none),
            of(&[Outcome::Reply(text(b"a"))], &none),
            of(&[Outcome::Rejection(text(b"a"))], &none),
            of(&[Outcome::Reply(text(b"a")), Outcome::Reply(text(b""))], &none),
            of(&[Outcome::Reply(text(b"")), Outcome::Reply(text(b"a"))], &none),
            of(&[trap(TrapKind::OutOfFuel, "")], &none),
            of(&[trap(TrapKind::Instruction, "")], &none),
            of(&[], &set(None)),
            of(&[], &set(Some(text(b"")))),
            of(&[], &set(Some(text(b"k")))),
            of(&[], &removed(None)),
            of(&[], &removed(Some(text(b"l")))),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(!all[..place].contains(one), "the digest of case {place} is that of an earlier one");
        }
    }

    #[test]
    fn what_an_engine_says_about_a_trap_does_not_show() {
        let none = StoreChanges::default();
        assert_eq!(
            of(&[trap(TrapKind::Instruction, "at 0x1")], &none),
            of(&[trap(TrapKind::Instruction, "at 0x2")], &none)
        );
    }

    #[test]
    fn the_digest_before_and_the_index_show() {
        let digest = |before, index| EntryDigest::new(StateDigest([before; 32]), index).finish();
        assert_ne!(digest(0, 2), digest(1, 2));
        assert_ne!(digest(0, 2), digest(0, 3));
    }
}
