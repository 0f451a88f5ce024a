//! What is measured both as a plugin and as native code, by `cargo xtask bench machine`.
//!
//! Each command is read to its end and answered with a few bytes: little work, so that what is around it shows.

use std::io::{self, ErrorKind, Read, Write};

/// A command that begins so is kept in memory, to make a state large.
pub const KEEP: &[u8] = b"keep ";
/// A command that begins so ends in a panic.
pub const TRAP: &[u8] = b"trap ";

/// The bytes that a store machine takes for a key, from the beginning of a command.
const KEY_BYTES: usize = 8;

/// The state of the memory machine.
#[derive(Debug, Default)]
pub struct Tally {
    count: u64,
    kept: Vec<Vec<u8>>,
}

impl Tally {
    /// Counts a command, and answers with the count and the sum of its bytes.
    ///
    /// # Panics
    /// If the command begins with [`TRAP`].
    pub fn apply(&mut self, command: &[u8]) -> Vec<u8> {
        assert!(!command.starts_with(TRAP), "as the command asks");
        if command.starts_with(KEEP) {
            self.kept.push(command.to_vec());
        }
        self.count += 1;
        let mut answer = Vec::with_capacity(16);
        answer.extend_from_slice(&self.count.to_le_bytes());
        answer.extend_from_slice(&sum(command).to_le_bytes());
        answer
    }

    /// Writes the state.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn save(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.count.to_le_bytes())?;
        for kept in &self.kept {
            let length = u32::try_from(kept.len()).map_err(|_| ErrorKind::InvalidData)?;
            to.write_all(&length.to_le_bytes())?;
            to.write_all(kept)?;
        }
        Ok(())
    }

    /// Reads a state.
    ///
    /// # Errors
    /// Those of the reader, and of a state that is cut off.
    pub fn load(from: &mut impl Read) -> io::Result<Self> {
        let mut count = [0; 8];
        from.read_exact(&mut count)?;
        let mut state = Self { count: u64::from_le_bytes(count), kept: Vec::new() };
        loop {
            let mut length = [0; 4];
            match from.read_exact(&mut length) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(state),
                read => read?,
            }
            let mut kept = vec![0; usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX)];
            from.read_exact(&mut kept)?;
            state.kept.push(kept);
        }
    }
}

/// Where the store machine keeps its pairs.
pub trait Cells {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// Sets the value of a key.
    fn put(&mut self, key: &[u8], value: &[u8]);
}

/// One get and one put: the first bytes of the command are the key, and the answer says how long the value was before.
///
/// # Panics
/// If the command begins with [`TRAP`].
pub fn exchange(cells: &mut impl Cells, command: &[u8]) -> Vec<u8> {
    assert!(!command.starts_with(TRAP), "as the command asks");
    let (key, value) = command.split_at_checked(KEY_BYTES).unwrap_or((command, &[]));
    let before = cells.get(key).map_or(0, |value| value.len());
    cells.put(key, value);
    before.to_le_bytes().to_vec()
}

/// Eight words at a time, so that what is measured is not what turning a loop costs where each turn is counted.
fn sum(bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<64>();
    let block = |block: &[u8; 64]| {
        let (words, _) = block.as_chunks::<8>();
        words.iter().map(|word| u64::from_le_bytes(*word)).fold(0, u64::wrapping_add)
    };
    let sum = blocks.iter().map(block).fold(0, u64::wrapping_add);
    let (words, rest) = rest.as_chunks::<8>();
    let sum = words.iter().map(|word| u64::from_le_bytes(*word)).fold(sum, u64::wrapping_add);
    rest.iter().fold(sum, |sum, byte| sum.wrapping_add(u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    struct Map(BTreeMap<Vec<u8>, Vec<u8>>);

    impl Cells for Map {
        fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
            self.0.get(key).cloned()
        }

        fn put(&mut self, key: &[u8], value: &[u8]) {
            self.0.insert(key.into(), value.into());
        }
    }

    #[test]
    fn a_state_that_is_saved_counts_on() {
        let mut tally = Tally::default();
        tally.apply(b"one");
        tally.apply(b"keep this");
        let mut saved = Vec::new();
        tally.save(&mut saved).expect("a vector takes all");
        let mut loaded = Tally::load(&mut saved.as_slice()).expect("a whole state");
        assert_eq!(loaded.apply(b"two"), tally.apply(b"two"));
        assert_eq!(loaded.kept, [b"keep this".to_vec()]);
        assert!(Tally::load(&mut &saved[..saved.len() - 1]).is_err(), "cut off");
    }

    #[test]
    fn an_exchange_tells_how_long_the_value_was() {
        let mut cells = Map(BTreeMap::new());
        assert_eq!(exchange(&mut cells, b"12345678abc"), 0_usize.to_le_bytes());
        assert_eq!(exchange(&mut cells, b"12345678"), 3_usize.to_le_bytes());
    }
}
