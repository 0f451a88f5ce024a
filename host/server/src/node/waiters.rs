//! Who waits for what came of which request.

use super::{
    handle::Deadline,
    view::{Queried, Submitted},
};
use crate::RequestError;
use bytes::Bytes;
use quorate_consensus::{Configuration, Refusal, RequestId};
use quorate_vocabulary::{GroupId, Member};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::{sync::oneshot, time::timeout};

/// How a request failed on its way.
#[derive(Debug)]
pub(super) enum Failure {
    /// Raft refused it.
    Refused(Refusal),
    /// Something else did.
    Error(RequestError),
}

/// Waits for what came of a request that may be in the log by now: done, or refused by raft.
pub(super) async fn answered<T>(
    group: GroupId,
    deadline: Deadline,
    answer: oneshot::Receiver<Result<T, Failure>>,
) -> Result<Result<T, Refusal>, RequestError> {
    match timeout(deadline.remaining(), answer).await {
        Ok(Ok(Ok(done))) => Ok(Ok(done)),
        Ok(Ok(Err(Failure::Refused(refusal)))) => Ok(Err(refusal)),
        Ok(Ok(Err(Failure::Error(error)))) => Err(error),
        // Nothing says that it was not appended.
        Ok(Err(_)) => Err(RequestError::OutcomeUnknown { group, why: "this node is shutting down" }),
        Err(_) => Err(RequestError::OutcomeUnknown { group, why: "it was not answered before the deadline" }),
    }
}

/// A read that waits for its turn, and perhaps for a query to be run.
pub(super) struct ReadTicket {
    /// What to ask the plugin; none: only that the state is new enough.
    pub(super) request: Option<Bytes>,
    /// When it was asked, if a majority is to confirm it.
    pub(super) asked: Option<Instant>,
    /// Where the answer goes.
    pub(super) reply: oneshot::Sender<Result<Option<Queried>, Failure>>,
    /// Set once a majority has confirmed the read, so that whoever runs out of time knows what was missing.
    pub(super) confirmed: Arc<AtomicBool>,
}

impl ReadTicket {
    /// A majority has confirmed it.
    pub(super) fn confirmed(&mut self) {
        self.confirmed.store(true, Ordering::Relaxed);
    }

    /// Gives up on it.
    pub(super) fn fail(self, failure: Failure) {
        // Whoever asked may have gone.
        let _ = self.reply.send(Err(failure));
    }
}

/// What a request waits for.
pub(super) enum Waiter {
    /// The outcome of a command.
    Submit(oneshot::Sender<Result<Submitted, Failure>>),
    /// The moment when a read may be answered.
    Read(ReadTicket),
    /// The moment when another replica leads.
    Transfer(oneshot::Sender<Result<Member, Failure>>),
    /// The configuration that was asked for, once it is applied.
    Configuration(oneshot::Sender<Result<Configuration, Failure>>),
    /// The moment when an order is carried out.
    Order(oneshot::Sender<Result<(), Failure>>),
}

impl Waiter {
    fn fail(self, failure: Failure) {
        match self {
            Self::Submit(reply) => {
                let _ = reply.send(Err(failure));
            }
            Self::Read(ticket) => ticket.fail(failure),
            Self::Transfer(reply) => {
                let _ = reply.send(Err(failure));
            }
            Self::Configuration(reply) => {
                let _ = reply.send(Err(failure));
            }
            Self::Order(reply) => {
                let _ = reply.send(Err(failure));
            }
        }
    }
}

/// Every request of this node that raft has not answered.
#[derive(Default)]
pub(super) struct Waiters {
    next: AtomicU64,
    waiting: Mutex<HashMap<RequestId, Waiter>>,
}

impl Waiters {
    fn lock(&self) -> MutexGuard<'_, HashMap<RequestId, Waiter>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a request that nobody waits for.
    pub(super) fn number(&self) -> RequestId {
        RequestId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Has `waiter` wait for a request. It is forgotten when what is returned is dropped.
    pub(super) fn wait(self: &Arc<Self>, waiter: Waiter) -> Waiting {
        let request = self.number();
        self.lock().insert(request, waiter);
        Waiting { waiters: self.clone(), request }
    }

    /// Answers commands of one entry.
    pub(super) fn submitted_all(&self, answers: impl IntoIterator<Item = (RequestId, Submitted)>) {
        let mut waiting = self.lock();
        for (request, submitted) in answers {
            if let Some(Waiter::Submit(reply)) = waiting.remove(&request) {
                let _ = reply.send(Ok(submitted));
            }
        }
    }

    /// The read that this request stands for, if somebody still waits for it.
    pub(super) fn read(&self, request: RequestId) -> Option<ReadTicket> {
        match self.take(request)? {
            Waiter::Read(ticket) => Some(ticket),
            _ => None,
        }
    }

    /// The configuration that this request asked for is applied.
    pub(super) fn configured(&self, request: RequestId, configuration: &Configuration) {
        if let Some(Waiter::Configuration(reply)) = self.take(request) {
            let _ = reply.send(Ok(configuration.clone()));
        }
    }

    /// The order of this request is carried out.
    pub(super) fn ordered(&self, request: RequestId) {
        if let Some(Waiter::Order(reply)) = self.take(request) {
            let _ = reply.send(Ok(()));
        }
    }

    /// The leadership that this request was to hand over is this member's now.
    pub(super) fn transferred(&self, request: RequestId, leader: Member) {
        if let Some(Waiter::Transfer(reply)) = self.take(request) {
            let _ = reply.send(Ok(leader));
        }
    }

    /// Tells whoever waits that it failed.
    pub(super) fn fail(&self, request: RequestId, failure: Failure) {
        if let Some(waiter) = self.take(request) {
            waiter.fail(failure);
        }
    }

    fn take(&self, request: RequestId) -> Option<Waiter> {
        self.lock().remove(&request)
    }
}

/// A request somebody waits for.
pub(super) struct Waiting {
    waiters: Arc<Waiters>,
    request: RequestId,
}

impl Waiting {
    /// Its number.
    pub(super) fn request(&self) -> RequestId {
        self.request
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // When the caller has gone or its time is over, the table must not grow by what nobody will take.
        drop(self.waiters.take(self.request));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_nobody_waits_for_any_more_leaves_nothing_behind() {
        let waiters = Arc::<Waiters>::default();
        let (reply, answer) = oneshot::channel();
        let waiting = waiters.wait(Waiter::Submit(reply));
        let request = waiting.request();
        drop(waiting);
        assert!(waiters.lock().is_empty());
        waiters.fail(request, Failure::Refused(Refusal::Lost));
        assert!(answer.blocking_recv().is_err());
    }

    #[test]
    fn a_failure_reaches_whoever_waits() {
        let waiters = Arc::<Waiters>::default();
        let (reply, answer) = oneshot::channel();
        let waiting = waiters.wait(Waiter::Submit(reply));
        waiters.fail(waiting.request(), Failure::Refused(Refusal::Lost));
        assert!(matches!(answer.blocking_recv(), Ok(Err(Failure::Refused(Refusal::Lost)))));
    }
}
