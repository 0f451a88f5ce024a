use super::support::{GUARD, ONE, Proxy, Recorder, Script, TWO, TestServer, config, peers, soon};
use crate::{Attestation, CallError, CatalogAnswer};
use bytes::Bytes;
use quorate_proto::peer::v1::peer_server;
use quorate_vocabulary::{GroupId, NodeId, ReplicaId};
use std::time::Duration;
use tokio::net::TcpListener;

const CHANGE: Bytes = Bytes::from_static(b"create a group");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_handed_on_with_its_caller_and_deadline_and_answered() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    for answer in [
        CatalogAnswer::Changed(Bytes::from_static(b"created")),
        CatalogAnswer::NotLeader { leader: Some((NodeId(3), "10.0.0.3:7400".to_owned())) },
        CatalogAnswer::NotLeader { leader: None },
    ] {
        *two.behaviour.catalog_answer.lock().expect("no panic") = Some(answer.clone());
        assert_eq!(peers.change_catalog(TWO, CHANGE, GUARD).await, Ok(answer));
        let seen = two.behaviour.changes.lock().expect("no panic").pop();
        assert_eq!(seen, Some((ONE, CHANGE, GUARD)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_replicas_have_noted_arrives_as_it_was_said() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    let of = |replica| Attestation {
        group: GroupId(7),
        replica: ReplicaId(replica),
        index: 9,
        digest: [u8::try_from(replica).expect("small"); 32],
    };
    peers.attest(TWO, &[of(1), of(2)], GUARD).await.expect("it is there");
    assert_eq!(*two.behaviour.attested.lock().expect("no panic"), [(ONE, vec![of(1), of(2)])]);
    let error = peers.attest(NodeId(9), &[], GUARD).await.expect_err("unknown");
    assert_eq!(error, CallError::UnknownNode { node: NodeId(9) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_cannot_be_reached_has_changed_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let (peers, _one) = peers(config(), &address);
    let error = peers.change_catalog(TWO, CHANGE, GUARD).await.expect_err("nobody is there");
    assert!(matches!(&error, CallError::Connect { node: TWO, .. }), "{error:?}");
    assert!(!error.outcome_unknown());
    assert!(error.to_string().contains(&address), "{error}");

    let error = peers.change_catalog(NodeId(9), CHANGE, GUARD).await.expect_err("unknown");
    assert_eq!(error, CallError::UnknownNode { node: NodeId(9) });
    assert!(!error.outcome_unknown());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_before_the_answer_leaves_the_outcome_unknown() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let proxy = Proxy::to(&server.address).await;
    let (peers, _one) = peers(config(), proxy.address());
    let cut = async {
        two.catalog_calls.acquire().await.expect("open").forget();
        proxy.cut();
    };
    let (answer, ()) =
        soon("an answer", async { tokio::join!(peers.change_catalog(TWO, CHANGE, GUARD), cut) }).await;
    let error = answer.expect_err("cut");
    assert!(matches!(error, CallError::Broken { .. }), "{error:?}");
    assert!(error.outcome_unknown());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_that_passes_leaves_the_outcome_unknown() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    let waited = Duration::from_millis(20);
    let error = soon("it gives up", peers.change_catalog(TWO, CHANGE, waited)).await.expect_err("no answer");
    assert_eq!(error, CallError::TimedOut { node: TWO, waited });
    assert!(error.outcome_unknown());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_says_nothing_leaves_the_outcome_unknown() {
    let server = TestServer::serve("127.0.0.1:0", peer_server::PeerServer::new(Script::default())).await;
    let (peers, _one) = peers(config(), &server.address);
    let error = peers.change_catalog(TWO, CHANGE, GUARD).await.expect_err("an empty answer");
    assert!(matches!(error, CallError::Answer { .. }), "{error:?}");
    assert!(error.outcome_unknown());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_larger_than_may_be_is_not_sent() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    let bytes_max = config().catalog_change_bytes_max;
    let large = Bytes::from(vec![0; bytes_max + 1]);
    let error = peers.change_catalog(TWO, large, GUARD).await.expect_err("too large");
    assert_eq!(error, CallError::TooLarge { bytes: bytes_max + 1, bytes_max });
    assert_eq!(*two.behaviour.changes.lock().expect("no panic"), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_ends_calls_that_wait() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    let end = async {
        two.catalog_calls.acquire().await.expect("open").forget();
        peers.shutdown().await;
    };
    let (answer, ()) =
        soon("an answer", async { tokio::join!(peers.change_catalog(TWO, CHANGE, GUARD), end) }).await;
    assert_eq!(answer, Err(CallError::Closed));
    assert_eq!(peers.change_catalog(TWO, CHANGE, GUARD).await, Err(CallError::Closed));
}
