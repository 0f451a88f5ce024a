//! Starts a node and ends it.

use super::{
    apply_worker::ApplyWork,
    attesting::ATTESTATIONS_WAITING_MAX,
    config::NodeConfig,
    core::Core,
    handle::NodeHandle,
    hosting::{Hosting, UNKNOWN},
    inbound::Inbound,
    inbox::ShardInbox,
    log_writer,
    membership::Membership,
    opening::{OpenError, ReplicaSpec},
    outbound::Outbound,
    plugins::PluginLoader,
    pool::Pool,
    registry::Registry,
    services::Services,
    shard_thread::ShardThread,
    storage_health::StorageHealth,
    upgrading::Upgrading,
};
use quorate_catalog::{CatalogHandle, CatalogPlugin, catalog_digest, catalog_group};
use quorate_consensus::{ReplicaStart, Shard, ShardConfig};
use quorate_machine::{CodeCacheConfig, Engine, EngineConfig, EngineError};
use quorate_replica::ports::{AppliedPoint, COMMAND_BYTES_MAX, GroupLimits, NoOtherPlugins};
use quorate_storage::{DataFolder, NewReplica, NodeIdentity, RaftBatch, StorageError, StorageOptions};
use quorate_transport::{AddressError, PeerIdentity, PeerServer, Peers, PeersConfig};
use quorate_vocabulary::{CheckpointMode, GroupId, Member, MemberRole, ReplicaId};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher, Hasher, RandomState},
    io,
    sync::{Arc, OnceLock},
    thread::JoinHandle,
    time::Duration,
};
use tokio::{sync::mpsc, time::MissedTickBehavior};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How often the engine's watchdog is told that time passes: what its limits are counted in.
const ENGINE_TICK: Duration = Duration::from_millis(100);
/// The longest the plugins' last callbacks and what waits to be applied may hold up the end of the node.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// What stands around the largest command in a message between nodes, with room to spare.
const MESSAGE_FRAME_BYTES: usize = 1024 * 1024;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Its configuration does not fit.
    #[error("the configuration cannot be used: {why}")]
    Config {
        /// What is wrong with it.
        why: String,
    },
    /// Its data folder cannot be used.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// The engine for plugins does not start.
    #[error("{0}")]
    Engine(#[from] EngineError),
    /// An address among the nodes is none.
    #[error("{0}")]
    Address(#[from] AddressError),
    /// The operating system gives no thread.
    #[error("a thread cannot be started: {0}")]
    Thread(#[source] io::Error),
    /// The catalog's own replica cannot be opened.
    #[error("the catalog of this node cannot be opened: {why}")]
    Catalog {
        /// What is wrong with it.
        why: String,
    },
}

/// A node at work. Dropping it without [`shut_down`](Self::shut_down) leaves its threads behind.
pub struct RunningNode {
    core: Arc<Core>,
    peer_server: PeerServer,
    shard: JoinHandle<()>,
    log_writer: JoinHandle<()>,
}

impl RunningNode {
    /// Starts a node on the current tokio runtime: opens its data folder, takes up the replicas in it, and makes itself
    /// known to the cluster. What other nodes send comes by [`peer_service`](Self::peer_service), which is for the caller
    /// to serve at the node's address.
    ///
    /// # Errors
    /// When the folder, the configuration or the machine does not allow it.
    pub async fn start(config: NodeConfig) -> Result<Self, StartError> {
        Self::start_with(config, None).await
    }

    /// As [`start`](Self::start), with another way from a plugin's bytes to what replicas run, for benchmarks. Uploads are
    /// checked by the engine all the same.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(
        config: NodeConfig,
        loader: Option<Arc<dyn PluginLoader>>,
    ) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Handle::current();
        // Opens databases and replays logs: not on a thread that others wait for.
        let started = tokio::task::spawn_blocking(move || {
            let _guard = runtime.enter();
            Self::start_blocking(config, loader)
        });
        let node = started
            .await
            .map_err(|error| StartError::Config { why: format!("starting broke: {error}") })??;
        let core = &node.core;
        core.tasks.spawn(core.clone().host());
        core.tasks.spawn(core.clone().register());
        core.tasks.spawn(core.clone().keep_members());
        core.tasks.spawn(core.clone().keep_versions());
        core.tasks.spawn(core.clone().provide_plugins());
        core.tasks.spawn(core.clone().keep_time());
        core.tasks.spawn(core.clone().heal());
        core.tasks.spawn(tick_engine(core.engine.clone(), core.stopping.clone()));
        Ok(node)
    }

    fn start_blocking(config: NodeConfig, loader: Option<Arc<dyn PluginLoader>>) -> Result<Self, StartError> {
        let config = Arc::new(config);
        if config.founders.is_empty() || config.address.is_empty() {
            let why = format!("node {} knows no node of its cluster, or has no address", config.node);
            return Err(StartError::Config { why });
        }
        let identity = NodeIdentity { cluster: config.cluster.clone(), node: config.node };
        let options = StorageOptions { snapshots_kept: config.snapshots_kept, ..StorageOptions::default() };
        let folder = DataFolder::open_with(&config.data_folder, identity, &options)?;
        let store = folder.raft();
        let engine = Engine::new(&engine_config(&config, &folder))?;
        let shard = Shard::new(shard_config(&config))
            .map_err(|error| StartError::Config { why: error.to_string() })?;

        let (lacking, lacked) = mpsc::unbounded_channel();
        let (attesting, noted) = mpsc::channel(ATTESTATIONS_WAITING_MAX);
        let services = Services {
            lacking,
            node: config.node,
            inbox: Arc::new(ShardInbox::new(config.shard_inbox_max)),
            waiters: Arc::default(),
            attesting,
            leading: Arc::default(),
            healing: Arc::default(),
            runtime: tokio::runtime::Handle::current(),
        };
        let health = Arc::<StorageHealth>::default();
        let registry = Arc::<Registry>::default();
        let inbound = Inbound::default();
        let peer_identity =
            PeerIdentity { cluster: config.cluster.clone(), node: config.node, folder: folder.id() };
        let peers_config = peers_config(&config);
        let peers = Peers::start(
            peer_identity.clone(),
            peers_config.clone(),
            config.founders.iter().cloned(),
            Arc::new(inbound.clone()),
        )?;
        let hosting = take_stock(&folder)?;
        let core = Arc::new(Core {
            services: services.clone(),
            registry: registry.clone(),
            health: health.clone(),
            store: store.clone(),
            loader: loader.unwrap_or_else(|| Arc::new(engine.clone())),
            engine,
            plugins: Arc::default(),
            catalog: CatalogHandle::default(),
            hosting,
            membership: Membership::default(),
            upgrading: Upgrading::new(lacked),
            apply_pool: Pool::start("apply", config.apply_threads).map_err(StartError::Thread)?,
            observe_pool: Pool::start("observe", config.observer_threads).map_err(StartError::Thread)?,
            peers: OnceLock::from(peers.clone()),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            folder,
            config,
        });
        let (log, log_writer) = log_writer::start(store.clone(), services.clone(), registry.clone(), health)
            .map_err(StartError::Thread)?;
        let outbound = Outbound { services: services.clone(), peers, store };
        let tick = core.config.heartbeat_interval;
        let checks_by_time = core.config.check_interval.is_some();
        let shard = ShardThread { shard, tick, checks_by_time, services, registry, log, outbound }
            .start()
            .map_err(StartError::Thread)?;
        for (group, why) in core.hosting.damaged() {
            core.give_up_at_start(group, &why);
        }
        core.open_catalog().map_err(|error| StartError::Catalog { why: error.to_string() })?;
        inbound.connect(&core);
        let peer_server = PeerServer::new(peer_identity, peers_config, Arc::new(inbound));
        core.tasks.spawn(core.clone().attest(noted));
        Ok(Self { core, peer_server, shard, log_writer })
    }

    /// The handle for whoever serves the node's API.
    #[must_use]
    pub fn handle(&self) -> NodeHandle {
        NodeHandle::new(self.core.clone())
    }

    /// The service that other nodes call, to be served at the node's address.
    #[must_use]
    pub fn peer_service(&self) -> quorate_proto::peer::v1::peer_server::PeerServer<PeerServer> {
        self.peer_server.clone().into_service()
    }

    /// Ends the node in good order: plugins are told, what is committed here is applied, everything is written.
    /// To be called before the server of [`peer_service`](Self::peer_service) is asked to end gracefully, which would
    /// wait for streams that do not end on their own.
    pub async fn shut_down(self) {
        self.core.hand_over().await;
        for replica in self.core.registry.all() {
            replica.apply(ApplyWork::ShutDown);
        }
        self.halt().await;
    }

    #[cfg(test)]
    pub(super) fn core(&self) -> Arc<Core> {
        self.core.clone()
    }

    /// Ends the node without a word to its plugins and the other nodes.
    pub(super) async fn halt(self) {
        let Self { core, peer_server, shard, log_writer } = self;
        core.stopping.cancel();
        peer_server.shutdown().await;
        if let Some(peers) = core.peers.get() {
            peers.shutdown().await;
        }
        core.services.inbox.stop();
        core.tasks.close();
        if tokio::time::timeout(DRAIN_TIMEOUT, core.tasks.wait()).await.is_err() {
            tracing::warn!("a task holds up the end of the node; it is cut off");
        }
        let ending = core.clone();
        let drain = tokio::task::spawn_blocking(move || {
            // In this order: the shard feeds the others.
            let _ = shard.join();
            let _ = log_writer.join();
            ending.apply_pool.stop();
            ending.observe_pool.stop();
        });
        if tokio::time::timeout(DRAIN_TIMEOUT, drain).await.is_err() {
            tracing::warn!("a plugin holds up the end of the node; it is cut off");
        }
        for replica in core.registry.all() {
            core.registry.remove(replica.shared.group);
        }
    }
}

