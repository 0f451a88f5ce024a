//! What is on its way to disk, and what waits for it.

use crate::HardState;
use raft::eraftpb::Message;
use std::{collections::VecDeque, mem};

/// Numbers are raft's: every ready has one, and those with something to persist are handed out.
#[derive(Default)]
pub(crate) struct Disk {
    /// Handed out and not yet persisted.
    outstanding: VecDeque<u64>,
    last_ready: u64,
    /// Which one carries the latest term and vote.
    vote_number: u64,
    written: HardState,
    held: Vec<(u64, Message)>,
}

impl Disk {
    pub(crate) fn new(written: HardState) -> Self {
        Self { written, ..Self::default() }
    }

    pub(crate) fn give_back_room(&mut self) {
        self.outstanding.shrink_to_fit();
        self.held.shrink_to_fit();
    }

    /// Nothing is on its way, and nothing waits for it.
    pub(crate) fn is_empty(&self) -> bool {
        self.outstanding.is_empty() && self.held.is_empty()
    }

    /// The hard state to write with this ready, if it is another than the last written.
    pub(crate) fn write(&mut self, number: u64, state: HardState) -> Option<HardState> {
        self.outstanding.push_back(number);
        if (state.term, state.vote) != (self.written.term, self.written.vote) {
            self.vote_number = number;
        }
        let is_new = state != self.written;
        self.written = state;
        is_new.then_some(state)
    }

    /// The hard state to write although raft does not ask for it, and the number to write it under.
    pub(crate) fn write_unasked(&mut self, state: HardState) -> (u64, HardState) {
        self.written = state;
        (self.last_ready, state)
    }

    /// raft made a ready. With nothing to wait for, all up to it count as persisted.
    pub(crate) fn made(&mut self, number: u64) -> Option<u64> {
        self.last_ready = number;
        self.outstanding.is_empty().then_some(number)
    }

    /// All up to `number` are on disk: the last ready that counts as persisted with them.
    pub(crate) fn persisted(&mut self, number: u64) -> u64 {
        while self.outstanding.pop_front_if(|outstanding| *outstanding <= number).is_some() {}
        self.persisted_up_to()
    }

    fn persisted_up_to(&self) -> u64 {
        self.outstanding.front().map_or(self.last_ready, |outstanding| outstanding - 1)
    }

    /// Keeps this message until all that is handed out now is persisted.
    pub(crate) fn hold(&mut self, message: Message) {
        self.held.push((self.outstanding.back().copied().unwrap_or(0), message));
    }

    /// Keeps this message of a leader until its own term and vote are persisted. Its entries need not be: they are
    /// written here while they are on their way to others. But a leader that forgets its term could lead in it twice.
    pub(crate) fn hold_for_vote(&mut self, message: Message) {
        self.held.push((self.vote_number, message));
    }

    /// Whether the term and the vote of this state are on disk.
    pub(crate) fn keeps_vote(&self, state: HardState) -> bool {
        (state.term, state.vote) == (self.written.term, self.written.vote)
            && self.vote_number <= self.persisted_up_to()
    }

    /// The messages that need wait no longer, in the order they were made.
    pub(crate) fn take_sendable(&mut self) -> Vec<Message> {
        if self.held.is_empty() {
            return Vec::new();
        }
        let persisted = self.persisted_up_to();
        let (ready, held) =
            mem::take(&mut self.held).into_iter().partition(|(number, _)| *number <= persisted);
        self.held = held;
        let ready: Vec<(u64, Message)> = ready;
        ready.into_iter().map(|(_, message)| message).collect()
    }
}
