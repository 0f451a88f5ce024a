mod timers;

use crate::{
    Overlay, StoreError,
    ports::{
        Call, CallFailure, Callback, Event, GroupInfo, GroupLimits, HostFault, Instance, KeyRange,
        LifecycleEvent, LogLevel, LogLine, Outcome, Plugin, StoreView, TimerChanges, Trap, TrapKind,
    },
};
use bytes::Bytes;
use quorate_vocabulary::{MachineKind, Position};
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    sync::Arc,
};

/// Numbers by name, as a plugin of either kind in native code.
///
/// It behaves as a WebAssembly plugin does where that is awkward: what a call burns depends on every call before it on the
/// same instance (queries, callbacks, saves and loads as well), memory that an instance took is not given back, and a trap
/// leaves the state half changed.
///
/// Commands are words: `add NAME N` (replies the sum), `remove NAME`, `clear`, `reject` (after writing), `trap` (after
/// writing), `burn FUEL`, `take BYTES` (of memory, for good), `reply BYTES`, `emit TOPIC BYTES`, `log TEXT`, `time`,
/// `break-save` and `break-load` (from then on; `mend` undoes both), `timer ID MILLISECONDS` (from now), `cancel ID` and
/// `timer-and-reject ID`. A timer that fires adds 1 to `fired-ID`, and then does what the number's last digit says: 1
/// rejects, 2 traps, 3 sets itself again in 100 ms, 4 cancels the next number, 5 burns more than it has, all others nothing
/// more. Queries: `get NAME`, `sum`, `burn FUEL`, `trap`,
/// `take BYTES`. A replica that becomes leader proposes `add leaders TERM`. Everything else is rejected.
#[derive(Clone, Copy, Debug)]
pub struct NativePlugin {
    kind: MachineKind,
    state_version: u32,
}

impl NativePlugin {
    /// A machine of this kind.
    #[must_use]
    pub fn new(kind: MachineKind) -> Self {
        Self { kind, state_version: 0 }
    }

    /// One whose state has another version. It migrates any state: all numbers become ten times as large. `break-migrate` and
    /// `refuse-migrate` (from then on) keep it from that.
    #[must_use]
    pub fn with_state_version(kind: MachineKind, state_version: u32) -> Self {
        Self { kind, state_version }
    }
}

impl Plugin for NativePlugin {
    fn kind(&self) -> MachineKind {
        self.kind
    }

    fn has_lifecycle(&self) -> bool {
        true
    }

    fn has_timers(&self) -> bool {
        true
    }

    fn state_version(&self) -> u32 {
        self.state_version
    }

    fn migrates(&self) -> bool {
        self.state_version > 0
    }

    fn start(&self, _group: &GroupInfo, limits: &GroupLimits) -> Result<Box<dyn Instance>, HostFault> {
        Ok(Box::new(NativeInstance {
            kind: self.kind,
            limits: limits.clone(),
            numbers: BTreeMap::new(),
            heap: Heap::default(),
            is_dead: false,
        }))
    }
}

/// Fuel of a call before anything else.
const CALL_FUEL: u64 = 100;
/// How much more a call burns at most because of what the heap looks like.
const HEAP_FUEL_MAX: u64 = 97;

#[derive(Default)]
struct Heap {
    /// What the calls so far left behind.
    shape: u64,
    taken_bytes: u64,
}

impl Heap {
    /// Every call changes what the next one will find.
    fn touch(&mut self, by: &[u8]) {
        for byte in by {
            self.shape = self.shape.wrapping_mul(31).wrapping_add(u64::from(*byte) + 1);
        }
    }
}

struct NativeInstance {
    kind: MachineKind,
    limits: GroupLimits,
    numbers: BTreeMap<String, i64>,
    heap: Heap,
    is_dead: bool,
}

/// Where the numbers are: in memory, or in the store.
enum Numbers<'a> {
    Memory(&'a mut BTreeMap<String, i64>),
    Store(&'a mut Overlay),
}

/// How a call ended that did not reply.
enum End {
    Rejected(String),
    Trapped(Trap),
    Fault(HostFault),
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Limit { .. } => trap(TrapKind::LimitExceeded, &error.to_string()),
            StoreError::Host(fault) => Self::Fault(fault),
        }
    }
}

fn trap(kind: TrapKind, message: &str) -> End {
    End::Trapped(Trap { kind, message: message.to_owned() })
}

