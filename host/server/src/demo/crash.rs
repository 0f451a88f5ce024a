//! The leader of the counter dies at half of the commands, and comes back before the end.

use super::{cluster::Cluster, progress::Phase, replicas, stage::COUNTER, tally::Tally, work::Work};
use crate::cli::failure::Failure;
use quorate_client::reason;
use serde::Serialize;

/// Which leader was killed, and when.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Crash {
    /// The node.
    pub(super) node: u64,
    /// The term in which it led.
    pub(super) term: u64,
    /// How many commands were decided by then.
    pub(super) killed_at: u64,
    /// How many commands were decided when it was started again.
    pub(super) started_at: u64,
}

/// How many of these commands may be sent before the leader is killed: some must be left for the next one.
pub(super) fn allowed_before(total: u64) -> u64 {
    total / 4 * 3
}

/// Kills the leader at half of these commands and starts it again at three quarters.
pub(super) async fn crash(
    cluster: &mut Cluster,
    work: &Work,
    tally: &Tally,
    total: u64,
    phase: &Phase,
) -> Result<Crash, Failure> {
    let each = cluster.client_each()?;
    reached(tally, total / 2).await?;
    let leader = replicas::leader(&each, COUNTER).await?;
    cluster.kill(leader.node)?;
    tally.leader_killed();
    let killed_at = tally.counts().decided();
    work.allow_all();
    phase.line(&format!("node {}, which led {COUNTER}, is killed after {killed_at} commands", leader.node));
    // Later, so that it has missed something.
    reached(tally, total / 4 * 3).await?;
    cluster.start(leader.node)?;
    let started_at = tally.counts().decided();
    phase.line(&format!("node {} is started again after {started_at} commands", leader.node));
    Ok(Crash { node: leader.node, term: leader.term, killed_at, started_at })
}

async fn reached(tally: &Tally, count: u64) -> Result<(), Failure> {
    let mut decided = tally.watch_decided();
    // The tally is here as well, so it does not end.
    let ended = |_| Failure::new(reason::INTERNAL, "nobody counts any more");
    decided.wait_for(|&decided| decided >= count).await.map(|_| ()).map_err(ended)
}
