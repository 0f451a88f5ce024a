//! Which version a group must run, and whether it had to come to another.

use crate::machine::{state_version, with_digest};
use quorate_consensus::Activation;
use quorate_replica::ports::AppliedPoint;
use quorate_vocabulary::MachineKind;

/// The version of one group.
#[derive(Debug)]
pub(super) struct VersionModel {
    pub(super) running: u32,
    /// The last upgrade of which something came.
    number: u64,
}

impl Default for VersionModel {
    fn default() -> Self {
        Self { running: 1, number: 0 }
    }
}

impl VersionModel {
    /// An order to run another version was applied, with this outcome. From which version of the state it was migrated, if it
    /// was. `has`: whether there is a number of this name.
    pub(super) fn activate(
        &mut self,
        activation: Activation,
        point: &AppliedPoint,
        has: impl Fn(&str) -> bool,
    ) -> Result<Option<u32>, String> {
        let Activation { number, plugin } = activation;
        let record = point.activation.as_ref().filter(|record| record.index == point.index);
        if number <= self.number {
            return match record {
                Some(record) => Err(format!("upgrade {} is activated again: {record:?}", self.number)),
                None => Ok(None),
            };
        }
        let Some(record) = record.filter(|record| (record.number, record.plugin) == (number, plugin)) else {
            return Err(format!("nothing came of {activation:?}: {:?}", point.activation));
        };
        self.number = number;
        let Some((kind, version)) = with_digest(plugin) else {
            return Err(format!("{plugin:?} was never published"));
        };
        let (from, to) = (state_version(self.running), state_version(version));
        let fails = (from != to && (has("break-migrate") || has("refuse-migrate")))
            || (kind == MachineKind::Memory && (has("break-save") || has("break-load")));
        if fails != record.failure.is_some() {
            let must = if fails { "fail" } else { "succeed" };
            return Err(format!("from version {} to {version} must {must}: {record:?}", self.running));
        }
        if fails {
            return Ok(None);
        }
        self.running = version;
        Ok((from != to).then_some(from))
    }
}
