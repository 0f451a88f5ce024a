//! What a copy of a group stands on: the group's snapshot, read only, and memory for what the copy itself writes.

use crate::{
    ports::{HostFault, Plugin, Plugins, SnapshotHeader, SnapshotInfo, SnapshotWriter, Snapshots},
    testing::MemorySnapshots,
};
use quorate_vocabulary::PluginDigest;
use std::{io::Read, sync::Arc};

/// The plugin that the group runs, and the other one.
pub(super) struct TwoPlugins {
    pub(super) running: (PluginDigest, Arc<dyn Plugin>),
    pub(super) next: (PluginDigest, Arc<dyn Plugin>),
}

impl Plugins for TwoPlugins {
    fn compiled(&self, digest: PluginDigest) -> Option<Arc<dyn Plugin>> {
        let known = [&self.running, &self.next].into_iter().find(|known| known.0 == digest);
        known.map(|known| known.1.clone())
    }
}

/// Snapshots of a copy: one of the group's own below those that the copy takes.
pub(super) struct ShadowSnapshots {
    group: Arc<dyn Snapshots>,
    base: Option<SnapshotInfo>,
    own: MemorySnapshots,
}

impl ShadowSnapshots {
    pub(super) fn new(group: Arc<dyn Snapshots>, base: Option<SnapshotInfo>) -> Self {
        Self { group, base, own: MemorySnapshots::default() }
    }
}

impl Snapshots for ShadowSnapshots {
    fn begin(&self, header: &SnapshotHeader) -> Result<Box<dyn SnapshotWriter>, HostFault> {
        self.own.begin(header)
    }

    fn newest(&self) -> Result<Option<SnapshotInfo>, HostFault> {
        Ok(self.own.newest()?.or_else(|| self.base.clone()))
    }

    fn open(&self, index: u64) -> Result<(SnapshotHeader, Box<dyn Read + Send>), HostFault> {
        match &self.base {
            Some(base) if base.header.point.index == index => self.group.open(index),
            _ => self.own.open(index),
        }
    }

    fn discard(&self, index: u64) -> Result<(), HostFault> {
        self.own.discard(index)
    }
}
