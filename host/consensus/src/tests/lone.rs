//! One shard, whose peers, disk and machine are played by the test.

use super::cluster::{GROUP, voters};
use crate::{
    Effect, EntryBody, Input, LogEntry, LogPoint, Now, Persist, RaftMessage, RaftMessageType, ReplicaStart,
    ReplicaStatus, RequestId, Shard, ShardConfig,
};
use bytes::Bytes;
use quorate_proto::peer::v1::{RaftEntry, SnapshotPoint};
use quorate_vocabulary::{Member, NodeId, ReplicaId};
use std::time::Duration;

/// Replica 1 of group 1 on node 1.
pub(super) struct Lone {
    pub(super) shard: Shard,
    pub(super) now: Now,
}

pub(super) fn config() -> ShardConfig {
    ShardConfig::new(NodeId(1), 1)
}

impl Lone {
    /// Not open yet.
    pub(super) fn closed(config: ShardConfig) -> Self {
        let mut lone = Self {
            shard: Shard::new(config).expect("a configuration that fits"),
            now: Now { monotonic: Duration::ZERO, wall_ms: 1_000 },
        };
        lone.step(vec![]);
        lone
    }

    /// Open in a new group of replicas 1 to `members`.
    pub(super) fn new(members: u64) -> Self {
        let mut lone = Self::closed(config());
        lone.open(ReplicaStart::bootstrap(GROUP, ReplicaId(1), voters(1..=members)));
        lone
    }

    pub(super) fn open(&mut self, start: ReplicaStart) -> Vec<Effect> {
        self.step(vec![Input::Open(Box::new(start))])
    }

    pub(super) fn step(&mut self, mut inputs: Vec<Input>) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.shard.step(self.now, &mut inputs, &mut effects);
        assert!(inputs.is_empty(), "all inputs are taken in");
        effects
    }

    /// A step in which the disk finishes at once, as often as there is something to write.
    pub(super) fn step_and_persist(&mut self, inputs: Vec<Input>) -> Vec<Effect> {
        let mut effects = self.step(inputs);
        let mut seen = 0;
        while seen < effects.len() {
            let numbers = persists(&effects[seen..]).map(|persist| persist.number).collect::<Vec<_>>();
            seen = effects.len();
            for number in numbers {
                effects.extend(self.step(vec![Input::Persisted { group: GROUP, number }]));
            }
        }
        effects
    }

    pub(super) fn receive(&mut self, message: RaftMessage) -> Vec<Effect> {
        self.step(vec![Input::Message(message)])
    }

    /// One heartbeat interval passes.
    pub(super) fn tick(&mut self) -> Vec<Effect> {
        self.now.monotonic += Duration::from_millis(100);
        self.now.wall_ms += 100;
        self.step(vec![Input::Tick])
    }

    pub(super) fn ticks(&mut self, count: usize) -> Vec<Effect> {
        (0..count).flat_map(|_| self.tick()).collect()
    }

    pub(super) fn propose(&mut self, request: u64, command: &[u8]) -> Vec<Effect> {
        let (request, command) = (RequestId(request), Bytes::copy_from_slice(command));
        self.step(vec![Input::Propose { group: GROUP, request, command }])
    }

    pub(super) fn status(&self) -> ReplicaStatus {
        self.shard.status(GROUP).expect("an open replica")
    }

    /// Makes it leader by the votes of all others, and commits its first entry.
    pub(super) fn lead(&mut self) -> Vec<Effect> {
        let mut effects = self.campaign();
        let peers: Vec<Member> =
            self.status().configuration.members.into_iter().filter(|member| member.replica.0 != 1).collect();
        for kind in [RaftMessageType::RequestPreVoteResponse, RaftMessageType::RequestVoteResponse] {
            for peer in &peers {
                let term = self.status().term + u64::from(kind == RaftMessageType::RequestPreVoteResponse);
                let vote = message(kind, peer.replica.0, term);
                effects.extend(self.step_and_persist(vec![Input::Message(vote)]));
            }
        }
        effects.extend(self.acknowledge());
        effects
    }

    /// Lets time pass until it campaigns.
    pub(super) fn campaign(&mut self) -> Vec<Effect> {
        for _ in 0..20 {
            let effects = self.tick();
            if sent(&effects).any(|message| message.r#type() == RaftMessageType::RequestPreVote) {
                return effects;
            }
        }
        panic!("no campaign");
    }

    /// All others have the log up to its end.
    pub(super) fn acknowledge(&mut self) -> Vec<Effect> {
        let status = self.status();
        let acknowledge = |member: &Member| {
            let mut message = message(RaftMessageType::AppendResponse, member.replica.0, status.term);
            message.index = status.last.index;
            Input::Message(message)
        };
        let members = status.configuration.members.iter().filter(|member| member.replica.0 != 1);
        let inputs = members.map(acknowledge).collect();
        self.step_and_persist(inputs)
    }
}

