use super::support::{
    ONE, Proxy, Recorder, Script, Seen, TWO, TestServer, config, large_message, message, peers, soon,
};
use crate::{Lane, PeersConfig};
use quorate_proto::peer::v1::{LaneKind, lane_frame::Frame, peer_server};
use std::collections::BTreeMap;
use tokio::{net::TcpListener, sync::mpsc};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_group_arrive_once_and_in_order() {
    const GROUPS: u64 = 16;
    const MESSAGES: u64 = 300;
    let mut two = Recorder::new();
    let server = TestServer::start(PeersConfig { append_lanes: 3, ..config() }, &two).await;
    let (peers, _one) = peers(PeersConfig { append_lanes: 3, ..config() }, &server.address);
    for index in 0..MESSAGES {
        for group in 0..GROUPS {
            peers.send(TWO, Lane::Append, message(group, index));
        }
    }
    let mut next: BTreeMap<u64, u64> = BTreeMap::new();
    for _ in 0..GROUPS * MESSAGES {
        let (from, lane, message) = two.next_message().await;
        assert_eq!((from, lane), (ONE, Lane::Append));
        let expected = next.entry(message.group).or_default();
        assert_eq!(message.index, *expected, "group {}", message.group);
        *expected += 1;
    }
    assert_eq!(two.drain(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_arrives_as_it_was_sent_on_the_lane_it_was_given() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    let sent = large_message(7, 42, 1000);
    peers.send(TWO, Lane::Control, sent.clone());
    assert_eq!(two.next().await, Seen::message(ONE, Lane::Control, sent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_may_be_sent_from_a_thread_that_knows_nothing_of_tokio() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    let sender = std::thread::spawn(move || {
        peers.send(TWO, Lane::Control, message(1, 1));
        peers
    });
    assert_eq!(two.next_message().await.2.index, 1);
    sender.join().expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_lane_that_nobody_reads_fills_up_and_leaves_the_control_lane_alone() {
    const BYTES_MAX: usize = 1024 * 1024;
    let (lanes, mut came) = mpsc::unbounded_channel();
    let script = Script::default();
    *script.lanes.lock().expect("no panic") = Some(lanes);
    let server = TestServer::serve("127.0.0.1:0", peer_server::PeerServer::new(script)).await;
    let config = PeersConfig { append_lanes: 1, lane_bytes_max: BYTES_MAX, ..config() };
    let (peers, mut one) = peers(config, &server.address);
    let (mut control, mut stalled) = (None, None);
    for _ in 0..2 {
        let mut lane = soon("a lane comes", came.recv()).await.expect("open");
        let hello = lane.frames.message().await.expect("a frame").expect("a hello");
        match hello.frame {
            Some(Frame::Hello(hello)) if hello.kind() == LaneKind::Control => control = Some(lane),
            Some(Frame::Hello(_)) => stalled = Some(lane),
            other => panic!("{other:?}"),
        }
    }
    let (mut control, _stalled) = (control.expect("a control lane"), stalled.expect("an append lane"));
    assert!(soon("connected", peers.connected(TWO)).await);

    // The windows of HTTP/2 and the socket take some; then the queue fills; then messages are dropped.
    let appends = || peers.status()[0].lanes[1].clone();
    while appends().dropped_messages == 0 {
        peers.send(TWO, Lane::Append, large_message(1, 1, 64 * 1024));
        tokio::task::yield_now().await;
    }
    assert_eq!(one.next_unreachable().await, TWO);
    assert!(appends().waiting_bytes <= BYTES_MAX, "{:?}", appends());

    for index in 0..100 {
        peers.send(TWO, Lane::Control, message(1, index));
        let frame = soon("a heartbeat passes", control.frames.message()).await.expect("a frame");
        let Some(Frame::Envelope(envelope)) = frame.expect("no end").frame else { panic!("no envelope") };
        assert_eq!(envelope.messages[0].index, index);
    }
    assert_eq!(peers.status()[0].lanes[0].dropped_messages, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_come_back_when_the_node_restarts_at_the_same_address() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let address = server.address.clone();
    let (peers, mut one) = peers(config(), &address);
    assert!(soon("connected", peers.connected(TWO)).await);
    soon("stopped", server.stop()).await;
    assert_eq!(one.next_unreachable().await, TWO);

    let restarted = TestServer::start_at(&address, config(), &two).await;
    assert!(soon("connected again", peers.connected(TWO)).await);
    two.drain();
    // The lanes break one by one, so one that was not broken yet may have been taken for connected above.
    while two.drain().is_empty() {
        peers.send(TWO, Lane::Control, message(1, 5));
        tokio::task::yield_now().await;
    }
    assert_eq!(restarted.address, address);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_connection_is_told_as_a_loss_and_opened_again() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let proxy = Proxy::to(&server.address).await;
    let (peers, mut one) = peers(config(), proxy.address());
    peers.send(TWO, Lane::Control, message(1, 1));
    assert_eq!(two.next_message().await.2.index, 1);
    for round in 2..5 {
        assert!(soon("connected", peers.connected(TWO)).await);
        one.drain();
        proxy.cut();
        assert_eq!(one.next_unreachable().await, TWO);
        let expected = Seen::message(ONE, Lane::Control, message(1, round));
        while !two.drain().contains(&expected) {
            peers.send(TWO, Lane::Control, message(1, round));
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_to_a_node_that_is_down_are_dropped_and_take_no_memory() {
    // Bound and not accepting, then closed: nothing listens there.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let (peers, mut one) = peers(config(), &address);
    peers.send(TWO, Lane::Append, message(1, 1));
    assert_eq!(one.next_unreachable().await, TWO);
    for index in 0..100_000 {
        peers.send(TWO, Lane::Append, large_message(index % 10, index, 100));
    }
    for lane in &peers.status()[0].lanes {
        assert_eq!((lane.connected, lane.waiting_messages, lane.waiting_bytes), (false, 0, 0), "{lane:?}");
    }
    // Every attempt that fails tells of what was dropped since the one before.
    assert_eq!(one.next_unreachable().await, TWO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_waits_for_the_first_connection_is_bounded_by_count() {
    // Accepts and says nothing: connecting takes as long as it may.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let config = PeersConfig { lane_messages_max: 10, ..config() };
    let (peers, mut one) = peers(config, &address);
    for index in 0..100 {
        peers.send(TWO, Lane::Control, message(1, index));
    }
    let control = peers.status()[0].lanes[0].clone();
    assert_eq!((control.waiting_messages, control.dropped_messages), (10, 90));
    assert_eq!(one.next().await, Seen::Unreachable(TWO));
    assert_eq!(one.drain(), [], "one loss is told once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_an_address_is_told_as_unreachable() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, mut one) = peers(config(), &server.address);
    let stranger = quorate_vocabulary::NodeId(9);
    peers.send(stranger, Lane::Control, message(1, 1));
    assert_eq!(one.next().await, Seen::Unreachable(stranger));
    assert_eq!(peers.address(stranger), None);
    assert!(!peers.connected(stranger).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_follow_a_node_to_its_new_address() {
    let (mut old, mut new) = (Recorder::new(), Recorder::new());
    let old_server = TestServer::start(config(), &old).await;
    let new_server = TestServer::start(config(), &new).await;
    let (peers, _one) = peers(config(), &old_server.address);
    peers.send(TWO, Lane::Control, message(1, 1));
    assert_eq!(old.next_message().await.2.index, 1);

    peers.set_address(TWO, &new_server.address).expect("an address");
    assert_eq!(peers.address(TWO), Some(new_server.address.clone()));
    while new.drain().is_empty() {
        peers.send(TWO, Lane::Control, message(1, 2));
        tokio::task::yield_now().await;
    }
    // Nothing is left of the old connection that would keep its server from ending.
    soon("the old server ends", old_server.stop()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_none_changes_nothing() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, _one) = peers(config(), &server.address);
    peers.set_address(TWO, "no address").expect_err("refused");
    peers.send(TWO, Lane::Control, message(1, 1));
    assert_eq!(two.next_message().await.2.index, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_node_gets_nothing_more() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, mut one) = peers(config(), &server.address);
    assert!(soon("connected", peers.connected(TWO)).await);
    peers.remove(TWO);
    peers.send(TWO, Lane::Control, message(1, 1));
    assert_eq!(one.next_unreachable().await, TWO);
    assert_eq!(peers.status(), []);
    // The lanes are closed, or this would wait for them.
    soon("the other half ends", server.stop()).await;
    assert_eq!(two.drain(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_ends_every_lane_and_nothing_is_handed_on_afterwards() {
    let mut two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, mut one) = peers(config(), &server.address);
    assert!(soon("connected", peers.connected(TWO)).await);
    soon("the calling half ends", peers.shutdown()).await;
    one.drain();
    peers.send(TWO, Lane::Control, message(1, 1));
    peers.set_address(TWO, &server.address).expect("an address");
    assert_eq!(peers.status(), [], "nothing is opened after the end");
    soon("the called half ends", server.stop()).await;
    assert_eq!((one.drain(), two.drain()), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_shuts_down_although_lanes_are_open() {
    let two = Recorder::new();
    let server = TestServer::start(config(), &two).await;
    let (peers, mut one) = peers(config(), &server.address);
    assert!(soon("connected", peers.connected(TWO)).await);
    soon("the called half ends", server.stop()).await;
    assert_eq!(one.next_unreachable().await, TWO);
}
