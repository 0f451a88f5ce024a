use crate::ports::{Outcome, Trap, TrapKind};
use bytes::Bytes;
use quorate_vocabulary::Position;
use std::collections::BTreeMap;

/// What an answer that is kept costs beside its bytes.
const KEPT_FRAME_BYTES: u64 = 64;

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) timeout_ms: u64,
    /// When it was last used, by the log.
    pub(super) used_ms: u64,
    /// Its client has the answers of the commands before this one. At least 1, which is the first.
    pub(super) answered_below: u64,
    /// The answers that are kept, by sequence.
    pub(super) replies: BTreeMap<u64, Kept>,
    pub(super) reply_bytes: u64,
}

/// An answer that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Where the command was applied.
    pub(crate) position: Position,
    /// A number for the command's bytes.
    pub(crate) fingerprint: u32,
    pub(crate) verdict: Verdict,
}

/// What the machine made of a command. The words of a trap are not kept: they need not be the same on every replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Reply(Bytes),
    Rejection(Bytes),
    Trapped(TrapKind),
}

impl Session {
    pub(super) fn new(timeout_ms: u64, used_ms: u64) -> Self {
        Self { timeout_ms, used_ms, answered_below: 1, replies: BTreeMap::new(), reply_bytes: 0 }
    }

    /// It is over at this time, unless it is used before.
    pub(super) fn ends_ms(&self) -> u64 {
        self.used_ms.saturating_add(self.timeout_ms).saturating_add(1)
    }

    pub(super) fn touch(&mut self, time_ms: u64) {
        self.used_ms = self.used_ms.max(time_ms);
    }

    /// The client has these answers. Gives the sequences of those that were kept until now.
    pub(super) fn answered(&mut self, below: u64) -> Vec<u64> {
        self.answered_below = self.answered_below.max(below);
        let rest = self.replies.split_off(&self.answered_below);
        let forgotten = std::mem::replace(&mut self.replies, rest);
        let bytes = forgotten.values().map(Kept::bytes).sum();
        self.reply_bytes = self.reply_bytes.saturating_sub(bytes);
        forgotten.into_keys().collect()
    }

    pub(super) fn keep(&mut self, sequence: u64, kept: Kept) {
        self.reply_bytes = self.reply_bytes.saturating_add(kept.bytes());
        self.replies.insert(sequence, kept);
    }
}

impl Kept {
    /// What is to be kept of an outcome; none when the machine was not asked.
    pub(crate) fn of(position: Position, fingerprint: u32, outcome: &Outcome) -> Option<Self> {
        let verdict = match outcome {
            // A copy: what the machine gave may be a part of something larger.
            Outcome::Reply(bytes) => Verdict::Reply(Bytes::copy_from_slice(bytes)),
            Outcome::Rejection(bytes) => Verdict::Rejection(Bytes::copy_from_slice(bytes)),
            Outcome::Trapped(Trap { kind: TrapKind::EntryFull, .. })
            | Outcome::Frozen
            | Outcome::Session(_) => return None,
            Outcome::Trapped(trap) => Verdict::Trapped(trap.kind),
        };
        Some(Self { position, fingerprint, verdict })
    }

    /// What it was.
    pub(crate) fn outcome(self) -> Outcome {
        match self.verdict {
            Verdict::Reply(bytes) => Outcome::Reply(bytes),
            Verdict::Rejection(bytes) => Outcome::Rejection(bytes),
            Verdict::Trapped(kind) => {
                let message = "when it was applied; what the engine said then is not kept".to_owned();
                Outcome::Trapped(Trap { kind, message })
            }
        }
    }

    fn bytes(&self) -> u64 {
        let bytes = match &self.verdict {
            Verdict::Reply(bytes) | Verdict::Rejection(bytes) => bytes.len(),
            Verdict::Trapped(_) => 0,
        };
        u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(KEPT_FRAME_BYTES)
    }
}
