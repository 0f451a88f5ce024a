use crate::cli::{
    failure::Failure,
    output::{Report, table, table_text},
};
use serde::Serialize;
use std::fmt::Write;

/// `node drain`
#[derive(Debug, Serialize)]
pub(crate) struct DrainReport {
    /// The node that is emptied.
    pub(crate) node: u64,
    /// What was moved, or could not be.
    pub(crate) moves: Vec<MoveReport>,
    /// Nothing was done.
    pub(crate) dry_run: bool,
}

/// A replica that was moved, or was not.
#[derive(Debug, Serialize)]
pub(crate) struct MoveReport {
    /// Its group.
    pub(crate) group: String,
    /// What it is to the group.
    pub(crate) role: &'static str,
    /// The node that was chosen.
    pub(crate) to_node: Option<u64>,
    /// Why it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Failure>,
}

impl DrainReport {
    /// Why replicas are still there: the first failure.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.moves.iter().find_map(|one| one.error.as_ref())
    }

    /// How many replicas are still there, or would be.
    pub(crate) fn left(&self) -> usize {
        self.moves.iter().filter(|one| one.error.is_some()).count()
    }
}

impl Report for DrainReport {
    fn human(&self) -> String {
        let mut text = String::new();
        if !self.moves.is_empty() {
            let mut table = table(&["GROUP", "ROLE", "TO", "RESULT"]);
            for one in &self.moves {
                let result = match &one.error {
                    Some(error) => error.message.as_str(),
                    None if self.dry_run => "would be moved",
                    None => "moved",
                };
                let to = one.to_node.map_or_else(|| "-".to_owned(), |node| node.to_string());
                table.add_row([one.group.as_str(), one.role, &to, result]);
            }
            let _ = writeln!(text, "{}\n", table_text(&table));
        }
        let node = self.node;
        let _ = match (self.left(), self.dry_run) {
            (0, true) => write!(text, "node {node} would be empty"),
            (0, false) => write!(
                text,
                "node {node} is empty and given no replicas: stop it, or use it again with `quorate node activate {node}`"
            ),
            (left, true) => write!(text, "node {node} would still hold {left}"),
            (left, false) => write!(text, "node {node} still holds {left}, and is given no more"),
        };
        text
    }
}

/// `node activate`
#[derive(Debug, Serialize)]
pub(crate) struct ActivateReport {
    /// The node that may be given replicas.
    pub(crate) node: u64,
}

impl Report for ActivateReport {
    fn human(&self) -> String {
        format!("node {} may be given replicas", self.node)
    }
}
