//! Commands and queries on their way through raft and back.

use super::{
    apply_worker::ApplyWork,
    core::Core,
    handle::Deadline,
    inbox::InboxError,
    local_replica::LocalReplica,
    view::{Consistency, Queried, Submitted},
    waiters::{Failure, ReadTicket, Waiter, answered},
    witness::LocalWitness,
};
use crate::RequestError;
use bytes::Bytes;
use quorate_consensus::{Input, ReadMode, Refusal, SessionCommand, Ticket};
use quorate_vocabulary::{GroupId, Member};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::oneshot, time::timeout};

/// The pause before a read that nobody could answer is tried again.
const READ_RETRY_PAUSE: Duration = Duration::from_millis(25);
/// A read whose messages were lost is asked again after so many election timeouts.
const READ_ATTEMPT_ELECTIONS: u32 = 2;

impl Core {
    /// The replica of a group on this node, in working order.
    pub(super) fn replica(&self, group: GroupId) -> Result<Arc<LocalReplica>, RequestError> {
        self.health.check(self.node())?;
        if self.stopping.is_cancelled() {
            return Err(RequestError::ShuttingDown);
        }
        if let Some(witness) = self.registry.witness(group) {
            // It has nothing to say, and no more to do with a command than to name the leader.
            return Err(match witness.failure() {
                Some(why) => RequestError::ReplicaFailed { group, why },
                None => RequestError::NotLeader { group, leader: self.leader_hint(self.beside(&witness)) },
            });
        }
        let Some(replica) = self.registry.get(group) else { return Err(self.not_here(group)) };
        match replica.shared.failure() {
            Some(why) => Err(RequestError::ReplicaFailed { group, why }),
            None => Ok(replica),
        }
    }

    /// The replica of a group on this node, if it leads.
    pub(super) fn leading_replica(&self, group: GroupId) -> Result<Arc<LocalReplica>, RequestError> {
        let replica = self.replica(group)?;
        if !replica.shared.leads() {
            let leader = self.leader_hint(replica.shared.lead().leader);
            return Err(RequestError::NotLeader { group, leader });
        }
        Ok(replica)
    }

    /// Whom to ask instead of a witness: the leader, or else whoever holds data.
    fn beside(&self, witness: &LocalWitness) -> Option<Member> {
        witness.lead().leader.or_else(|| {
            let state = self.catalog_state();
            let group = state.group(witness.group)?;
            let mut with_data = group.members.iter().filter(|member| !member.role.is_witness());
            with_data.find(|member| self.is_reachable(member.node)).copied()
        })
    }

    /// Why there is no replica of that group here.
    fn not_here(&self, group: GroupId) -> RequestError {
        let state = self.catalog_state();
        let Some(known) = state.group(group) else {
            return RequestError::GroupNotFound { name: group.to_string() };
        };
        if known.replica_on(self.node()).is_some() {
            let why = self.hosting.why_not_running(group);
            return RequestError::GroupNotReady { group, why };
        }
        // One of those that hold it knows better who leads.
        let with_data = || known.members.iter().filter(|member| !member.role.is_witness());
        let holder = with_data().find(|member| self.is_reachable(member.node));
        let holder = holder.or(with_data().next()).copied();
        RequestError::NotLeader { group, leader: self.leader_hint(holder) }
    }

    /// Replicates a command. Hands it on before it first waits.
    pub(super) async fn submit(
        &self,
        group: GroupId,
        command: Bytes,
        ticket: Option<Ticket>,
        deadline: Deadline,
    ) -> Result<Submitted, RequestError> {
        let replica = self.replica(group)?;
        let bytes_max = usize::try_from(replica.shared.limits.command_bytes_max).unwrap_or(usize::MAX);
        if command.len() > bytes_max {
            return Err(RequestError::CommandTooLarge { group, bytes: command.len(), bytes_max });
        }
        // What is on its way already is refused where it stands in the log. A command of a session may have been applied before.
        if ticket.is_none() && replica.shared.frozen.load(Ordering::Relaxed) && replica.shared.leads() {
            return Err(RequestError::GroupFrozen { name: replica.shared.info.name.clone() });
        }
        let command = match ticket {
            None => SessionCommand::Plain(command),
            Some(ticket) => SessionCommand::Once { ticket, command },
        };
        self.propose(&replica, command, deadline).await
    }

