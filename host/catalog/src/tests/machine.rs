//! The catalog as a machine: under a real replica, over restarts and checkpoints.

use super::fixtures::{create, publish, register};
use crate::{
    CatalogCommand, CatalogError, CatalogHandle, CatalogPlugin, CatalogReply, Change, catalog_digest,
    catalog_group,
};
use bytes::Bytes;
use quorate_replica::{
    CheckpointPolicy, CheckpointResult, EntryBody, Replica, ReplicaStart,
    ports::{AppliedPoint, Call, GroupLimits, NoOtherPlugins, Outcome, Plugin, Snapshots},
    testing::{MemoryHistory, MemorySnapshots, MemoryStore},
};
use std::sync::Arc;

struct Host {
    handle: CatalogHandle,
    history: Arc<MemoryHistory>,
    snapshots: MemorySnapshots,
    replica: Replica,
}

impl Host {
    fn new() -> Self {
        Self::open(Arc::default(), MemorySnapshots::default())
    }

    fn open(history: Arc<MemoryHistory>, snapshots: MemorySnapshots) -> Self {
        let handle = CatalogHandle::default();
        let replica = Replica::open(ReplicaStart {
            group: catalog_group(),
            limits: GroupLimits::default(),
            plugin: Arc::new(CatalogPlugin::new(handle.clone())),
            plugin_digest: catalog_digest(),
            founding: catalog_digest(),
            plugins: Arc::new(NoOtherPlugins),
            state: Arc::new(MemoryStore::default()),
            snapshots: Arc::new(snapshots.clone()),
            history: history.clone(),
            initial: AppliedPoint::initial(quorate_replica::Configuration::default()),
            checkpoints: CheckpointPolicy::default(),
        });
        let replica = replica.expect("what is on its disk is its own");
        Self { handle, history, snapshots, replica }
    }

    /// Opens it again from its disk, with a handle that knows nothing.
    fn restarted(&self) -> Self {
        let mut host = Self::open(self.history.clone(), self.snapshots.clone());
        while let Some(entry) = host.history.entry(host.replica.applied().index + 1) {
            host.replica.apply(&entry).expect("no fault");
        }
        host
    }

    fn append(&mut self, body: EntryBody) -> Vec<Call> {
        let entry = self.history.push(1, body);
        self.replica.apply(&entry).expect("no fault").commands
    }

    fn change(&mut self, change: Change) -> Result<CatalogReply, CatalogError> {
        let command = CatalogCommand { actor: "ada".into(), change }.encode();
        let calls = self.append(EntryBody::Commands { time_ms: 5, commands: vec![command] });
        CatalogReply::from_outcome(&calls[0].outcome)
    }

    fn checkpoint(&mut self) -> CheckpointResult {
        let entry = self.history.push(1, EntryBody::Checkpoint { time_ms: 6 });
        self.replica.apply(&entry).expect("no fault").checkpoint.expect("a memory machine")
    }
}

#[test]
fn readers_see_every_change_as_it_is_applied() {
    let mut host = Host::new();
    assert_eq!(host.handle.state().nodes().count(), 0);
    let before = host.handle.state();
    host.change(register(1)).expect("in order");
    assert_eq!((host.handle.state().nodes().count(), before.nodes().count()), (1, 0));
}

#[test]
fn refusals_come_as_rejections_and_are_not_published() {
    let mut host = Host::new();
    host.change(register(1)).expect("in order");
    let before = host.handle.state();
    let error = host.change(create("acme/a", "acme/kv@1", &[1])).expect_err("no such plugin");
    assert!(matches!(error, CatalogError::PluginUnknown { .. }), "{error}");
    let nonsense = EntryBody::Commands { time_ms: 5, commands: vec![Bytes::from_static(b"nonsense")] };
    assert!(matches!(host.append(nonsense)[0].outcome, Outcome::Rejection(_)));
    assert!(Arc::ptr_eq(&host.handle.state(), &before));
}

#[test]
fn a_checkpoint_never_shows_readers_an_empty_catalog_and_a_restart_finds_everything() {
    let mut host = Host::new();
    for change in
        [register(1), register(2), publish("acme/kv@1", b"kv"), create("acme/a", "acme/kv@1", &[1, 2])]
    {
        host.change(change).expect("in order");
    }
    let before = host.handle.state();
    assert!(matches!(host.checkpoint(), CheckpointResult::Taken(_)));
    host.history.cut_through(host.replica.applied().index);
    assert_eq!(host.handle.state(), before);
    host.change(create("acme/b", "acme/kv@1", &[2])).expect("in order");

    let restarted = host.restarted();
    assert_eq!(restarted.handle.state(), host.handle.state());
    assert_eq!(restarted.replica.applied(), host.replica.applied());
}

#[test]
fn a_fresh_instance_publishes_nothing_until_it_loads() {
    let mut host = Host::new();
    host.change(register(1)).expect("in order");
    let plugin = CatalogPlugin::new(host.handle.clone());
    drop(plugin.start(&catalog_group(), &GroupLimits::default()).expect("no fault"));
    assert_eq!(host.handle.state().nodes().count(), 1);
}

#[test]
fn a_snapshot_that_is_none_is_refused() {
    let mut host = Host::new();
    host.change(register(1)).expect("in order");
    assert!(matches!(host.checkpoint(), CheckpointResult::Taken(_)));
    let index = host.snapshots.newest().expect("no fault").expect("just taken").header.point.index;
    host.snapshots.replace_content(index, Bytes::from_static(b"nonsense"));
    let restarted = host.restarted();
    assert_eq!(restarted.snapshots.indexes(), [index], "taken again, from the log");
    assert_eq!(restarted.handle.state(), host.handle.state());
}

#[test]
fn the_catalog_takes_no_queries_and_no_callbacks() {
    let mut host = Host::new();
    host.change(register(1)).expect("in order");
    let plugin = CatalogPlugin::new(CatalogHandle::default());
    assert!(!plugin.has_lifecycle());
    let mut instance = plugin.start(&catalog_group(), &GroupLimits::default()).expect("no fault");
    let point = host.replica.applied().position();
    let store = Arc::new(quorate_replica::ports::EmptyView);
    let call = instance.query(point, &Bytes::new(), store).expect("no fault");
    assert!(matches!(call.outcome, Outcome::Rejection(_)));
}