impl Numbers<'_> {
    fn get(&self, name: &str) -> Result<i64, End> {
        match self {
            Self::Memory(numbers) => Ok(numbers.get(name).copied().unwrap_or(0)),
            Self::Store(overlay) => number(overlay.get(name.as_bytes())?.as_ref()),
        }
    }

    fn set(&mut self, name: &str, number: i64) -> Result<(), End> {
        match self {
            Self::Memory(numbers) => drop(numbers.insert(name.to_owned(), number)),
            Self::Store(overlay) => {
                overlay.put(Bytes::copy_from_slice(name.as_bytes()), number.to_string().into())?;
            }
        }
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), End> {
        match self {
            Self::Memory(numbers) => drop(numbers.remove(name)),
            Self::Store(overlay) => overlay.delete(Bytes::copy_from_slice(name.as_bytes()))?,
        }
        Ok(())
    }

    fn clear(&mut self) -> Result<(), End> {
        match self {
            Self::Memory(numbers) => numbers.clear(),
            Self::Store(overlay) => overlay.delete_range(KeyRange::all())?,
        }
        Ok(())
    }
}

fn number(text: Option<&Bytes>) -> Result<i64, End> {
    let Some(text) = text else { return Ok(0) };
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| End::Fault(HostFault::because("the store holds something that was never put there")))
}

/// One call: what it burnt and did besides its answer.
struct Running<'a> {
    heap: &'a mut Heap,
    limits: &'a GroupLimits,
    budget: u64,
    fuel: u64,
    events: Vec<Event>,
    timers: TimerChanges,
    logs: Vec<LogLine>,
}

impl<'a> Running<'a> {
    fn new(heap: &'a mut Heap, limits: &'a GroupLimits, budget: u64, input: &[u8]) -> Self {
        let fuel = CALL_FUEL + heap.shape % HEAP_FUEL_MAX;
        heap.touch(input);
        Self { heap, limits, budget, fuel, events: Vec::new(), timers: TimerChanges::new(), logs: Vec::new() }
    }

    fn burn(&mut self, fuel: u64) -> Result<(), End> {
        self.fuel = self.fuel.saturating_add(fuel);
        if self.fuel > self.budget { Err(trap(TrapKind::OutOfFuel, "all fuel consumed")) } else { Ok(()) }
    }

    fn take(&mut self, bytes: u64) -> Result<(), End> {
        self.heap.taken_bytes = self.heap.taken_bytes.saturating_add(bytes);
        if self.heap.taken_bytes > self.limits.memory_bytes_max {
            return Err(trap(TrapKind::OutOfMemory, "the memory may not grow"));
        }
        Ok(())
    }

    fn end(self, ended: Result<Bytes, End>) -> Result<Call, HostFault> {
        let (fuel, logs) = (self.fuel, self.logs);
        Ok(match ended {
            Ok(reply) => {
                let (events, timers) = (self.events, self.timers);
                Call { outcome: Outcome::Reply(reply), fuel, events, timers, logs }
            }
            Err(End::Rejected(why)) => {
                Call { fuel, logs, timers: self.timers, ..Call::of(Outcome::Rejection(why.into())) }
            }
            Err(End::Trapped(trap)) => {
                Call { fuel: self.budget, logs, timers: self.timers, ..Call::of(Outcome::Trapped(trap)) }
            }
            Err(End::Fault(fault)) => return Err(fault),
        })
    }
}

fn words(input: &Bytes) -> Vec<&str> {
    std::str::from_utf8(input).unwrap_or_default().split(' ').collect()
}

fn parse<T: std::str::FromStr>(word: &str) -> Result<T, End> {
    word.parse().map_err(|_| End::Rejected(format!("{word:?} is not a number")))
}

fn bytes_of(count: &str) -> Result<Bytes, End> {
    Ok(vec![b'x'; parse(count)?].into())
}

