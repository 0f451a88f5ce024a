use super::replica::time;
use crate::cli::{
    output::{Report, table, table_text},
    payload::hex,
};
use quorate_proto::v1;
use serde::Serialize;

/// One change of the version that a group runs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct UpgradeRow {
    number: u64,
    from: String,
    to: String,
    digest: String,
    rollback: bool,
    actor: String,
    asked_ms: u64,
    prepared_nodes: Vec<u64>,
    /// `under way`, `done` or `failed`.
    outcome: &'static str,
    /// Where the activation stands in the group's log.
    index: Option<u64>,
    time_ms: Option<u64>,
    failure: Option<String>,
}

impl From<v1::Upgrade> for UpgradeRow {
    fn from(upgrade: v1::Upgrade) -> Self {
        let outcome = upgrade.outcome;
        let failure =
            outcome.as_ref().map(|outcome| outcome.failure.clone()).filter(|failure| !failure.is_empty());
        Self {
            number: upgrade.number,
            from: upgrade.from,
            to: upgrade.to,
            digest: hex(&upgrade.digest),
            rollback: upgrade.rollback,
            actor: upgrade.actor,
            asked_ms: upgrade.asked_ms,
            prepared_nodes: upgrade.prepared_nodes,
            outcome: match (&outcome, &failure) {
                (None, _) => "under way",
                (Some(_), None) => "done",
                (Some(_), Some(_)) => "failed",
            },
            index: outcome.as_ref().map(|outcome| outcome.index).filter(|index| *index > 0),
            time_ms: outcome.map(|outcome| outcome.time_ms),
            failure,
        }
    }
}

impl UpgradeRow {
    /// In one line, for `group describe`.
    pub(crate) fn text(&self) -> String {
        let Self { to, actor, .. } = self;
        let what = if self.rollback { "rollback" } else { "upgrade" };
        match (&self.failure, self.time_ms) {
            (Some(why), _) => format!("{what} to {to} failed: {why}"),
            (None, Some(time_ms)) => format!("{what} to {to} done at {}", time(time_ms)),
            (None, None) => {
                format!("{what} to {to} under way, asked for by {actor} at {}", time(self.asked_ms))
            }
        }
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.time_ms.is_none()
    }
}

/// `group upgrade` and `group rollback`
#[derive(Debug, Serialize)]
pub(crate) struct UpgradeReport {
    name: String,
    /// What the group runs.
    plugin: String,
    /// None when it ran what was asked for already.
    upgrade: Option<UpgradeRow>,
}

impl UpgradeReport {
    pub(crate) fn new(group: &v1::Group, upgrade: Option<v1::Upgrade>) -> Self {
        let (name, plugin) = (group.name.clone(), group.plugin.clone());
        Self { name, plugin, upgrade: upgrade.map(UpgradeRow::from) }
    }

    pub(crate) fn failure(&self) -> Option<&str> {
        self.upgrade.as_ref()?.failure.as_deref()
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.upgrade.as_ref().is_some_and(UpgradeRow::is_under_way)
    }
}

impl Report for UpgradeReport {
    fn human(&self) -> String {
        let Self { name, plugin, upgrade } = self;
        match upgrade {
            Some(UpgradeRow { index: Some(index), failure: None, from, .. }) => {
                format!("{name} runs {plugin} from entry {index} on; before that it ran {from}")
            }
            Some(row) => format!("{name} runs {plugin}; {}", row.text()),
            None => format!("{name} runs {plugin} already"),
        }
    }
}

/// `group history`
#[derive(Debug, Serialize)]
pub(crate) struct HistoryReport {
    name: String,
    /// What the group runs.
    plugin: String,
    /// The newest last.
    upgrades: Vec<UpgradeRow>,
}

impl HistoryReport {
    pub(crate) fn new(name: String, plugin: String, upgrades: Vec<v1::Upgrade>) -> Self {
        Self { name, plugin, upgrades: upgrades.into_iter().map(UpgradeRow::from).collect() }
    }
}

impl Report for HistoryReport {
    fn human(&self) -> String {
        let Self { name, plugin, upgrades } = self;
        if upgrades.is_empty() {
            return format!("{name} has run nothing but {plugin}");
        }
        let mut table = table(&["NUMBER", "FROM", "TO", "ASKED BY", "ASKED AT", "OUTCOME", "AT", "ENTRY"]);
        for row in upgrades {
            table.add_row([
                row.number.to_string(),
                row.from.clone(),
                if row.rollback { format!("{} (rollback)", row.to) } else { row.to.clone() },
                row.actor.clone(),
                time(row.asked_ms),
                row.outcome.to_owned(),
                row.time_ms.map_or_else(|| "-".to_owned(), time),
                row.index.map_or_else(|| "-".to_owned(), |index| index.to_string()),
            ]);
        }
        let mut text = table_text(&table);
        for row in upgrades {
            if let Some(why) = &row.failure {
                text.push_str(&format!("\n{} failed: {why}", row.number));
            }
        }
        text
    }
}

/// `group unfreeze`
#[derive(Debug, Serialize)]
pub(crate) struct UnfrozenReport {
    /// The group.
    pub(crate) name: String,
}

impl Report for UnfrozenReport {
    fn human(&self) -> String {
        format!("{} takes commands", self.name)
    }
}

/// `group poison`
#[derive(Debug, Serialize)]
pub(crate) struct PoisonReport {
    /// The group.
    pub(crate) name: String,
    /// It takes no more commands once so many have trapped in a row; 0: never.
    pub(crate) freeze_after_traps: u32,
}

impl Report for PoisonReport {
    fn human(&self) -> String {
        match self.freeze_after_traps {
            0 => format!("{} goes on whatever traps", self.name),
            1 => format!("{} takes no more commands once one has trapped", self.name),
            traps => format!("{} takes no more commands once {traps} have trapped in a row", self.name),
        }
    }
}
