//! Changes of the catalog: brought to whoever leads it, tried again while nobody does, and waited for here.

use super::{catalog_answer, core::Core, handle::Deadline};
use crate::{LeaderHint, RequestError};
use bytes::Bytes;
use quorate_catalog::{CatalogCommand, CatalogError, CatalogReply, Change};
use quorate_consensus::Role;
use quorate_replica::ports::Outcome;
use quorate_transport::{CallError, CatalogAnswer};
use quorate_vocabulary::{GroupId, NodeId};
use std::time::Duration;

/// The pause before another node is asked when none led the catalog.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// How an attempt failed.
enum Attempt {
    /// The change was certainly not made; another try may go better.
    Again(Option<NodeId>),
    /// It failed for good.
    Failed(RequestError),
}

impl Core {
    /// Makes a change. Returns once this node has applied it as well, if it does so in time.
    pub(super) async fn change_catalog(
        &self,
        change: Change,
        deadline: Deadline,
    ) -> Result<CatalogReply, RequestError> {
        let command = CatalogCommand { actor: format!("node {}", self.node()), change }.encode();
        let mut asked = None;
        let mut others = self.config.founders.iter().map(|founder| founder.0).cycle();
        loop {
            let leader = asked.take().or_else(|| self.catalog_leader());
            // A node that is to join hears of no leader before it has: it asks those it was told of.
            let leader = leader.or_else(|| if self.is_joining() { others.next() } else { None });
            let attempt = match leader {
                Some(node) if node == self.node() => self.change_here(command.clone(), deadline).await,
                Some(node) => self.change_there(node, command.clone(), deadline).await,
                None => Err(Attempt::Again(None)),
            };
            match attempt {
                Ok((index, outcome)) => {
                    self.wait_applied(GroupId::CATALOG, index, deadline).await;
                    return CatalogReply::from_outcome(&outcome).map_err(catalog_error);
                }
                Err(Attempt::Failed(error)) => return Err(error),
                Err(Attempt::Again(other)) => asked = other.filter(|node| leader != Some(*node)),
            }
            if deadline.remaining() <= RETRY_PAUSE {
                let why = "no node that leads the catalog was found";
                return Err(RequestError::NoQuorum {
                    group: GroupId::CATALOG,
                    why,
                    waited: deadline.waited(),
                });
            }
            if asked.is_none() {
                tokio::select! {
                    () = self.stopping.cancelled() => return Err(RequestError::ShuttingDown),
                    () = tokio::time::sleep(RETRY_PAUSE) => {}
                }
            }
        }
    }

    /// The node that leads the catalog, as far as this one knows.
    pub(super) fn catalog_leader(&self) -> Option<NodeId> {
        let lead = self.registry.get(GroupId::CATALOG)?.shared.lead();
        match lead.role {
            Role::Leader => Some(self.node()),
            _ => lead.leader.map(|leader| leader.node),
        }
    }

    async fn change_here(&self, command: Bytes, deadline: Deadline) -> Result<(u64, Outcome), Attempt> {
        match self.submit(GroupId::CATALOG, command, None, deadline).await {
            Ok(submitted) => Ok((submitted.position.index, submitted.outcome)),
            Err(RequestError::NotLeader { leader, .. }) => Err(Attempt::Again(leader.map(|hint| hint.node))),
            Err(RequestError::GroupNotReady { .. } | RequestError::Overloaded { .. }) => {
                Err(Attempt::Again(None))
            }
            Err(error) => Err(Attempt::Failed(error)),
        }
    }

    async fn change_there(
        &self,
        node: NodeId,
        command: Bytes,
        deadline: Deadline,
    ) -> Result<(u64, Outcome), Attempt> {
        let peers = self.peers().map_err(Attempt::Failed)?;
        let unknown = |why| Attempt::Failed(RequestError::OutcomeUnknown { group: GroupId::CATALOG, why });
        match peers.change_catalog(node, command, deadline.remaining()).await {
            Ok(CatalogAnswer::Changed(answer)) => catalog_answer::decode(answer)
                .ok_or_else(|| unknown("the catalog's leader answered nonsense")),
            Ok(CatalogAnswer::NotLeader { leader }) => {
                if let Some((node, address)) = &leader
                    && self.is_joining()
                    && let Err(error) = peers.set_address(*node, address)
                {
                    tracing::warn!(%node, %error, "the catalog's leader has no usable address");
                }
                Err(Attempt::Again(leader.map(|leader| leader.0)))
            }
            Ok(CatalogAnswer::Refused { outcome_unknown: true, .. }) => {
                Err(unknown("the catalog's leader lost the leadership before it was applied"))
            }
            Ok(CatalogAnswer::Refused { reason, message, .. }) => {
                tracing::debug!(%node, reason, message, "a change of the catalog was refused; trying again");
                Err(Attempt::Again(None))
            }
            Err(CallError::Closed) => Err(Attempt::Failed(RequestError::ShuttingDown)),
            Err(error) if error.outcome_unknown() => {
                Err(unknown("the connection to the catalog's leader broke before it answered"))
            }
            Err(_) => Err(Attempt::Again(None)),
        }
    }

