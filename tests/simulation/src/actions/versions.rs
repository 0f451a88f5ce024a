//! Which version a group is to run, as an operator says it.

use crate::{
    cluster::Simulation,
    machine::{VERSIONS, reference},
};
use quorate_catalog::Change;
use quorate_vocabulary::GroupId;

impl Simulation {
    /// Wants another version of a group, the one before, or what is under way no more.
    pub(super) fn want_version(&mut self, group: GroupId) {
        let catalog = self.catalog();
        let Some(group) = catalog.group(group) else { return };
        let name = group.name.clone();
        let (what, version) =
            (self.random.versions.below(100), self.random.versions.between(1, VERSIONS.into()));
        let version = u32::try_from(version).unwrap_or(1);
        self.coverage.versions_wanted += 1;
        self.change_catalog(match what {
            0..70 => Change::UpgradeGroup { name, plugin: Some(reference(group.kind, version)) },
            70..90 => Change::UpgradeGroup { name, plugin: None },
            _ => Change::CancelUpgrade { name },
        });
    }
}
