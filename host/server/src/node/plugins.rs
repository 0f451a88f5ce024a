//! Compiled plugins, kept in memory by their digest and compiled once.

use quorate_machine::{CompiledPlugin, Engine};
use quorate_replica::ports::{Plugin, Plugins};
use quorate_storage::RaftStore;
use quorate_vocabulary::PluginDigest;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};
use tokio::sync::OnceCell;

/// Why a plugin cannot be run here.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum PluginFailure {
    /// This node does not hold its bytes.
    #[error("the bytes of plugin {0} are not on this node")]
    Missing(PluginDigest),
    /// Its bytes cannot be read.
    #[error("{0}")]
    Storage(String),
    /// The engine does not take it.
    #[error("plugin {digest} does not run on this node: {why}")]
    Refused {
        /// Which.
        digest: PluginDigest,
        /// What the engine says.
        why: String,
    },
}

type Cell = Arc<OnceCell<Weak<CompiledPlugin>>>;

/// The cache. What no replica runs any more is let go.
#[derive(Default)]
pub(super) struct PluginCache {
    compiled: Mutex<HashMap<PluginDigest, Cell>>,
}

impl Plugins for PluginCache {
    fn compiled(&self, digest: PluginDigest) -> Option<Arc<dyn Plugin>> {
        let cell = self.lock().get(&digest)?.clone();
        let plugin = cell.get()?.upgrade()?;
        Some(plugin)
    }
}

impl PluginCache {
    fn lock(&self) -> MutexGuard<'_, HashMap<PluginDigest, Cell>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The compiled plugin; whoever comes second waits for the first.
    pub(super) async fn get(
        &self,
        digest: PluginDigest,
        engine: &Engine,
        store: &Arc<RaftStore>,
    ) -> Result<Arc<CompiledPlugin>, PluginFailure> {
        loop {
            let cell = self.lock().entry(digest).or_default().clone();
            // Held until the weak one in the cell has been made strong by whoever waits.
            let mut made = None;
            let compiled = cell
                .get_or_try_init(|| async {
                    let plugin = compile(digest, engine.clone(), store.clone()).await?;
                    let weak = Arc::downgrade(&plugin);
                    made = Some(plugin);
                    Ok(weak)
                })
                .await?;
            if let Some(plugin) = compiled.upgrade() {
                return Ok(plugin);
            }
            // Nobody ran it any more: forget it, and compile it anew.
            let mut cells = self.lock();
            if cells.get(&digest).is_some_and(|known| Arc::ptr_eq(known, &cell)) {
                cells.remove(&digest);
            }
        }
    }
}

async fn compile(
    digest: PluginDigest,
    engine: Engine,
    store: Arc<RaftStore>,
) -> Result<Arc<CompiledPlugin>, PluginFailure> {
    let compiled = tokio::task::spawn_blocking(move || {
        let bytes = store
            .plugin(digest)
            .map_err(|error| PluginFailure::Storage(error.to_string()))?
            .ok_or(PluginFailure::Missing(digest))?;
        engine.compile(&bytes).map_err(|refusal| PluginFailure::Refused { digest, why: refusal.to_string() })
    });
    compiled.await.unwrap_or_else(|error| {
        Err(PluginFailure::Refused { digest, why: format!("the compiler broke: {error}") })
    })
}
