use crate::{
    ALL_BYTES, CallError, PeersHandle, SnapshotRefusal, SnapshotSendError, SnapshotSource, SnapshotTransfer,
    connection::Target, outbound::Inner, snapshot::Throttle,
};
use bytes::Bytes;
use quorate_backoff::Backoff;
use quorate_proto::peer::v1::{
    SnapshotBegin, SnapshotChunk, SnapshotFinish, SnapshotFrame, SnapshotReply, snapshot_frame::Frame,
    snapshot_reply::Reply,
};
use quorate_vocabulary::NodeId;
use std::{io, sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::Streaming;

/// How often a snapshot is sent anew from the beginning because the receiver found the whole damaged.
const DAMAGED_MAX: u32 = 2;

impl PeersHandle {
    /// Sends a snapshot and, once it is stored there, raft's message after it. Goes on where a broken connection left
    /// off. Returns when it is stored, or when it is given up; may be dropped to give it up.
    ///
    /// Every error must be reported to raft as a failed snapshot.
    ///
    /// # Errors
    /// When the receiver refuses it, it cannot be read, or the transfer does not come further.
    pub async fn send_snapshot(
        &self,
        node: NodeId,
        transfer: SnapshotTransfer,
    ) -> Result<(), SnapshotSendError> {
        self.send_snapshot_when_due(node, async { Ok(transfer) }).await
    }

    /// The same with a snapshot that is opened when its turn has come: what waits costs nothing.
    ///
    /// # Errors
    /// The same, and those of opening it.
    pub async fn send_snapshot_when_due(
        &self,
        node: NodeId,
        transfer: impl Future<Output = io::Result<SnapshotTransfer>>,
    ) -> Result<(), SnapshotSendError> {
        let shutdown = &self.inner.shutdown;
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Err(CallError::Closed.into()),
            sent = self.send_in_turn(node, transfer) => sent,
        }
    }

    async fn send_in_turn(
        &self,
        node: NodeId,
        transfer: impl Future<Output = io::Result<SnapshotTransfer>>,
    ) -> Result<(), SnapshotSendError> {
        let peer = self.inner.peer(node).ok_or(CallError::UnknownNode { node })?;
        let _for_this_node = peer.snapshot_sends.acquire().await.map_err(|_| CallError::Closed)?;
        let _for_all = self.inner.snapshot_sends.acquire().await.map_err(|_| CallError::Closed)?;
        let transfer = transfer.await.map_err(SnapshotSendError::Source)?;
        let sending = Sending::new(self.inner.clone(), node, transfer);
        let throttled = peer.clone();
        let sending = async move {
            let inner = sending.inner.clone();
            sending.run([&throttled.snapshot_throttle, &inner.snapshot_throttle]).await
        };
        // The connection, too, lives where it is made. Ends when this is dropped.
        AbortOnDropHandle::new(self.inner.background.handle().spawn(sending)).await.unwrap_or_else(|error| {
            Err(SnapshotSendError::Source(io::Error::other(format!("the task that sent it failed: {error}"))))
        })
    }
}

struct Sending {
    inner: Arc<Inner>,
    node: NodeId,
    transfer: SnapshotTransfer,
    total_bytes: Option<u64>,
    manifest: Bytes,
    /// The furthest that the receiver has told of.
    furthest: u64,
}

impl Sending {
    fn new(inner: Arc<Inner>, node: NodeId, transfer: SnapshotTransfer) -> Self {
        let total_bytes = transfer.source.total_bytes();
        let manifest = transfer.source.manifest();
        Self { inner, node, transfer, total_bytes, manifest, furthest: 0 }
    }

