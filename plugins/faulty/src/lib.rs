//! Misbehaves on command, so that tests can see what a cluster makes of it.
//!
//! The README lists what it does. It is a memory machine, whose traps cost the host most.

mod fault;
mod state;
#[cfg(test)]
mod tests;

use fault::Fault;
use quorate_guest::{
    Callback, Context, Host, Lifecycle, MemoryMachine, MemoryTimers, Rejection, Reply, SnapshotReader,
    SnapshotWriter,
};
use state::State;
use std::cell::RefCell;
use std::fmt::Display;
use std::{io, str};

thread_local! {
    /// The callbacks this instance was given. Not part of the state: nothing of it reaches the log or a snapshot.
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The machine.
#[derive(Debug, Default)]
pub struct Faulty {
    state: State,
}

impl MemoryMachine for Faulty {
    fn new() -> Self {
        Self::default()
    }

    fn apply(&mut self, context: &Context, command: &[u8]) -> Result<Reply, Rejection> {
        let (verb, rest) = line(command)?;
        match verb {
            "set" => {
                self.state.text = rest.into();
                Ok("ok".into())
            }
            "set-and" => {
                let (text, fault) = rest.split_once(' ').unwrap_or((rest, ""));
                let fault = Fault::parse(fault)?;
                self.state.text = text.into();
                fault.happen(context)
            }
            "note" => {
                self.state.noted.push(rest.into());
                Ok("ok".into())
            }
            "on-leader-start" => {
                Fault::parse(rest)?;
                self.state.on_leader_start = rest.into();
                Ok("ok".into())
            }
            "on-save" => {
                Fault::parse(rest)?;
                self.state.on_save = rest.into();
                Ok("ok".into())
            }
            "on-timer" => {
                Fault::parse(rest)?;
                self.state.on_timer = rest.into();
                Ok("ok".into())
            }
            "set-timer" => {
                let (id, delay_ms) = rest.split_once(' ').unwrap_or((rest, "0"));
                context.set_timer(number(id)?, context.time_ms().saturating_add(number(delay_ms)?));
                Ok("ok".into())
            }
            "cancel-timer" => {
                context.cancel_timer(number(rest)?);
                Ok("ok".into())
            }
            "emit" => {
                let (topic, payload) = rest.split_once(' ').unwrap_or((rest, ""));
                context.emit(topic, payload);
                Ok("ok".into())
            }
            "time" => Ok(context.time_ms().to_string().into()),
            "position" => {
                let position = context.position();
                Ok(format!("{} {}", position.index, position.ordinal).into())
            }
            _ => common(context, verb, rest),
        }
    }

    fn query(&self, host: &Host, request: &[u8]) -> Result<Reply, Rejection> {
        let (verb, rest) = line(request)?;
        match verb {
            "get" => Ok(self.state.text.as_str().into()),
            "noted" => Ok(self.state.noted.join("\n").into()),
            "lifecycle" => Ok(SEEN.with_borrow(|seen| seen.join("\n")).into()),
            _ => common(host, verb, rest),
        }
    }

    fn save(&self, snapshot: &mut SnapshotWriter) -> io::Result<()> {
        if !self.state.on_save.is_empty() {
            let outcome = Fault::parse(&self.state.on_save).and_then(Fault::happen_alone);
            let text = |rejection: &Rejection| String::from_utf8_lossy(rejection.as_bytes()).into_owned();
            outcome.map_err(|rejection| io::Error::other(text(&rejection)))?;
        }
        self.state.write(snapshot)
    }

    fn load(snapshot: &mut SnapshotReader) -> io::Result<Self> {
        Ok(Self { state: State::read(snapshot)? })
    }
}

/// What commands and queries have in common.
fn common(host: &Host, verb: &str, rest: &str) -> Result<Reply, Rejection> {
    match verb {
        "random" => Ok([host.random(), host.random()].map(|number| number.to_string()).join(" ").into()),
        "group" => {
            let group = host.group();
            Ok(format!("{} {}", group.id, group.name).into())
        }
        _ => Fault::parse(&if rest.is_empty() { verb.to_owned() } else { format!("{verb} {rest}") })?
            .happen(host),
    }
}

fn number(word: &str) -> Result<u64, Rejection> {
    word.parse().map_err(|_| format!("not a number: `{word}`").into())
}

fn line(bytes: &[u8]) -> Result<(&str, &str), Rejection> {
    let text = str::from_utf8(bytes).map_err(|_| "commands and queries are UTF-8 text")?;
    Ok(text.split_once(' ').unwrap_or((text, "")))
}

impl MemoryTimers for Faulty {
    fn fired(&mut self, context: &Context, id: u64) -> Result<(), Rejection> {
        if self.state.on_timer.is_empty() {
            self.state.noted.push(format!("timer {id}"));
            context.emit("timer", id.to_string());
            return Ok(());
        }
        let fault = Fault::parse(&self.state.on_timer)?;
        fault.happen(context).map(|_| ())
    }
}

impl Lifecycle for Faulty {
    fn leader_start(&self, callback: &Callback<Self>, term: u64) {
        see(callback, format_args!("leader-start {term}"));
        callback.propose(format!("note leader-start {term}"));
        if !self.state.on_leader_start.is_empty() {
            match Fault::parse(&self.state.on_leader_start).and_then(|fault| fault.happen(callback)) {
                Ok(reply) => callback.debug(format_args!("{reply:?}")),
                Err(rejection) => callback.error(format_args!("{rejection:?}")),
            }
        }
    }

    fn leader_stop(&self, callback: &Callback<Self>, term: u64) {
        see(callback, format_args!("leader-stop {term}"));
    }

    fn start_following(&self, callback: &Callback<Self>, leader: u64, term: u64) {
        see(callback, format_args!("start-following {leader} {term}"));
    }

    fn stop_following(&self, callback: &Callback<Self>, leader: u64, term: u64) {
        see(callback, format_args!("stop-following {leader} {term}"));
    }

    fn configuration_committed(
        &self,
        callback: &Callback<Self>,
        index: u64,
        voters: &[u64],
        learners: &[u64],
    ) {
        see(callback, format_args!("configuration-committed {index} {voters:?} {learners:?}"));
    }

    fn error(&self, callback: &Callback<Self>, message: &str) {
        see(callback, format_args!("error {message}"));
    }

    fn shutdown(&self, callback: &Callback<Self>) {
        see(callback, "shutdown");
    }
}

fn see(host: &Host, what: impl Display) {
    host.info(format_args!("lifecycle: {what}"));
    SEEN.with_borrow_mut(|seen| seen.push(what.to_string()));
}

quorate_guest::export_memory_machine!(Faulty, lifecycle, timers);
