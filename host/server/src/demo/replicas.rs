//! What the nodes say of their replicas of a group, each asked on its own.

use super::{
    ask::{self, NotedLeader},
    wait::{self, Not},
};
use crate::cli::{failure::Failure, payload::hex};
use futures::future::try_join_all;
use quorate_client::{Client, LeaderSeen, ReplicaRole, ReplicaState, ReplicaStatus};
use quorate_proto::reason;
use std::time::Duration;

/// How long replicas may take to catch up, once nothing is sent any more.
const SETTLE_PATIENCE: Duration = Duration::from_secs(60);

/// How long a group may be without a leader.
const LEADER_PATIENCE: Duration = Duration::from_secs(30);

/// A replica, as its node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replica {
    pub(super) node: u64,
    pub(super) runs: bool,
    pub(super) leads: bool,
    pub(super) term: u64,
    pub(super) applied: u64,
    pub(super) log_last: u64,
    pub(super) digest: String,
    pub(super) leaders_seen: Vec<LeaderSeen>,
}

impl From<ReplicaStatus> for Replica {
    fn from(status: ReplicaStatus) -> Self {
        Self {
            node: status.node,
            runs: status.state() == ReplicaState::Running,
            leads: status.role() == ReplicaRole::Leader,
            term: status.term,
            applied: status.applied,
            log_last: status.log_last,
            digest: hex(&status.digest),
            leaders_seen: status.leaders_seen,
        }
    }
}

/// Whether all have applied all that there is, and the same.
pub(super) fn equal(replicas: &[Replica]) -> bool {
    let Some(one) = replicas.first() else { return false };
    !one.digest.is_empty()
        && replicas.iter().all(|other| {
            other.runs
                && other.applied == other.log_last
                && (other.applied, &other.digest) == (one.applied, &one.digest)
        })
}

/// A group to which nothing is sent any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Settled {
    pub(super) replicas: Vec<Replica>,
    /// As its plugin noted them.
    pub(super) leaders: Vec<NotedLeader>,
}

impl Settled {
    /// Whether the last leader that the plugin noted is the one that leads.
    pub(super) fn leader_is_noted(&self) -> bool {
        let term = self.replicas.iter().map(|replica| replica.term).max();
        term.is_some() && term == self.leaders.last().map(|leader| leader.term)
    }

    fn is(&self) -> bool {
        equal(&self.replicas) && self.leader_is_noted()
    }
}

/// Waits until the replicas are equal and the plugin has noted who leads. When that does not come, this is no
/// failure: what was seen last tells.
pub(super) async fn settled(
    each: &[(u64, Client)],
    client: &Client,
    group: &str,
) -> Result<Settled, Failure> {
    let mut last = Settled::default();
    let waited = wait::until("the replicas are equal", SETTLE_PATIENCE, async || {
        last.replicas = asked(each, group).await?;
        last.leaders = ask::leaders(client, group).await.map_err(|failure| Not::Yet(failure.message))?;
        if last.is() { Ok(()) } else { Err(Not::Yet("they are not".to_owned())) }
    });
    match waited.await {
        Err(failure) if failure.reason != reason::DEADLINE_EXCEEDED => Err(failure),
        _ => Ok(last),
    }
}

/// The replica that leads a group.
pub(super) async fn leader(each: &[(u64, Client)], group: &str) -> Result<Replica, Failure> {
    wait::until(&format!("{group} has a leader"), LEADER_PATIENCE, async || {
        let leading = asked(each, group).await?.into_iter().filter(|replica| replica.leads);
        // One that was cut off may not know yet that there is another.
        leading
            .max_by_key(|replica| replica.term)
            .ok_or_else(|| Not::Yet("none of its replicas leads".to_owned()))
    })
    .await
}

async fn asked(each: &[(u64, Client)], group: &str) -> Result<Vec<Replica>, Not> {
    let asked = each.iter().map(async |(node, client)| {
        let described = client
            .describe_group(group)
            .await
            .map_err(|error| Not::Yet(format!("node {node}: {}", error.message)))?;
        let replica = described.replica.ok_or_else(|| Not::Yet(format!("node {node} holds no replica")))?;
        Ok(Replica::from(replica))
    });
    try_join_all(asked).await
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn replica(node: u64) -> Replica {
        Replica {
            node,
            runs: true,
            leads: node == 2,
            term: 4,
            applied: 70,
            log_last: 70,
            digest: "ab".repeat(16),
            leaders_seen: vec![LeaderSeen { term: 2, node: 1 }, LeaderSeen { term: 4, node: 2 }],
        }
    }

    #[test]
    fn replicas_that_run_and_applied_the_same_are_equal() {
        let all = || vec![replica(1), replica(2), replica(3)];
        assert!(equal(&all()));
        assert!(!equal(&[]));
        let spoilt: [fn(&mut Replica); 4] = [
            |replica| replica.runs = false,
            |replica| replica.applied = 69,
            |replica| replica.log_last = 71,
            |replica| replica.digest = "ac".repeat(16),
        ];
        for spoil in spoilt {
            for place in 0..3 {
                let mut replicas = all();
                spoil(&mut replicas[place]);
                assert!(!equal(&replicas), "{replicas:?}");
            }
        }
        let mut without = all();
        without.iter_mut().for_each(|replica| replica.digest.clear());
        assert!(!equal(&without), "nothing that could be compared");
    }

    #[test]
    fn the_leader_of_the_last_term_must_be_noted() {
        let noted = |term| NotedLeader { term, index: 9 };
        let settled = |leaders| Settled { replicas: vec![replica(1), replica(2)], leaders };
        assert!(settled(vec![noted(2), noted(4)]).leader_is_noted());
        assert!(!settled(vec![noted(2)]).leader_is_noted());
        assert!(!settled(Vec::new()).leader_is_noted());
        assert!(!Settled::default().leader_is_noted());
    }
}
