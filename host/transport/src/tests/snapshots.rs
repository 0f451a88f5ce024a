use super::support::{
    CHUNK_BYTES, MemorySource, ONE, Proxy, Recorder, Seen, TWO, TestServer, config, message, pattern, peers,
    soon,
};
use crate::{
    CallError, Lane, PeersConfig, SnapshotRefusal, SnapshotSendError, SnapshotSource, SnapshotTransfer,
};
use bytes::Bytes;
use quorate_vocabulary::{GroupId, NodeId, ReplicaId};
use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};
use tokio::{net::TcpListener, sync::mpsc};

const BYTES: usize = 20 * CHUNK_BYTES + 123;
const KEY: (GroupId, ReplicaId) = (GroupId(5), ReplicaId(12));

fn transfer(source: impl SnapshotSource) -> SnapshotTransfer {
    SnapshotTransfer {
        group: KEY.0,
        to: KEY.1,
        index: 100,
        term: 3,
        source: Box::new(source),
        message: message(5, 100),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_stored_whole_before_rafts_message_is_handed_on() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    let bytes = pattern(BYTES);
    peers.send_snapshot(TWO, transfer(MemorySource::new(bytes.clone()))).await.expect("stored");
    assert_eq!(two.drain(), [Seen::message(ONE, Lane::Append, message(5, 100))]);
    let state = two.behaviour.snapshots.state();
    let (offer, stored) = &state.stored[&KEY];
    assert_eq!((offer.index, offer.term, offer.total_bytes), (100, 3, Some(BYTES as u64)));
    assert!(bytes == *stored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_unknown_size_arrives_whatever_its_size() {
    for bytes in [BYTES, CHUNK_BYTES, 1, 0] {
        let mut two = Recorder::new();
        let server = TestServer::start(config(), &two).await;
        let (peers, _one) = peers(config(), &server.address);
        let bytes = pattern(bytes);
        let source = MemorySource { is_open_ended: true, ..MemorySource::new(bytes.clone()) };
        peers.send_snapshot(TWO, transfer(source)).await.expect("stored");
        assert_eq!(two.drain(), [Seen::message(ONE, Lane::Append, message(5, 100))]);
        let state = two.behaviour.snapshots.state();
        let (offer, stored) = &state.stored[&KEY];
        assert_eq!(offer.total_bytes, None);
        assert!(bytes == *stored);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_whole_is_not_sent_again_whatever_its_size() {
    for is_open_ended in [false, true] {
        let mut two = Recorder::new();
        two.behaviour.snapshots.state().holds_all = true;
        let server = TestServer::start(config(), &two).await;
        let (peers, _one) = peers(config(), &server.address);
        let source = MemorySource { is_open_ended, fail_at: Some(0), ..MemorySource::new(pattern(BYTES)) };
        peers.send_snapshot(TWO, transfer(source)).await.expect("stored");
        assert_eq!(two.drain(), [Seen::message(ONE, Lane::Append, message(5, 100))]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_snapshot_arrives_too() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    peers.send_snapshot(TWO, transfer(MemorySource::new(Bytes::new()))).await.expect("stored");
    assert_eq!(two.behaviour.snapshots.state().stored[&KEY].1, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_transfer_goes_on_where_it_broke_off() {
    for is_open_ended in [false, true] {
        is_resumed(is_open_ended).await;
    }
}

async fn is_resumed(is_open_ended: bool) {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let proxy = Proxy::to(&server.address).await;
    // So few under way that all of them arrive between two cuts.
    let config = PeersConfig { snapshot_chunks_ahead_max: 4, ..config() };
    let under_way = 2 * config.snapshot_chunks_ahead_max;
    let (peers, _one) = peers(config, proxy.address());
    let cut = proxy.clone();
    let mut cuts = [5, 11].map(|chunks| (chunks * CHUNK_BYTES) as u64).into_iter().peekable();
    two.behaviour.snapshots.state().on_write = Some(Box::new(move |written| {
        if cuts.next_if(|&at| written >= at).is_some() {
            cut.cut();
        }
    }));
    let reads = Arc::new(AtomicUsize::new(0));
    let mut source = MemorySource { is_open_ended, ..MemorySource::new(pattern(BYTES)) };
    let counted = reads.clone();
    source.on_read = Some(Box::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    soon("stored", peers.send_snapshot(TWO, transfer(source))).await.expect("stored");
    let state = two.behaviour.snapshots.state();
    assert!(state.stored[&KEY].1 == pattern(BYTES));
    assert_eq!(state.begun_at.len(), 3, "{:?}", state.begun_at);
    assert!(state.begun_at[1] >= 5 * CHUNK_BYTES as u64 && state.begun_at[2] >= 11 * CHUNK_BYTES as u64);
    // Only what was under way at a cut is read again.
    let for_the_end = 1;
    assert!(reads.load(Ordering::Relaxed) <= 21 + under_way + for_the_end, "{reads:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_is_damaged_as_a_whole_is_sent_again_from_the_beginning() {
    let two = Recorder::new();
    two.behaviour.snapshots.state().damage = 1;
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    peers.send_snapshot(TWO, transfer(MemorySource::new(pattern(BYTES)))).await.expect("stored");
    let state = two.behaviour.snapshots.state();
    assert_eq!(state.begun_at, [0, 0]);
    assert!(state.stored[&KEY].1 == pattern(BYTES));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_stays_damaged_is_given_up_and_never_told_to_raft() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    let mut source = MemorySource::new(pattern(BYTES));
    source.manifest = Bytes::from_static(b"what the bytes are not");
    let sent = peers.send_snapshot(TWO, transfer(source)).await;
    assert!(matches!(sent, Err(SnapshotSendError::Refused(SnapshotRefusal::Damaged(_)))), "{sent:?}");
    assert_eq!(two.behaviour.snapshots.state().begun_at, [0, 0]);
    assert_eq!(two.drain(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_snapshot_is_not_sent_again() {
    for refusal in [
        SnapshotRefusal::Unwanted("it has a newer state".to_owned()),
        SnapshotRefusal::Storage("no space left on device".to_owned()),
    ] {
        let two = Recorder::new();
        two.behaviour.snapshots.state().refusal = Some(refusal.clone());
        let server = TestServer::start(config(), &two).await;
        let (peers, _one) = peers(config(), &server.address);
        let sent = peers.send_snapshot(TWO, transfer(MemorySource::new(pattern(BYTES)))).await;
        assert!(matches!(&sent, Err(SnapshotSendError::Refused(found)) if *found == refusal), "{sent:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_cannot_be_read_ends_the_transfer() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    let mut source = MemorySource::new(pattern(BYTES));
    source.fail_at = Some(3 * CHUNK_BYTES as u64);
    let sent = peers.send_snapshot(TWO, transfer(source)).await;
    assert!(matches!(sent, Err(SnapshotSendError::Source(_))), "{sent:?}");
    assert_eq!(two.behaviour.snapshots.state().stored.len(), 0);
    assert_eq!(two.drain(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stays_away_is_given_up_after_the_attempts_that_may_be() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let (peers, _one) = peers(config(), &address);
    let sent = soon("given up", peers.send_snapshot(TWO, transfer(MemorySource::new(pattern(10))))).await;
    assert!(matches!(sent, Err(SnapshotSendError::Call(CallError::Connect { .. }))), "{sent:?}");
    let sent = peers.send_snapshot(NodeId(9), transfer(MemorySource::new(pattern(10)))).await;
    assert!(matches!(sent, Err(SnapshotSendError::Call(CallError::UnknownNode { .. }))), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_few_chunks_are_read_ahead_of_what_is_written() {
    const AHEAD_MAX: u64 = 3;
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let config = PeersConfig { snapshot_chunks_ahead_max: 3, ..config() };
    let (peers, _one) = peers(config, &server.address);
    let written = Arc::new(AtomicU64::new(0));
    let furthest_ahead = Arc::new(AtomicU64::new(0));
    let now_written = written.clone();
    two.behaviour.snapshots.state().on_write =
        Some(Box::new(move |end| now_written.store(end, Ordering::SeqCst)));
    let mut source = MemorySource::new(pattern(BYTES));
    let furthest = furthest_ahead.clone();
    source.on_read = Some(Box::new(move |offset| {
        let ahead = offset.saturating_sub(written.load(Ordering::SeqCst));
        furthest.fetch_max(ahead, Ordering::SeqCst);
    }));
    peers.send_snapshot(TWO, transfer(source)).await.expect("stored");
    let furthest_ahead = furthest_ahead.load(Ordering::SeqCst);
    assert!(furthest_ahead < AHEAD_MAX * CHUNK_BYTES as u64, "{furthest_ahead}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_to_one_node_take_turns() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let config = PeersConfig { snapshot_sends_per_node_max: 1, ..config() };
    let (peers, _one) = peers(config, &server.address);
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let sends = (0..4).map(|replica| {
        let mut source = MemorySource::new(pattern(BYTES));
        let (at_once, most) = (at_once.clone(), most.clone());
        let last = BYTES as u64 / CHUNK_BYTES as u64 * CHUNK_BYTES as u64;
        source.on_read = Some(Box::new(move |offset| {
            if offset == 0 {
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            } else if offset == last {
                at_once.fetch_sub(1, Ordering::SeqCst);
            }
        }));
        let transfer = SnapshotTransfer { to: ReplicaId(replica), ..transfer(source) };
        peers.send_snapshot(TWO, transfer)
    });
    for sent in futures::future::join_all(sends).await {
        sent.expect("stored");
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert_eq!(two.behaviour.snapshots.state().stored.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_throttled_snapshot_comes_in_smaller_chunks() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let config = PeersConfig {
        snapshot_bytes_per_second_max: 4 * 20_000,
        snapshot_chunk_bytes: 1024 * 1024,
        ..config()
    };
    assert_eq!(chunk_ends(&two, config, &server.address).await, [20_000, 40_000, 50_000]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_throttled_as_a_whole_sends_smaller_chunks_too() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let config = PeersConfig {
        snapshot_bytes_per_second_max: 4 * 40_000,
        snapshot_total_bytes_per_second_max: 4 * 20_000,
        snapshot_chunk_bytes: 1024 * 1024,
        ..config()
    };
    assert_eq!(chunk_ends(&two, config, &server.address).await, [20_000, 40_000, 50_000]);
}

/// Where the chunks end in which a snapshot of 50,000 bytes comes.
async fn chunk_ends(two: &Recorder, config: PeersConfig, address: &str) -> Vec<u64> {
    let (peers, _one) = peers(config, address);
    let (sender, mut written) = mpsc::unbounded_channel();
    two.behaviour.snapshots.state().on_write = Some(Box::new(move |end| {
        let _ = sender.send(end);
    }));
    peers.send_snapshot(TWO, transfer(MemorySource::new(pattern(50_000)))).await.expect("stored");
    std::iter::from_fn(|| written.try_recv().ok()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_of_the_sender_ends_its_transfers() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    let (sender, mut reading) = mpsc::unbounded_channel();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let mut source = MemorySource::new(pattern(BYTES));
    source.on_read = Some(Box::new(move |_| {
        let _ = sender.send(());
        let _ = wait.recv();
    }));
    let end = async {
        reading.recv().await.expect("open");
        peers.shutdown().await;
        drop(release);
    };
    let send = peers.send_snapshot(TWO, transfer(source));
    let (sent, ()) = soon("ended", async { tokio::join!(send, end) }).await;
    assert!(matches!(sent, Err(SnapshotSendError::Call(CallError::Closed))), "{sent:?}");
}
