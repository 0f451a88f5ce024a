//! How much the calls of one entry have given back, which a replica holds until the last of them is made.

use crate::ports::{Call, GroupLimits, Outcome, Trap, TrapKind};

/// What one entry has given back so far, held to the bound of its group.
///
/// A call is always made whole, and those behind it only while there is room: so a command that is alone in its entry never
/// meets the bound, and no entry passes it by more than one call may give back. Counted is what is the same on every replica.
pub(crate) struct EntryOutput {
    bytes: u64,
    max: u64,
}

impl EntryOutput {
    pub(crate) fn new(limits: &GroupLimits) -> Self {
        Self { bytes: 0, max: limits.entry_output_bytes_max }
    }

    /// Whether the calls that follow are not made.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= self.max
    }

    /// A call was made, and changed so many bytes of the store.
    pub(crate) fn add(&mut self, call: &Call, changed_bytes: u64) {
        let answer = match &call.outcome {
            Outcome::Reply(answer) | Outcome::Rejection(answer) => length(answer.len()),
            Outcome::Trapped(_) | Outcome::Frozen | Outcome::Session(_) => 0,
        };
        let events = call.events.iter().map(|event| length(event.topic.len() + event.payload.len()));
        let logs = call.logs.iter().map(|line| length(line.message.len()));
        let all = events.chain(logs).fold(answer.saturating_add(changed_bytes), u64::saturating_add);
        self.bytes = self.bytes.saturating_add(all);
    }

    /// What is answered to a command that is not run. It burns nothing.
    pub(crate) fn refusal(&self) -> Call {
        let message = format!(
            "the commands before it in the same entry of the log gave back {} bytes, and the group allows {}: it was not run, and may be sent again",
            self.bytes, self.max
        );
        Call::of(Outcome::Trapped(Trap { kind: TrapKind::EntryFull, message }))
    }
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{Event, LogLevel, LogLine};
    use bytes::Bytes;

    #[test]
    fn all_that_is_held_counts() {
        let limits = GroupLimits { entry_output_bytes_max: 20, ..GroupLimits::default() };
        let mut output = EntryOutput::new(&limits);
        let call = Call {
            events: vec![Event { topic: "ab".into(), payload: Bytes::from_static(b"cde") }],
            logs: vec![LogLine { level: LogLevel::Info, message: "fghi".into() }],
            ..Call::of(Outcome::Rejection(Bytes::from_static(b"jkl")))
        };
        output.add(&call, 7);
        assert!(!output.is_full(), "5 and 4 and 3 and 7");
        output.add(&Call::of(Outcome::Reply(Bytes::from_static(b"m"))), 0);
        assert!(output.is_full());
        let Outcome::Trapped(trap) = output.refusal().outcome else { panic!("not a trap") };
        assert!(trap.message.contains("gave back 20 bytes"), "{trap}");
    }
}
