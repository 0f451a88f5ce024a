//! The leader dies under load.

use quorate_end_to_end::{Cluster, ask::reason_of, wait};
use quorate_proto::{
    reason,
    v1::{SubmitRequest, commands_client::CommandsClient},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use tonic::transport::Channel;

/// What clients were told.
#[derive(Default)]
struct Told {
    applied: AtomicU64,
    unknown: AtomicU64,
}

/// Adds one until told to stop, from node to node, and counts honestly.
async fn increment(addresses: Vec<String>, told: Arc<Told>, stop: Arc<AtomicBool>) {
    let mut nodes = addresses.iter().cycle();
    while !stop.load(Ordering::Relaxed) {
        let address = nodes.next().expect("a cycle does not end");
        let endpoint = Channel::from_shared(format!("http://{address}")).expect("an address");
        let Ok(channel) = endpoint.connect().await else {
            continue;
        };
        let mut client = CommandsClient::new(channel);
        loop {
            let command = b"add 1".as_slice().into();
            match client.submit(SubmitRequest { group: "test/count".to_owned(), command, ticket: None }).await
            {
                Ok(_) => {
                    told.applied.fetch_add(1, Ordering::Relaxed);
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
                Err(status) => {
                    // Only an error with one of our reasons says that the command had no effect; a connection
                    // that breaks says nothing.
                    let reason = reason_of(&status);
                    if reason.is_empty() || reason == reason::OUTCOME_UNKNOWN {
                        told.unknown.fetch_add(1, Ordering::Relaxed);
                    }
                    break;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_command_is_lost_with_a_leader() {
    const CLIENTS: usize = 4;
    const PHASE: u64 = 200;
    let mut cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;

    let told = Arc::new(Told::default());
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(increment(cluster.addresses(), told.clone(), stop.clone())))
        .collect();
    let reached = async |count: u64| {
        wait::until("clients make progress", || async {
            let applied = told.applied.load(Ordering::Relaxed);
            if applied >= count { Ok(()) } else { Err(format!("{applied} of {count}")) }
        })
        .await;
    };

    for round in 1..=3 {
        reached(told.applied.load(Ordering::Relaxed) + PHASE).await;
        let leader = cluster.leader("count").await;
        cluster.node_mut(leader).kill();
        reached(told.applied.load(Ordering::Relaxed) + PHASE).await;
        cluster.node_mut(leader).start();
        wait::until(&format!("node {leader} is back in round {round}"), || cluster.status(leader)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("a client does not panic");
    }

    cluster.ready().await;
    cluster.replicas_are_equal("count").await;
    let value: u64 = cluster.answer("count", "get").await.parse().expect("a number");
    let (applied, unknown) = (told.applied.load(Ordering::Relaxed), told.unknown.load(Ordering::Relaxed));
    assert!(value >= applied, "{applied} were acknowledged and {value} are there");
    assert!(value <= applied + unknown, "{value} are there, {applied} acknowledged and {unknown} unknown");
}
