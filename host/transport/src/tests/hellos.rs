use super::support::{ONE, Recorder, TWO, TestServer, config, identity, message, peers, raw_client, soon};
use crate::{CallError, HelloRefused, Lane, PROTOCOL_VERSION, PeerIdentity, Peers, hello::refusal_in};
use bytes::Bytes;
use quorate_proto::peer::v1::{
    Envelope, FetchPluginRequest, Hello, LaneFrame, LaneHello, LaneKind, PluginBegin, PluginFrame,
    SnapshotBegin, SnapshotFrame, lane_frame, plugin_frame, snapshot_frame,
};
use quorate_vocabulary::{FolderId, NodeId};
use std::{sync::Arc, time::Duration};
use tonic::{Code, Status};

fn lane(hello: Option<Hello>, kind: LaneKind) -> LaneFrame {
    let hello = LaneHello { hello, kind: kind.into(), number: 0 };
    LaneFrame { frame: Some(lane_frame::Frame::Hello(hello)) }
}

fn envelope() -> LaneFrame {
    let envelope = Envelope { messages: vec![message(1, 1)] };
    LaneFrame { frame: Some(lane_frame::Frame::Envelope(envelope)) }
}

fn good() -> Hello {
    identity(ONE).hello(TWO)
}

/// What a lane with these frames is answered, and that nothing of it was handed on.
async fn refused_lane(frames: Vec<LaneFrame>) -> Status {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let mut client = raw_client(&server.address).await;
    let status =
        soon("an answer", client.exchange(futures::stream::iter(frames))).await.expect_err("refused");
    soon("stopped", server.stop()).await;
    assert_eq!(two.drain(), []);
    status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_of_another_cluster_is_refused_and_its_messages_with_it() {
    let hello = Hello { cluster: "another".to_owned(), ..good() };
    let status = refused_lane(vec![lane(Some(hello), LaneKind::Control), envelope()]).await;
    assert_eq!(refusal_in(&status), Some(HelloRefused::WrongCluster { cluster: "test".to_owned() }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_to_another_node_is_refused() {
    let hello = Hello { to: 3, ..good() };
    let status = refused_lane(vec![lane(Some(hello), LaneKind::Control), envelope()]).await;
    assert_eq!(refusal_in(&status), Some(HelloRefused::WrongNode { node: TWO }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_of_another_version_is_refused() {
    let hello = Hello { protocol_version: PROTOCOL_VERSION + 1, ..good() };
    let status = refused_lane(vec![lane(Some(hello), LaneKind::Control), envelope()]).await;
    assert_eq!(refusal_in(&status), Some(HelloRefused::ProtocolVersion { version: PROTOCOL_VERSION }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_that_does_not_say_who_it_is_is_refused() {
    for frames in [vec![envelope()], vec![lane(None, LaneKind::Control), envelope()], vec![]] {
        let status = refused_lane(frames).await;
        assert_eq!(refusal_in(&status), Some(HelloRefused::Missing));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_of_no_kind_is_refused() {
    let status = refused_lane(vec![lane(Some(good()), LaneKind::Unspecified), envelope()]).await;
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_other_call_asks_for_a_hello_too() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let mut client = raw_client(&server.address).await;
    let wrong = Some(Hello { cluster: "another".to_owned(), ..good() });
    let expected = Some(HelloRefused::WrongCluster { cluster: "test".to_owned() });

    let begin = SnapshotBegin { hello: wrong.clone(), ..SnapshotBegin::default() };
    let snapshot = SnapshotFrame { frame: Some(snapshot_frame::Frame::Begin(begin)) };
    let status = client.send_snapshot(futures::stream::iter([snapshot])).await.expect_err("refused");
    assert_eq!(refusal_in(&status), expected);

    let begin = PluginBegin { hello: wrong.clone(), ..PluginBegin::default() };
    let plugin = PluginFrame { frame: Some(plugin_frame::Frame::Begin(begin)) };
    let status = client.push_plugin(futures::stream::iter([plugin])).await.expect_err("refused");
    assert_eq!(refusal_in(&status), expected);

    let fetch = FetchPluginRequest { hello: wrong, digest: Bytes::from_static(&[0; 32]) };
    let status = client.fetch_plugin(fetch).await.expect_err("refused");
    assert_eq!(refusal_in(&status), expected);

    let chunk = PluginFrame { frame: Some(plugin_frame::Frame::Chunk(Bytes::from_static(b"?"))) };
    let status = client.push_plugin(futures::stream::iter([chunk])).await.expect_err("refused");
    assert_eq!(refusal_in(&status), Some(HelloRefused::Missing));
    let status = client.send_snapshot(futures::stream::iter([])).await.expect_err("refused");
    assert_eq!(refusal_in(&status), Some(HelloRefused::Missing));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_has_left_the_cluster_is_refused_with_the_reason() {
    let two = Recorder::new();
    *two.behaviour.stranger.lock().expect("no panic") = Some(ONE);
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    let answer = peers.change_catalog(TWO, Bytes::new(), Duration::from_secs(60)).await;
    let expected = CallError::Refused {
        node: TWO,
        address: server.address.clone(),
        refused: HelloRefused::UnknownCaller,
    };
    assert_eq!(answer, Err(expected.clone()));
    assert!(!expected.outcome_unknown());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_refused_sends_nothing_and_is_told_so() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let mut one = Recorder::new();
    let stranger = PeerIdentity { cluster: "another".to_owned(), ..identity(ONE) };
    let addresses = [(TWO, server.address.clone())];
    let peers = Peers::start(stranger, config(), addresses, Arc::new(one.inbound())).expect("an address");
    peers.send(TWO, Lane::Control, message(1, 1));
    assert_eq!(one.next_unreachable().await, TWO);
    assert!(!peers.status()[0].connected());
    assert_eq!(two.drain(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_with_another_data_folder_is_told_so_and_not_listened_to() {
    let mut two = Recorder::new();
    *two.behaviour.folder.lock().expect("no panic") = Some((ONE, FolderId(7)));
    let server = TestServer::start(config(), &two).await;
    let (peers, mut one) = peers(config(), &server.address);
    peers.send(TWO, Lane::Control, message(1, 1));
    assert_eq!(one.next_disowned().await, TWO);
    let answer = peers.change_catalog(TWO, Bytes::new(), Duration::from_secs(60)).await;
    assert!(
        matches!(answer, Err(CallError::Refused { refused: HelloRefused::OtherFolder, .. })),
        "{answer:?}"
    );
    assert_eq!(two.drain(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_ends_when_it_turns_out_that_the_caller_lives_in_another_data_folder() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, mut one) = peers(config(), &server.address);
    peers.send(TWO, Lane::Control, message(1, 1));
    two.next_message().await;
    *two.behaviour.folder.lock().expect("no panic") = Some((ONE, FolderId(7)));
    peers.send(TWO, Lane::Control, message(1, 2));
    assert_eq!(one.next_disowned().await, TWO);
    assert_eq!(two.drain(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_to_a_node_that_answers_from_another_data_folder() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let mut one = Recorder::new();
    *one.behaviour.folder.lock().expect("no panic") = Some((TWO, FolderId(7)));
    let addresses = [(TWO, server.address.clone())];
    let peers =
        Peers::start(identity(ONE), config(), addresses, Arc::new(one.inbound())).expect("an address");
    peers.send(TWO, Lane::Control, message(1, 1));
    assert_eq!(one.next_unreachable().await, TWO);
    assert!(!peers.status()[0].connected() && peers.status()[0].other_folder);
    assert_eq!(two.drain(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_in_the_name_of_another_node_closes_the_lane() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let mut client = raw_client(&server.address).await;
    let hello = Hello { from: 3, ..good() };
    let frames = futures::stream::iter([lane(Some(hello), LaneKind::Control), envelope()]);
    let mut answer = client.exchange(frames.chain_pending()).await.expect("welcome").into_inner();
    answer.message().await.expect("welcome").expect("welcome");
    let status = soon("the lane is closed", answer.message()).await.expect_err("closed");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(two.drain(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_hello_closes_the_lane() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let mut client = raw_client(&server.address).await;
    let hello = || lane(Some(good()), LaneKind::Control);
    let frames = futures::stream::iter([hello(), hello(), envelope()]);
    let mut answer = client.exchange(frames.chain_pending()).await.expect("welcome").into_inner();
    answer.message().await.expect("welcome").expect("welcome");
    let status = soon("the lane is closed", answer.message()).await.expect_err("closed");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(two.drain(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn this_nodes_own_address_is_passed_over() {
    let one = Recorder::new();
    let addresses = [(ONE, "127.0.0.1:1".to_owned())];
    let peers =
        Peers::start(identity(ONE), config(), addresses, Arc::new(one.inbound())).expect("an address");
    assert_eq!(peers.status(), []);
    assert_eq!(peers.address(NodeId(1)), None);
}

trait ChainPending: futures::Stream + Sized {
    /// The stream stays open after its last frame.
    fn chain_pending(self) -> futures::stream::Chain<Self, futures::stream::Pending<Self::Item>> {
        futures::StreamExt::chain(self, futures::stream::pending())
    }
}

impl<S: futures::Stream> ChainPending for S {}