fn command(
    running: &mut Running<'_>,
    numbers: &mut Numbers<'_>,
    position: Position,
    words: &[&str],
) -> Result<Bytes, End> {
    running.burn(0)?;
    match words {
        ["add", name, amount] => {
            let amount: i64 = parse(amount)?;
            let sum = numbers.get(name)?.checked_add(amount);
            let sum = sum.ok_or_else(|| End::Rejected("the sum does not fit".to_owned()))?;
            numbers.set(name, sum)?;
            Ok(sum.to_string().into())
        }
        ["remove", name] => numbers.remove(name).map(|()| Bytes::new()),
        ["clear"] => numbers.clear().map(|()| Bytes::new()),
        ["reject"] => {
            // Only the host can undo it for a store machine; a memory machine must not have changed anything.
            if let Numbers::Store(_) = numbers {
                numbers.set("rejected", 1)?;
            }
            running.events.push(Event { topic: "rejected".into(), payload: Bytes::new() });
            Err(End::Rejected("as asked".into()))
        }
        ["trap"] => {
            numbers.clear()?;
            numbers.set("trapped", 1)?;
            Err(trap(TrapKind::Instruction, "unreachable executed"))
        }
        ["burn", fuel] => running.burn(parse(fuel)?).map(|()| Bytes::new()),
        ["take", bytes] => running.take(parse(bytes)?).map(|()| Bytes::new()),
        ["reply", bytes] => {
            numbers.set("replied", 1)?;
            bytes_of(bytes)
        }
        ["emit", topic, bytes] => {
            numbers.set("emitted", 1)?;
            running.events.push(Event { topic: (*topic).to_owned(), payload: bytes_of(bytes)? });
            Ok(Bytes::new())
        }
        ["log", text] => {
            running.logs.push(LogLine { level: LogLevel::Info, message: (*text).to_owned() });
            Ok(Bytes::new())
        }
        ["time"] => Ok(position.time_ms.to_string().into()),
        ["timer" | "timer-and-reject" | "cancel", ..] => timers::command(running, position, words),
        ["break-save"] => numbers.set("break-save", 1).map(|()| Bytes::new()),
        ["break-load"] => numbers.set("break-load", 1).map(|()| Bytes::new()),
        [name @ ("break-migrate" | "refuse-migrate")] => numbers.set(name, 1).map(|()| Bytes::new()),
        ["mend"] => {
            numbers.remove("break-save")?;
            numbers.remove("break-load").map(|()| Bytes::new())
        }
        _ => Err(End::Rejected("no such command".into())),
    }
}

fn query(running: &mut Running<'_>, numbers: &BTreeMap<String, i64>, words: &[&str]) -> Result<Bytes, End> {
    running.burn(0)?;
    match words {
        ["get", name] => Ok(numbers.get(*name).copied().unwrap_or(0).to_string().into()),
        ["sum"] => {
            Ok(numbers.values().fold(0_i64, |sum, number| sum.wrapping_add(*number)).to_string().into())
        }
        ["burn", fuel] => running.burn(parse(fuel)?).map(|()| Bytes::new()),
        ["take", bytes] => running.take(parse(bytes)?).map(|()| Bytes::new()),
        ["trap"] => Err(trap(TrapKind::Instruction, "unreachable executed")),
        _ => Err(End::Rejected("no such query".into())),
    }
}

impl NativeInstance {
    /// What an engine enforces: an instance that trapped is never entered again.
    fn enter(&self) -> Result<(), HostFault> {
        if self.is_dead {
            return Err(HostFault::because("an instance was called after it trapped"));
        }
        Ok(())
    }

    fn all_numbers(&self, store: &dyn StoreView) -> Result<BTreeMap<String, i64>, HostFault> {
        if self.kind == MachineKind::Memory {
            return Ok(self.numbers.clone());
        }
        let pairs = store.scan(&crate::ports::ScanRange::everything())?;
        let pairs = pairs.into_iter().map(|(key, value)| {
            let value = number(Some(&value)).map_err(|_| HostFault::because("the store holds no number"))?;
            Ok((String::from_utf8_lossy(&key).into_owned(), value))
        });
        pairs.collect()
    }
}

impl Instance for NativeInstance {
    fn apply(
        &mut self,
        position: Position,
        command_bytes: &Bytes,
        mut store: Overlay,
    ) -> Result<(Call, Overlay), HostFault> {
        self.enter()?;
        let mut running =
            Running::new(&mut self.heap, &self.limits, self.limits.fuel_per_command, command_bytes);
        let mut numbers = match self.kind {
            MachineKind::Memory => Numbers::Memory(&mut self.numbers),
            MachineKind::Store => Numbers::Store(&mut store),
        };
        let ended = command(&mut running, &mut numbers, position, &words(command_bytes));
        let call = running.end(ended)?;
        self.is_dead = matches!(call.outcome, Outcome::Trapped(_));
        Ok((call, store))
    }

    fn fired(
        &mut self,
        position: Position,
        id: u64,
        mut store: Overlay,
    ) -> Result<(Call, Overlay), HostFault> {
        self.enter()?;
        let budget = self.limits.fuel_per_command;
        let mut running = Running::new(&mut self.heap, &self.limits, budget, &id.to_le_bytes());
        let mut numbers = match self.kind {
            MachineKind::Memory => Numbers::Memory(&mut self.numbers),
            MachineKind::Store => Numbers::Store(&mut store),
        };
        let ended = timers::fired(&mut running, &mut numbers, position, id);
        let call = running.end(ended)?;
        self.is_dead = matches!(call.outcome, Outcome::Trapped(_));
        Ok((call, store))
    }

