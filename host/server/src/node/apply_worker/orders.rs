//! Orders of an operator that were carried out.

use super::ApplyWorker;
use quorate_consensus::RequestId;
use quorate_replica::{EntryResult, ports::LifecycleEvent};
use std::mem;

impl ApplyWorker {
    /// An order has been carried out.
    pub(super) fn ordered(&mut self, requests: &[RequestId], result: &mut EntryResult) {
        for request in requests {
            self.shared.services.waiters.ordered(*request);
        }
        let Some(record) = mem::take(&mut result.activation) else { return };
        let (group, index, plugin) = (&self.shared.info.name, record.index, record.plugin);
        match &record.failure {
            None => {
                tracing::info!(%group, index, %plugin, "the group runs another plugin");
                if let Some(term) = self.life.leading() {
                    // The one before was told, and this one was not.
                    self.callback(LifecycleEvent::LeaderStart { term });
                }
            }
            Some(why) => {
                tracing::warn!(%group, index, %plugin, why, "the group goes on with the plugin that it ran");
            }
        }
    }
}
