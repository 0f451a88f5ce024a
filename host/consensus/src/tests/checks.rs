//! What must always hold, checked at every effect.

use crate::{CommittedEntry, EntryBody, LogPoint, RequestId, Role};
use quorate_vocabulary::{GroupId, ReplicaId};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Applied { index: u64 },
    Read { index: u64 },
    Transferred { to: ReplicaId },
    Refused(crate::Refusal),
}

/// What has been seen of a cluster so far.
#[derive(Default)]
pub(super) struct Checks {
    leaders: BTreeMap<(GroupId, u64), ReplicaId>,
    /// What any replica was told to apply.
    pub(super) committed: BTreeMap<GroupId, BTreeMap<u64, (u64, EntryBody)>>,
    /// Requests that wait: how far the group was committed, as anybody knew, when they were made.
    waiting: BTreeMap<RequestId, u64>,
    pub(super) answers: BTreeMap<RequestId, Answer>,
    pub(super) commands: BTreeMap<RequestId, bytes::Bytes>,
}

impl Checks {
    pub(super) fn role_changed(&mut self, group: GroupId, replica: ReplicaId, role: Role, term: u64) {
        if role == Role::Leader {
            let leader = *self.leaders.entry((group, term)).or_insert(replica);
            assert_eq!(leader, replica, "two leaders of group {group} in term {term}");
        }
    }

    /// A replica whose state is at `applied` is told to apply this.
    pub(super) fn applying(&mut self, group: GroupId, applied: u64, entry: &CommittedEntry) {
        assert_eq!(entry.index, applied + 1, "group {group}: applied in order and once");
        let log = self.committed.entry(group).or_default();
        let known = log.entry(entry.index).or_insert_with(|| (entry.term, entry.body.clone()));
        assert_eq!(
            *known,
            (entry.term, entry.body.clone()),
            "group {group}: entry {} was another",
            entry.index
        );
        if let EntryBody::Commands { commands, .. } = &entry.body
            && !entry.requests.is_empty()
        {
            let expected: Vec<_> = entry.requests.iter().map(|request| &self.commands[request]).collect();
            assert_eq!(commands.iter().collect::<Vec<_>>(), expected, "requests stand beside their commands");
        }
        for request in &entry.requests {
            self.answered(*request, Answer::Applied { index: entry.index });
        }
    }

    pub(super) fn committed_up_to(&self, group: GroupId) -> u64 {
        self.committed.get(&group).and_then(|log| log.keys().next_back().copied()).unwrap_or(0)
    }

    pub(super) fn term(&self, group: GroupId, index: u64) -> LogPoint {
        let term = self.committed.get(&group).and_then(|log| log.get(&index)).map_or(1, |(term, _)| *term);
        LogPoint { index, term }
    }

    pub(super) fn asked(&mut self, group: GroupId, request: RequestId) {
        let floor = self.committed_up_to(group);
        assert_eq!(self.waiting.insert(request, floor), None, "{request:?} is asked once");
    }

    pub(super) fn answered(&mut self, request: RequestId, answer: Answer) {
        let floor =
            self.waiting.remove(&request).unwrap_or_else(|| panic!("{request:?} was answered: {answer:?}"));
        if let Answer::Read { index } = answer {
            assert!(index >= floor, "{request:?} read at {index} what was committed up to {floor} before");
        }
        self.answers.insert(request, answer);
    }

    /// The host that asked these is gone.
    pub(super) fn forget(&mut self, requests: &BTreeSet<RequestId>) {
        self.waiting.retain(|request, _| !requests.contains(request));
    }

    pub(super) fn is_waiting(&self, request: RequestId) -> bool {
        self.waiting.contains_key(&request)
    }

    /// All stamps of a group in the order of its log: they never go back.
    pub(super) fn check_stamps(&self) {
        for (group, log) in &self.committed {
            let mut latest = 0;
            for (index, (_, body)) in log {
                let Some(time_ms) = body.time_ms() else { continue };
                assert!(time_ms >= latest, "group {group}: entry {index} is stamped before an earlier one");
                latest = time_ms;
            }
        }
    }
}
