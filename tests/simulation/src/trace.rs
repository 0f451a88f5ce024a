//! What happened, as a number that any difference changes, and in words when somebody reads them.

use std::fmt::Arguments;

/// A run's trace.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hash: u64,
    /// Kept only when asked for.
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(keeps_lines: bool) -> Self {
        Self { hash: 0, lines: keeps_lines.then(Vec::new) }
    }

    /// Adds numbers that tell what happened.
    pub(crate) fn add(&mut self, parts: &[u64]) {
        self.hash = parts.iter().fold(self.hash, |hash, part| hash_part(hash, *part));
    }

    /// Says what happened.
    pub(crate) fn say(&mut self, text: Arguments<'_>) {
        if let Some(lines) = &mut self.lines {
            lines.push(text.to_string());
        }
    }

    pub(crate) fn keeps_lines(&self) -> bool {
        self.lines.is_some()
    }

    pub(crate) fn into_parts(self) -> (u64, Vec<String>) {
        (self.hash, self.lines.unwrap_or_default())
    }
}

fn hash_part(hash: u64, part: u64) -> u64 {
    (hash.rotate_left(5) ^ part).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// A number for these bytes.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    let start = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let (chunks, rest) = bytes.as_chunks::<8>();
    let hash = chunks.iter().fold(start, |hash, chunk| hash_part(hash, u64::from_le_bytes(*chunk)));
    rest.iter().fold(hash, |hash, byte| hash_part(hash, u64::from(*byte)))
}
