//! The limits of the group on what comes out of a plugin. An engine keeps them as well, and traps earlier; here they hold for
//! every kind of plugin.

use crate::ports::{
    Call, Callback, GroupLimits, LogLine, Outcome, PendingTimers, TimerChanges, Trap, TrapKind,
};
use bytes::Bytes;

/// The trap a command or query is answered with that is too large to be handed to the plugin at all.
pub(crate) fn oversized(command: &Bytes, limits: &GroupLimits, budget: u64) -> Option<Call> {
    let bytes = length(command.len());
    let max = limits.command_bytes_max;
    (bytes > max).then(|| {
        let outcome = exceeded(format!("the command has {bytes} bytes, and the group allows {max}"));
        Call { fuel: budget, ..Call::of(outcome) }
    })
}

/// Holds a call to the limits: what passes them becomes a trap, and a trap is charged the whole budget.
pub(crate) fn enforce(mut call: Call, limits: &GroupLimits, budget: u64) -> Call {
    if let Some(message) = passed(&call, limits) {
        call.outcome = exceeded(message);
    }
    if matches!(call.outcome, Outcome::Trapped(_)) {
        call.fuel = budget;
    }
    if !matches!(call.outcome, Outcome::Reply(_)) {
        call.events.clear();
        call.timers.clear();
    }
    enforce_logs(&mut call.logs, limits);
    call
}

/// The trap of a call that sets or cancels more timers than the group allows.
pub(crate) fn timers_trap(
    changes: &TimerChanges,
    pending: &PendingTimers,
    limits: &GroupLimits,
) -> Option<Trap> {
    let max = limits.timers_max;
    let changed = length(changes.len());
    let after = length(pending.count_after(changes));
    let message = if changed > max {
        format!("{changed} timers were set or cancelled, and the group allows {max}")
    } else if after > max {
        format!("{after} timers would be pending, and the group allows {max}")
    } else {
        return None;
    };
    Some(Trap { kind: TrapKind::LimitExceeded, message })
}

/// Holds a callback to the limits: one that passes them proposes nothing.
pub(crate) fn enforce_callback(mut callback: Callback, limits: &GroupLimits) -> Callback {
    let proposals = length(callback.proposals.len());
    let max = limits.proposals_per_callback_max;
    let largest = callback.proposals.iter().map(|proposal| length(proposal.len())).max().unwrap_or(0);
    let message = if proposals > max {
        Some(format!("the callback proposed {proposals} commands, and the group allows {max}"))
    } else if largest > limits.command_bytes_max {
        let max = limits.command_bytes_max;
        Some(format!("the callback proposed a command of {largest} bytes, and the group allows {max}"))
    } else {
        None
    };
    if let Some(message) = message {
        callback.failure.get_or_insert(Trap { kind: TrapKind::LimitExceeded, message });
    }
    if callback.failure.is_some() {
        callback.proposals.clear();
    }
    enforce_logs(&mut callback.logs, limits);
    callback
}

fn passed(call: &Call, limits: &GroupLimits) -> Option<String> {
    let (Outcome::Reply(answer) | Outcome::Rejection(answer)) = &call.outcome else { return None };
    let bytes = length(answer.len());
    let max = limits.reply_bytes_max;
    if bytes > max {
        return Some(format!("the answer has {bytes} bytes, and the group allows {max}"));
    }
    let events = length(call.events.len());
    let max = limits.events_per_command_max;
    if events > max {
        return Some(format!("{events} events were emitted, and the group allows {max}"));
    }
    let max = limits.event_bytes_max;
    let largest = call.events.iter().map(|event| length(event.topic.len() + event.payload.len())).max()?;
    (largest > max).then(|| format!("an event has {largest} bytes, and the group allows {max}"))
}

fn enforce_logs(logs: &mut Vec<LogLine>, limits: &GroupLimits) {
    logs.truncate(usize::try_from(limits.log_lines_per_command_max).unwrap_or(usize::MAX));
    let max = usize::try_from(limits.log_line_bytes_max).unwrap_or(usize::MAX);
    for line in logs {
        let end = line.message.floor_char_boundary(max);
        line.message.truncate(end);
    }
}

fn exceeded(message: String) -> Outcome {
    Outcome::Trapped(Trap { kind: TrapKind::LimitExceeded, message })
}

