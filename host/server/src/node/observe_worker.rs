//! Runs queries and lifecycle callbacks of one replica, away from the thread that applies.

use super::{
    apply_worker::ApplyWork,
    local_replica::{CloseSignal, ReplicaShared},
    pool::Worker,
    view::Queried,
    waiters::{Failure, ReadTicket},
};
use crate::RequestError;
use quorate_consensus::Input;
use quorate_replica::{
    Observer, ReadPoint, ReplicaFault,
    ports::{LifecycleEvent, Outcome},
};
use std::sync::Arc;

/// What an observer is asked to do.
pub(super) enum ObserveWork {
    /// Answer a query as of a moment.
    Query { point: ReadPoint, ticket: ReadTicket },
    /// Tell the plugin of its replica's life.
    Callback { point: ReadPoint, event: LifecycleEvent },
    /// Go on with this observer in place of one that broke.
    Renew(Observer),
    /// Let go of what can be made again.
    Rest,
    /// Let go of everything.
    Close(Arc<CloseSignal>),
}

/// Owns one observer.
pub(super) struct ObserveWorker {
    pub(super) number: usize,
    pub(super) shared: Arc<ReplicaShared>,
    pub(super) observer: Option<Observer>,
}

impl ObserveWorker {
    fn query(&mut self, point: &ReadPoint, mut ticket: ReadTicket) {
        if ticket.reply.is_closed() {
            // Nobody waits any more: the time is better spent on somebody who does.
            return;
        }
        let Some(request) = ticket.request.take() else {
            let _ = ticket.reply.send(Ok(None));
            return;
        };
        let Some(observer) = &mut self.observer else {
            return ticket.fail(broken("its observer is being made anew"));
        };
        // Answered all the same, by an instance that does not stay.
        let lacks_room = observer.lacks_room_for(point);
        let answered = observer.query(point, &request);
        if lacks_room {
            observer.rest();
        }
        match answered {
            Ok(call) => {
                self.shared.log.lines(point.applied().index, &call.logs);
                if let Outcome::Trapped(trap) = &call.outcome {
                    tracing::info!(group = %self.shared.info.name, %trap, "a query trapped");
                }
                let queried =
                    Queried { applied: point.applied().index, outcome: call.outcome, fuel: call.fuel };
                let _ = ticket.reply.send(Ok(Some(queried)));
            }
            Err(ReplicaFault::Behind { .. }) => {
                // Apply has passed a checkpoint since: from a newer moment the query can be answered.
                ticket.request = Some(request);
                self.shared.tell_apply(ApplyWork::Read { index: 0, ticket });
            }
            Err(fault) if fault.is_no_room() => {
                let queue = "the room for instances of plugins";
                ticket.fail(Failure::Error(RequestError::Overloaded { queue }));
            }
            Err(fault) => {
                tracing::warn!(group = %self.shared.info.name, %fault, "a query failed on the host");
                ticket.fail(broken(&fault.to_string()));
                self.replace();
            }
        }
    }

    fn callback(&mut self, point: &ReadPoint, event: &LifecycleEvent) {
        let Some(observer) = &mut self.observer else { return };
        let lacks_room = observer.lacks_room_for(point);
        let ended = observer.lifecycle(point, event);
        if lacks_room {
            observer.rest();
        }
        match ended {
            Ok(callback) => {
                self.shared.log.lines(point.applied().index, &callback.logs);
                if let Some(trap) = callback.failure {
                    tracing::warn!(group = %self.shared.info.name, ?event, %trap, "a lifecycle callback trapped");
                }
                for command in callback.proposals {
                    self.propose(command);
                }
            }
            Err(ReplicaFault::Behind { .. }) => {
                self.shared.tell_apply(ApplyWork::Callback(event.clone()));
            }
            Err(fault) => {
                tracing::warn!(group = %self.shared.info.name, ?event, %fault, "a lifecycle callback failed on the host");
                self.replace();
            }
        }
    }

    /// Proposals of a replica that no longer leads are dropped, here or by raft.
    fn propose(&self, command: bytes::Bytes) {
        if !self.shared.leads() {
            return;
        }
        let services = &self.shared.services;
        let propose =
            Input::Propose { group: self.shared.group, request: services.waiters.number(), command };
        if services.inbox.request(propose).is_err() {
            tracing::warn!(group = %self.shared.info.name, "a plugin's proposal was dropped: the node is overloaded");
        }
    }

    fn replace(&mut self) {
        self.observer = None;
        self.shared.tell_apply(ApplyWork::RenewObserver { number: self.number });
    }
}

fn broken(why: &str) -> Failure {
    Failure::Error(RequestError::QueryFailed { why: why.to_owned() })
}

impl Worker for ObserveWorker {
    type Work = ObserveWork;

    fn work(&mut self, work: ObserveWork) {
        match work {
            ObserveWork::Query { point, ticket } => self.query(&point, ticket),
            ObserveWork::Callback { point, event } => self.callback(&point, &event),
            ObserveWork::Renew(observer) => self.observer = Some(observer),
            ObserveWork::Rest => {
                if let Some(observer) = &mut self.observer {
                    observer.rest();
                }
            }
            ObserveWork::Close(signal) => {
                self.observer = None;
                drop(signal);
            }
        }
    }

    fn panicked(&mut self, message: String) {
        tracing::error!(group = %self.shared.info.name, message, "an observer panicked; it is made anew");
        self.replace();
    }
}