    /// Has a command replicated. Hands it on before it first waits.
    pub(super) async fn propose(
        &self,
        replica: &LocalReplica,
        command: SessionCommand,
        deadline: Deadline,
    ) -> Result<Submitted, RequestError> {
        let group = replica.shared.group;
        if deadline.remaining().is_zero() {
            let what = "its turn".to_owned();
            return Err(RequestError::DeadlineExceeded { what, waited: deadline.waited() });
        }
        let bytes = command.command_bytes();
        let (reply, answer) = oneshot::channel();
        let waiting = self.services.waiters.wait(Waiter::Submit(reply));
        let request = waiting.request();
        let input = match command {
            SessionCommand::Plain(command) => Input::Propose { group, request, command },
            command => Input::ProposeInSession { group, request, command },
        };
        self.services.inbox.request(input).map_err(inbox_error)?;
        let answer = answered(group, deadline, answer).await?;
        answer.map_err(|refusal| self.refused(group, bytes, refusal))
    }

    /// What raft's refusal of a request of so many bytes is to whoever made it.
    pub(super) fn refused(&self, group: GroupId, bytes: usize, refusal: Refusal) -> RequestError {
        match refusal {
            Refusal::NotLeader { leader } => {
                RequestError::NotLeader { group, leader: self.leader_hint(leader) }
            }
            Refusal::Overloaded { .. } => {
                RequestError::Overloaded { queue: "the queue of the group's commands" }
            }
            Refusal::TooManyReads { .. } => {
                RequestError::Overloaded { queue: "the queue of the group's reads" }
            }
            Refusal::TooLarge { bytes: _, bytes_max } => {
                RequestError::CommandTooLarge { group, bytes, bytes_max }
            }
            Refusal::Unavailable { cause } => RequestError::GroupNotReady { group, why: cause.to_owned() },
            Refusal::Configuration { cause } => {
                RequestError::InvalidArgument { what: "the configuration", why: cause }
            }
            Refusal::Witness => RequestError::NotLeader { group, leader: None },
            refusal @ (Refusal::NotTransferred { .. }
            | Refusal::NotCaughtUp { .. }
            | Refusal::NotRecovered { .. }) => {
                RequestError::GroupNotReady { group, why: refusal.to_string() }
            }
            Refusal::Lost => RequestError::OutcomeUnknown {
                group,
                why: "this node lost the leadership before it was applied",
            },
            Refusal::Closed { appended: true } => {
                RequestError::OutcomeUnknown { group, why: "the replica was closed before it was applied" }
            }
            Refusal::Closed { appended: false } | Refusal::NotHere => match self.replica(group) {
                Err(error) => error,
                Ok(_) => RequestError::GroupNotReady { group, why: "its replica is being opened".to_owned() },
            },
        }
    }

    /// Answers a query from this node's replica.
    pub(super) async fn query(
        &self,
        group: GroupId,
        request: Bytes,
        consistency: Consistency,
        deadline: Deadline,
    ) -> Result<Queried, RequestError> {
        let replica = self.replica(group)?;
        let bytes_max = usize::try_from(replica.shared.limits.command_bytes_max).unwrap_or(usize::MAX);
        if request.len() > bytes_max {
            return Err(RequestError::RequestTooLarge { group, bytes: request.len(), bytes_max });
        }
        drop(replica);
        let answered = self.read(group, Some(request), consistency, deadline).await?;
        answered.ok_or_else(|| RequestError::Internal {
            why: "a query was answered without an answer".to_owned(),
        })
    }

    /// Returns once this node has applied everything that was answered anywhere before the call.
    pub(super) async fn barrier(&self, group: GroupId, deadline: Deadline) -> Result<(), RequestError> {
        self.read(group, None, Consistency::Linearizable, deadline).await.map(|_| ())
    }

