//! Reads: held until the state is new enough, then handed to an observer.

use super::ApplyWorker;
use crate::{
    RequestError,
    node::{
        observe_worker::ObserveWork,
        waiters::{Failure, ReadTicket},
    },
};

impl ApplyWorker {
    pub(super) fn read(&mut self, index: u64, ticket: ReadTicket) {
        let Some(replica) = &self.replica else {
            return ticket.fail(Failure::Error(self.stopped()));
        };
        if replica.applied().index < index {
            self.reads.push((index, ticket));
            return;
        }
        if ticket.request.is_none() {
            let _ = ticket.reply.send(Ok(None));
            return;
        }
        match replica.read_point() {
            Ok(point) => {
                let work = ObserveWork::Query { point, ticket };
                if let Err(ObserveWork::Query { ticket, .. }) = self.observers.query(work) {
                    let queue = "the queue of the group's queries";
                    ticket.fail(Failure::Error(RequestError::Overloaded { queue }));
                }
            }
            Err(fault) => ticket.fail(Failure::Error(RequestError::QueryFailed { why: fault.to_string() })),
        }
    }

    pub(super) fn flush_reads(&mut self) {
        let Some(applied) = self.replica.as_ref().map(|replica| replica.applied().index) else { return };
        if self.reads.iter().all(|(index, _)| *index > applied) {
            return;
        }
        for (index, ticket) in std::mem::take(&mut self.reads) {
            // Those that are not due yet come back to the list.
            self.read(index, ticket);
        }
    }

    pub(super) fn renew_observer(&self, number: usize) {
        if let Some(replica) = &self.replica {
            self.observers.renew(number, ObserveWork::Renew(replica.observer()));
        }
    }
}
