use crate::{Lane, PeerInbound, PeersConfig, SnapshotOffer, SnapshotReceiver, SnapshotRefusal};
use quorate_proto::peer::v1::{
    RaftMessage, SnapshotBegin, SnapshotChunk, SnapshotFrame, SnapshotOffset, SnapshotReply, SnapshotStored,
    snapshot_frame::Frame, snapshot_reply::Reply,
};
use quorate_vocabulary::{GroupId, NodeId, ReplicaId};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

type Key = (GroupId, ReplicaId);

/// The snapshots that arrive: a bounded number, and one for a replica.
#[derive(Debug)]
pub(crate) struct Receives {
    permits: Arc<Semaphore>,
    active: Mutex<HashMap<Key, Active>>,
}

#[derive(Debug)]
struct Active {
    superseded: CancellationToken,
    /// Held by the transfer that may touch the replica's files.
    turn: Arc<tokio::sync::Mutex<()>>,
    number: u64,
}

impl Receives {
    pub(crate) fn new(config: &PeersConfig) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(config.snapshot_receives_max.max(1))),
            active: Mutex::default(),
        }
    }

    /// Takes the place of an older transfer for the same replica, which its sender may long have given up.
    fn enter(&self, key: Key) -> (CancellationToken, Arc<tokio::sync::Mutex<()>>, u64) {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let superseded = CancellationToken::new();
        let entry = active.entry(key).or_insert_with(|| Active {
            superseded: CancellationToken::new(),
            turn: Arc::default(),
            number: 0,
        });
        std::mem::replace(&mut entry.superseded, superseded.clone()).cancel();
        entry.number += 1;
        (superseded, entry.turn.clone(), entry.number)
    }

    fn leave(&self, key: Key, number: u64) {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        if active.get(&key).is_some_and(|entry| entry.number == number) {
            active.remove(&key);
        }
    }
}

/// One transfer on the receiving side.
pub(crate) struct Receiving {
    pub(crate) inbound: Arc<dyn PeerInbound>,
    pub(crate) config: Arc<PeersConfig>,
    pub(crate) receives: Arc<Receives>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) from: NodeId,
    pub(crate) frames: Streaming<SnapshotFrame>,
    pub(crate) replies: mpsc::Sender<Result<SnapshotReply, Status>>,
}

/// Why a transfer ends before the snapshot is stored.
enum End {
    Refused(SnapshotRefusal),
    /// The sender is gone, or the node is shutting down: nobody listens.
    Broken(String),
}

impl From<SnapshotRefusal> for End {
    fn from(refusal: SnapshotRefusal) -> Self {
        Self::Refused(refusal)
    }
}

fn protocol(cause: impl Into<String>) -> End {
    End::Refused(SnapshotRefusal::Protocol(cause.into()))
}

/// Nothing comes behind what could not be written.
fn ended() -> End {
    End::Broken("it has ended".to_owned())
}

impl Receiving {
    pub(crate) async fn run(mut self, begin: SnapshotBegin) {
        let offer = SnapshotOffer {
            group: GroupId(begin.group),
            replica: ReplicaId(begin.replica),
            index: begin.index,
            term: begin.term,
            total_bytes: (!begin.is_open_ended).then_some(begin.total_bytes),
            manifest: begin.manifest,
        };
        let key = (offer.group, offer.replica);
        let (superseded, turn, number) = self.receives.enter(key);
        let shutdown = self.shutdown.clone();
        let end = {
            let _turn = tokio::select! {
                biased;
                () = superseded.cancelled() => None,
                turn = turn.lock() => Some(turn),
            };
            // Once the transfer touches the disk it is not dropped half-way; `next_frame` looks at both tokens.
            if _turn.is_none() {
                Err(SnapshotRefusal::Superseded.into())
            } else {
                self.receive(offer, &superseded, &shutdown).await
            }
        };
        self.receives.leave(key, number);
        let (group, replica) = key;
        let from = self.from;
        match end {
            Ok(()) => self.reply(Reply::Stored(SnapshotStored {})).await,
            Err(End::Refused(refusal)) => {
                tracing::info!(%group, %replica, %from, %refusal, "snapshot refused");
                self.reply(Reply::Refused(refusal.to_wire())).await;
            }
            Err(End::Broken(cause)) => {
                tracing::info!(%group, %replica, %from, cause, "snapshot broke off");
            }
        }
    }

    /// Says something to the sender, if it still listens.
    async fn reply(&self, reply: Reply) {
        let _ = self.replies.send(Ok(SnapshotReply { reply: Some(reply) })).await;
    }

