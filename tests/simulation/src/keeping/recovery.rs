//! The catalog learns of a recovery from whoever leads the group then.

use super::Simulation;
use quorate_catalog::{Change, Group};
use quorate_consensus::Configuration;
use quorate_vocabulary::NodeId;

impl Simulation {
    pub(super) fn unknown_recovery(&mut self, id: NodeId, group: &Group) -> Option<Configuration> {
        let configuration = self.local(id, group.id)?.replica.applied().configuration.clone();
        (configuration.epoch > group.epoch).then_some(configuration)
    }

    /// Tells the catalog that a group was recovered, when it does not know. Whether that is so.
    pub(super) fn note_recovery(&mut self, id: NodeId, group: &Group) -> bool {
        let Some(Configuration { epoch, members: survivors, .. }) = self.unknown_recovery(id, group) else {
            return false;
        };
        self.change_catalog(Change::NoteRecovery { group: group.id, epoch, survivors });
        true
    }
}
