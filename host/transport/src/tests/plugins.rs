use super::support::{ONE, Recorder, Script, TWO, TestServer, config, identity, pattern, peers, raw_client};
use crate::{CallError, PeersConfig, PluginRefusal, PluginSendError};
use bytes::Bytes;
use quorate_proto::peer::v1::{
    PluginBegin, PluginFrame, peer_server, plugin_frame::Frame, plugin_refused::Kind,
    push_plugin_reply::Reply,
};
use quorate_vocabulary::{NodeId, PluginDigest};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

/// A few chunks and a bit.
const PLUGIN_BYTES: usize = 700_000;

fn begin(bytes: &[u8], total_bytes: usize) -> PluginFrame {
    let begin = PluginBegin {
        hello: Some(identity(ONE).hello(TWO)),
        digest: Bytes::copy_from_slice(PluginDigest::of(bytes).as_bytes()),
        reference: "acme/kv@1".to_owned(),
        total_bytes: total_bytes as u64,
    };
    PluginFrame { frame: Some(Frame::Begin(begin)) }
}

fn chunk(bytes: &'static [u8]) -> PluginFrame {
    PluginFrame { frame: Some(Frame::Chunk(Bytes::from_static(bytes))) }
}

fn refused_as(reply: Option<Reply>) -> Kind {
    match reply {
        Some(Reply::Refused(refused)) => refused.kind(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pushed_plugin_is_stored_and_can_be_fetched() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    let plugin = pattern(PLUGIN_BYTES);
    let digest = PluginDigest::of(&plugin);
    peers.push_plugin(TWO, digest, "acme/kv@1", plugin.clone()).await.expect("stored");
    assert!(two.behaviour.plugins.lock().expect("no panic").contains_key(&digest));
    assert!(peers.fetch_plugin(TWO, digest).await.expect("held") == plugin);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_is_not_held_is_not_found() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    let error = peers.fetch_plugin(TWO, PluginDigest::of(b"another")).await;
    assert_eq!(error, Err(PluginSendError::NotFound { node: TWO }));
    let error = peers.fetch_plugin(NodeId(9), PluginDigest::of(b"another")).await;
    assert_eq!(error, Err(CallError::UnknownNode { node: NodeId(9) }.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_of_another_digest_are_not_stored() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    let pushed = peers.push_plugin(TWO, PluginDigest::of(b"other"), "acme/kv@1", pattern(10)).await;
    assert!(matches!(pushed, Err(PluginSendError::Refused(PluginRefusal::Damaged(_)))), "{pushed:?}");
    assert!(two.behaviour.plugins.lock().expect("no panic").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_of_other_length_than_announced_is_not_stored() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let mut client = raw_client(&server.address).await;
    for (total_bytes, chunks) in [(10, vec![chunk(b"plugin")]), (3, vec![chunk(b"plugin")])] {
        let frames: Vec<_> = std::iter::once(begin(b"plugin", total_bytes)).chain(chunks).collect();
        let reply = client.push_plugin(futures::stream::iter(frames)).await.expect("an answer");
        assert_eq!(refused_as(reply.into_inner().reply), Kind::Damaged, "{total_bytes}");
    }
    assert!(two.behaviour.plugins.lock().expect("no panic").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_larger_than_may_be_is_refused_on_either_side() {
    let two = Recorder::new();
    let small = PeersConfig { plugin_bytes_max: 1000, ..config() };
    let server = TestServer::start(small.clone(), &two).await;
    let plugin = pattern(1001);
    let digest = PluginDigest::of(&plugin);
    let (large_sender, _one) = peers(config(), &server.address);
    let pushed = large_sender.push_plugin(TWO, digest, "", plugin.clone()).await;
    assert!(matches!(pushed, Err(PluginSendError::Refused(PluginRefusal::TooLarge(_)))), "{pushed:?}");
    let (small_sender, _one) = peers(small, &server.address);
    let pushed = small_sender.push_plugin(TWO, digest, "", plugin.clone()).await;
    assert_eq!(pushed, Err(CallError::TooLarge { bytes: 1001, bytes_max: 1000 }.into()));
    two.behaviour.plugins.lock().expect("no panic").insert(digest, plugin);
    let fetched = small_sender.fetch_plugin(TWO, digest).await;
    assert!(matches!(fetched, Err(PluginSendError::Refused(PluginRefusal::TooLarge(_)))), "{fetched:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_receivers_reason_comes_back() {
    let two = Recorder::new();
    let refusal = PluginRefusal::Invalid("it imports wasi:sockets".to_owned());
    *two.behaviour.plugin_refusal.lock().expect("no panic") = Some(refusal.clone());
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    let plugin = pattern(10);
    let pushed = peers.push_plugin(TWO, PluginDigest::of(&plugin), "", plugin).await;
    assert_eq!(pushed, Err(refusal.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fetched_bytes_of_another_digest_are_not_believed() {
    let script = Script::default();
    *script.plugin.lock().expect("no panic") = vec![begin(b"plugin", 6), chunk(b"PLUGIN")];
    let server = TestServer::serve("127.0.0.1:0", peer_server::PeerServer::new(script)).await;
    let (peers, _one) = peers(config(), &server.address);
    let fetched = peers.fetch_plugin(TWO, PluginDigest::of(b"plugin")).await;
    assert!(matches!(fetched, Err(PluginSendError::Refused(PluginRefusal::Damaged(_)))), "{fetched:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_out_of_order_is_refused_on_either_side() {
    for frames in [vec![], vec![chunk(b"plugin")], vec![begin(b"plugin", 6), begin(b"plugin", 6)]] {
        let script = Script::default();
        *script.plugin.lock().expect("no panic") = frames;
        let server = TestServer::serve("127.0.0.1:0", peer_server::PeerServer::new(script)).await;
        let (peers, _one) = peers(config(), &server.address);
        let fetched = peers.fetch_plugin(TWO, PluginDigest::of(b"plugin")).await;
        assert!(matches!(fetched, Err(PluginSendError::Refused(PluginRefusal::Protocol(_)))), "{fetched:?}");
    }
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let mut client = raw_client(&server.address).await;
    let frames = [begin(b"plugin", 6), begin(b"plugin", 6)];
    let reply = client.push_plugin(futures::stream::iter(frames)).await.expect("an answer");
    assert_eq!(refused_as(reply.into_inner().reply), Kind::Protocol);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_plugins_than_may_come_at_once_are_refused_as_busy() {
    let two = Recorder::new();
    let config = PeersConfig { plugin_receives_max: 1, ..config() };
    let server = TestServer::start(config.clone(), &two).await;
    // The first stays open: the receiver has read its beginning once the second, on the same connection and behind
    // it, is answered as busy. Which of the two comes first is theirs to settle; one of them is refused.
    let mut client = raw_client(&server.address).await;
    let (first, frames) = mpsc::unbounded_channel();
    let (second, other_frames) = mpsc::unbounded_channel();
    for sender in [&first, &second] {
        sender.send(begin(b"plugin", 6)).expect("open");
    }
    let mut other_client = client.clone();
    let mut one_push =
        tokio::spawn(async move { client.push_plugin(UnboundedReceiverStream::new(frames)).await });
    let mut other_push =
        tokio::spawn(
            async move { other_client.push_plugin(UnboundedReceiverStream::new(other_frames)).await },
        );
    let (refused, held, sender) = tokio::select! {
        refused = &mut one_push => (refused, other_push, second),
        refused = &mut other_push => (refused, one_push, first),
    };
    let reply = refused.expect("no panic").expect("an answer").into_inner().reply;
    assert_eq!(refused_as(reply), Kind::Busy);
    sender.send(chunk(b"plugin")).expect("open");
    drop(sender);
    let reply = held.await.expect("no panic").expect("an answer").into_inner().reply;
    assert!(matches!(reply, Some(Reply::Stored(_))), "{reply:?}");
}
