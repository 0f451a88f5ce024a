//! What repeated traps do to a group.

use super::Outcome;

/// A group's policy on commands that trap, and how it stands by it. Replicated state, as all of [`AppliedPoint`] is.
///
/// [`AppliedPoint`]: super::AppliedPoint
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Poison {
    /// The group freezes once so many calls have trapped in a row; 0: never.
    pub freeze_after: u32,
    /// How many have. A reply or a rejection ends the row, and so does an order to go on, or another plugin.
    pub traps_in_a_row: u32,
    /// The entry whose trap froze the group; none: it takes commands.
    pub frozen_at: Option<u64>,
}

impl Poison {
    /// A policy that nothing has happened under.
    #[must_use]
    pub fn freezing_after(traps: u32) -> Self {
        Self { freeze_after: traps, ..Self::default() }
    }

    /// Whether commands are refused.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen_at.is_some()
    }

    /// A command or a timer of this entry came to this.
    pub(crate) fn note(&mut self, index: u64, outcome: &Outcome) {
        match outcome {
            Outcome::Reply(_) | Outcome::Rejection(_) => self.traps_in_a_row = 0,
            Outcome::Trapped(_) => {
                self.traps_in_a_row = self.traps_in_a_row.saturating_add(1);
                self.freeze_if_due(index);
            }
            Outcome::Frozen | Outcome::Session(_) => {}
        }
    }

    /// The policy is another from this entry on.
    pub(crate) fn set(&mut self, index: u64, freeze_after: u32) {
        self.freeze_after = freeze_after;
        self.freeze_if_due(index);
    }

    fn freeze_if_due(&mut self, index: u64) {
        if self.freeze_after > 0 && self.traps_in_a_row >= self.freeze_after {
            self.frozen_at.get_or_insert(index);
        }
    }

    /// Commands are taken again.
    pub(crate) fn unfreeze(&mut self) {
        *self = Self::freezing_after(self.freeze_after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{Trap, TrapKind};
    use bytes::Bytes;

    fn trap() -> Outcome {
        Outcome::Trapped(Trap { kind: TrapKind::Instruction, message: String::new() })
    }

    #[test]
    fn a_group_freezes_when_so_many_have_trapped_in_a_row() {
        let mut poison = Poison::freezing_after(2);
        for (index, outcome) in [
            (5, trap()),
            (6, Outcome::Reply(Bytes::new())),
            (7, trap()),
            (8, Outcome::Rejection(Bytes::new())),
        ] {
            poison.note(index, &outcome);
            assert!(!poison.is_frozen(), "{index}");
        }
        poison.note(9, &trap());
        poison.note(10, &trap());
        assert_eq!(poison.frozen_at, Some(10));
        poison.note(11, &trap());
        assert_eq!(poison.frozen_at, Some(10), "where it began");
        poison.unfreeze();
        assert_eq!(poison, Poison::freezing_after(2));
    }

    #[test]
    fn without_a_bound_nothing_freezes_until_one_is_set() {
        let mut poison = Poison::default();
        for index in 5..105 {
            poison.note(index, &trap());
        }
        assert!(!poison.is_frozen());
        poison.set(200, 100);
        assert_eq!(poison.frozen_at, Some(200));
        poison.set(201, 0);
        assert_eq!(poison.frozen_at, Some(200), "only an order to go on, or another plugin, ends it");
    }
}