    async fn receive(
        &mut self,
        offer: SnapshotOffer,
        superseded: &CancellationToken,
        shutdown: &CancellationToken,
    ) -> Result<(), End> {
        let permits = self.receives.permits.clone();
        let _permit = permits.try_acquire().map_err(|_| SnapshotRefusal::Busy)?;
        let total_bytes = offer.total_bytes;
        if offer.manifest.len() > self.config.snapshot_chunk_bytes_max {
            return Err(protocol("the manifest is larger than a chunk may be"));
        }
        let (inbound, from) = (self.inbound.clone(), self.from);
        let receiver = blocking(move || inbound.begin_snapshot(from, offer)).await?;
        let mut held = Some(receiver);
        let end = self.take_in(&mut held, total_bytes, superseded, shutdown).await;
        if let Some(receiver) = held {
            // It may have to wait for what it is writing, and the next transfer has to wait for that.
            let _ = tokio::task::spawn_blocking(move || drop(receiver)).await;
        }
        end
    }

    async fn take_in(
        &mut self,
        held: &mut Option<Box<dyn SnapshotReceiver>>,
        total_bytes: Option<u64>,
        superseded: &CancellationToken,
        shutdown: &CancellationToken,
    ) -> Result<(), End> {
        let mut received = held.as_ref().map_or(0, |receiver| receiver.received_bytes());
        if total_bytes.is_some_and(|total| received > total) {
            return Err(SnapshotRefusal::Storage("more is held than the snapshot has".to_owned()).into());
        }
        self.reply(Reply::Resume(SnapshotOffset { offset: received })).await;
        loop {
            let frame = tokio::select! {
                biased;
                () = superseded.cancelled() => return Err(SnapshotRefusal::Superseded.into()),
                () = shutdown.cancelled() => return Err(End::Broken("this node is shutting down".to_owned())),
                frame = tokio::time::timeout(self.config.snapshot_stall_timeout, self.frames.message()) => frame,
            };
            let frame = match frame {
                Ok(Ok(Some(frame))) => frame.frame,
                Ok(Ok(None)) => return Err(End::Broken("the sender ended it".to_owned())),
                Ok(Err(status)) => return Err(End::Broken(crate::connection::describe(&status))),
                Err(_) => return Err(End::Broken("nothing came for too long".to_owned())),
            };
            match frame {
                Some(Frame::Chunk(chunk)) => {
                    check(&chunk, received, total_bytes, self.config.snapshot_chunk_bytes_max)?;
                    let receiver = held.take().ok_or_else(ended)?;
                    let (receiver, end) = write(receiver, chunk).await?;
                    (*held, received) = (Some(receiver), end);
                    self.reply(Reply::Progress(SnapshotOffset { offset: received })).await;
                }
                Some(Frame::Finish(finish)) => {
                    let total = total_bytes.unwrap_or(finish.total_bytes);
                    if received != total {
                        return Err(protocol(format!("it ended at {received} of {total} bytes")));
                    }
                    let message =
                        finish.message.ok_or_else(|| protocol("it ended without raft's message"))?;
                    let receiver = held.take().ok_or_else(ended)?;
                    blocking(move || receiver.finish()).await?;
                    self.deliver(message);
                    return Ok(());
                }
                Some(Frame::Begin(_)) | None => return Err(protocol("a frame that has no place there")),
            }
        }
    }

    /// The sender may be gone by now; the snapshot is stored all the same, and raft should know.
    fn deliver(&self, message: RaftMessage) {
        self.inbound.receive(self.from, Lane::Append, vec![message]);
    }
}

fn check(
    chunk: &SnapshotChunk,
    received: u64,
    total_bytes: Option<u64>,
    bytes_max: usize,
) -> Result<(), End> {
    let bytes = u64::try_from(chunk.data.len()).unwrap_or(u64::MAX);
    if chunk.offset != received {
        let cause = format!("it is for offset {}, and {received} is next", chunk.offset);
        return Err(SnapshotRefusal::DamagedChunk(cause).into());
    }
    if crc32c::crc32c(&chunk.data) != chunk.crc32c {
        let cause = format!("the checksum at offset {received} does not match");
        return Err(SnapshotRefusal::DamagedChunk(cause).into());
    }
    let left = total_bytes.map_or(u64::MAX, |total| total.saturating_sub(received));
    if bytes == 0 || chunk.data.len() > bytes_max || bytes > left {
        return Err(protocol(format!("a chunk of {bytes} bytes at {received}, where {left} may come")));
    }
    Ok(())
}

async fn write(
    receiver: Box<dyn SnapshotReceiver>,
    chunk: SnapshotChunk,
) -> Result<(Box<dyn SnapshotReceiver>, u64), End> {
    let bytes = u64::try_from(chunk.data.len()).unwrap_or(u64::MAX);
    let end = chunk.offset.saturating_add(bytes);
    let receiver = blocking(move || {
        let mut receiver = receiver;
        receiver.write(chunk.offset, &chunk.data)?;
        Ok(receiver)
    });
    Ok((receiver.await?, end))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SnapshotRefusal> + Send + 'static,
) -> Result<T, End> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(End::Refused),
        Err(error) => {
            Err(SnapshotRefusal::Storage(format!("the thread that stored it failed: {error}")).into())
        }
    }
}
