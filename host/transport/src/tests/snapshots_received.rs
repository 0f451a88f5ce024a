//! What the receiving side does with senders that a node of this version never would be.

use super::support::{
    CHUNK_BYTES, ONE, Recorder, Seen, TWO, TestServer, config, identity, manifest_of, message, pattern,
    raw_client, soon,
};
use crate::{Lane, PeersConfig};
use bytes::Bytes;
use quorate_proto::peer::v1::{
    SnapshotBegin, SnapshotChunk, SnapshotFinish, SnapshotFrame, SnapshotReply, snapshot_frame::Frame,
    snapshot_refused::Kind, snapshot_reply::Reply,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;

type Break = fn(&RawTransfer);

struct RawTransfer {
    frames: mpsc::UnboundedSender<SnapshotFrame>,
    replies: Streaming<SnapshotReply>,
}

impl RawTransfer {
    async fn begin(server: &TestServer, replica: u64, bytes: &[u8]) -> Self {
        Self::begin_with(server, replica, Some(bytes.len()), manifest_of(bytes)).await
    }

    async fn begin_with(
        server: &TestServer,
        replica: u64,
        total_bytes: Option<usize>,
        manifest: Bytes,
    ) -> Self {
        let (frames, outgoing) = mpsc::unbounded_channel();
        let begin = SnapshotBegin {
            hello: Some(identity(ONE).hello(TWO)),
            group: 5,
            replica,
            index: 100,
            term: 3,
            total_bytes: total_bytes.unwrap_or(0) as u64,
            manifest,
            is_open_ended: total_bytes.is_none(),
        };
        frames.send(SnapshotFrame { frame: Some(Frame::Begin(begin)) }).expect("open");
        let mut client = raw_client(&server.address).await;
        let replies = client.send_snapshot(UnboundedReceiverStream::new(outgoing));
        let replies = soon("an answer", replies).await.expect("a stream").into_inner();
        Self { frames, replies }
    }

    fn send(&self, frame: Frame) {
        self.frames.send(SnapshotFrame { frame: Some(frame) }).expect("open");
    }

    fn chunk(&self, offset: usize, data: &[u8]) {
        let (offset, crc32c) = (offset as u64, crc32c::crc32c(data));
        self.send(Frame::Chunk(SnapshotChunk { offset, data: Bytes::copy_from_slice(data), crc32c }));
    }

    fn finish(&self) {
        self.finish_at(0);
    }

    fn finish_at(&self, total_bytes: usize) {
        let total_bytes = total_bytes as u64;
        self.send(Frame::Finish(SnapshotFinish { message: Some(message(5, 100)), total_bytes }));
    }

    async fn reply(&mut self) -> Reply {
        let reply = soon("a reply", self.replies.message()).await.expect("a reply").expect("no end");
        reply.reply.expect("not empty")
    }

    async fn resumed_at(&mut self) -> u64 {
        match self.reply().await {
            Reply::Resume(resume) => resume.offset,
            other => panic!("{other:?}"),
        }
    }

    async fn progress(&mut self) -> u64 {
        match self.reply().await {
            Reply::Progress(progress) => progress.offset,
            other => panic!("{other:?}"),
        }
    }

    async fn refused(&mut self) -> Kind {
        match self.reply().await {
            Reply::Refused(refused) => refused.kind(),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_snapshot_of_unknown_size_is_checked() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let bytes = pattern(2 * CHUNK_BYTES);
    let mut short = RawTransfer::begin_with(&server, 12, None, manifest_of(&bytes)).await;
    assert_eq!(short.resumed_at().await, 0);
    short.chunk(0, &bytes[..CHUNK_BYTES]);
    assert_eq!(short.progress().await, CHUNK_BYTES as u64);
    short.finish_at(bytes.len());
    assert_eq!(short.refused().await, Kind::Protocol);

    let mut whole = RawTransfer::begin_with(&server, 12, None, manifest_of(&bytes)).await;
    assert_eq!(whole.resumed_at().await, CHUNK_BYTES as u64);
    whole.chunk(CHUNK_BYTES, &bytes[CHUNK_BYTES..]);
    assert_eq!(whole.progress().await, bytes.len() as u64);
    whole.finish_at(bytes.len());
    assert!(matches!(whole.reply().await, Reply::Stored(_)));
    assert_eq!(two.next().await, Seen::message(ONE, Lane::Append, message(5, 100)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_chunk_is_not_written_and_the_next_transfer_resumes_before_it() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let bytes = pattern(3 * CHUNK_BYTES);
    let mut first = RawTransfer::begin(&server, 12, &bytes).await;
    assert_eq!(first.resumed_at().await, 0);
    first.chunk(0, &bytes[..CHUNK_BYTES]);
    assert_eq!(first.progress().await, CHUNK_BYTES as u64);
    let data = Bytes::copy_from_slice(&bytes[CHUNK_BYTES..2 * CHUNK_BYTES]);
    let crc32c = crc32c::crc32c(&data) ^ 1;
    first.send(Frame::Chunk(SnapshotChunk { offset: CHUNK_BYTES as u64, data, crc32c }));
    assert_eq!(first.refused().await, Kind::DamagedChunk);

    let mut second = RawTransfer::begin(&server, 12, &bytes).await;
    assert_eq!(second.resumed_at().await, CHUNK_BYTES as u64);
    second.chunk(CHUNK_BYTES, &bytes[CHUNK_BYTES..]);
    assert_eq!(second.progress().await, bytes.len() as u64);
    second.finish();
    assert!(matches!(second.reply().await, Reply::Stored(_)));
    assert_eq!(two.next().await, Seen::message(ONE, Lane::Append, message(5, 100)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_that_is_not_the_next_one_is_refused() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let bytes = pattern(3 * CHUNK_BYTES);
    let mut transfer = RawTransfer::begin(&server, 12, &bytes).await;
    assert_eq!(transfer.resumed_at().await, 0);
    transfer.chunk(CHUNK_BYTES, &bytes[CHUNK_BYTES..2 * CHUNK_BYTES]);
    assert_eq!(transfer.refused().await, Kind::DamagedChunk);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_the_form_of_a_transfer_is_refused() {
    let mut two = Recorder::new();
    let limits = PeersConfig { snapshot_chunk_bytes_max: CHUNK_BYTES, ..config() };
    let server = TestServer::start(limits, &two).await;
    let bytes = pattern(2 * CHUNK_BYTES);
    let breaks: [(&str, Break); 6] = [
        ("an end before the end", RawTransfer::finish),
        ("an empty chunk", |transfer| transfer.chunk(0, b"")),
        ("a chunk larger than may be", |transfer| transfer.chunk(0, &pattern(CHUNK_BYTES + 1))),
        ("a second beginning", |transfer| transfer.send(Frame::Begin(SnapshotBegin::default()))),
        ("an empty frame", |transfer| transfer.frames.send(SnapshotFrame { frame: None }).expect("open")),
        ("more than was announced", |transfer| {
            transfer.chunk(0, &pattern(CHUNK_BYTES));
            transfer.chunk(CHUNK_BYTES, &pattern(CHUNK_BYTES));
            transfer.chunk(2 * CHUNK_BYTES, b"!");
        }),
    ];
    for (replica, (what, send)) in (1..).zip(breaks) {
        let mut transfer = RawTransfer::begin(&server, replica, &bytes).await;
        assert_eq!(transfer.resumed_at().await, 0);
        send(&transfer);
        let kind = loop {
            match transfer.reply().await {
                Reply::Progress(_) => {}
                Reply::Refused(refused) => break refused.kind(),
                other => panic!("{what}: {other:?}"),
            }
        };
        assert_eq!(kind, Kind::Protocol, "{what}");
    }
    assert_eq!(two.drain(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manifest_larger_than_a_chunk_may_be_is_refused() {
    let two = Recorder::new();
    let limits = PeersConfig { snapshot_chunk_bytes_max: CHUNK_BYTES, ..config() };
    let server = TestServer::start(limits, &two).await;
    let mut transfer = RawTransfer::begin_with(&server, 12, Some(1), pattern(CHUNK_BYTES + 1)).await;
    assert_eq!(transfer.refused().await, Kind::Protocol);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_without_rafts_message_is_refused() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let mut transfer = RawTransfer::begin(&server, 12, b"").await;
    assert_eq!(transfer.resumed_at().await, 0);
    transfer.send(Frame::Finish(SnapshotFinish { message: None, total_bytes: 0 }));
    assert_eq!(transfer.refused().await, Kind::Protocol);
    assert_eq!(two.drain(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_snapshots_than_may_come_at_once_are_refused_as_busy() {
    let two = Recorder::new();
    let limits = PeersConfig { snapshot_receives_max: 1, ..config() };
    let server = TestServer::start(limits, &two).await;
    let bytes = pattern(CHUNK_BYTES);
    let mut first = RawTransfer::begin(&server, 12, &bytes).await;
    assert_eq!(first.resumed_at().await, 0);
    let mut second = RawTransfer::begin(&server, 13, &bytes).await;
    assert_eq!(second.refused().await, Kind::Busy);
    // The place is free again once the first is done.
    first.chunk(0, &bytes);
    assert_eq!(first.progress().await, CHUNK_BYTES as u64);
    first.finish();
    assert!(matches!(first.reply().await, Reply::Stored(_)));
    let mut third = RawTransfer::begin(&server, 13, &bytes).await;
    assert_eq!(third.resumed_at().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_transfer_for_the_same_replica_takes_the_place_of_the_older() {
    let two = Recorder::new();
    // Even where only one may come at once: a sender whose connection broke must not wait for its own old transfer.
    let limits = PeersConfig { snapshot_receives_max: 1, ..config() };
    let server = TestServer::start(limits, &two).await;
    let bytes = pattern(2 * CHUNK_BYTES);
    let mut older = RawTransfer::begin(&server, 12, &bytes).await;
    assert_eq!(older.resumed_at().await, 0);
    older.chunk(0, &bytes[..CHUNK_BYTES]);
    assert_eq!(older.progress().await, CHUNK_BYTES as u64);
    let mut newer = RawTransfer::begin(&server, 12, &bytes).await;
    assert_eq!(newer.resumed_at().await, CHUNK_BYTES as u64);
    assert_eq!(older.refused().await, Kind::Superseded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_stored_and_told_even_if_its_sender_is_gone_by_then() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (finishing, mut finished) = mpsc::unbounded_channel();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    two.behaviour.snapshots.state().on_finish = Some(Box::new(move |()| {
        let _ = finishing.send(());
        let _ = wait.recv();
    }));
    let mut transfer = RawTransfer::begin(&server, 12, b"").await;
    assert_eq!(transfer.resumed_at().await, 0);
    transfer.finish();
    soon("it is being stored", finished.recv()).await.expect("open");
    drop(transfer);
    drop(release);
    assert_eq!(two.next().await, Seen::message(ONE, Lane::Append, message(5, 100)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_of_the_receiver_ends_transfers_and_keeps_what_came() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let bytes = pattern(2 * CHUNK_BYTES);
    let mut transfer = RawTransfer::begin(&server, 12, &bytes).await;
    assert_eq!(transfer.resumed_at().await, 0);
    transfer.chunk(0, &bytes[..CHUNK_BYTES]);
    assert_eq!(transfer.progress().await, CHUNK_BYTES as u64);
    soon("stopped", server.stop()).await;
    let restarted = TestServer::start(config(), &two).await;
    let mut again = RawTransfer::begin(&restarted, 12, &bytes).await;
    assert_eq!(again.resumed_at().await, CHUNK_BYTES as u64);
}