    async fn run(mut self, throttles: [&Throttle; 2]) -> Result<(), SnapshotSendError> {
        let config = self.inner.config.clone();
        let mut backoff = Backoff::new(config.backoff_min, config.backoff_max);
        let (mut attempts, mut damaged) = (0, 0);
        loop {
            let furthest_before = self.furthest;
            let error = match self.attempt(throttles).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if self.furthest > furthest_before {
                attempts = 0;
                backoff.reset();
            }
            attempts += 1;
            if matches!(error, SnapshotSendError::Refused(SnapshotRefusal::Damaged(_))) {
                damaged += 1;
                // What the receiver held is gone, so coming as far again is no progress.
            }
            if !worth_another_attempt(&error)
                || attempts >= config.snapshot_attempts_max
                || damaged >= DAMAGED_MAX
            {
                return Err(error);
            }
            let SnapshotTransfer { group, to, .. } = self.transfer;
            let node = self.node;
            tracing::info!(%group, replica = %to, %node, %error, "sending the snapshot again");
            tokio::time::sleep(backoff.wait()).await;
        }
    }

    async fn attempt(&mut self, throttles: [&Throttle; 2]) -> Result<(), SnapshotSendError> {
        let config = self.inner.config.clone();
        let target = self.inner.target(self.node)?;
        let mut client = target.connect(&config).await?;
        // Never full: no more chunks are under way than the window lets, and the two frames around them.
        let (frames, outgoing) = mpsc::channel(config.snapshot_chunks_ahead_max.saturating_add(2));
        let mut road = Road { target, frames, stall_timeout: config.snapshot_stall_timeout };
        road.send(Frame::Begin(self.begin())).await?;
        let replies = client.send_snapshot(ReceiverStream::new(outgoing));
        let mut replies =
            road.in_time(replies).await?.map_err(|status| road.target.ended(&status))?.into_inner();

        let Reply::Resume(resume) = road.reply(&mut replies).await? else {
            return Err(road.unexpected("it did not say where to begin").into());
        };
        if self.total_bytes.is_some_and(|total| resume.offset > total) {
            return Err(road.unexpected("it claims to hold more than there is").into());
        }
        let (mut written, mut next) = (resume.offset, resume.offset);
        self.furthest = self.furthest.max(written);
        let chunk_bytes = config.snapshot_chunk_bytes.min(config.snapshot_chunk_bytes_max);
        let chunk_bytes =
            throttles.iter().fold(chunk_bytes, |bytes, throttle| throttle.chunk_bytes(bytes)).max(1);
        let ahead_max = u64::try_from(chunk_bytes.saturating_mul(config.snapshot_chunks_ahead_max.max(1)))
            .unwrap_or(u64::MAX);
        let mut end = self.total_bytes.or((resume.offset == ALL_BYTES).then_some(ALL_BYTES));
        loop {
            while end.is_none_or(|end| next < end) && next - written < ahead_max {
                let chunk = self.read(next, chunk_bytes).await.map_err(SnapshotSendError::Source)?;
                if chunk.data.is_empty() {
                    end = Some(next);
                    break;
                }
                for throttle in throttles {
                    throttle.pass(chunk.data.len()).await;
                }
                next = next.saturating_add(u64::try_from(chunk.data.len()).unwrap_or(u64::MAX));
                road.send(Frame::Chunk(chunk)).await?;
            }
            if end == Some(written) {
                break;
            }
            let Reply::Progress(progress) = road.reply(&mut replies).await? else {
                return Err(road.unexpected("it did not say how much it has written").into());
            };
            if progress.offset <= written || progress.offset > next {
                return Err(road.unexpected("it claims to have written what it was not sent").into());
            }
            written = progress.offset;
            self.furthest = self.furthest.max(written);
        }
        let message = Some(self.transfer.message.clone());
        road.send(Frame::Finish(SnapshotFinish { message, total_bytes: written })).await?;
        road.stall_timeout = config.snapshot_finish_timeout;
        match road.reply(&mut replies).await? {
            Reply::Stored(_) => Ok(()),
            _ => Err(road.unexpected("it did not say that the snapshot is stored").into()),
        }
    }

