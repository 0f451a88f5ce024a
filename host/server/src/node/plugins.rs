//! Plugins that replicas run, kept in memory by their digest and made once.

use quorate_machine::{CodeOrigin, Engine};
use quorate_replica::ports::{Plugin, Plugins};
use quorate_storage::RaftStore;
use quorate_vocabulary::PluginDigest;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};
use tokio::sync::OnceCell;

/// Makes what replicas run of the bytes that were uploaded. A node does it with its engine; a benchmark that holds plugins
/// against native code has another one.
pub trait PluginLoader: Send + Sync {
    /// The plugin, or why there is none. Takes up to seconds.
    ///
    /// # Errors
    /// In words, when it cannot be run here.
    fn load(&self, bytes: &[u8]) -> Result<Arc<dyn Plugin>, String>;
}

impl PluginLoader for Engine {
    fn load(&self, bytes: &[u8]) -> Result<Arc<dyn Plugin>, String> {
        let plugin = self.compile(bytes).map_err(|refusal| refusal.to_string())?;
        let was_compiled = plugin.origin() == CodeOrigin::Compiled;
        tracing::debug!(plugin = %plugin.digest(), was_compiled, "plugin loaded");
        Ok(plugin)
    }
}

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

type Cell = Arc<OnceCell<Weak<dyn Plugin>>>;

/// The cache. What no replica runs any more is let go.
#[derive(Default)]
pub(super) struct PluginCache {
    loaded: Mutex<HashMap<PluginDigest, Cell>>,
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
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plugin; whoever comes second waits for the first.
    pub(super) async fn get(
        &self,
        digest: PluginDigest,
        loader: &Arc<dyn PluginLoader>,
        store: &Arc<RaftStore>,
    ) -> Result<Arc<dyn Plugin>, PluginFailure> {
        loop {
            let cell = self.lock().entry(digest).or_default().clone();
            // Held until the weak one in the cell has been made strong by whoever waits.
            let mut made = None;
            let loaded = cell
                .get_or_try_init(|| async {
                    let plugin = load(digest, loader.clone(), store.clone()).await?;
                    let weak = Arc::downgrade(&plugin);
                    made = Some(plugin);
                    Ok(weak)
                })
                .await?;
            if let Some(plugin) = loaded.upgrade() {
                return Ok(plugin);
            }
            // Nobody ran it any more: forget it, and load it anew.
            let mut cells = self.lock();
            if cells.get(&digest).is_some_and(|known| Arc::ptr_eq(known, &cell)) {
                cells.remove(&digest);
            }
        }
    }
}

async fn load(
    digest: PluginDigest,
    loader: Arc<dyn PluginLoader>,
    store: Arc<RaftStore>,
) -> Result<Arc<dyn Plugin>, PluginFailure> {
    let loaded = tokio::task::spawn_blocking(move || {
        let bytes = store
            .plugin(digest)
            .map_err(|error| PluginFailure::Storage(error.to_string()))?
            .ok_or(PluginFailure::Missing(digest))?;
        loader.load(&bytes).map_err(|why| PluginFailure::Refused { digest, why })
    });
    loaded.await.unwrap_or_else(|error| {
        Err(PluginFailure::Refused { digest, why: format!("the compiler broke: {error}") })
    })
}