fn length(length: usize) -> u64 {
    u64::try_from(length).expect("no platform has lengths over 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{Event, LogLevel};

    const BUDGET: u64 = 1_000;

    fn limits() -> GroupLimits {
        GroupLimits {
            command_bytes_max: 4,
            reply_bytes_max: 4,
            event_bytes_max: 4,
            events_per_command_max: 2,
            log_line_bytes_max: 4,
            log_lines_per_command_max: 2,
            proposals_per_callback_max: 2,
            ..GroupLimits::default()
        }
    }

    fn event(topic: &str, payload: &'static str) -> Event {
        Event { topic: topic.into(), payload: Bytes::from_static(payload.as_bytes()) }
    }

    fn line(message: &str) -> LogLine {
        LogLine { level: LogLevel::Info, message: message.into() }
    }

    fn reply(bytes: &'static [u8]) -> Call {
        Call { fuel: 7, ..Call::of(Outcome::Reply(Bytes::from_static(bytes))) }
    }

    fn kind(call: &Call) -> Option<TrapKind> {
        match &call.outcome {
            Outcome::Trapped(trap) => Some(trap.kind),
            _ => None,
        }
    }

    #[test]
    fn what_is_within_the_limits_is_left_alone() {
        let call = Call {
            events: vec![event("a", "bcd"), event("", "")],
            logs: vec![line("four"), line("")],
            ..reply(b"four")
        };
        assert_eq!(enforce(call.clone(), &limits(), BUDGET), call);
    }

    #[test]
    fn an_answer_that_is_too_large_becomes_a_trap_and_costs_the_whole_budget() {
        let call = enforce(reply(b"large"), &limits(), BUDGET);
        assert_eq!((kind(&call), call.fuel), (Some(TrapKind::LimitExceeded), BUDGET));
        let rejection = Call::of(Outcome::Rejection(Bytes::from_static(b"large")));
        assert_eq!(kind(&enforce(rejection, &limits(), BUDGET)), Some(TrapKind::LimitExceeded));
    }

    #[test]
    fn too_many_events_and_too_large_ones_become_a_trap_that_emits_nothing() {
        let many = Call { events: vec![event("", ""); 3], ..reply(b"") };
        let large = Call { events: vec![event("abc", "de")], ..reply(b"") };
        for call in [many, large] {
            let call = enforce(call, &limits(), BUDGET);
            assert_eq!(kind(&call), Some(TrapKind::LimitExceeded));
            assert_eq!(call.events, []);
        }
    }

    #[test]
    fn a_rejection_emits_nothing() {
        let outcome = Outcome::Rejection(Bytes::new());
        let call = Call { outcome: outcome.clone(), events: vec![event("a", "b")], ..reply(b"") };
        let call = enforce(call, &limits(), BUDGET);
        assert_eq!((call.outcome, call.events), (outcome, vec![]));
    }

    #[test]
    fn log_lines_over_the_limits_are_cut_at_a_character_and_dropped() {
        let call = Call { logs: vec![line("abcéf"), line("b"), line("c")], ..reply(b"") };
        let call = enforce(call, &limits(), BUDGET);
        assert_eq!(call.logs, [line("abc"), line("b")]);
    }

    #[test]
    fn a_command_that_is_too_large_is_not_handed_over() {
        assert_eq!(oversized(&Bytes::from_static(b"four"), &limits(), BUDGET), None);
        let call = oversized(&Bytes::from_static(b"large"), &limits(), BUDGET).expect("five bytes");
        assert_eq!((kind(&call), call.fuel), (Some(TrapKind::LimitExceeded), BUDGET));
    }

    #[test]
    fn a_callback_that_proposes_too_much_proposes_nothing() {
        let proposing = |proposals: Vec<&'static [u8]>| Callback {
            proposals: proposals.into_iter().map(Bytes::from_static).collect(),
            ..Callback::default()
        };
        let fits = proposing(vec![b"four", b""]);
        assert_eq!(enforce_callback(fits.clone(), &limits()), fits);
        for callback in [proposing(vec![b"", b"", b""]), proposing(vec![b"large"])] {
            let callback = enforce_callback(callback, &limits());
            assert!(callback.proposals.is_empty());
            assert_eq!(callback.failure.expect("a limit was passed").kind, TrapKind::LimitExceeded);
        }
    }

    #[test]
    fn a_callback_that_trapped_proposes_nothing() {
        let trap = Trap { kind: TrapKind::Instruction, message: "panic".into() };
        let callback =
            Callback { proposals: vec![Bytes::new()], failure: Some(trap.clone()), ..Callback::default() };
        let callback = enforce_callback(callback, &limits());
        assert_eq!((callback.proposals.len(), callback.failure), (0, Some(trap)));
    }
}
