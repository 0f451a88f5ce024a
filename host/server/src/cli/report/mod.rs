//! What commands print: one type each, with its JSON fields and its text for people.

mod answer;
mod built;
mod drain;
mod event;
mod group;
mod leadership;
mod members;
mod node;
mod plugin;
mod recovery;
mod replica;
mod summary;
mod upgrade;
mod verification;

pub(crate) use answer::{Answer, AnswerKind};
pub(crate) use built::{BuiltReport, CheckReport, NewPluginReport, TestReport, TrialSummary};
pub(crate) use drain::{ActivateReport, DrainReport, MoveReport};
pub(crate) use event::EventReport;
pub(crate) use group::{GroupDeleted, GroupList, GroupReport, GroupRow, SnapshotReport};
pub(crate) use leadership::{HandOverReport, PriorityReport, RebalanceReport, TransferReport};
pub(crate) use members::{MembersReport, MembersTaken, role_name};
pub(crate) use node::{NodeList, NodeReport, NodeStatusList};
pub(crate) use plugin::{PluginList, PluginReport};
pub(crate) use recovery::RecoveryReport;
pub(crate) use replica::ReplicaReport;
pub(crate) use summary::Summary;
pub(crate) use upgrade::{HistoryReport, PoisonReport, UnfrozenReport, UpgradeReport, UpgradeRow};
pub(crate) use verification::VerificationReport;

#[cfg(test)]
mod tests;

use quorate_proto::v1;

/// `memory` or `store`.
fn kind_name(kind: v1::MachineKind) -> &'static str {
    match kind {
        v1::MachineKind::Unspecified => "unknown",
        v1::MachineKind::Memory => "memory",
        v1::MachineKind::Store => "store",
    }
}

/// 0 stands for "none" on the wire.
fn some_node(node: u64) -> Option<u64> {
    (node != 0).then_some(node)
}

fn or_dash(node: Option<u64>) -> String {
    node.map_or_else(|| "-".to_owned(), |node| node.to_string())
}
