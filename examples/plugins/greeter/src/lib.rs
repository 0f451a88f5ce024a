//! Greets, and counts how often: a plugin to copy.

use quorate_guest::{Context, Host, Rejection, Reply, Store, StoreMachine, StoreView};

/// The machine. It has no fields: a store machine keeps its state in the store.
#[derive(Default)]
struct Greeter;

impl StoreMachine for Greeter {
    /// A command is a name; the reply greets it. Every replica does this for every command, in the same order.
    fn apply(&self, context: &Context, store: &mut Store, command: &[u8]) -> Result<Reply, Rejection> {
        let name = str::from_utf8(command).map_err(|_| "a name is UTF-8 text")?.trim();
        if name.is_empty() {
            return Err("whom shall I greet? The command is a name".into());
        }
        let times = times_greeted(store, name) + 1;
        store.put(name, times.to_be_bytes());
        context.emit("greeted", name);
        Ok(format!("Hello, {name}! Greeted {times} times.").into())
    }

    /// A query is a name as well, and only tells how often it was greeted.
    fn query(&self, _host: &Host, store: &StoreView, request: &[u8]) -> Result<Reply, Rejection> {
        let name = str::from_utf8(request).map_err(|_| "a name is UTF-8 text")?.trim();
        Ok(times_greeted(store, name).to_string().into())
    }
}

fn times_greeted(store: &StoreView, name: &str) -> u64 {
    let stored = store.get(name);
    stored.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
}

quorate_guest::export_store_machine!(Greeter);

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_guest::testing::StoreHarness;

    #[test]
    fn each_name_is_counted_on_its_own() {
        let mut greeter = StoreHarness::<Greeter>::new();
        assert_eq!(greeter.apply("Ada").reply_text(), "Hello, Ada! Greeted 1 times.");
        assert_eq!(greeter.apply("Grace").reply_text(), "Hello, Grace! Greeted 1 times.");
        assert_eq!(greeter.apply(" Ada\n").reply_text(), "Hello, Ada! Greeted 2 times.");
        assert_eq!(greeter.query("Ada").reply_text(), "2");
        assert_eq!(greeter.query("Alan").reply_text(), "0");
    }

    #[test]
    fn each_greeting_is_an_event() {
        let mut greeter = StoreHarness::<Greeter>::new();
        let _ = greeter.apply("Ada");
        assert_eq!(greeter.events().len(), 1);
        assert_eq!(greeter.events()[0].topic, "greeted");
        assert_eq!(greeter.events()[0].payload, b"Ada");
    }

    #[test]
    fn nobody_is_not_greeted() {
        let mut greeter = StoreHarness::<Greeter>::new();
        assert!(greeter.apply("  ").rejection_text().starts_with("whom shall I greet?"));
        assert_eq!(greeter.apply(b"\xff").rejection_text(), "a name is UTF-8 text");
        assert!(greeter.pairs().is_empty());
    }
}
