use crate::cli::{
    failure::Failure,
    output::{Report, table, table_text},
};
use quorate_placement::LeaderFacts;
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Write};

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

/// `group priority`
#[derive(Debug, Serialize)]
pub(crate) struct PriorityReport {
    /// The group.
    pub(crate) name: String,
    /// The node that holds the replica.
    pub(crate) node: u64,
    /// What it is now.
    pub(crate) priority: u32,
}

impl Report for PriorityReport {
    fn human(&self) -> String {
        let Self { name, node, priority } = self;
        if *priority == 0 {
            return format!("node {node} never leads {name}");
        }
        format!("the replica of {name} on node {node} has priority {priority}")
    }
}

/// `group rebalance`
#[derive(Debug, Serialize)]
pub(crate) struct RebalanceReport {
    /// In the order in which they were done.
    pub(crate) hand_overs: Vec<HandOverReport>,
    /// How many groups each node led before, and leads after.
    nodes: Vec<LedByNode>,
    /// Nodes that did not answer; what they lead is not counted.
    silent_nodes: Vec<u64>,
    /// Nothing was done.
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct LedByNode {
    node: u64,
    before: u64,
    after: u64,
}

/// A leadership that was handed over, or was not.
#[derive(Debug, Serialize)]
pub(crate) struct HandOverReport {
    /// The group.
    pub(crate) name: String,
    /// The node that led it.
    pub(crate) from_node: u64,
    /// The node that leads it, or was to.
    pub(crate) to_node: u64,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Failure>,
}

impl RebalanceReport {
    pub(crate) fn new(facts: &[LeaderFacts], silent_nodes: Vec<u64>, dry_run: bool) -> Self {
        let mut led: BTreeMap<u64, u64> = BTreeMap::new();
        for group in facts {
            *led.entry(group.leader.0).or_default() += 1;
            for node in &group.candidates {
                led.entry(node.0).or_default();
            }
        }
        let nodes = led.into_iter().map(|(node, before)| LedByNode { node, before, after: before });
        Self { hand_overs: Vec::new(), nodes: nodes.collect(), silent_nodes, dry_run }
    }

    pub(crate) fn add(&mut self, hand_over: HandOverReport) {
        if hand_over.error.is_none() {
            for led in &mut self.nodes {
                led.after -= u64::from(led.node == hand_over.from_node);
                led.after += u64::from(led.node == hand_over.to_node);
            }
        }
        self.hand_overs.push(hand_over);
    }

    /// How many hand-overs failed.
    pub(crate) fn failed(&self) -> usize {
        self.hand_overs.iter().filter(|hand_over| hand_over.error.is_some()).count()
    }
}

impl Report for RebalanceReport {
    fn human(&self) -> String {
        let mut text = String::new();
        if self.hand_overs.is_empty() {
            text.push_str("nothing to hand over\n");
        } else {
            let mut table = table(&["GROUP", "FROM", "TO", "RESULT"]);
            for hand_over in &self.hand_overs {
                let result = match &hand_over.error {
                    Some(error) => error.message.as_str(),
                    None if self.dry_run => "would be handed over",
                    None => "handed over",
                };
                let (from, to) = (hand_over.from_node.to_string(), hand_over.to_node.to_string());
                table.add_row([hand_over.name.as_str(), &from, &to, result]);
            }
            let _ = writeln!(text, "{}\n", table_text(&table));
        }
        let mut table = table(&["NODE", "LED BEFORE", "LEADS AFTER"]);
        for led in &self.nodes {
            table.add_row([led.node, led.before, led.after].map(|number| number.to_string()));
        }
        text.push_str(&table_text(&table));
        for node in &self.silent_nodes {
            let _ = write!(text, "\nnode {node} did not answer");
        }
        text
    }
}
