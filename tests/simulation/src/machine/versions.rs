//! The versions of the machines that groups run: what tells one from another, and which of them a node has compiled.

use super::{HeldPlugin, SharedInstance};
use crate::disk::lock;
use quorate_replica::ports::{Plugin, Plugins};
use quorate_vocabulary::{MachineKind, PluginDigest, PluginReference};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, atomic::AtomicBool},
};

/// So many versions there are of either kind. Groups begin with the first.
pub(crate) const VERSIONS: u32 = 3;

/// What a node has compiled since it started.
pub(crate) type Compiled = Arc<Mutex<BTreeSet<PluginDigest>>>;

/// The version of the state that a version keeps: the first two understand each other, the third has to migrate.
pub(crate) fn state_version(version: u32) -> u32 {
    if version < VERSIONS { 1 } else { version }
}

pub(crate) fn reference(kind: MachineKind, version: u32) -> PluginReference {
    format!("acme/{kind}@{version}").parse().expect("a reference")
}

pub(crate) fn digest(kind: MachineKind, version: u32) -> PluginDigest {
    PluginDigest::of(reference(kind, version).to_string().as_bytes())
}

/// The kind and version with this digest.
pub(crate) fn with_digest(wanted: PluginDigest) -> Option<(MachineKind, u32)> {
    let kinds = [MachineKind::Memory, MachineKind::Store];
    let mut all = kinds.into_iter().flat_map(|kind| (1..=VERSIONS).map(move |version| (kind, version)));
    all.find(|(kind, version)| digest(*kind, *version) == wanted)
}

/// The versions that one replica can run, with what they have in common.
#[derive(Clone)]
pub(crate) struct Versions {
    pub(super) compiled: Compiled,
    pub(super) observing: Arc<AtomicBool>,
    pub(super) applying: Arc<Mutex<Option<SharedInstance>>>,
    /// A bug: whatever is asked for, it is this one.
    pub(super) always: Option<u32>,
}

impl Versions {
    pub(crate) fn new(compiled: Compiled, always: Option<u32>) -> Self {
        Self { compiled, observing: Arc::default(), applying: Arc::default(), always }
    }

    /// The plugin with this digest, compiled or not.
    pub(crate) fn held(&self, digest: PluginDigest) -> Option<HeldPlugin> {
        let (kind, version) = with_digest(digest)?;
        Some(HeldPlugin::new(kind, self.always.unwrap_or(version), self))
    }
}

impl Plugins for Versions {
    fn compiled(&self, digest: PluginDigest) -> Option<Arc<dyn Plugin>> {
        let is_compiled = lock(&self.compiled).contains(&digest);
        let held = self.held(digest).filter(|_| is_compiled)?;
        Some(Arc::new(held))
    }
}