    async fn read(
        &self,
        group: GroupId,
        request: Option<Bytes>,
        consistency: Consistency,
        deadline: Deadline,
    ) -> Result<Option<Queried>, RequestError> {
        loop {
            let attempt = self.read_once(group, request.clone(), consistency, deadline).await;
            let retry = match attempt {
                Ok(answer) => return Ok(answer),
                Err(ReadFailure::Error(error)) => return Err(error),
                Err(ReadFailure::Unconfirmed) => Duration::ZERO,
                Err(ReadFailure::NobodyLeads) => READ_RETRY_PAUSE,
            };
            if deadline.remaining() <= retry {
                let why = "no majority confirmed the read";
                return Err(RequestError::NoQuorum { group, why, waited: deadline.waited() });
            }
            tokio::time::sleep(retry).await;
        }
    }

    async fn read_once(
        &self,
        group: GroupId,
        request: Option<Bytes>,
        consistency: Consistency,
        deadline: Deadline,
    ) -> Result<Option<Queried>, ReadFailure> {
        let replica = self.replica(group).map_err(ReadFailure::Error)?;
        let (reply, answer) = oneshot::channel();
        let confirmed = Arc::<AtomicBool>::default();
        let mode = match consistency {
            Consistency::Local => None,
            // One round of messages serves all that may be so stale, until it is too old itself.
            Consistency::Bounded { max_staleness } if replica.shared.is_within(max_staleness) => None,
            Consistency::Linearizable | Consistency::Bounded { .. } => Some(ReadMode::Linearizable),
            Consistency::Lease => Some(ReadMode::Lease),
        };
        let asked = (mode == Some(ReadMode::Linearizable)).then(Instant::now);
        let ticket = ReadTicket { request, asked, reply, confirmed: confirmed.clone() };
        let mut waiting = None;
        match mode {
            None => replica.apply(ApplyWork::Read { index: 0, ticket }),
            Some(mode) => {
                let read = self.services.waiters.wait(Waiter::Read(ticket));
                let input = Input::Read { group, request: read.request(), mode };
                self.services.inbox.request(input).map_err(|error| ReadFailure::Error(inbox_error(error)))?;
                waiting = Some(read);
            }
        }
        drop(replica);
        tokio::pin!(answer);
        let attempt = self.config.election_timeout * READ_ATTEMPT_ELECTIONS;
        let mut answered = timeout(attempt.min(deadline.remaining()), &mut answer).await;
        let is_confirmed = || mode.is_none() || confirmed.load(Ordering::Relaxed);
        if answered.is_err() && is_confirmed() {
            // Nothing is lost on the way any more: it only takes its time.
            answered = timeout(deadline.remaining(), &mut answer).await;
        }
        drop(waiting);
        match answered {
            Ok(Ok(Ok(queried))) => Ok(queried),
            Ok(Ok(Err(Failure::Error(error)))) => Err(ReadFailure::Error(error)),
            Ok(Ok(Err(Failure::Refused(
                Refusal::NotLeader { .. } | Refusal::Unavailable { .. } | Refusal::Lost,
            )))) => Err(ReadFailure::NobodyLeads),
            Ok(Ok(Err(Failure::Refused(refusal)))) => {
                Err(ReadFailure::Error(self.refused(group, 0, refusal)))
            }
            Ok(Err(_)) if self.stopping.is_cancelled() => Err(ReadFailure::Error(RequestError::ShuttingDown)),
            // Whoever had it has dropped it: a worker that broke, or a replica that was closed.
            Ok(Err(_)) => Err(ReadFailure::NobodyLeads),
            Err(_) if is_confirmed() => {
                let what = "the state to be new enough and the plugin to answer".to_owned();
                Err(ReadFailure::Error(RequestError::DeadlineExceeded { what, waited: deadline.waited() }))
            }
            Err(_) => Err(ReadFailure::Unconfirmed),
        }
    }
}

/// How an attempt to read failed.
enum ReadFailure {
    /// Trying again is of no use.
    Error(RequestError),
    /// No answer came in time.
    Unconfirmed,
    /// Nobody could confirm it at the moment.
    NobodyLeads,
}

fn inbox_error(error: InboxError) -> RequestError {
    match error {
        InboxError::Full => RequestError::Overloaded { queue: "the node's inbox" },
        InboxError::Stopped => RequestError::ShuttingDown,
    }
}