/// What is on the disk, and away with what a crash left of replicas that were removed.
fn take_stock(folder: &DataFolder) -> Result<Hosting, StorageError> {
    let loaded = folder.raft().load()?;
    let mut kept: BTreeSet<GroupId> = loaded.replicas.iter().map(|replica| replica.group).collect();
    kept.extend(loaded.damaged.iter().map(|damaged| damaged.group));
    let strays = folder.destroy_strays(&kept)?;
    if !strays.is_empty() {
        tracing::info!(?strays, "removed what was left of groups that are gone");
    }
    let mut damaged = BTreeMap::new();
    let mut replicas: BTreeMap<GroupId, ReplicaId> =
        loaded.replicas.iter().map(|replica| (replica.group, replica.replica)).collect();
    for replica in loaded.damaged {
        if replica.group.is_catalog() {
            return Err(replica.error);
        }
        tracing::error!(group = %replica.group, error = %replica.error, "a replica is damaged and does not run");
        replicas.insert(replica.group, replica.replica.unwrap_or(UNKNOWN));
        damaged.insert(replica.group, replica.error.to_string());
    }
    replicas.remove(&GroupId::CATALOG);
    Ok(Hosting::new(replicas, damaged))
}

impl Core {
    /// Opens this node's replica of the catalog. A new node founds it with the configured nodes if it is one of them, and
    /// else joins it: it follows the catalog as soon as its leader has heard of it. What is configured counts only then.
    fn open_catalog(&self) -> Result<(), OpenError> {
        let group = GroupId::CATALOG;
        let members: Vec<Member> = self
            .config
            .founders
            .iter()
            .map(|(node, _)| Member { replica: ReplicaId(node.0), node: *node, role: MemberRole::Voter })
            .collect();
        if self.store.replica(group)?.is_none() {
            let number = ReplicaId(self.node().0);
            let founds = members.iter().any(|member| member.node == self.node());
            let mut batch = RaftBatch::new();
            batch.create(if founds {
                NewReplica::bootstrap(group, number, members)
            } else {
                NewReplica::joining(group, number)
            });
            self.store.write(batch)?;
        }
        let stored = self.store.load_replica(group)?;
        let begins = stored.truncated == ReplicaStart::BOOTSTRAP;
        let initial =
            if begins { AppliedPoint::initial(stored.configuration) } else { AppliedPoint::joining() };
        self.open_replica(ReplicaSpec {
            info: catalog_group(),
            limits: GroupLimits::default(),
            checkpoint_mode: CheckpointMode::Inline,
            plugin: Arc::new(CatalogPlugin::new(self.catalog.clone())),
            plugin_digest: catalog_digest(),
            founding: catalog_digest(),
            plugins: Arc::new(NoOtherPlugins),
            initial,
        })
    }
}

