//! The changes of leader that were put in the log.

use crate::keys;
use quorate_guest::{Store, StoreView};

/// How many are kept; older ones are forgotten.
pub(crate) const LEADERS_MAX: u32 = 100;

/// Keeps a change of leader. A term has one leader, so a repeat is not kept.
pub(crate) fn note(store: &mut Store, term: u64, index: u64) {
    let key = keys::leader(term);
    if store.contains(key) {
        return;
    }
    // From the newest: all behind those that stay beside the new one.
    let kept = usize::try_from(LEADERS_MAX).unwrap_or(usize::MAX) - 1;
    let noted = store.prefix([keys::LEADER]).page(LEADERS_MAX).reversed();
    let forgotten: Vec<_> = noted.skip(kept).map(|pair| pair.key).collect();
    for key in forgotten {
        store.delete(key);
    }
    store.put(key, index.to_be_bytes());
}

/// One line a change, the oldest first.
pub(crate) fn text(store: &StoreView) -> String {
    let lines = store
        .prefix([keys::LEADER])
        .map(|pair| format!("term {} at index {}", keys::number(&pair.key), keys::number(&pair.value)));
    lines.collect::<Vec<_>>().join("\n")
}
