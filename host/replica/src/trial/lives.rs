//! The first life of a trial, and the others held against it.

use super::{
    Difference, Subject, TRIAL_FUEL_MAX, TrialConditions, TrialFailure,
    difference::between_calls,
    life::{Life, Record},
    log::{self, Entry, Packing, Places},
    placed::PlacedPlugin,
};
use crate::{
    ReplicaFault,
    ports::{Call, LifecycleEvent},
    testing::MemorySnapshots,
};
use bytes::Bytes;
use quorate_vocabulary::{PluginDigest, ReplicaId};
use std::sync::Arc;

/// A life that nothing disturbed: what all others must be like.
pub(crate) struct First<'a> {
    subject: &'a Subject,
    commands: &'a [Bytes],
    log: Vec<Entry>,
    records: Vec<Record>,
    end: Life,
    /// As of the middle of the log.
    half_way: MemorySnapshots,
}

/// Runs the first life, until the log or the fuel of the trial ends. `next`: the plugin that it goes over to half way.
pub(crate) fn first<'a>(
    subject: &'a Subject,
    commands: &'a [Bytes],
    next: Option<PluginDigest>,
) -> Result<First<'a>, TrialFailure> {
    let mut log = log::log(commands, Packing::Mixed, next);
    let middle = log.len() / 2;
    let (mut records, mut fuel) = (Vec::new(), 0_u64);
    let half_way = MemorySnapshots::default();
    let mut life = Life::begin(subject)?;
    for (place, entry) in log.iter().enumerate() {
        let record = life.apply(entry).map_err(TrialFailure::Host)?;
        fuel = record.result.commands.iter().fold(fuel, |fuel, call| fuel.saturating_add(call.fuel));
        records.push(record);
        if place == middle {
            life.snapshot().map_err(TrialFailure::Host)?;
            half_way.receive_newest(&life.snapshots);
        }
        if fuel >= TRIAL_FUEL_MAX {
            break;
        }
    }
    log.truncate(records.len());
    let count = log.iter().map(log::count).sum();
    Ok(First { subject, commands: &commands[..count], log, records, end: life, half_way })
}

/// What a replica's plugin may be told at this place: all of it in turns.
fn events(place: usize) -> Vec<LifecycleEvent> {
    let (term, leader) = (1, ReplicaId(2));
    let index = u64::try_from(place).unwrap_or(u64::MAX);
    match place / 4 % 3 {
        0 => vec![LifecycleEvent::LeaderStart { term }, LifecycleEvent::LeaderStop { term }],
        1 => vec![
            LifecycleEvent::StartFollowing { leader, term },
            LifecycleEvent::StopFollowing { leader, term },
        ],
        _ => vec![
            LifecycleEvent::ConfigurationCommitted { index, members: Vec::new() },
            LifecycleEvent::Error { message: "a trial".to_owned() },
            LifecycleEvent::Shutdown,
        ],
    }
}

