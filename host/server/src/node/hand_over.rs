//! Before a node ends it hands what it leads to others, so that no group needs an election.

use super::{core::Core, local_replica::LocalReplica};
use quorate_consensus::Input;
use quorate_vocabulary::MemberRole;
use std::{sync::Arc, time::Duration};

/// The pause between looks at which groups are still led.
const HAND_OVER_LOOK: Duration = Duration::from_millis(5);

impl Core {
    /// Hands the groups that this node leads to others, so that they need no election. Waits for it, but not for long.
    pub(super) async fn hand_over(&self) {
        let led = || {
            let replicas = self.registry.all().into_iter();
            replicas.filter(|replica| replica.shared.leads()).collect::<Vec<_>>()
        };
        for replica in led() {
            let shared = &replica.shared;
            let members = shared.progress().applied.configuration.members.clone();
            let successor = members.into_iter().find(|member| {
                member.role == MemberRole::Voter
                    && member.node != self.node()
                    && self.is_reachable(member.node)
            });
            if let Some(to) = successor {
                let transfer = Input::TransferLeader {
                    group: shared.group,
                    request: self.services.waiters.number(),
                    to: Some(to.replica),
                };
                self.services.inbox.feedback([transfer]);
            }
        }
        let handed_over = async {
            let alone = |replica: &Arc<LocalReplica>| {
                replica.shared.progress().applied.configuration.members.len() <= 1
            };
            while !led().iter().all(alone) {
                tokio::time::sleep(HAND_OVER_LOOK).await;
            }
        };
        if tokio::time::timeout(self.config.election_timeout * 2, handed_over).await.is_err() {
            tracing::info!("not all groups were handed to other nodes; they elect a leader on their own");
        }
    }
}
