//! Counts words: a store machine to begin with.

use quorate_guest::{Context, Host, Rejection, Reply, Store, StoreMachine, StoreView};

/// The machine. It has no fields: a store machine keeps its state in the store.
#[derive(Default)]
struct Machine;

impl StoreMachine for Machine {
    /// A command is a word; the reply is how often it came so far. Every replica does this for every command, in the
    /// same order.
    fn apply(&self, context: &Context, store: &mut Store, command: &[u8]) -> Result<Reply, Rejection> {
        let word = word(command)?;
        let count = count(store, word) + 1;
        store.put(word, count.to_be_bytes());
        context.emit("counted", word);
        Ok(count.to_string().into())
    }

    /// A query is a word too, and changes nothing.
    fn query(&self, _host: &Host, store: &StoreView, request: &[u8]) -> Result<Reply, Rejection> {
        Ok(count(store, word(request)?).to_string().into())
    }
}

fn word(bytes: &[u8]) -> Result<&str, Rejection> {
    match str::from_utf8(bytes).map(str::trim) {
        Ok(word) if !word.is_empty() => Ok(word),
        _ => Err("a word is text".into()),
    }
}

fn count(store: &StoreView, word: &str) -> u64 {
    let stored = store.get(word);
    stored.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
}

quorate_guest::export_store_machine!(Machine);

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_guest::testing::StoreHarness;

    #[test]
    fn each_word_is_counted_on_its_own() {
        let mut machine = StoreHarness::<Machine>::new();
        assert_eq!(machine.apply("tea").reply_text(), "1");
        assert_eq!(machine.apply("coffee").reply_text(), "1");
        assert_eq!(machine.apply("tea").reply_text(), "2");
        assert_eq!(machine.query("tea").reply_text(), "2");
        assert_eq!(machine.query("water").reply_text(), "0");
    }

    #[test]
    fn what_is_no_word_is_rejected() {
        let mut machine = StoreHarness::<Machine>::new();
        assert_eq!(machine.apply("  ").rejection_text(), "a word is text");
        assert_eq!(machine.apply(b"\xff").rejection_text(), "a word is text");
        assert!(machine.pairs().is_empty());
    }
}
