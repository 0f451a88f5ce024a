//! What a group's numbers must be: the commands applied once more, by somebody who is not the room that is tested.

use super::{session_model::SessionModel, version_model::VersionModel};
use crate::{random::mix, trace::fingerprint};
use bytes::Bytes;
use quorate_consensus::{Activation, EntryBody, Order, SessionCommand};
use quorate_replica::ports::{AppliedPoint, Call, Outcome};
use std::collections::BTreeMap;

/// The numbers of one group.
#[derive(Debug, Default)]
pub(super) struct Model {
    numbers: BTreeMap<String, i64>,
    fingerprint: u64,
    time_ms: u64,
    sessions: SessionModel,
    version: VersionModel,
}

fn pair_fingerprint(name: &str, number: i64) -> u64 {
    mix(&[fingerprint(name.as_bytes()), number.cast_unsigned()])
}

/// A number for these numbers by name, whatever their order.
fn numbers_fingerprint<'a>(numbers: impl IntoIterator<Item = (&'a str, i64)>) -> u64 {
    numbers.into_iter().fold(0, |sum, (name, number)| sum.wrapping_add(pair_fingerprint(name, number)))
}

/// The same, as a store machine holds them.
pub(crate) fn pairs_fingerprint(pairs: &BTreeMap<Bytes, Bytes>) -> Option<u64> {
    let pairs = pairs.iter().map(|(name, number)| {
        let number = std::str::from_utf8(number).ok()?.parse().ok()?;
        Some((std::str::from_utf8(name).ok()?, number))
    });
    Some(numbers_fingerprint(pairs.collect::<Option<Vec<_>>>()?))
}

/// The same, as a memory machine saves them.
pub(super) fn text_fingerprint(content: &Bytes) -> Option<u64> {
    let lines = std::str::from_utf8(content).ok()?.lines().map(|line| {
        let (name, number) = line.split_once(' ')?;
        Some((name, number.parse().ok()?))
    });
    Some(numbers_fingerprint(lines.collect::<Option<Vec<_>>>()?))
}

impl Model {
    pub(super) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn set(&mut self, name: &str, number: Option<i64>) {
        let before = match number {
            Some(number) => {
                self.fingerprint = self.fingerprint.wrapping_add(pair_fingerprint(name, number));
                self.numbers.insert(name.to_owned(), number)
            }
            None => self.numbers.remove(name),
        };
        if let Some(before) = before {
            self.fingerprint = self.fingerprint.wrapping_sub(pair_fingerprint(name, before));
        }
    }

    /// Applies an entry, and says what is wrong with what came of it.
    pub(super) fn apply(
        &mut self,
        body: &EntryBody,
        calls: &[Call],
        point: &AppliedPoint,
    ) -> Result<(), String> {
        self.time_ms = body.time_ms().unwrap_or(0).max(self.time_ms);
        let (time_ms, commands): (u64, Vec<SessionCommand>) = match body {
            EntryBody::Commands { commands, time_ms } => {
                (*time_ms, commands.iter().cloned().map(SessionCommand::Plain).collect())
            }
            EntryBody::SessionCommands { commands, time_ms } => (*time_ms, commands.clone()),
            EntryBody::Order { order: Order::Activate(activation), .. } => {
                return self.activate(*activation, point);
            }
            _ => return Ok(()),
        };
        if commands.len() != calls.len() {
            return Err(format!("{} commands gave {} outcomes", commands.len(), calls.len()));
        }
        for (command, call) in commands.iter().zip(calls) {
            let is_spared = self.sessions.is_spared(command, self.time_ms, call)?;
            if let Some(command) = command.command().filter(|_| !is_spared) {
                self.command(command, time_ms, call)?;
            }
        }
        Ok(())
    }

    fn activate(&mut self, activation: Activation, point: &AppliedPoint) -> Result<(), String> {
        let numbers = &self.numbers;
        let migrated = self.version.activate(activation, point, |name| numbers.contains_key(name))?;
        if let Some(from) = migrated {
            let sum = self.numbers.get("migrated").copied().unwrap_or(0) + i64::from(from);
            self.set("migrated", Some(sum));
        }
        Ok(())
    }

    /// Applies a command of which the machine was asked.
    fn command(&mut self, command: &Bytes, time_ms: u64, call: &Call) -> Result<(), String> {
        let text = String::from_utf8_lossy(command);
        let words: Vec<&str> = text.split(' ').collect();
        let Outcome::Reply(reply) = &call.outcome else {
            if words[0] == "add" {
                return Err(format!("{text:?} ended as {:?}", call.outcome));
            }
            return Ok(());
        };
        let expected = match words[..] {
            ["add", name, amount] => {
                let amount: i64 = amount.parse().map_err(|_| format!("{text:?} has no amount"))?;
                let sum = self.numbers.get(name).copied().unwrap_or(0) + amount;
                self.set(name, Some(sum));
                Some(sum.to_string())
            }
            ["time"] => Some(time_ms.to_string()),
            ["reply", ..] => {
                self.set("replied", Some(1));
                None
            }
            ["emit", ..] => {
                self.set("emitted", Some(1));
                None
            }
            ["version"] => Some(self.version.running.to_string()),
            ["remove", name] => {
                self.set(name, None);
                None
            }
            ["break-save" | "break-load" | "break-migrate" | "refuse-migrate"] => {
                self.set(words[0], Some(1));
                None
            }
            ["mend"] => {
                self.set("break-save", None);
                self.set("break-load", None);
                None
            }
            _ => None,
        };
        if expected.as_ref().is_some_and(|expected| expected.as_bytes() != reply.as_ref()) {
            return Err(format!("{text:?} replied {reply:?}, and {expected:?} is right"));
        }
        Ok(())
    }
}