    fn query(
        &mut self,
        _at: Position,
        request: &Bytes,
        store: Arc<dyn StoreView>,
    ) -> Result<Call, HostFault> {
        self.enter()?;
        let numbers = self.all_numbers(store.as_ref())?;
        let mut running = Running::new(&mut self.heap, &self.limits, self.limits.fuel_per_query, request);
        let ended = query(&mut running, &numbers, &words(request));
        let call = running.end(ended)?;
        self.is_dead = matches!(call.outcome, Outcome::Trapped(_));
        Ok(call)
    }

    fn save(
        &mut self,
        _at: Position,
        mut sink: Box<dyn Write + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        self.enter()?;
        self.heap.touch(b"save");
        for (name, number) in &self.numbers {
            writeln!(sink, "{name} {number}")?;
        }
        if self.numbers.contains_key("break-save") {
            self.is_dead = true;
            let trap = Trap { kind: TrapKind::Instruction, message: "broken as asked".into() };
            return Ok(Err(CallFailure::Trapped(trap)));
        }
        Ok(Ok(()))
    }

    fn load(
        &mut self,
        _at: Position,
        mut source: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        self.enter()?;
        let mut text = String::new();
        source.read_to_string(&mut text)?;
        self.heap.touch(text.as_bytes());
        for line in text.lines() {
            let Some((name, Ok(number))) = line.split_once(' ').map(|(name, number)| (name, number.parse()))
            else {
                return Ok(Err(CallFailure::Refused("not a line that was saved".into())));
            };
            self.numbers.insert(name.to_owned(), number);
        }
        if self.numbers.contains_key("break-load") {
            return Ok(Err(CallFailure::Refused("broken as asked".into())));
        }
        Ok(Ok(()))
    }

    fn migrate_store(
        &mut self,
        _at: Position,
        from: u32,
        mut store: Overlay,
    ) -> Result<(Result<(), CallFailure>, Overlay), HostFault> {
        self.enter()?;
        let mut numbers = BTreeMap::new();
        let pairs = store
            .scan(&crate::ports::ScanRange::everything())
            .map_err(|error| HostFault::because(format!("the store cannot be scanned: {error}")))?;
        for (key, value) in pairs {
            let value = number(Some(&value)).map_err(|_| HostFault::because("the store holds no number"))?;
            numbers.insert(String::from_utf8_lossy(&key).into_owned(), value);
        }
        let migrated = migrate(&mut numbers, from);
        for (name, number) in &numbers {
            let put = store.put(Bytes::copy_from_slice(name.as_bytes()), number.to_string().into());
            if let Err(error) = put {
                let trap = Trap { kind: TrapKind::LimitExceeded, message: error.to_string() };
                return Ok((Err(CallFailure::Trapped(trap)), store));
            }
        }
        Ok((migrated, store))
    }

    fn migrate_memory(
        &mut self,
        at: Position,
        from: u32,
        source: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        Ok(self.load(at, source)?.and_then(|()| migrate(&mut self.numbers, from)))
    }

    fn lifecycle(
        &mut self,
        _at: Position,
        event: &LifecycleEvent,
        store: Arc<dyn StoreView>,
    ) -> Result<Callback, HostFault> {
        self.enter()?;
        let numbers = self.all_numbers(store.as_ref())?;
        self.heap.touch(b"lifecycle");
        let mut callback = Callback::default();
        let message = format!("{event:?} with {} numbers", numbers.len());
        callback.logs.push(LogLine { level: LogLevel::Info, message });
        if let LifecycleEvent::LeaderStart { term } = event {
            callback.proposals.push(format!("add leaders {term}").into());
        }
        if numbers.contains_key("break-lifecycle") {
            self.is_dead = true;
            callback.failure = Some(Trap { kind: TrapKind::Instruction, message: "broken as asked".into() });
        }
        Ok(callback)
    }
}

impl Default for NativePlugin {
    fn default() -> Self {
        Self::new(MachineKind::Store)
    }
}

/// Changes the numbers, whatever comes of it.
fn migrate(numbers: &mut BTreeMap<String, i64>, from: u32) -> Result<(), CallFailure> {
    for number in numbers.values_mut() {
        *number = number.saturating_mul(10);
    }
    numbers.insert("migrated-from".to_owned(), from.into());
    if numbers.contains_key("break-migrate") {
        let trap = Trap { kind: TrapKind::Instruction, message: "broken as asked".into() };
        return Err(CallFailure::Trapped(trap));
    }
    if numbers.contains_key("refuse-migrate") {
        return Err(CallFailure::Refused("refused as asked".into()));
    }
    Ok(())
}
