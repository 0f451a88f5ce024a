use crate::cli::output::Report;
use serde::Serialize;

/// `group recover`
#[derive(Debug, Serialize)]
pub(crate) struct RecoveryReport {
    /// The group.
    pub(crate) name: String,
    /// How many times it was recovered.
    pub(crate) epoch: u64,
    /// The nodes of its members.
    pub(crate) nodes: Vec<u64>,
}

impl Report for RecoveryReport {
    fn human(&self) -> String {
        let nodes = self.nodes.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        format!(
            "{} goes on with its replicas on {nodes} (epoch {}); add others with `quorate group members add {}`",
            self.name, self.epoch, self.name
        )
    }
}
