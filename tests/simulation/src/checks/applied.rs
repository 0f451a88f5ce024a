//! What replicas make of the log.

use super::{
    Checks, Invariant,
    model::{Model, text_fingerprint},
};
use crate::{disk::WrittenSnapshot, random::mix, trace::fingerprint};
use bytes::Bytes;
use quorate_consensus::EntryBody;
use quorate_replica::ports::{AppliedPoint, Call, Outcome};
use quorate_vocabulary::{GroupId, MachineKind};
use std::collections::BTreeMap;

const FIRST: u64 = 2;

/// What the first replica that applied an entry made of it: so must all others.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) point: AppliedPoint,
    calls: Vec<Call>,
    state: u64,
}

#[derive(Debug, Default)]
pub(super) struct Law {
    applied: Vec<Applied>,
    model: Model,
    snapshots: BTreeMap<u64, u64>,
    /// The last entry with a command that adds to the number that corruption makes wrong.
    pub(super) probed: Option<u64>,
}

impl Law {
    /// Whether such a command came behind this entry.
    pub(super) fn probed_behind(&self, index: u64) -> bool {
        self.probed.is_some_and(|probed| probed > index)
    }

    pub(super) fn at(&self, index: u64) -> Option<&Applied> {
        self.applied.get(usize::try_from(index.checked_sub(FIRST)?).ok()?)
    }

    /// Forgets all from `end` on, and applies the others once more.
    pub(super) fn cut<'a>(
        &mut self,
        end: u64,
        bodies: impl Iterator<Item = &'a EntryBody>,
    ) -> Result<(), (Invariant, String)> {
        let kept = usize::try_from(end.saturating_sub(FIRST)).unwrap_or(usize::MAX);
        if kept < self.applied.len() {
            self.applied.truncate(kept);
            self.snapshots.split_off(&end);
            self.model = Model::default();
            for (body, applied) in bodies.zip(&self.applied) {
                self.model
                    .apply(body, &applied.calls, &applied.point)
                    .map_err(|what| (Invariant::AppliedOnce, what))?;
            }
        }
        Ok(())
    }
}

fn differs(who: &str, expected: &AppliedPoint, found: &AppliedPoint) -> (Invariant, String) {
    (Invariant::ReplicasEqual, format!("{who}: {found:?} where others are {expected:?}"))
}

impl Checks {
    /// A replica has applied an entry.
    pub(crate) fn applied(
        &mut self,
        group: GroupId,
        who: &str,
        body: &EntryBody,
        calls: Vec<Call>,
        point: &AppliedPoint,
    ) {
        self.check(group, |checks| {
            let law = &mut checks.law;
            let index = point.index;
            if let Some(known) = law.at(index) {
                if known.calls != calls {
                    let what = format!("{who}: entry {index} gave {calls:?}, others {:?}", known.calls);
                    return Err((Invariant::ReplicasEqual, what));
                }
                return if known.point == *point { Ok(()) } else { Err(differs(who, &known.point, point)) };
            }
            let next = FIRST + u64::try_from(law.applied.len()).unwrap_or(u64::MAX);
            if index != next {
                let what = format!("{who}: entry {index} is applied, and nobody has applied entry {next}");
                return Err((Invariant::AppliedOnce, what));
            }
            if !group.is_catalog() {
                let applied = law.model.apply(body, &calls, point);
                applied.map_err(|what| (Invariant::AppliedOnce, format!("{who}: entry {index}: {what}")))?;
            }
            if let EntryBody::Commands { commands, .. } = body
                && commands.iter().any(|command| command.starts_with(b"add probe "))
            {
                law.probed = Some(index);
            }
            let state = law.model.fingerprint();
            law.applied.push(Applied { point: point.clone(), calls, state });
            Ok(())
        });
    }

    /// A replica stands at this point without having applied up to there just now: it was opened, or it has loaded a
    /// snapshot. `state` is a number for its numbers, where they can be seen.
    pub(crate) fn stands_at(&mut self, group: GroupId, who: &str, point: &AppliedPoint, state: Option<u64>) {
        self.check(group, |checks| {
            if point.index < FIRST {
                return Ok(());
            }
            let Some(known) = checks.law.at(point.index) else {
                let what = format!("{who}: it stands at entry {}, which nobody has applied", point.index);
                return Err((Invariant::AppliedOnce, what));
            };
            if known.point != *point {
                return Err(differs(who, &known.point, point));
            }
            if !group.is_catalog() && state.is_some_and(|state| state != known.state) {
                let what = format!("{who}: its numbers at entry {} are not those of others", point.index);
                return Err((Invariant::ReplicasEqual, what));
            }
            Ok(())
        });
    }

    /// A replica has taken a snapshot.
    pub(crate) fn snapshot(
        &mut self,
        group: GroupId,
        who: &str,
        kind: MachineKind,
        snapshot: &WrittenSnapshot,
    ) {
        let point = &snapshot.info.header.point;
        let index = point.index;
        self.stands_at(group, who, point, None);
        self.check(group, |checks| {
            let content = fingerprint(&snapshot.content);
            let known = *checks.law.snapshots.entry(index).or_insert(content);
            if known != content {
                let what = format!("{who}: the snapshot at entry {index} is another than that of others");
                return Err((Invariant::SnapshotsEqual, what));
            }
            // What the plugin saved may be older: the entries since stand behind it.
            let tail = snapshot.info.header.tail.as_ref();
            let saved_at = tail.map_or(index, |tail| tail.saved.index);
            let saved_bytes = tail.map_or(u64::MAX, |tail| tail.saved_bytes);
            let saved = snapshot.content.len().min(usize::try_from(saved_bytes).unwrap_or(usize::MAX));
            let Some(applied) = checks.law.at(saved_at) else { return Ok(()) };
            if kind == MachineKind::Memory
                && !group.is_catalog()
                && text_fingerprint(&snapshot.content.slice(..saved)) != Some(applied.state)
            {
                let what = format!("{who}: the snapshot at entry {index} is not the state there");
                return Err((Invariant::SnapshotsEqual, what));
            }
            Ok(())
        });
    }

    /// A number for how a group stands: for traces.
    pub(crate) fn digest(&self, group: GroupId) -> u64 {
        let last = self.groups.get(&group).and_then(|checks| checks.law.applied.last());
        last.map_or(0, |last| mix(&[last.point.index, fingerprint(&last.point.digest.0)]))
    }

    /// All answers of the machine of a group, for coverage.
    pub(crate) fn traps(&self) -> u64 {
        let laws = self.groups.values().flat_map(|checks| &checks.law.applied);
        let calls = laws.flat_map(|applied| &applied.calls);
        let trapped = calls.filter(|call| matches!(call.outcome, Outcome::Trapped(_))).count();
        u64::try_from(trapped).unwrap_or(u64::MAX)
    }
}

/// The reply of a call that gave a number.
pub(crate) fn number(reply: &Bytes) -> Option<i64> {
    std::str::from_utf8(reply).ok()?.parse().ok()
}
