//! What the counter keeps, and how it is saved.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, Read, Write};

/// How many changes of leader are kept; older ones are forgotten.
pub(crate) const LEADERS_MAX: usize = 100;

/// The version of the saved form: `QCNT`, then this number.
const FORMAT: u32 = 1;
const MAGIC: [u8; 4] = *b"QCNT";

/// That some replica came to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leader {
    pub(crate) term: u64,
    /// The entry that says so.
    pub(crate) index: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) value: u64,
    leaders: VecDeque<Leader>,
}

impl State {
    /// Keeps a change of leader. A term has one leader, so a repeat is not kept.
    pub(crate) fn note(&mut self, leader: Leader) {
        if self.leaders.iter().any(|known| known.term == leader.term) {
            return;
        }
        if self.leaders.len() == LEADERS_MAX {
            self.leaders.pop_front();
        }
        self.leaders.push_back(leader);
    }

    /// One line a change, the oldest first.
    pub(crate) fn leaders_text(&self) -> String {
        let mut text = String::new();
        for Leader { term, index } in &self.leaders {
            let separator = if text.is_empty() { "" } else { "\n" };
            // Writing to a string cannot fail.
            let _ = write!(text, "{separator}term {term} at index {index}");
        }
        text
    }

    pub(crate) fn write(&self, into: &mut impl Write) -> io::Result<()> {
        into.write_all(&MAGIC)?;
        into.write_all(&FORMAT.to_le_bytes())?;
        into.write_all(&self.value.to_le_bytes())?;
        for Leader { term, index } in &self.leaders {
            into.write_all(&term.to_le_bytes())?;
            into.write_all(&index.to_le_bytes())?;
        }
        Ok(())
    }

    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        let invalid = |problem: &str| io::Error::new(io::ErrorKind::InvalidData, problem.to_owned());
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        let (magic, rest) = bytes.split_first_chunk().ok_or_else(|| invalid("too short for a counter"))?;
        let (format, rest) = rest.split_first_chunk().ok_or_else(|| invalid("too short for a counter"))?;
        let (value, mut rest) = rest.split_first_chunk().ok_or_else(|| invalid("too short for a counter"))?;
        if *magic != MAGIC {
            return Err(invalid("not a counter"));
        }
        let format = u32::from_le_bytes(*format);
        if format != FORMAT {
            return Err(invalid(&format!("a counter of format {format}; this version reads {FORMAT}")));
        }
        let mut state = Self { value: u64::from_le_bytes(*value), leaders: VecDeque::new() };
        while let Some((term, behind)) = rest.split_first_chunk() {
            let (index, behind) =
                behind.split_first_chunk().ok_or_else(|| invalid("half a change of leader"))?;
            state
                .leaders
                .push_back(Leader { term: u64::from_le_bytes(*term), index: u64::from_le_bytes(*index) });
            rest = behind;
        }
        if rest.is_empty() { Ok(state) } else { Err(invalid("bytes behind the last change of leader")) }
    }
}