    fn begin(&self) -> SnapshotBegin {
        SnapshotBegin {
            hello: Some(self.inner.identity.hello(self.node)),
            group: self.transfer.group.0,
            replica: self.transfer.to.0,
            index: self.transfer.index,
            term: self.transfer.term,
            total_bytes: self.total_bytes.unwrap_or(0),
            manifest: self.manifest.clone(),
            is_open_ended: self.total_bytes.is_none(),
        }
    }

    /// The chunk at this offset. It is empty at the end of what is open-ended, and nowhere else.
    async fn read(&mut self, offset: u64, bytes_max: usize) -> io::Result<SnapshotChunk> {
        let source = std::mem::replace(&mut self.transfer.source, Box::new(Gone));
        let read = tokio::task::spawn_blocking(move || {
            let mut source = source;
            let chunk = source.read_at(offset, bytes_max).map(|data| {
                let crc32c = crc32c::crc32c(&data);
                SnapshotChunk { offset, data, crc32c }
            });
            (source, chunk)
        });
        let (source, chunk) = read.await.map_err(io::Error::other)?;
        self.transfer.source = source;
        let chunk = chunk?;
        let bytes = chunk.data.len();
        let fits = match self.total_bytes {
            Some(total) => bytes > 0 && u64::try_from(bytes).is_ok_and(|bytes| bytes <= total - offset),
            None => true,
        };
        if bytes > bytes_max || !fits {
            let total = self.total_bytes.unwrap_or(u64::MAX);
            return Err(io::Error::other(format!("the snapshot gave {bytes} bytes at {offset} of {total}")));
        }
        Ok(chunk)
    }
}

/// Stands in for the source while a blocking thread reads from it.
struct Gone;

impl SnapshotSource for Gone {
    fn total_bytes(&self) -> Option<u64> {
        None
    }

    fn manifest(&self) -> Bytes {
        Bytes::new()
    }

    fn read_at(&mut self, _offset: u64, _bytes_max: usize) -> io::Result<Bytes> {
        Err(io::Error::other("the thread that read the snapshot panicked"))
    }
}

fn worth_another_attempt(error: &SnapshotSendError) -> bool {
    match error {
        SnapshotSendError::Refused(refusal) => matches!(
            refusal,
            SnapshotRefusal::Busy | SnapshotRefusal::DamagedChunk(_) | SnapshotRefusal::Damaged(_)
        ),
        SnapshotSendError::Call(error) => {
            matches!(error, CallError::Connect { .. } | CallError::Broken { .. } | CallError::TimedOut { .. })
        }
        SnapshotSendError::Source(_) => false,
    }
}

/// One attempt's stream.
struct Road {
    target: Target,
    frames: mpsc::Sender<SnapshotFrame>,
    stall_timeout: Duration,
}

impl Road {
    async fn in_time<T>(&self, future: impl Future<Output = T>) -> Result<T, CallError> {
        let waited = self.stall_timeout;
        let node = self.target.node;
        tokio::time::timeout(waited, future).await.map_err(|_| CallError::TimedOut { node, waited })
    }

    /// Queues a frame. A stream that is gone says why when the reply is awaited.
    async fn send(&self, frame: Frame) -> Result<(), CallError> {
        let sending = self.frames.send(SnapshotFrame { frame: Some(frame) });
        let _ = self.in_time(sending).await?;
        Ok(())
    }

    async fn reply(&self, replies: &mut Streaming<SnapshotReply>) -> Result<Reply, SnapshotSendError> {
        match self.in_time(replies.message()).await? {
            Ok(Some(SnapshotReply { reply: Some(Reply::Refused(refused)) })) => {
                Err(SnapshotRefusal::from_wire(&refused).into())
            }
            Ok(Some(SnapshotReply { reply: Some(reply) })) => Ok(reply),
            Ok(Some(SnapshotReply { reply: None })) => Err(self.unexpected("an empty answer").into()),
            Ok(None) => Err(self.target.broken("it ended the transfer without saying why").into()),
            Err(status) => Err(self.target.ended(&status).into()),
        }
    }

    fn unexpected(&self, cause: &str) -> CallError {
        CallError::Answer { node: self.target.node, cause: cause.to_owned() }
    }
}
