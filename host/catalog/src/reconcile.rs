use crate::{CatalogState, Group};
use quorate_vocabulary::{GroupId, NodeId, PluginDigest, ReplicaId};
use std::collections::{BTreeMap, BTreeSet};

/// What a node has now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosted {
    /// What its engine is and how it is set.
    pub engine_fingerprint: String,
    /// The replicas it holds, without the catalog's own; those that are stopped by a fault are among them.
    pub replicas: BTreeMap<GroupId, ReplicaId>,
    /// The plugins whose bytes it holds.
    pub plugins: BTreeSet<PluginDigest>,
}

/// What a node should do to become what the catalog says.
#[derive(Clone, Debug, PartialEq, Eq)]
// A node gets a handful at a time and takes them apart at once.
#[allow(clippy::large_enum_variant)]
pub enum Instruction {
    /// Remove a replica, with its log and its state: it is no member any more. Comes before a [`Instruction::Create`] for
    /// the same group.
    Remove {
        /// Its group.
        group: GroupId,
        /// The replica.
        replica: ReplicaId,
    },
    /// Fetch the bytes of a plugin that a replica needs. Comes before the [`Instruction::Create`]s that need it, which may be
    /// followed already: a replica is in its group, and votes, before it can apply.
    Fetch {
        /// Which plugin.
        digest: PluginDigest,
        /// The nodes that should have it, the likeliest first, without this one.
        from: Vec<NodeId>,
    },
    /// Create a replica.
    Create {
        /// Its group, as the catalog has it.
        group: Group,
        /// The replica.
        replica: ReplicaId,
    },
    /// Compile the plugin that a group with a replica here is to run, and tell the catalog. Comes behind the
    /// [`Instruction::Fetch`] that it needs.
    Prepare {
        /// The group.
        group: GroupId,
        /// Which upgrade of it.
        number: u64,
        /// The plugin.
        digest: PluginDigest,
    },
    /// A replica of this node must not run, and is to be stopped if it does: the node's engine is not the one its group runs
    /// on, so it could come to other results. Run the version of Quorate that the others run.
    Mismatch {
        /// The group.
        group: GroupId,
        /// The replica.
        replica: ReplicaId,
        /// The engine the group runs on.
        engine_fingerprint: String,
    },
}

/// What a node should do to become what the catalog says. Empty when it is that already.
///
/// A state that is older than what the node holds (a catalog replica that is still applying its log after a restart) never
/// removes a replica it has not heard of: group and replica numbers ascend, so it is known which are from later.
#[must_use]
pub fn reconcile(state: &CatalogState, node: NodeId, hosted: &Hosted) -> Vec<Instruction> {
    let mut instructions = Vec::new();
    for (&group, &replica) in &hosted.replicas {
        if is_gone(state, node, group, replica) {
            instructions.push(Instruction::Remove { group, replica });
        }
    }
    let mut fetched = BTreeSet::new();
    for group in state.groups() {
        let Some(replica) = group.replica_on(node) else { continue };
        // A witness runs nothing: any engine will do, and it needs no plugin.
        let is_witness = group.is_witness(replica);
        if !is_witness && group.engine_fingerprint != hosted.engine_fingerprint {
            let engine_fingerprint = group.engine_fingerprint.clone();
            instructions.push(Instruction::Mismatch { group: group.id, replica, engine_fingerprint });
            continue;
        }
        let wanted = group.upgrade().filter(|_| !is_witness);
        for digest in [Some(group.digest).filter(|_| !is_witness), wanted.map(|upgrade| upgrade.digest)]
            .into_iter()
            .flatten()
        {
            if !hosted.plugins.contains(&digest) && fetched.insert(digest) {
                instructions.push(Instruction::Fetch { digest, from: holders(state, node, group, digest) });
            }
        }
        if let Some(upgrade) = wanted.filter(|upgrade| !upgrade.prepared.contains(&node)) {
            let (number, digest) = (upgrade.number, upgrade.digest);
            instructions.push(Instruction::Prepare { group: group.id, number, digest });
        }
        // A higher number is a replica from later than this state.
        if hosted.replicas.get(&group.id).is_none_or(|held| *held < replica) {
            instructions.push(Instruction::Create { group: group.clone(), replica });
        }
    }
    instructions
}

fn is_gone(state: &CatalogState, node: NodeId, group: GroupId, replica: ReplicaId) -> bool {
    match state.group(group) {
        Some(group) => group.replica_on(node) != Some(replica) && state.knows_replica(replica),
        None => state.was_deleted(group),
    }
}

/// Who should have the bytes of a plugin that a group needs: those that held them when they were published, then those that run the group.
#[must_use]
pub fn holders(state: &CatalogState, node: NodeId, group: &Group, digest: PluginDigest) -> Vec<NodeId> {
    let published = state.plugin_with_digest(digest).map_or(&[][..], |plugin| &plugin.held_by);
    let mut holders = Vec::new();
    let with_data = group.placed().filter(|member| !member.role.is_witness()).map(|member| member.node);
    for holder in published.iter().copied().chain(with_data) {
        if holder != node && !holders.contains(&holder) {
            holders.push(holder);
        }
    }
    holders
}
