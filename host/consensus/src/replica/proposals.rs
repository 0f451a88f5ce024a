//! Commands on their way into the log: those that wait, and those that are appended and not yet handed to apply.

use crate::{Effect, EntryBody, Order, Refusal, RequestId, SessionCommand, ShardConfig};
use bytes::Bytes;
use quorate_vocabulary::{GroupId, Member};
use std::{collections::VecDeque, mem};

/// What a command costs while it waits, beside its bytes: so that empty commands are not free.
const COMMAND_FRAME_BYTES: usize = 64;
/// Orders of an operator that may wait at once.
const WAITING_ORDERS_MAX: usize = 64;
/// What an order is taken to have, where refusals count bytes.
const ORDER_BYTES: usize = 64;

/// How many entries of the host's own may wait at a time.
const OWN_ENTRIES_MAX: usize = 16;

struct Waiting {
    request: RequestId,
    command: Waited,
}

/// A command that waits. Most are of no session, and cost nothing for those that are.
enum Waited {
    Plain(Bytes),
    Session(Box<SessionCommand>),
}

impl Waited {
    fn new(command: SessionCommand) -> Self {
        match command {
            SessionCommand::Plain(command) => Self::Plain(command),
            command => Self::Session(Box::new(command)),
        }
    }

    /// Bytes for the machine.
    fn bytes(&self) -> usize {
        match self {
            Self::Plain(command) => command.len(),
            Self::Session(command) => command.command_bytes(),
        }
    }

    fn cost(&self) -> usize {
        COMMAND_FRAME_BYTES + self.bytes()
    }

    fn into_session_command(self) -> SessionCommand {
        match self {
            Self::Plain(command) => SessionCommand::Plain(command),
            Self::Session(command) => *command,
        }
    }
}

/// An entry that this replica appended as leader.
struct Appended {
    index: u64,
    term: u64,
    requests: Vec<RequestId>,
    bytes: usize,
    is_checkpoint: bool,
    is_timers: bool,
    /// The entry of the host's own that it is, without its stamp.
    own: Option<EntryBody>,
}

/// An entry to append.
pub(crate) struct Packed {
    pub(crate) body: EntryBody,
    pub(crate) requests: Vec<RequestId>,
    bytes: usize,
}

#[derive(Default)]
pub(crate) struct Proposals {
    waiting: VecDeque<Waiting>,
    appended: VecDeque<Appended>,
    /// Of both.
    bytes: usize,
    checkpoint_waits: bool,
    timers_wait: bool,
    orders: VecDeque<(RequestId, Order)>,
    /// Entries of the host's own, without their stamps.
    own: VecDeque<EntryBody>,
    /// A change of members that has been appended and needs another entry before it is done.
    pub(crate) changing: Option<RequestId>,
}

