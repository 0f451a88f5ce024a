use crate::cli::output::Report;
use serde::Serialize;

/// `group transfer`
#[derive(Debug, Serialize)]
pub(crate) struct TransferReport {
    /// The group.
    pub(crate) name: String,
    /// The node that led it.
    pub(crate) from_node: u64,
    /// The node that leads it.
    pub(crate) leader_node: u64,
    /// The raft term that it leads in.
    pub(crate) term: u64,
}

impl Report for TransferReport {
    fn human(&self) -> String {
        let Self { name, from_node, leader_node, term } = self;
        if from_node == leader_node {
            return format!("{name} is led by node {leader_node} already");
        }
        format!("{name} is led by node {leader_node} since term {term}, and no longer by node {from_node}")
    }
}
