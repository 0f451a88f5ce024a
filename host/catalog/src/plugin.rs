use crate::{CatalogCommand, CatalogError, CatalogState};
use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{
        Call, CallFailure, Callback, GroupInfo, GroupLimits, HostFault, Instance, LifecycleEvent, Outcome,
        Plugin, StoreView,
    },
};
use quorate_vocabulary::{GroupId, MachineKind, PluginDigest, Position};
use std::{
    io::{Read, Write},
    sync::{Arc, PoisonError, RwLock},
};

/// The system group, as its replicas know it.
///
/// # Panics
/// Never: the name is one.
#[must_use]
pub fn catalog_group() -> GroupInfo {
    GroupInfo {
        id: GroupId::CATALOG,
        name: "quorate/catalog".parse().expect("two parts of lower-case letters are a name"),
    }
}

/// What stands for the digest of the catalog's code in its snapshots. The format of its state has a version of its own.
#[must_use]
pub fn catalog_digest() -> PluginDigest {
    PluginDigest::of(b"quorate catalog")
}

/// The catalog as this node's replica has applied it, for any number of readers.
#[derive(Clone, Debug, Default)]
pub struct CatalogHandle {
    state: Arc<RwLock<Arc<CatalogState>>>,
}

impl CatalogHandle {
    /// The state now. It stays as it is for as long as it is held.
    #[must_use]
    pub fn state(&self) -> Arc<CatalogState> {
        // Nothing panics while it holds the lock, and a whole Arc stands in there at any time.
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn publish(&self, state: Arc<CatalogState>) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// The catalog as a memory machine in native code.
///
/// Its apply instance publishes every change to the [`CatalogHandle`]: there must be one replica a handle, and no observer,
/// which would publish what it replays. It answers no queries: readers use the handle.
#[derive(Clone, Debug, Default)]
pub struct CatalogPlugin {
    handle: CatalogHandle,
}

impl CatalogPlugin {
    /// A catalog that publishes to this handle.
    #[must_use]
    pub fn new(handle: CatalogHandle) -> Self {
        Self { handle }
    }
}

impl Plugin for CatalogPlugin {
    fn kind(&self) -> MachineKind {
        MachineKind::Memory
    }

    fn has_lifecycle(&self) -> bool {
        false
    }

    fn start(&self, _group: &GroupInfo, _limits: &GroupLimits) -> Result<Box<dyn Instance>, HostFault> {
        // Not published yet: at a checkpoint a fresh instance is empty for a moment before it loads.
        Ok(Box::new(CatalogInstance { handle: self.handle.clone(), state: Arc::default() }))
    }
}

struct CatalogInstance {
    handle: CatalogHandle,
    state: Arc<CatalogState>,
}

impl Instance for CatalogInstance {
    fn apply(
        &mut self,
        position: Position,
        command: &Bytes,
        store: Overlay,
    ) -> Result<(Call, Overlay), HostFault> {
        // A clone is a handful of reference counts, and a refused change leaves the state alone.
        let mut state = CatalogState::clone(&self.state);
        let done = CatalogCommand::decode(command).and_then(|command| state.apply(position, &command));
        let outcome = match done {
            Ok(reply) => {
                self.state = Arc::new(state);
                self.handle.publish(self.state.clone());
                Outcome::Reply(reply.encode())
            }
            Err(error) => Outcome::Rejection(error.encode()),
        };
        Ok((Call::of(outcome), store))
    }

    fn query(
        &mut self,
        _at: Position,
        _request: &Bytes,
        _store: Arc<dyn StoreView>,
    ) -> Result<Call, HostFault> {
        let cause = "the catalog takes no queries: list nodes, plugins and groups instead".into();
        Ok(Call::of(Outcome::Rejection(CatalogError::Malformed { cause }.encode())))
    }

    fn save(
        &mut self,
        _at: Position,
        mut sink: Box<dyn Write + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        sink.write_all(&self.state.encode())?;
        sink.flush()?;
        Ok(Ok(()))
    }

    fn load(
        &mut self,
        _at: Position,
        mut source: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        let mut bytes = Vec::new();
        source.read_to_end(&mut bytes)?;
        Ok(match CatalogState::decode(&bytes) {
            Ok(state) => {
                self.state = Arc::new(state);
                self.handle.publish(self.state.clone());
                Ok(())
            }
            Err(error) => Err(CallFailure::Refused(error.to_string())),
        })
    }

    fn lifecycle(
        &mut self,
        _at: Position,
        _event: &LifecycleEvent,
        _store: Arc<dyn StoreView>,
    ) -> Result<Callback, HostFault> {
        Ok(Callback::default())
    }
}