/// A lease is shorter than the election timeout by this part of it, if nothing else is said.
const LEASE_MARGIN_PART: u32 = 10;

/// The largest command that any group may take.
fn command_bytes_max() -> usize {
    usize::try_from(COMMAND_BYTES_MAX).unwrap_or(usize::MAX)
}

fn shard_config(config: &NodeConfig) -> ShardConfig {
    // Differs between nodes and runs, as elections want it.
    let seed = RandomState::new().build_hasher().finish();
    ShardConfig {
        election_timeout: config.election_timeout,
        heartbeat_interval: config.heartbeat_interval,
        lease_margin: config.lease_margin.unwrap_or(config.election_timeout / LEASE_MARGIN_PART),
        hibernate_after: config.hibernate_after,
        log_margin_entries: config.log_margin_entries,
        command_bytes_max: command_bytes_max(),
        ..ShardConfig::new(config.node, seed)
    }
}

fn peers_config(config: &NodeConfig) -> PeersConfig {
    PeersConfig {
        plugin_bytes_max: config.plugin_bytes_max,
        message_bytes_max: command_bytes_max() + MESSAGE_FRAME_BYTES,
        snapshot_bytes_per_second_max: config.snapshot_bytes_per_second_max,
        snapshot_total_bytes_per_second_max: config.snapshot_total_bytes_per_second_max,
        snapshot_sends_max: config.snapshot_sends_max,
        snapshot_receives_max: config.snapshot_receives_max,
        ..PeersConfig::default()
    }
}

fn engine_config(config: &NodeConfig, folder: &DataFolder) -> EngineConfig {
    let code_cache = CodeCacheConfig {
        folder: folder.compiled_code(),
        // Also when folders are copied or swapped, a node takes no code but its own.
        owner: format!("{} {}", folder.id(), folder.identity().node),
        bytes_max: config.compiled_bytes_max,
    };
    let mut engine = EngineConfig {
        instances_max: config.plugin_instances_max,
        code_cache: Some(code_cache),
        ..EngineConfig::default()
    };
    engine.plugin.bytes_max = config.plugin_bytes_max;
    engine
}

async fn tick_engine(engine: Engine, stopping: CancellationToken) {
    let mut interval = tokio::time::interval(ENGINE_TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = interval.tick() => engine.tick(),
        }
    }
}
