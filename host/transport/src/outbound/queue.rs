use crate::PeersConfig;
use futures::Stream;
use prost::Message;
use quorate_proto::peer::v1::{Envelope, RaftMessage};
use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};
use tokio::sync::watch;

/// What waits in one lane: bounded by count and bytes, never waited for.
#[derive(Debug)]
pub(crate) struct LaneQueue {
    limits: Limits,
    state: Mutex<State>,
    /// The state's phase, for those who wait for it.
    phase: watch::Sender<Phase>,
}

#[derive(Debug)]
struct Limits {
    messages_max: usize,
    bytes_max: usize,
    message_bytes_max: usize,
    envelope_messages_max: usize,
    envelope_bytes_max: usize,
}

#[derive(Debug)]
struct State {
    messages: VecDeque<(RaftMessage, usize)>,
    bytes: usize,
    phase: Phase,
    /// Counts connections, so that the stream of a lost one cannot take messages from the next one's.
    connection: u64,
    waker: Option<Waker>,
    /// Nothing was queued since a loss was last told; telling again would say nothing new.
    loss_told: bool,
    /// When the node was last there, it lived in another data folder than it is known with.
    other_folder: bool,
    sent: u64,
    dropped: u64,
}

/// How a lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not connected yet. Messages wait.
    Connecting,
    /// Connected. Messages wait only for the connection to take them.
    Connected,
    /// Connecting failed, or the connection is lost. Messages are dropped at once: they would be stale when the
    /// node is back, and raft repeats them.
    Broken,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits.
    Queued,
    /// It is lost, and somebody should be told.
    Lost,
    /// It is lost like others that were told of before.
    LostToo,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueStatus {
    pub(crate) phase: Phase,
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    pub(crate) sent: u64,
    pub(crate) dropped: u64,
}

impl LaneQueue {
    pub(crate) fn new(config: &PeersConfig) -> Self {
        Self {
            limits: Limits {
                messages_max: config.lane_messages_max,
                bytes_max: config.lane_bytes_max,
                message_bytes_max: config.message_bytes_max,
                envelope_messages_max: config.envelope_messages_max,
                envelope_bytes_max: config.envelope_bytes_max,
            },
            state: Mutex::new(State {
                messages: VecDeque::new(),
                bytes: 0,
                phase: Phase::Connecting,
                connection: 0,
                waker: None,
                loss_told: false,
                other_folder: false,
                sent: 0,
                dropped: 0,
            }),
            phase: watch::Sender::new(Phase::Connecting),
        }
    }

    /// Every change of the state is whole before anything could panic, so a poisoned one is still good.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, message: RaftMessage) -> Pushed {
        let bytes = message.encoded_len();
        let mut state = self.state();
        let full = state.messages.len() >= self.limits.messages_max
            || state.bytes.saturating_add(bytes) > self.limits.bytes_max;
        if full || state.phase == Phase::Broken || bytes > self.limits.message_bytes_max {
            state.dropped += 1;
            return if std::mem::replace(&mut state.loss_told, true) {
                Pushed::LostToo
            } else {
                Pushed::Lost
            };
        }
        state.loss_told = false;
        state.bytes += bytes;
        state.messages.push_back((message, bytes));
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Pushed::Queued
    }

    /// A connection is being tried: what it will send once it stands. Ends when the lane turns to another connection.
    pub(crate) fn outgoing(self: &Arc<Self>) -> Outgoing {
        let mut state = self.state();
        state.connection += 1;
        Outgoing { queue: self.clone(), connection: state.connection }
    }

    /// The other node listens: what waits may go.
    pub(crate) fn connected(&self) {
        let mut state = self.state();
        state.phase = Phase::Connected;
        state.other_folder = false;
        self.phase.send_replace(Phase::Connected);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// How the lane is, now and later.
    pub(crate) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// The node lives in another data folder than it is known with, until it comes back with the one it had.
    pub(crate) fn met_other_folder(&self) {
        self.state().other_folder = true;
    }

    /// Whether the node was last met in another data folder than it is known with.
    pub(crate) fn other_folder(&self) -> bool {
        self.state().other_folder
    }

    /// The node is looked for somewhere else: messages wait again. Whether messages may have been lost.
    pub(crate) fn connecting(&self) -> bool {
        self.end_connection(Phase::Connecting)
    }

    /// The connection is lost or did not come about. Whether messages may have been lost that nobody was told of.
    pub(crate) fn broken(&self) -> bool {
        self.end_connection(Phase::Broken)
    }

    fn end_connection(&self, phase: Phase) -> bool {
        let mut state = self.state();
        // What was under way when a connection broke is lost too, without having been counted.
        let mut lost = state.phase == Phase::Connected;
        if phase == Phase::Broken {
            let waiting = std::mem::take(&mut state.messages);
            lost |= !waiting.is_empty() || state.loss_told;
            state.dropped += u64::try_from(waiting.len()).unwrap_or(u64::MAX);
            state.bytes = 0;
            state.loss_told = false;
        }
        state.phase = phase;
        self.phase.send_replace(phase);
        state.connection += 1;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        lost
    }

    pub(crate) fn status(&self) -> QueueStatus {
        let state = self.state();
        QueueStatus {
            phase: state.phase,
            messages: state.messages.len(),
            bytes: state.bytes,
            sent: state.sent,
            dropped: state.dropped,
        }
    }
}

/// The envelopes of one connection.
#[derive(Debug)]
pub(crate) struct Outgoing {
    queue: Arc<LaneQueue>,
    connection: u64,
}

impl Stream for Outgoing {
    type Item = Envelope;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Envelope>> {
        let limits = &self.queue.limits;
        let mut state = self.queue.state();
        if state.connection != self.connection {
            return Poll::Ready(None);
        }
        // Nothing leaves before the welcome: what a connection took along that is refused would be lost untold.
        let room = if state.phase == Phase::Connected { limits.envelope_messages_max.max(1) } else { 0 };
        let mut envelope = Envelope::default();
        let mut total_bytes = 0_usize;
        while envelope.messages.len() < room {
            let Some(&(_, bytes)) = state.messages.front() else { break };
            total_bytes = total_bytes.saturating_add(bytes);
            if total_bytes > limits.envelope_bytes_max && !envelope.messages.is_empty() {
                break;
            }
            let Some((message, bytes)) = state.messages.pop_front() else { break };
            state.bytes -= bytes;
            envelope.messages.push(message);
        }
        if envelope.messages.is_empty() {
            state.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        state.sent += u64::try_from(envelope.messages.len()).unwrap_or(u64::MAX);
        Poll::Ready(Some(envelope))
    }
}
