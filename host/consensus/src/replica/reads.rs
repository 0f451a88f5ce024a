//! Linearizable reads: asked for in batches, asked again when an answer is lost.

use crate::{Effect, Refusal, RequestId, replica::proposals::refuse};
use bytes::Bytes;
use quorate_vocabulary::GroupId;
use raft::eraftpb::Message;
use std::{collections::VecDeque, mem};

/// Questions on their way at once; reads that come meanwhile wait and ask together.
const ROUNDS_MAX: usize = 4;
/// Reads of followers that a leader holds until it may answer.
const FORWARDED_MAX: usize = 256;

/// One question, for all the reads that waited when it was asked.
struct Round {
    number: u64,
    requests: Vec<RequestId>,
    ticks: usize,
}

#[derive(Default)]
pub(crate) struct Reads {
    /// Distinguishes this run of this replica from all others that may still get an answer.
    nonce: u64,
    next: u64,
    waiting: Vec<RequestId>,
    rounds: VecDeque<Round>,
    forwarded: Vec<Message>,
    ticks_without_leader: usize,
}

impl Reads {
    pub(crate) fn new(nonce: u64) -> Self {
        Self { nonce, ..Self::default() }
    }

    fn count(&self) -> usize {
        self.waiting.len() + self.rounds.iter().map(|round| round.requests.len()).sum::<usize>()
    }

    pub(crate) fn give_back_room(&mut self) {
        self.waiting.shrink_to_fit();
        self.rounds.shrink_to_fit();
        self.forwarded.shrink_to_fit();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count() == 0 && self.forwarded.is_empty()
    }

    pub(crate) fn push(&mut self, request: RequestId, waiting_reads_max: usize) -> Result<(), Refusal> {
        if self.count() >= waiting_reads_max {
            return Err(Refusal::TooManyReads { waiting_reads_max });
        }
        self.waiting.push(request);
        Ok(())
    }

    /// A read that a follower forwarded and that cannot be answered yet.
    pub(crate) fn hold(&mut self, message: Message) {
        if self.forwarded.len() < FORWARDED_MAX {
            self.forwarded.push(message);
        }
    }

    pub(crate) fn take_held(&mut self) -> Vec<Message> {
        mem::take(&mut self.forwarded)
    }

    /// Begins a round, if reads wait: the mark to ask with.
    pub(crate) fn begin_round(&mut self) -> Option<Vec<u8>> {
        if self.waiting.is_empty() || self.rounds.len() >= ROUNDS_MAX {
            return None;
        }
        let (number, requests) = (self.next, mem::take(&mut self.waiting));
        self.next += 1;
        self.rounds.push_back(Round { number, requests, ticks: 0 });
        Some([self.nonce.to_be_bytes(), number.to_be_bytes()].concat())
    }

    /// The answer to a round is good for those before it, too: they asked earlier.
    pub(crate) fn answered(&mut self, group: GroupId, mark: &Bytes, index: u64, effects: &mut Vec<Effect>) {
        let Some((nonce, number)) = mark.split_first_chunk::<8>() else { return };
        let Ok(number) = number.try_into().map(u64::from_be_bytes) else { return };
        if u64::from_be_bytes(*nonce) != self.nonce || !self.rounds.iter().any(|round| round.number == number)
        {
            return;
        }
        while let Some(round) = self.rounds.pop_front_if(|round| round.number <= number) {
            let requests = round.requests.into_iter();
            effects.extend(requests.map(|request| Effect::ReadReady { group, request, index }));
        }
    }

    /// Whoever was asked will not answer: ask again.
    pub(crate) fn ask_again(&mut self) {
        let asked = self.rounds.drain(..).flat_map(|round| round.requests);
        self.waiting = asked.chain(mem::take(&mut self.waiting)).collect();
        self.forwarded.clear();
    }

    /// Time passes: a round without an answer is asked again, and reads give up on a group that has no leader.
    pub(crate) fn tick(
        &mut self,
        group: GroupId,
        has_leader: bool,
        election_ticks: usize,
        effects: &mut Vec<Effect>,
    ) {
        for round in &mut self.rounds {
            round.ticks += 1;
        }
        // Half an election timeout: a leader that lives has answered many times over.
        while let Some(round) = self.rounds.pop_front_if(|round| round.ticks > election_ticks.div_ceil(2)) {
            self.waiting.extend(round.requests);
        }
        self.ticks_without_leader = if has_leader { 0 } else { self.ticks_without_leader + 1 };
        if self.ticks_without_leader > 2 * election_ticks {
            let cause = "it has no leader";
            refuse(group, mem::take(&mut self.waiting), &Refusal::Unavailable { cause }, effects);
        }
    }

    pub(crate) fn close(&mut self, group: GroupId, effects: &mut Vec<Effect>) {
        self.ask_again();
        refuse(group, mem::take(&mut self.waiting), &Refusal::Closed { appended: false }, effects);
    }
}