impl First<'_> {
    /// How many commands were tried.
    pub(crate) fn commands(&self) -> usize {
        self.commands.len()
    }

    /// What came of going over to the next plugin, if that was reached.
    pub(crate) fn migration(&self) -> Option<Result<(), String>> {
        let record = self.records.iter().find_map(|record| record.result.activation.as_ref())?;
        Some(record.failure.clone().map_or(Ok(()), Err))
    }

    /// What came of each command.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Call> {
        let entries = self.log.iter().zip(&self.records);
        entries.filter(|(entry, _)| log::count(entry) > 0).flat_map(|(_, record)| &record.result.commands)
    }

    /// The same log on a replica that is disturbed before every entry, in one way or another.
    pub(crate) fn compare_with_disturbed(&self) -> Result<(), TrialFailure> {
        let conditions = TrialConditions::Disturbed;
        let mut life = Life::begin(self.subject)?;
        for place in 0..self.log.len() {
            let command = self.commands.get(self.log[place].command).cloned().unwrap_or_default();
            let disturbed = self.disturb(&mut life, place, &command);
            disturbed.map_err(|fault| self.explain(fault, place, conditions))?;
            // After a restart, what was lost comes first.
            while life.replica.applied().index + 1 < self.log[place].index {
                self.compare_next(&mut life, conditions)?;
            }
            self.compare_next(&mut life, conditions)?;
        }
        self.compare_ends(&life, conditions)
    }

    fn disturb(&self, life: &mut Life, place: usize, command: &Bytes) -> Result<(), ReplicaFault> {
        life.shift(place % 4)?;
        if place.is_multiple_of(3) {
            life.query(command)?;
        }
        if place % 4 == 1 {
            for event in events(place) {
                life.tell(&event)?;
            }
        }
        if place % 6 == 4 {
            life.snapshot()?;
        }
        match place % 5 {
            0 => {
                life.rest();
                Ok(())
            }
            2 => life.restart(place.is_multiple_of(2)),
            3 => life.query(command),
            4 => {
                life.forget_observer();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The second half of the log on a replica that begins from a snapshot of the first.
    pub(crate) fn compare_with_newcomer(&self) -> Result<(), TrialFailure> {
        let conditions = TrialConditions::FromSnapshot;
        let mut life = Life::begin(self.subject)?;
        if !life.install(&self.half_way).map_err(TrialFailure::Host)? {
            return Ok(());
        }
        while self.log.last().is_some_and(|last| life.replica.applied().index < last.index) {
            self.compare_next(&mut life, conditions)?;
        }
        self.compare_ends(&life, conditions)
    }

    /// Applies the next entry and holds it against the first life.
    fn compare_next(&self, life: &mut Life, conditions: TrialConditions) -> Result<(), TrialFailure> {
        let next = life.replica.applied().index + 1;
        let Some(place) = self.log.iter().position(|entry| entry.index == next) else { return Ok(()) };
        let (entry, first) = (&self.log[place], &self.records[place]);
        let second = life.apply(entry).map_err(|fault| self.explain(fault, place, conditions))?;
        let calls = first.result.commands.iter().zip(&second.result.commands);
        for (ordinal, (first, second)) in calls.enumerate() {
            if let Some(difference) = between_calls(first, second, true) {
                let ordinal = if log::count(entry) == 0 { 0 } else { ordinal };
                return Err(self.differ(entry.command + ordinal, difference, conditions));
            }
        }
        let last = entry.command + log::count(entry).saturating_sub(1);
        let migrations = [&first.result, &second.result].map(|result| {
            result.activation.as_ref().map(|record| match &record.failure {
                None => "took on the state".to_owned(),
                Some(why) => format!("refused ({why})"),
            })
        });
        if let [Some(first), Some(second)] = migrations
            && first != second
        {
            return Err(self.differ(last, ("a migration behind it", first, second), conditions));
        }
        if first.saved != second.saved {
            return Err(self.differ(last, saved(first, &second), conditions));
        }
        if first.applied != second.applied {
            let digests = [&first.applied, &second.applied].map(|point| point.digest.to_string());
            let [first, second] = digests;
            return Err(self.differ(last, ("the digest of the state was", first, second), conditions));
        }
        Ok(())
    }

    /// The same commands in entries of another size, at the positions that they had in the first life.
    pub(crate) fn compare_with_repacked(&self, size: usize) -> Result<(), TrialFailure> {
        let conditions = TrialConditions::Repacked;
        let log = log::log(self.commands, Packing::Equal(size), None);
        let places = Arc::new(Places::new(&log, &self.log));
        let plugin = PlacedPlugin { plugin: self.subject.plugin.clone(), places };
        let subject = Subject { plugin: Arc::new(plugin), ..self.subject.clone() };
        let mut life = Life::begin(&subject)?;
        let mut calls = self.calls();
        let others = self.log.iter().zip(&self.records).filter(|(entry, _)| log::count(entry) == 0);
        let mut others = others.map(|(_, record)| record);
        for entry in &log {
            let second = match life.apply(entry) {
                Ok(second) => second,
                Err(fault) => return Err(self.explain(fault, 0, conditions)),
            };
            if log::count(entry) > 0 {
                for (ordinal, (second, first)) in second.result.commands.iter().zip(&mut calls).enumerate() {
                    if let Some(difference) = between_calls(first, second, false) {
                        return Err(self.differ(entry.command + ordinal, difference, conditions));
                    }
                }
            } else if let Some(first) = others.next() {
                for (first, second) in first.result.commands.iter().zip(&second.result.commands) {
                    if let Some(difference) = between_calls(first, second, false) {
                        return Err(self.differ(entry.command, difference, conditions));
                    }
                }
                if first.saved != second.saved {
                    return Err(self.differ(entry.command, saved(first, &second), conditions));
                }
            } else {
                break;
            }
        }
        self.compare_ends(&life, conditions)
    }

    fn compare_ends(&self, life: &Life, conditions: TrialConditions) -> Result<(), TrialFailure> {
        let (first, second) = (self.end.state.pairs(), life.state.pairs());
        if first == second {
            return Ok(());
        }
        let pairs = |pairs: usize| format!("{pairs} pairs");
        let last = self.commands.len().saturating_sub(1);
        Err(self.differ(last, ("the store held", pairs(first.len()), pairs(second.len())), conditions))
    }

    fn differ(
        &self,
        command: usize,
        (what, first, second): (&'static str, String, String),
        conditions: TrialConditions,
    ) -> TrialFailure {
        let number = command + 1;
        let command = self.commands.get(command).cloned().unwrap_or_default();
        let difference = Difference { number, command, what, first, second, conditions };
        TrialFailure::NotDeterministic(Box::new(difference))
    }

    /// A replica may find out by itself.
    fn explain(&self, fault: ReplicaFault, place: usize, conditions: TrialConditions) -> TrialFailure {
        match fault {
            ReplicaFault::Diverged { index, .. } => {
                let entry = self.log.iter().find(|entry| entry.index == index).unwrap_or(&self.log[place]);
                let said = ("applying the log again came to", "one thing".into(), "another".into());
                self.differ(entry.command, said, conditions)
            }
            other => TrialFailure::Host(other),
        }
    }
}

fn saved(first: &Record, second: &Record) -> (&'static str, String, String) {
    let text = |record: &Record| match &record.saved {
        Some(bytes) => format!("{} bytes {}", bytes.len(), super::difference::shown(bytes)),
        None => "nothing".to_owned(),
    };
    ("the snapshot after it was", text(first), text(second))
}