    /// Makes a change that another node passed on, if this one leads.
    pub(super) async fn change_for_peer(&self, command: Bytes, deadline: Deadline) -> CatalogAnswer {
        let refused = |error: &RequestError, outcome_unknown| CatalogAnswer::Refused {
            reason: error.reason().to_owned(),
            message: error.to_string(),
            outcome_unknown,
        };
        match self.submit(GroupId::CATALOG, command, None, deadline).await {
            Ok(submitted) => match catalog_answer::encode(submitted.position.index, &submitted.outcome) {
                Some(answer) => CatalogAnswer::Changed(answer),
                None => refused(&RequestError::Internal { why: "the catalog trapped".to_owned() }, false),
            },
            Err(RequestError::NotLeader { leader, .. }) => CatalogAnswer::NotLeader {
                leader: leader.map(|LeaderHint { node, address }| (node, address)),
            },
            Err(error @ RequestError::OutcomeUnknown { .. }) => refused(&error, true),
            Err(error) => refused(&error, false),
        }
    }

    /// Waits until this node has applied a group's log up to `index`; no longer than the deadline.
    pub(super) async fn wait_applied(&self, group: GroupId, index: u64, deadline: Deadline) {
        let Some(replica) = self.registry.get(group) else { return };
        let mut applied = replica.shared.applied.subscribe();
        drop(replica);
        // Not in time, or never: whoever asks next reads from the leader's side again.
        let _ =
            tokio::time::timeout(deadline.remaining(), applied.wait_for(|applied| *applied >= index)).await;
    }
}

/// The catalog's refusals in the words of the API.
pub(super) fn catalog_error(error: CatalogError) -> RequestError {
    let why = error.to_string();
    match error {
        CatalogError::NodeUnknown { node } => RequestError::NodeNotFound { node },
        CatalogError::PluginUnknown { reference } => {
            RequestError::PluginNotFound { reference: reference.to_string() }
        }
        CatalogError::VersionTaken { reference, .. } => RequestError::VersionTaken { reference },
        CatalogError::PluginInUse { reference, group } => {
            RequestError::PluginInUse { reference: reference.to_string(), group: group.to_string() }
        }
        CatalogError::GroupUnknown { name } => RequestError::GroupNotFound { name: name.to_string() },
        CatalogError::GroupGone { id } => RequestError::GroupNotFound { name: id.to_string() },
        CatalogError::MemberUnknown { group, node } => {
            RequestError::MemberNotFound { name: group, node, why: "holds no replica" }
        }
        CatalogError::NameTaken { name, .. } => RequestError::NameTaken { name },
        CatalogError::NothingBefore { name } => RequestError::NothingToRollBack { name },
        CatalogError::NoUpgrade { name } => RequestError::NoUpgrade { name },
        CatalogError::KindChanged { group, reference } => RequestError::UpgradeRefused {
            name: group,
            reference: reference.to_string(),
            why: "it is a plugin of another kind, whose state is kept elsewhere".to_owned(),
        },
        CatalogError::LimitOutside { .. } => {
            RequestError::InvalidArgument { what: "the group's limits", why }
        }
        CatalogError::NodeDraining { node } => RequestError::NodeDraining { node },
        CatalogError::NodesUnfit { .. } => RequestError::InvalidArgument { what: "the choice of nodes", why },
        CatalogError::OtherFolder { .. }
        | CatalogError::Malformed { .. }
        | CatalogError::AddressTaken { .. }
        | CatalogError::Full { .. } => RequestError::CatalogRefused { why },
    }
}
