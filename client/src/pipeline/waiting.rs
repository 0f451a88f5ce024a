use crate::{ClientError, Submitted};
use bytes::Bytes;
use std::collections::VecDeque;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// A command without an answer.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) command: Bytes,
    told: oneshot::Sender<Result<Submitted, ClientError>>,
    /// The room that it takes in the pipeline.
    _room: [OwnedSemaphorePermit; 2],
}

impl Waiting {
    pub(super) fn new(
        command: Bytes,
        told: oneshot::Sender<Result<Submitted, ClientError>>,
        room: [OwnedSemaphorePermit; 2],
    ) -> Self {
        Self { command, told, _room: room }
    }

    /// Tells what became of it; it does not matter if nobody listens any more.
    pub(super) fn tell(self, result: Result<Submitted, ClientError>) {
        let _ = self.told.send(result);
    }
}

/// All commands without an answer, in order, each with its number.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    /// The number of the first.
    first: u64,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds a command and returns its number.
    pub(super) fn push(&mut self, waiting: Waiting) -> u64 {
        let length = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        self.waiting.push_back(waiting);
        self.first + length
    }

    pub(super) fn numbered(&self) -> impl Iterator<Item = (u64, &Bytes)> {
        (self.first..).zip(self.waiting.iter().map(|waiting| &waiting.command))
    }

    /// The number of the command that is told next.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Tells the first what became of it.
    pub(super) fn tell_first(&mut self, result: Result<Submitted, ClientError>) {
        if let Some(waiting) = self.waiting.pop_front() {
            self.first += 1;
            waiting.tell(result);
        }
    }

    /// Tells all the same.
    pub(super) fn tell_all(&mut self, error: &ClientError) {
        while !self.is_empty() {
            self.tell_first(Err(error.clone()));
        }
    }
}
