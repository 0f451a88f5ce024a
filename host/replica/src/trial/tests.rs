use super::{TrialConditions, TrialFailure, TrialReport, derived_commands, run_trial};
use crate::{
    Overlay,
    ports::{
        Call, CallFailure, Callback, GroupInfo, GroupLimits, HostFault, Instance, LifecycleEvent, Outcome,
        Plugin, StoreView,
    },
    testing::NativePlugin,
};
use bytes::Bytes;
use quorate_vocabulary::{MachineKind, PluginDigest, Position};
use std::{
    io::{Read, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Commands that the native plugin understands.
fn known() -> Vec<Bytes> {
    let texts: Vec<String> = (0..60)
        .map(|number| match number % 6 {
            0 => "trap".into(),
            1 => "reject".into(),
            2 => "time".into(),
            3 => format!("emit topic {number}"),
            _ => format!("add n{} {number}", number % 5),
        })
        .collect();
    texts.into_iter().map(Bytes::from).collect()
}

/// What an instance of the odd plugin does.
type Odd = fn(&AtomicU64, &mut u64, Position) -> u64;

/// A plugin whose reply is a number that comes from somewhere.
struct OddPlugin {
    kind: MachineKind,
    shared: Arc<AtomicU64>,
    odd: Odd,
}

impl Plugin for OddPlugin {
    fn kind(&self) -> MachineKind {
        self.kind
    }

    fn has_lifecycle(&self) -> bool {
        true
    }

    fn start(&self, _: &GroupInfo, _: &GroupLimits) -> Result<Box<dyn Instance>, HostFault> {
        Ok(Box::new(OddInstance { shared: self.shared.clone(), own: 0, odd: self.odd }))
    }
}

struct OddInstance {
    shared: Arc<AtomicU64>,
    own: u64,
    odd: Odd,
}

impl Instance for OddInstance {
    fn apply(&mut self, at: Position, _: &Bytes, store: Overlay) -> Result<(Call, Overlay), HostFault> {
        let number = (self.odd)(&self.shared, &mut self.own, at);
        Ok((Call::of(Outcome::Reply(number.to_string().into())), store))
    }

    fn query(&mut self, _: Position, _: &Bytes, _: Arc<dyn StoreView>) -> Result<Call, HostFault> {
        self.shared.fetch_add(1, Ordering::Relaxed);
        Ok(Call::of(Outcome::Reply(Bytes::new())))
    }

    fn save(
        &mut self,
        _: Position,
        mut sink: Box<dyn Write + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        sink.write_all(&self.own.to_le_bytes())?;
        Ok(Ok(()))
    }

    fn load(
        &mut self,
        _: Position,
        mut source: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        let mut bytes = [0; 8];
        source.read_exact(&mut bytes)?;
        self.own = u64::from_le_bytes(bytes);
        Ok(Ok(()))
    }

    fn lifecycle(
        &mut self,
        _: Position,
        _: &LifecycleEvent,
        _: Arc<dyn StoreView>,
    ) -> Result<Callback, HostFault> {
        Ok(Callback::default())
    }
}

fn try_odd(kind: MachineKind, odd: Odd) -> Result<TrialReport, TrialFailure> {
    let plugin = OddPlugin { kind, shared: Arc::default(), odd };
    run_trial(Arc::new(plugin), PluginDigest::of(b"odd"), &derived_commands())
}

fn difference(kind: MachineKind, odd: Odd) -> super::Difference {
    match try_odd(kind, odd).expect_err("it is odd") {
        TrialFailure::NotDeterministic(difference) => *difference,
        TrialFailure::Host(fault) => panic!("{fault}"),
    }
}

#[test]
fn a_plugin_that_does_as_it_should_passes() {
    for kind in [MachineKind::Memory, MachineKind::Store] {
        let plugin = Arc::new(NativePlugin::new(kind));
        let report =
            run_trial(plugin, PluginDigest::of(b"native"), &known()).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!((report.commands, report.trapped, report.rejected), (60, 10, 10), "{kind}");
    }
}

/// What a migration finds out that it should not.
type OddMigration = fn(&AtomicU64, u32) -> Result<(), CallFailure>;

/// A well-behaved plugin but for its migration.
struct OddlyMigrating {
    kind: MachineKind,
    shared: Arc<AtomicU64>,
    odd: OddMigration,
}

impl Plugin for OddlyMigrating {
    fn kind(&self) -> MachineKind {
        self.kind
    }

    fn has_lifecycle(&self) -> bool {
        false
    }

    fn state_version(&self) -> u32 {
        3
    }

    fn migrates(&self) -> bool {
        true
    }

    fn start(&self, _: &GroupInfo, _: &GroupLimits) -> Result<Box<dyn Instance>, HostFault> {
        Ok(Box::new(OddlyMigratingInstance { shared: self.shared.clone(), odd: self.odd }))
    }
}

struct OddlyMigratingInstance {
    shared: Arc<AtomicU64>,
    odd: OddMigration,
}

impl Instance for OddlyMigratingInstance {
    fn apply(&mut self, _: Position, command: &Bytes, store: Overlay) -> Result<(Call, Overlay), HostFault> {
        Ok((Call::of(Outcome::Reply(command.clone())), store))
    }

    fn query(&mut self, _: Position, _: &Bytes, _: Arc<dyn StoreView>) -> Result<Call, HostFault> {
        Ok(Call::of(Outcome::Reply(Bytes::new())))
    }

    fn save(&mut self, _: Position, _: Box<dyn Write + Send>) -> Result<Result<(), CallFailure>, HostFault> {
        Ok(Ok(()))
    }

    fn load(&mut self, _: Position, _: Box<dyn Read + Send>) -> Result<Result<(), CallFailure>, HostFault> {
        Ok(Ok(()))
    }

    fn migrate_store(
        &mut self,
        _: Position,
        from: u32,
        store: Overlay,
    ) -> Result<(Result<(), CallFailure>, Overlay), HostFault> {
        Ok(((self.odd)(&self.shared, from), store))
    }

    fn migrate_memory(
        &mut self,
        _: Position,
        from: u32,
        _: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        Ok((self.odd)(&self.shared, from))
    }

    fn lifecycle(
        &mut self,
        _: Position,
        _: &LifecycleEvent,
        _: Arc<dyn StoreView>,
    ) -> Result<Callback, HostFault> {
        Ok(Callback::default())
    }
}

fn try_migration(kind: MachineKind, odd: OddMigration) -> Result<TrialReport, TrialFailure> {
    let plugin = OddlyMigrating { kind, shared: Arc::default(), odd };
    run_trial(Arc::new(plugin), PluginDigest::of(b"odd"), &derived_commands())
}

#[test]
fn a_migration_is_tried_from_a_former_version_of_the_state() {
    let refuses: OddMigration = |_, from| match from {
        2 => Err(CallFailure::Refused("too old".into())),
        other => panic!("version {other}"),
    };
    for kind in [MachineKind::Memory, MachineKind::Store] {
        let plugin = Arc::new(NativePlugin::with_state_version(kind, 7));
        let report =
            run_trial(plugin, PluginDigest::of(b"native"), &known()).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!((report.commands, report.migration), (60, Some(Ok(()))), "{kind}");
        let report = try_migration(kind, refuses).unwrap_or_else(|why| panic!("{why}"));
        assert!(matches!(&report.migration, Some(Err(why)) if why.contains("too old")), "{report:?}");
    }
}

#[test]
fn a_migration_that_does_not_do_the_same_everywhere_is_found() {
    let odd: OddMigration = |shared, _| match shared.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(()),
        _ => Err(CallFailure::Refused("once is enough".into())),
    };
    for kind in [MachineKind::Memory, MachineKind::Store] {
        let TrialFailure::NotDeterministic(found) = try_migration(kind, odd).expect_err("it is odd") else {
            panic!("the host did nothing wrong");
        };
        assert_eq!(found.conditions, TrialConditions::Disturbed);
        let message = found.to_string();
        assert!(
            message.contains("a migration behind it took on the state at first, and refused"),
            "{message}"
        );
    }
}

#[test]
fn without_commands_there_is_nothing_to_find() {
    let plugin = Arc::new(NativePlugin::new(MachineKind::Memory));
    let report = run_trial(plugin, PluginDigest::of(b"native"), &[]).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(report, TrialReport::default());
}

#[test]
fn positions_may_be_used() {
    let own: Odd = |_, _, at| at.index * 1_000 + u64::from(at.ordinal) + at.time_ms;
    for kind in [MachineKind::Memory, MachineKind::Store] {
        assert_eq!(
            try_odd(kind, own).unwrap_or_else(|why| panic!("{why}")).replied,
            derived_commands().len()
        );
    }
}

#[test]
fn memory_may_be_used_by_a_memory_machine_and_not_by_a_store_machine() {
    let count: Odd = |_, own, _| {
        *own += 1;
        *own
    };
    try_odd(MachineKind::Memory, count).unwrap_or_else(|why| panic!("{why}"));
    let found = difference(MachineKind::Store, count);
    assert_eq!((found.conditions, found.what), (TrialConditions::Repacked, "the outcome was"));
    assert_eq!(found.command, derived_commands()[found.number - 1]);
}

#[test]
fn what_comes_from_outside_is_found() {
    let outside: Odd = |shared, _, _| shared.fetch_add(1, Ordering::Relaxed);
    for kind in [MachineKind::Memory, MachineKind::Store] {
        let found = difference(kind, outside);
        assert_eq!((found.number, found.conditions), (1, TrialConditions::Disturbed));
        let message = found.to_string();
        assert!(
            message.starts_with("at command 1 (\"\") the outcome was the reply \"0\" at first, and"),
            "{message}"
        );
    }
}

#[test]
fn commands_are_derived_the_same_each_time_and_shown_without_control_characters() {
    assert_eq!(derived_commands(), derived_commands());
    assert_eq!(super::difference::shown(b"a\x1b[2J\n"), r#""a\x1b[2J\n""#);
}
