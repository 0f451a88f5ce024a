//! Whether what clients saw of a counter could have happened one operation after the other: a search of the kind of Wing
//! and Gong, with Lowe's memory of what was tried.
//!
//! A counter only grows, which makes the search short: a finished operation whose answer fits the state as it is comes
//! next, since it would not fit any later one. Only operations whose outcome nobody knows are tried in turn.

use std::collections::HashSet;

/// What an operation asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Add this much, which is more than nothing; the answer is the sum.
    Add(i64),
    /// The answer is the sum.
    Read,
}

/// What a client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What it asked for.
    pub action: Action,
    /// When it asked; no two things happen at the same moment.
    pub invoked: u64,
    /// When it had its answer; none when it never did, and the operation may have been done at any time or not at all.
    pub returned: Option<u64>,
    /// The answer. None in an operation that returned: it was done, and that is all.
    pub value: Option<i64>,
}

/// What the search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order.
    Linearizable,
    /// There is none.
    Impossible,
    /// There are too many to try.
    Undecided,
}

/// States that are tried before the search gives up.
const STATES_MAX: usize = 200_000;

/// Searches for an order in which these operations explain each other.
#[must_use]
pub fn check(operations: &[Operation]) -> Verdict {
    let mut operations: Vec<&Operation> = operations.iter().collect();
    // A read without an answer says nothing.
    operations.retain(|operation| operation.action != Action::Read || operation.value.is_some());
    operations.sort_by_key(|operation| operation.invoked);
    let mut seen = HashSet::new();
    let mut stack = vec![(vec![0_u64; operations.len().div_ceil(64)], 0_i64)];
    while let Some((mut done, mut sum)) = stack.pop() {
        if seen.len() >= STATES_MAX {
            return Verdict::Undecided;
        }
        while let Some(place) = forced(&operations, &done, sum) {
            if let Action::Add(amount) = operations[place].action {
                sum += amount;
            }
            set(&mut done, place);
        }
        if !seen.insert((done.clone(), sum)) {
            continue;
        }
        let Some(end) = end(&operations, &done) else { return Verdict::Linearizable };
        for (place, operation) in operations.iter().enumerate() {
            if operation.invoked > end {
                break;
            }
            if is_set(&done, place) || operation.value.is_some() {
                continue;
            }
            let Action::Add(amount) = operation.action else { continue };
            if sum + amount <= ceiling(&operations, &done, place) {
                let mut next = done.clone();
                set(&mut next, place);
                stack.push((next, sum + amount));
            }
        }
    }
    Verdict::Impossible
}

/// The moment by which one of the operations that are finished and not yet placed had returned; none when all are placed.
fn end(operations: &[&Operation], done: &[u64]) -> Option<u64> {
    let open = operations.iter().enumerate().filter(|(place, _)| !is_set(done, *place));
    open.filter_map(|(_, operation)| operation.returned).min()
}

/// An operation that can come next, and can come at no later state.
fn forced(operations: &[&Operation], done: &[u64], sum: i64) -> Option<usize> {
    let end = end(operations, done)?;
    let open = operations.iter().enumerate().take_while(|(_, operation)| operation.invoked < end);
    let mut next = None;
    for (place, operation) in open.filter(|(place, _)| !is_set(done, *place)) {
        match operation.action {
            // Before all that changes the state it saw.
            Action::Read if operation.value == Some(sum) => return Some(place),
            Action::Add(amount) if operation.value == Some(sum + amount) => next = next.or(Some(place)),
            _ => {}
        }
    }
    next
}

/// The sum may not pass what a finished operation has yet to see.
fn ceiling(operations: &[&Operation], done: &[u64], but: usize) -> i64 {
    let open = operations.iter().enumerate().filter(|(place, _)| *place != but && !is_set(done, *place));
    let seen = open.filter_map(|(_, operation)| {
        operation.value.map(|value| match operation.action {
            Action::Add(amount) => value - amount,
            Action::Read => value,
        })
    });
    seen.min().unwrap_or(i64::MAX)
}

fn set(done: &mut [u64], place: usize) {
    done[place / 64] |= 1 << (place % 64);
}

fn is_set(done: &[u64], place: usize) -> bool {
    done[place / 64] & (1 << (place % 64)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(amount: i64, invoked: u64, returned: u64, value: i64) -> Operation {
        Operation { action: Action::Add(amount), invoked, returned: Some(returned), value: Some(value) }
    }

    fn read(invoked: u64, returned: u64, value: i64) -> Operation {
        Operation { action: Action::Read, invoked, returned: Some(returned), value: Some(value) }
    }

    fn lost(amount: i64, invoked: u64) -> Operation {
        Operation { action: Action::Add(amount), invoked, returned: None, value: None }
    }

    fn told(amount: i64, invoked: u64, returned: u64) -> Operation {
        Operation { returned: Some(returned), ..lost(amount, invoked) }
    }

    #[test]
    fn histories_that_could_have_been() {
        let good: [&[Operation]; 8] = [
            &[],
            &[add(1, 1, 2, 1), add(2, 3, 4, 3), read(5, 6, 3)],
            // At the same time, in either order.
            &[add(1, 1, 4, 3), add(2, 2, 3, 2)],
            // A read during an addition sees it or not.
            &[add(5, 1, 6, 5), read(2, 3, 0), read(4, 5, 5)],
            // Lost: done late, or never.
            &[lost(7, 1), read(2, 3, 0), read(4, 5, 7)],
            &[lost(7, 1), add(1, 2, 3, 1), read(4, 5, 1)],
            // Two lost ones, of which the second is done.
            &[lost(7, 1), lost(9, 2), read(3, 4, 9), add(1, 5, 6, 10)],
            // Done, nobody told its sum.
            &[told(3, 1, 2), read(3, 4, 3)],
        ];
        for history in good {
            assert_eq!(check(history), Verdict::Linearizable, "{history:?}");
        }
    }

    #[test]
    fn histories_that_could_not_have_been() {
        let bad: [&[Operation]; 9] = [
            // A stale read.
            &[add(1, 1, 2, 1), read(3, 4, 0)],
            // A read of what was never there.
            &[add(1, 1, 2, 1), read(3, 4, 2)],
            // A read from the future.
            &[read(1, 2, 1), add(1, 3, 4, 1)],
            // Lost after it was acknowledged.
            &[add(1, 1, 2, 1), add(2, 3, 4, 2)],
            // Applied twice.
            &[add(1, 1, 2, 1), read(3, 4, 2), add(1, 5, 6, 3)],
            // Two reads that saw two additions in two orders.
            &[add(1, 1, 9, 1), add(2, 2, 10, 3), read(3, 4, 1), read(5, 6, 3), read(7, 8, 1)],
            // Both first.
            &[add(1, 1, 4, 1), add(2, 2, 3, 2)],
            // Lost ones explain no sum that they do not make up.
            &[lost(7, 1), lost(9, 2), read(3, 4, 8)],
            // Acknowledged, and not there.
            &[told(3, 1, 2), read(3, 4, 0)],
        ];
        for history in bad {
            assert_eq!(check(history), Verdict::Impossible, "{history:?}");
        }
    }

    #[test]
    fn a_search_that_cannot_end_gives_up() {
        let mut history: Vec<Operation> = (0..40).map(|place| lost(1 << place, place + 1)).collect();
        // Half an amount is made up by none.
        history.push(read(100, 101, (1 << 40) + 1));
        assert_eq!(check(&history), Verdict::Undecided);
    }
}
