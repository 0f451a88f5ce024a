//! Nodes die at random, again and again.

use quorate_end_to_end::kills;

/// More of them are `cargo xtask bench failover`.
const ROUNDS: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_while_nodes_are_killed_at_random() {
    let kills = kills::rounds(ROUNDS, 1, |_| {}).await;
    assert_eq!(kills.kills.len() as u64, ROUNDS);
    assert!(kills.acknowledged > 0);
}