impl Proposals {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
            && self.appended.is_empty()
            && !self.checkpoint_waits
            && !self.timers_wait
            && self.orders.is_empty()
            && self.own.is_empty()
            && self.changing.is_none()
    }

    pub(crate) fn give_back_room(&mut self) {
        self.waiting.shrink_to_fit();
        self.appended.shrink_to_fit();
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes in a command.
    pub(crate) fn push(
        &mut self,
        config: &ShardConfig,
        request: RequestId,
        command: Bytes,
    ) -> Result<(), Refusal> {
        self.push_waited(config, request, Waited::Plain(command))
    }

    /// Takes in a command of a session, or about one.
    pub(crate) fn push_session(
        &mut self,
        config: &ShardConfig,
        request: RequestId,
        command: SessionCommand,
    ) -> Result<(), Refusal> {
        self.push_waited(config, request, Waited::new(command))
    }

    fn push_waited(
        &mut self,
        config: &ShardConfig,
        request: RequestId,
        command: Waited,
    ) -> Result<(), Refusal> {
        if command.bytes() > config.command_bytes_max {
            return Err(Refusal::TooLarge { bytes: command.bytes(), bytes_max: config.command_bytes_max });
        }
        let bytes = command.cost();
        // A command alone is always taken: the largest one would fit otherwise only without its frame.
        if self.bytes > 0 && self.bytes + bytes > config.waiting_bytes_max {
            let (waiting_bytes, waiting_bytes_max) = (self.bytes, config.waiting_bytes_max);
            return Err(Refusal::Overloaded { waiting_bytes, waiting_bytes_max });
        }
        self.bytes += bytes;
        self.waiting.push_back(Waiting { request, command });
        Ok(())
    }

    /// A checkpoint goes in with the next entries, unless one is on its way.
    pub(crate) fn push_checkpoint(&mut self) {
        self.checkpoint_waits |= !self.appended.iter().any(|entry| entry.is_checkpoint);
    }

    /// Timers fire with the next entries, unless an entry for them is on its way: apply asks again when that is done.
    pub(crate) fn push_timers(&mut self) {
        self.timers_wait |= !self.appended.iter().any(|entry| entry.is_timers);
    }

    /// An order goes in with the next entries.
    pub(crate) fn push_order(&mut self, request: RequestId, order: Order) -> Result<(), Refusal> {
        if self.orders.len() >= WAITING_ORDERS_MAX {
            let waiting_bytes_max = WAITING_ORDERS_MAX * ORDER_BYTES;
            return Err(Refusal::Overloaded { waiting_bytes: waiting_bytes_max, waiting_bytes_max });
        }
        self.orders.push_back((request, order));
        Ok(())
    }

    /// An entry of the host's own goes in with the next ones, unless it waits or is on its way already.
    pub(crate) fn push_own(&mut self, body: EntryBody) {
        let body = body.stamped(0);
        let is_on_its_way = self.appended.iter().any(|entry| entry.own.as_ref() == Some(&body));
        if !is_on_its_way && !self.own.contains(&body) && self.own.len() < OWN_ENTRIES_MAX {
            self.own.push_back(body);
        }
    }

    /// The next entry: one of the host's own that waits, or an order, or as many commands as fit.
    pub(crate) fn pack(&mut self, config: &ShardConfig, time_ms: u64) -> Option<Packed> {
        if mem::take(&mut self.checkpoint_waits) {
            return Some(Packed { body: EntryBody::Checkpoint { time_ms }, requests: Vec::new(), bytes: 0 });
        }
        if mem::take(&mut self.timers_wait) {
            return Some(Packed { body: EntryBody::Timers { time_ms }, requests: Vec::new(), bytes: 0 });
        }
        if let Some(body) = self.own.pop_front() {
            return Some(Packed { body: body.stamped(time_ms), requests: Vec::new(), bytes: 0 });
        }
        if let Some((request, order)) = self.orders.pop_front() {
            let body = EntryBody::Order { time_ms, order };
            return Some(Packed { body, requests: vec![request], bytes: 0 });
        }
        self.pack_commands(config, time_ms)
    }

    fn pack_commands(&mut self, config: &ShardConfig, time_ms: u64) -> Option<Packed> {
        let (mut count, mut command_bytes, mut sessions) = (0, 0, false);
        for Waiting { command, .. } in self.waiting.iter().take(config.entry_commands_max) {
            let bytes = command_bytes + command.bytes();
            let with_sessions = sessions || matches!(command, Waited::Session(_));
            let entry_bytes = if with_sessions {
                EntryBody::session_commands_bytes_max(count + 1, bytes)
            } else {
                EntryBody::commands_bytes_max(count + 1, bytes)
            };
            // One that is larger than an entry is packed alone.
            if count > 0 && entry_bytes > config.entry_bytes_max {
                break;
            }
            (count, command_bytes, sessions) = (count + 1, bytes, with_sessions);
        }
        if count == 0 {
            return None;
        }
        let bytes = self.waiting.iter().take(count).map(|waiting| waiting.command.cost()).sum();
        let packed = self.waiting.drain(..count);
        let mut requests = Vec::with_capacity(count);
        let body = if sessions {
            let commands = packed.map(|Waiting { request, command }| {
                requests.push(request);
                command.into_session_command()
            });
            EntryBody::SessionCommands { time_ms, commands: commands.collect() }
        } else {
            let commands = packed.filter_map(|Waiting { request, command }| match command {
                Waited::Plain(command) => {
                    requests.push(request);
                    Some(command)
                }
                // There is none.
                Waited::Session(_) => None,
            });
            EntryBody::Commands { time_ms, commands: commands.collect() }
        };
        Some(Packed { body, requests, bytes })
    }

    /// raft did not take the entry: its commands wait again, in front.
    pub(crate) fn put_back(&mut self, packed: Packed) {
        match packed.body {
            EntryBody::Commands { commands, .. } => {
                let commands = commands.into_iter().map(Waited::Plain);
                for (request, command) in packed.requests.into_iter().zip(commands).rev() {
                    self.waiting.push_front(Waiting { request, command });
                }
            }
            EntryBody::SessionCommands { commands, .. } => {
                let commands = commands.into_iter().map(Waited::new);
                for (request, command) in packed.requests.into_iter().zip(commands).rev() {
                    self.waiting.push_front(Waiting { request, command });
                }
            }
            EntryBody::Checkpoint { .. } => self.checkpoint_waits = true,
            EntryBody::Timers { .. } => self.timers_wait = true,
            EntryBody::Order { order, .. } => {
                for request in packed.requests {
                    self.orders.push_front((request, order.clone()));
                }
            }
            own @ (EntryBody::BackgroundCheckpoint { .. }
            | EntryBody::TakeOver { .. }
            | EntryBody::Attest { .. }
            | EntryBody::Verdict { .. }) => self.own.push_front(own.stamped(0)),
            EntryBody::Configuration(_) | EntryBody::Empty | EntryBody::Withheld { .. } => {}
        }
    }

    /// raft has appended the entry.
    pub(crate) fn appended(&mut self, index: u64, term: u64, packed: Packed) {
        let is_checkpoint = matches!(packed.body, EntryBody::Checkpoint { .. });
        let is_timers = matches!(packed.body, EntryBody::Timers { .. });
        let Packed { body, requests, bytes } = packed;
        let own = body.is_own().then(|| body.stamped(0));
        self.appended.push_back(Appended { index, term, requests, bytes, is_checkpoint, is_timers, own });
    }

    /// raft has appended a configuration that this request waits for.
    pub(crate) fn configuration_appended(&mut self, index: u64, term: u64, request: RequestId) {
        let requests = vec![request];
        let appended =
            Appended { index, term, requests, bytes: 0, is_checkpoint: false, is_timers: false, own: None };
        self.appended.push_back(appended);
    }

    /// How many entries are appended behind `committed`.
    pub(crate) fn in_flight(&self, committed: u64) -> usize {
        self.appended.len() - self.appended.partition_point(|entry| entry.index <= committed)
    }

    /// The entry at this place is committed: the requests it answers. What was appended up to there and is not it was
    /// lost.
    pub(crate) fn committed(
        &mut self,
        group: GroupId,
        index: u64,
        term: u64,
        effects: &mut Vec<Effect>,
    ) -> Vec<RequestId> {
        while let Some(entry) = self.appended.front()
            && entry.index <= index
        {
            let Some(entry) = self.appended.pop_front() else { break };
            self.bytes -= entry.bytes;
            if entry.index == index && entry.term == term {
                return entry.requests;
            }
            refuse(group, entry.requests, &Refusal::Lost, effects);
        }
        Vec::new()
    }

    /// Entries are about to be replaced: `term` tells the term of the new entry at an index, if there is one.
    pub(crate) fn replaced(
        &mut self,
        group: GroupId,
        first: u64,
        term: impl Fn(u64) -> Option<u64>,
        effects: &mut Vec<Effect>,
    ) {
        let mut kept = VecDeque::new();
        for entry in mem::take(&mut self.appended) {
            if entry.index < first || term(entry.index) == Some(entry.term) {
                kept.push_back(entry);
            } else {
                self.bytes -= entry.bytes;
                refuse(group, entry.requests, &Refusal::Lost, effects);
            }
        }
        self.appended = kept;
    }

    /// The leadership is lost: what was not appended never will be. What was may still be committed.
    pub(crate) fn stop_leading(&mut self, group: GroupId, leader: Option<Member>, effects: &mut Vec<Effect>) {
        self.checkpoint_waits = false;
        self.timers_wait = false;
        self.own.clear();
        refuse(group, self.changing.take(), &Refusal::Lost, effects);
        self.refuse_waiting(group, &Refusal::NotLeader { leader }, effects);
    }

    fn refuse_waiting(&mut self, group: GroupId, reason: &Refusal, effects: &mut Vec<Effect>) {
        let orders = mem::take(&mut self.orders);
        refuse(group, orders.into_iter().map(|(request, _)| request), reason, effects);
        let waiting = mem::take(&mut self.waiting);
        self.bytes -= waiting.iter().map(|waiting| waiting.command.cost()).sum::<usize>();
        refuse(group, waiting.into_iter().map(|waiting| waiting.request), reason, effects);
    }

    /// The replica is driven no longer.
    pub(crate) fn close(&mut self, group: GroupId, effects: &mut Vec<Effect>) {
        let appended = mem::take(&mut self.appended).into_iter().flat_map(|entry| entry.requests);
        let appended = appended.chain(self.changing.take()).collect::<Vec<_>>();
        refuse(group, appended, &Refusal::Closed { appended: true }, effects);
        self.refuse_waiting(group, &Refusal::Closed { appended: false }, effects);
        self.bytes = 0;
    }
}

/// Refuses these requests.
pub(crate) fn refuse(
    group: GroupId,
    requests: impl IntoIterator<Item = RequestId>,
    reason: &Refusal,
    effects: &mut Vec<Effect>,
) {
    effects.extend(requests.into_iter().map(|request| Effect::Refused {
        group,
        request,
        reason: reason.clone(),
    }));
}
