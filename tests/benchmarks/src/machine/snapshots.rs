//! Saving and loading a large state.

use super::{Subjects, driver::group, table::Table};
use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{GroupLimits, Instance, Plugin},
};
use quorate_vocabulary::Position;
use std::{
    io::{self, Cursor, Write},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const MEBIBYTE: usize = 1 << 20;
/// Larger states take long, and vary little.
const ROUNDS_MAX: u32 = 5;

pub(super) fn measure(subjects: &Subjects, mebibytes: usize, rounds: u32) -> Table {
    let mut table = Table::new(
        "Snapshots of a memory machine",
        &["state", "save, native", "save, component", "load, native", "load, component"],
    );
    for value_bytes in [1_000, 96] {
        let native = best(subjects.memory.native.as_ref(), mebibytes, value_bytes, rounds);
        let component = best(subjects.memory.component.as_ref(), mebibytes, value_bytes, rounds);
        let speed = |took: Duration| {
            let bytes = u32::try_from(mebibytes * MEBIBYTE).expect("up to 4 GiB");
            format!("{:.0} MB/s", f64::from(bytes) / took.as_secs_f64() / 1e6)
        };
        let what = format!("{mebibytes} MiB in values of {value_bytes} B");
        table.row([what, speed(native.0), speed(component.0), speed(native.1), speed(component.1)]);
    }
    table
}

/// The best of saving, and the best of loading.
fn best(plugin: &dyn Plugin, mebibytes: usize, value_bytes: usize, rounds: u32) -> (Duration, Duration) {
    let limits = GroupLimits { memory_bytes_max: 1 << 30, ..GroupLimits::default() };
    let at = Position { index: 10, ..Position::default() };
    let fresh = || plugin.start(&group(), &limits).expect("it starts");
    let mut instance = fresh();
    let mut value = tally::KEEP.to_vec();
    value.resize(value_bytes, b'x');
    let value = Bytes::from(value);
    let mut position = at;
    for _ in 0..mebibytes * MEBIBYTE / value_bytes {
        position.index += 1;
        instance.apply(position, &value, Overlay::empty()).expect("no fault");
    }
    let (mut saved, mut loaded) = (Duration::MAX, Duration::MAX);
    for _ in 0..rounds.min(ROUNDS_MAX) {
        let sink = Sink::default();
        let begun = Instant::now();
        instance.save(at, Box::new(sink.clone())).expect("no fault").expect("it saves");
        saved = saved.min(begun.elapsed());
        let content = std::mem::take(&mut *sink.0.lock().expect("nobody panicked"));
        loaded = loaded.min(load(fresh(), at, content));
    }
    (saved, loaded)
}

fn load(mut instance: Box<dyn Instance>, at: Position, content: Vec<u8>) -> Duration {
    let begun = Instant::now();
    instance.load(at, Box::new(Cursor::new(content))).expect("no fault").expect("it loads");
    begun.elapsed()
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panicked").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
