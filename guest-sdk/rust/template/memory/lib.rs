//! Adds numbers up: a memory machine to begin with.

use quorate_guest::{Context, Host, MemoryMachine, Rejection, Reply, SnapshotReader, SnapshotWriter};
use std::io::{self, Read as _, Write as _};

/// The machine. Its fields are its state.
struct Machine {
    sum: u64,
}

impl MemoryMachine for Machine {
    fn new() -> Self {
        Self { sum: 0 }
    }

    /// A command is a number; the reply is the sum so far. Every replica does this for every command, in the same order.
    fn apply(&mut self, context: &Context, command: &[u8]) -> Result<Reply, Rejection> {
        let number = number(command)?;
        // A rejection must leave the state as it was: what can fail comes first.
        self.sum = self.sum.checked_add(number).ok_or("the sum would be too large")?;
        let sum = self.sum.to_string();
        context.emit("added", &sum);
        Ok(sum.into())
    }

    /// Any query is answered with the sum, and changes nothing.
    fn query(&self, _host: &Host, _request: &[u8]) -> Result<Reply, Rejection> {
        Ok(self.sum.to_string().into())
    }

    /// Writes the whole state: what is not written here is lost when a replica restarts.
    fn save(&self, snapshot: &mut SnapshotWriter) -> io::Result<()> {
        snapshot.write_all(&self.sum.to_le_bytes())
    }

    /// Reads what `save` wrote.
    fn load(snapshot: &mut SnapshotReader) -> io::Result<Self> {
        let mut bytes = [0; 8];
        snapshot.read_exact(&mut bytes)?;
        Ok(Self { sum: u64::from_le_bytes(bytes) })
    }
}

fn number(bytes: &[u8]) -> Result<u64, Rejection> {
    let text = str::from_utf8(bytes).map_err(|_| "a number is text")?;
    text.trim().parse().map_err(|_| "a number has digits only, and not more than 20".into())
}

quorate_guest::export_memory_machine!(Machine);

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_guest::testing::MemoryHarness;

    #[test]
    fn numbers_are_added_up() {
        let mut machine = MemoryHarness::<Machine>::new();
        assert_eq!(machine.apply("5").reply_text(), "5");
        assert_eq!(machine.apply("7").reply_text(), "12");
        assert_eq!(machine.query("").reply_text(), "12");
    }

    #[test]
    fn what_is_rejected_changes_nothing() {
        let mut machine = MemoryHarness::<Machine>::new();
        let _ = machine.apply("5");
        assert!(machine.apply("five").rejection_text().starts_with("a number has digits"));
        assert_eq!(machine.apply(u64::MAX.to_string()).rejection_text(), "the sum would be too large");
        assert_eq!(machine.query("").reply_text(), "5");
    }

    #[test]
    fn the_sum_is_in_snapshots() {
        let mut machine = MemoryHarness::<Machine>::new();
        let _ = machine.apply("5");
        machine.save_and_load();
        assert_eq!(machine.query("").reply_text(), "5");
    }
}
