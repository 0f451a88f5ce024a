//! Commands of sessions: applied once, whatever becomes of nodes and answers.

use quorate_client::{Client, ClientConfig, Outcome, Session};
use quorate_end_to_end::{Cluster, Settings, ask::reason_of, wait};
use quorate_proto::{
    reason,
    v1::{
        CloseSessionRequest, KeepSessionRequest, OpenSessionRequest, SessionId, SnapshotGroupRequest,
        SubmitRequest, SubmitResponse, Ticket, commands_client::CommandsClient, groups_client::GroupsClient,
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tonic::Status;

/// A memory machine, a store machine, what adds one to each, and what tells the sum.
const GROUPS: [[&str; 4]; 2] =
    [["count", "counter", "add 1", "get"], ["pairs", "kv", "allocate n 1", "sequence n"]];

/// Snapshots so often that a node that comes back meets them.
async fn cluster() -> Cluster {
    let cluster = Cluster::start_with(Settings {
        configuration: "[snapshots]\nentries = 20\nlog_margin_entries = 5\n".to_owned(),
        ..Settings::default()
    })
    .await;
    for [group, plugin, ..] in GROUPS {
        cluster.upload(plugin).await;
        cluster.create(group, plugin).await;
    }
    cluster
}

fn client(cluster: &Cluster) -> Client {
    let config = ClientConfig { deadline: Duration::from_secs(5), ..ClientConfig::default() };
    Client::lazy(cluster.addresses(), config).expect("addresses")
}

/// Submits a command until somebody says what became of it.
async fn add(session: &Session, command: &'static str, repeated: &AtomicU64) {
    let mut once = session.command(command).await;
    loop {
        match once.submit().await {
            Ok(submitted) => {
                assert!(matches!(submitted.outcome, Outcome::Reply(_)), "{submitted:?}");
                repeated.fetch_add(u64::from(submitted.repeated), Ordering::Relaxed);
                return;
            }
            Err(error) => {
                assert_ne!(error.reason, reason::SESSION_EXPIRED, "{error:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_is_applied_once_while_leaders_are_killed() {
    const CLIENTS: usize = 2;
    const IN_FLIGHT: usize = 4;
    const PHASE: u64 = 100;
    let mut cluster = cluster().await;
    let client = client(&cluster);
    let stop = Arc::new(AtomicBool::new(false));
    let (done, repeated) = (GROUPS.map(|_| Arc::new(AtomicU64::new(0))), Arc::new(AtomicU64::new(0)));
    let mut working = Vec::new();
    for ([group, _, command, _], done) in GROUPS.iter().zip(&done) {
        for _ in 0..CLIENTS {
            let opened = client.open_session(&format!("test/{group}"), Duration::from_secs(300)).await;
            let session = Arc::new(opened.expect("room for one"));
            for _ in 0..IN_FLIGHT {
                let (session, stop) = (session.clone(), stop.clone());
                let (done, repeated) = (done.clone(), repeated.clone());
                working.push(tokio::spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        add(&session, command, &repeated).await;
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                }));
            }
        }
    }
    let progress = async || {
        for done in &done {
            let before = done.load(Ordering::Relaxed);
            wait::until("clients make progress", || async {
                let more = done.load(Ordering::Relaxed) - before;
                if more >= PHASE { Ok(()) } else { Err(format!("{more} of {PHASE}")) }
            })
            .await;
        }
    };
    for round in 0..4 {
        progress().await;
        let leader = cluster.leader(GROUPS[round % 2][0]).await;
        cluster.node_mut(leader).kill();
        progress().await;
        cluster.node_mut(leader).start();
        wait::until(&format!("node {leader} is back"), || cluster.status(leader)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for task in working {
        task.await.expect("no client panics");
    }
    cluster.ready().await;
    for ([group, _, _, query], done) in GROUPS.iter().zip(&done) {
        cluster.replicas_are_equal(group).await;
        let sum: u64 = cluster.answer(group, query).await.parse().expect("a number");
        let done = done.load(Ordering::Relaxed);
        assert_eq!(sum, done, "{group}: {} answers were repeats", repeated.load(Ordering::Relaxed));
    }
}

/// Asks the leader of a group, whoever that is; anything but a leader that is not there yet is the answer.
async fn at_leader<T, Asked: Future<Output = Result<T, Status>>>(
    cluster: &Cluster,
    group: &str,
    ask: impl Fn(CommandsClient<tonic::transport::Channel>) -> Asked,
) -> Result<T, Box<Status>> {
    wait::until("the leader answers", || async {
        let leader = cluster.leader(group).await;
        match ask(CommandsClient::new(cluster.channel(leader).await)).await {
            Ok(answer) => Ok(Ok(answer)),
            Err(status) if [reason::NOT_LEADER, reason::GROUP_NOT_READY].contains(&&*reason_of(&status)) => {
                Err(status.message().to_owned())
            }
            Err(status) => Ok(Err(Box::new(status))),
        }
    })
    .await
}

async fn open(cluster: &Cluster, group: &str, timeout_ms: u64) -> SessionId {
    let request = OpenSessionRequest { group: format!("test/{group}"), timeout_ms };
    let opened = at_leader(cluster, group, |mut node| {
        let request = request.clone();
        async move { node.open_session(request).await }
    });
    opened.await.expect("room for one").into_inner().session.expect("an id")
}

async fn once(
    cluster: &Cluster,
    group: &str,
    command: &'static str,
    ticket: Ticket,
) -> Result<SubmitResponse, Box<Status>> {
    let request =
        SubmitRequest { group: format!("test/{group}"), command: command.into(), ticket: Some(ticket) };
    let submitted = at_leader(cluster, group, |mut node| {
        let request = request.clone();
        async move { node.submit(request).await }
    });
    submitted.await.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_is_answered_by_every_leader_also_after_a_snapshot_and_when_all_nodes_have_died() {
    let mut cluster = cluster().await;
    for [group, _, command, query] in GROUPS {
        let session = Some(open(&cluster, group, 300_000).await);
        let ticket = Ticket { session, sequence: 1, answered_below: 0 };
        let first = once(&cluster, group, command, ticket).await.expect("applied");
        assert!(!first.repeated);
        let again = SubmitResponse { repeated: true, ..first.clone() };
        let is_repeated = async |cluster: &Cluster| {
            let mut told = once(cluster, group, command, ticket).await.expect("known");
            // It costs nothing to tell.
            let outcome = told.outcome.as_mut().expect("an outcome");
            outcome.fuel = again.outcome.as_ref().map_or(0, |outcome| outcome.fuel);
            assert_eq!(told, again);
            assert_eq!(cluster.answer(group, query).await, "1");
        };
        is_repeated(&cluster).await;
        let leader = cluster.leader(group).await;
        cluster.node_mut(leader).kill();
        is_repeated(&cluster).await;
        // The entry is gone from all logs by now.
        wait::until("a snapshot is taken", || async {
            let leader = cluster.leader(group).await;
            let mut groups = GroupsClient::new(cluster.channel(leader).await);
            let request = SnapshotGroupRequest { name: format!("test/{group}") };
            groups.snapshot(request).await.map_err(|status| status.message().to_owned())
        })
        .await;
        cluster.node_mut(leader).start();
        cluster.ready().await;
        for id in 1..=3 {
            cluster.node_mut(id).kill();
        }
        for id in 1..=3 {
            cluster.node_mut(id).start();
        }
        cluster.ready().await;
        is_repeated(&cluster).await;
        cluster.replicas_are_equal(group).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_has_expired_is_refused_and_nothing_is_applied() {
    let cluster = cluster().await;
    for [group, _, command, query] in GROUPS {
        let session = open(&cluster, group, 1_000).await;
        let ticket = Ticket { session: Some(session), sequence: 1, answered_below: 0 };
        once(&cluster, group, command, ticket).await.expect("applied");
        // Only the log says that it is over.
        let mut commands = 1_u64;
        loop {
            cluster.submit(group, command).await;
            commands += 1;
            let leader = cluster.leader(group).await;
            if cluster.replica(leader, group).await.expect("a replica").sessions == 0 {
                break;
            }
        }
        for sequence in [1, 2] {
            let ticket = Ticket { sequence, ..ticket };
            let status = once(&cluster, group, command, ticket).await.expect_err("it is over");
            assert_eq!(reason_of(&status), reason::SESSION_EXPIRED, "{status:?}");
        }
        let keep =
            KeepSessionRequest { group: format!("test/{group}"), session: Some(session), answered_below: 0 };
        let kept = at_leader(&cluster, group, |mut node| {
            let keep = keep.clone();
            async move { node.keep_session(keep).await }
        });
        assert_eq!(reason_of(&kept.await.expect_err("it is over")), reason::SESSION_EXPIRED);
        assert_eq!(cluster.answer(group, query).await, commands.to_string());
        cluster.replicas_are_equal(group).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_session_does_not_allow_is_refused_by_name() {
    let cluster = cluster().await;
    let limits = quorate_proto::v1::GroupLimits {
        sessions_max: Some(1),
        session_commands_max: Some(2),
        session_timeout_ms_max: Some(60_000),
        ..Default::default()
    };
    cluster.create_with("narrow", "counter", limits).await;
    let open_with = async |timeout_ms| {
        let request = OpenSessionRequest { group: "test/narrow".to_owned(), timeout_ms };
        let opened = at_leader(&cluster, "narrow", |mut node| {
            let request = request.clone();
            async move { node.open_session(request).await }
        });
        opened.await.map_err(|status| reason_of(&status))
    };
    assert_eq!(open_with(60_001).await.expect_err("too long"), reason::INVALID_ARGUMENT);
    assert_eq!(open_with(999).await.expect_err("too short"), reason::INVALID_ARGUMENT);
    let session = open_with(0).await.expect("a minute is allowed").into_inner().session;
    assert_eq!(open_with(0).await.expect_err("one is all"), reason::SESSIONS_FULL);
    let told = async |command, sequence, answered_below| {
        let ticket = Ticket { session, sequence, answered_below };
        let submitted = once(&cluster, "narrow", command, ticket).await;
        submitted.map_or_else(|status| reason_of(&status), |_| String::new())
    };
    assert_eq!(told("add 1", 1, 0).await, "");
    assert_eq!(told("add 2", 1, 0).await, reason::SEQUENCE_REUSED);
    assert_eq!(told("add 1", 3, 1).await, reason::SESSION_WINDOW_FULL);
    assert_eq!(told("add 1", 3, 2).await, "");
    assert_eq!(told("add 1", 1, 0).await, reason::SESSION_ANSWERED);
    assert_eq!(told("add 1", 0, 0).await, reason::INVALID_ARGUMENT);
    assert_eq!(told("add 1", 4, 5).await, reason::INVALID_ARGUMENT);
    assert_eq!(cluster.answer("narrow", "get").await, "2");

    let close = CloseSessionRequest { group: "test/narrow".to_owned(), session };
    for _ in 0..2 {
        let closed = at_leader(&cluster, "narrow", |mut node| {
            let close = close.clone();
            async move { node.close_session(close).await }
        });
        closed.await.expect("closed, now or before");
    }
    assert_eq!(told("add 1", 4, 2).await, reason::SESSION_EXPIRED);
    open_with(0).await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_submits_once_and_shows_what_is_open() {
    let cluster = cluster().await;
    let done = cluster.quorate(&["submit", "test/count", "add 3", "--once"]);
    assert_eq!((done.code, done.stdout.trim()), (0, "3"), "{done:?}");
    let described = cluster.quorate(&["group", "describe", "test/count"]);
    assert!(described.code == 0 && !described.stdout.contains("sessions  "), "it is closed: {described:?}");
    open(&cluster, "count", 60_000).await;
    let described = cluster.quorate(&["group", "describe", "test/count"]);
    assert!(described.stdout.contains("sessions  1 open"), "{described:?}");
    let refused = cluster.quorate(&["submit", "test/nothing", "add 3", "--once"]);
    assert!(refused.code == 1 && refused.stderr.contains("GROUP_NOT_FOUND"), "{refused:?}");
}