/// A message to replica 1 from another, whose node has the same number.
pub(super) fn message(kind: RaftMessageType, from: u64, term: u64) -> RaftMessage {
    let mut message = RaftMessage {
        group: GROUP.0,
        from_replica: from,
        to_replica: 1,
        from_node: from,
        to_node: 1,
        term,
        ..RaftMessage::default()
    };
    message.set_type(kind);
    message
}

/// An append of these bodies in the leader's term behind `before`.
pub(super) fn append(
    from: u64,
    term: u64,
    before: LogPoint,
    bodies: &[EntryBody],
    commit: u64,
) -> RaftMessage {
    let entry = |(index, body): (u64, &EntryBody)| {
        let entry = LogEntry { index, term, data: body.encode() };
        RaftEntry { index, term, checksum: entry.checksum(), data: entry.data }
    };
    RaftMessage {
        index: before.index,
        log_term: before.term,
        entries: (before.index + 1..).zip(bodies).map(entry).collect(),
        commit,
        ..message(RaftMessageType::Append, from, term)
    }
}

pub(super) fn snapshot(from: u64, term: u64, point: LogPoint, members: Vec<Member>) -> RaftMessage {
    let configuration = Some((&crate::Configuration::new(members)).into());
    let point = SnapshotPoint { index: point.index, term: point.term, configuration };
    RaftMessage { snapshot: Some(point), ..message(RaftMessageType::Snapshot, from, term) }
}

pub(super) fn commands(time_ms: u64, commands: &[&'static [u8]]) -> EntryBody {
    let commands = commands.iter().map(|command| Bytes::from_static(command)).collect();
    EntryBody::Commands { time_ms, commands }
}

pub(super) fn sent(effects: &[Effect]) -> impl Iterator<Item = &RaftMessage> {
    let messages = effects.iter().filter_map(|effect| match effect {
        Effect::Send(message) => Some(message),
        _ => None,
    });
    messages.flat_map(|message| match message.r#type() {
        RaftMessageType::Beat => message.merged.iter().collect(),
        _ => vec![message],
    })
}

pub(super) fn kinds(effects: &[Effect]) -> Vec<RaftMessageType> {
    sent(effects).map(RaftMessage::r#type).collect()
}

pub(super) fn persists(effects: &[Effect]) -> impl Iterator<Item = &Persist> {
    effects.iter().filter_map(|effect| match effect {
        Effect::Persist(persist) => Some(persist),
        _ => None,
    })
}

/// The bodies handed to apply.
pub(super) fn applied(effects: &[Effect]) -> Vec<(u64, EntryBody)> {
    let entries = effects.iter().filter_map(|effect| match effect {
        Effect::Apply { entries, .. } => Some(entries),
        _ => None,
    });
    entries.flatten().map(|entry| (entry.index, entry.body.clone())).collect()
}

pub(super) fn refusals(effects: &[Effect]) -> Vec<(u64, crate::Refusal)> {
    let refused = effects.iter().filter_map(|effect| match effect {
        Effect::Refused { request, reason, .. } => Some((request.0, reason.clone())),
        _ => None,
    });
    refused.collect()
}
