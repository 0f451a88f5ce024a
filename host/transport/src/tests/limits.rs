use super::support::{ONE, Recorder, Seen, TWO, TestServer, config, large_message, message, peers, soon};
use crate::{Lane, PeersConfig};

const SMALL: PeersConfigLimits = PeersConfigLimits { message_bytes_max: 10_000, envelope_bytes_max: 1_000 };

struct PeersConfigLimits {
    message_bytes_max: usize,
    envelope_bytes_max: usize,
}

fn small() -> PeersConfig {
    PeersConfig {
        message_bytes_max: SMALL.message_bytes_max,
        envelope_bytes_max: SMALL.envelope_bytes_max,
        snapshot_chunk_bytes_max: 1_000,
        catalog_change_bytes_max: 1_000,
        ..config()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_larger_than_may_be_sent_is_dropped_and_the_next_one_goes() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, mut one) = peers(small(), &server.address);
    peers.send(TWO, Lane::Append, large_message(1, 1, SMALL.message_bytes_max));
    assert_eq!(one.next().await, Seen::Unreachable(TWO));
    peers.send(TWO, Lane::Append, message(1, 2));
    assert_eq!(two.next().await, Seen::message(ONE, Lane::Append, message(1, 2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_as_large_as_may_be_arrives() {
    let mut two = Recorder::new();
    let server = TestServer::start(small(), &two).await;
    let (peers, _one) = peers(small(), &server.address);
    let around =
        prost::Message::encoded_len(&large_message(1, 1, SMALL.message_bytes_max)) - SMALL.message_bytes_max;
    let largest = large_message(1, 1, SMALL.message_bytes_max - around);
    peers.send(TWO, Lane::Append, largest.clone());
    assert_eq!(two.next().await, Seen::message(ONE, Lane::Append, largest));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_larger_than_is_taken_breaks_its_lane_only_and_the_lane_comes_back() {
    let mut two = Recorder::new();
    let server = TestServer::start(small(), &two).await;
    let (peers, mut one) = peers(config(), &server.address);
    assert!(soon("connected", peers.connected(TWO)).await);
    peers.send(TWO, Lane::Append, large_message(1, 1, 1024 * 1024));
    assert_eq!(one.next_unreachable().await, TWO);
    assert!(peers.status()[0].lanes[0].connected, "the control lane stands");
    while two.drain().is_empty() {
        peers.send(TWO, Lane::Append, message(1, 2));
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_small_messages_share_envelopes_within_the_limits() {
    use super::support::Script;
    use quorate_proto::peer::v1::{lane_frame::Frame, peer_server};
    let (lanes, mut came) = tokio::sync::mpsc::unbounded_channel();
    let script = Script::default();
    *script.lanes.lock().expect("no panic") = Some(lanes);
    let server = TestServer::serve("127.0.0.1:0", peer_server::PeerServer::new(script)).await;
    let config = PeersConfig { envelope_messages_max: 10, envelope_bytes_max: 500, ..config() };
    let (peers, _one) = peers(config, &server.address);
    for index in 0..200 {
        // Every tenth is larger than an envelope is meant to be, and goes alone.
        let bytes = if index % 10 == 0 { 600 } else { 40 };
        peers.send(TWO, Lane::Control, large_message(1, index, bytes));
    }
    let mut control = loop {
        let mut lane = soon("a lane comes", came.recv()).await.expect("open");
        let first = lane.frames.message().await.expect("a frame").expect("a hello");
        if matches!(first.frame, Some(Frame::Hello(hello)) if hello.kind == 1) {
            break lane;
        }
    };
    let (mut next, mut envelopes) = (0, 0);
    while next < 200 {
        let frame = soon("a frame", control.frames.message()).await.expect("a frame").expect("no end");
        let Some(Frame::Envelope(envelope)) = frame.frame else { panic!("no envelope") };
        let bytes: usize = envelope.messages.iter().map(prost::Message::encoded_len).sum();
        assert!(
            envelope.messages.len() == 1 || bytes <= 500,
            "{} messages, {bytes} bytes",
            envelope.messages.len()
        );
        assert!(envelope.messages.len() <= 10);
        for message in envelope.messages {
            assert_eq!(message.index, next);
            next += 1;
        }
        envelopes += 1;
    }
    assert!(envelopes < 200, "messages share envelopes");
}
