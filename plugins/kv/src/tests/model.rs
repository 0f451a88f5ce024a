//! Any sequence of commands does what it would to a plain map.

use crate::Kv;
use proptest::{collection::vec, prelude::*};
use quorate_guest::testing::{Outcome, StoreHarness};
use std::collections::BTreeMap;
use words::written;

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, Vec<u8>),
    Create(Vec<u8>, Vec<u8>),
    CompareAndSwap(Vec<u8>, Vec<u8>, Vec<u8>),
    Swap(Vec<u8>, Vec<u8>),
    Merge(Vec<u8>, Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    DeleteRange(Vec<u8>, Vec<u8>),
    Allocate(Vec<u8>, u64),
    Reset(Vec<u8>),
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    sequences: BTreeMap<Vec<u8>, u64>,
}

/// Few keys, so that commands meet; among them those that are hard to write.
fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(prop::sample::select(b"ab;\" \xff\0".to_vec()), 1..3)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    vec(prop::sample::select(b"x;#\" \n".to_vec()), 0..3)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (key(), value()).prop_map(|(key, value)| Step::Put(key, value)),
        (key(), value()).prop_map(|(key, value)| Step::Create(key, value)),
        (key(), value(), value()).prop_map(|(key, old, new)| Step::CompareAndSwap(key, old, new)),
        (key(), value()).prop_map(|(key, value)| Step::Swap(key, value)),
        (key(), value(), value()).prop_map(|(key, value, between)| Step::Merge(key, value, between)),
        key().prop_map(Step::Delete),
        (value(), value()).prop_map(|(start, end)| Step::DeleteRange(start, end)),
        (key(), 0_u64..4).prop_map(|(name, count)| Step::Allocate(name, count)),
        key().prop_map(Step::Reset),
    ]
}

impl Step {
    fn text(&self) -> String {
        let words: (&str, Vec<&Vec<u8>>) = match self {
            Self::Put(key, value) => ("put", vec![key, value]),
            Self::Create(key, value) => ("create", vec![key, value]),
            Self::CompareAndSwap(key, old, new) => ("cas", vec![key, old, new]),
            Self::Swap(key, value) => ("swap", vec![key, value]),
            Self::Merge(key, value, between) => ("merge", vec![key, value, between]),
            Self::Delete(key) => ("delete", vec![key]),
            Self::DeleteRange(start, end) => ("delete-range", vec![start, end]),
            Self::Allocate(name, count) => return format!("allocate {} {count}", written(name)),
            Self::Reset(name) => ("reset", vec![name]),
        };
        words.1.into_iter().fold(words.0.to_owned(), |text, word| format!("{text} {}", written(word)))
    }
}

impl Model {
    /// The reply; none when the command is to be rejected.
    fn apply(&mut self, step: &Step) -> Option<String> {
        match step {
            Step::Put(key, value) => drop(self.values.insert(key.clone(), value.clone())),
            Step::Create(key, value) => {
                if self.values.contains_key(key) {
                    return None;
                }
                self.values.insert(key.clone(), value.clone());
            }
            Step::CompareAndSwap(key, old, new) => {
                self.values.get(key).filter(|found| *found == old)?;
                self.values.insert(key.clone(), new.clone());
            }
            Step::Swap(key, value) => {
                let old = self.values.insert(key.clone(), value.clone());
                return Some(old.map(|old| written(&old)).unwrap_or_default());
            }
            Step::Merge(key, value, between) => match self.values.get_mut(key) {
                Some(found) => found.extend(between.iter().chain(value)),
                None => drop(self.values.insert(key.clone(), value.clone())),
            },
            Step::Delete(key) => drop(self.values.remove(key)),
            Step::DeleteRange(start, end) => {
                self.values.retain(|key, _| key < start || (!end.is_empty() && key >= end));
            }
            Step::Allocate(name, count) => {
                if *count == 0 {
                    return None;
                }
                let last = self.sequences.entry(name.clone()).or_default();
                *last += count;
                return Some(format!("{} {last}", *last - count + 1));
            }
            Step::Reset(name) => drop(self.sequences.remove(name)),
        }
        Some("ok".to_owned())
    }

    fn lines(&self, reverse: bool) -> String {
        let mut lines: Vec<_> =
            self.values.iter().map(|(key, value)| format!("{} {}", written(key), written(value))).collect();
        if reverse {
            lines.reverse();
        }
        lines.join("\n")
    }
}

fn check(kv: &mut StoreHarness<Kv>, model: &Model) {
    assert_eq!(kv.query("scan \"\"").reply_text(), model.lines(false));
    assert_eq!(kv.query("reverse-scan \"\"").reply_text(), model.lines(true));
    for (name, last) in &model.sequences {
        assert_eq!(kv.query(format!("sequence {}", written(name))).reply_text(), last.to_string());
    }
    for key in model.values.keys() {
        let line = format!("{} {}", written(key), written(&model.values[key]));
        assert_eq!(kv.query(format!("multi-get {}", written(key))).reply_text(), line);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn commands_do_what_they_would_to_a_map(steps in vec(step(), 0..40)) {
        let (mut kv, mut model) = (StoreHarness::<Kv>::new(), Model::default());
        for step in steps {
            match (kv.apply(step.text()), model.apply(&step)) {
                (Outcome::Reply(reply), Some(expected)) => prop_assert_eq!(reply.as_bytes(), expected.as_bytes()),
                (Outcome::Rejection(_), None) => {}
                (outcome, expected) => prop_assert!(false, "{:?}: {:?}, not {:?}", step, outcome, expected),
            }
        }
        check(&mut kv, &model);
    }

    #[test]
    fn a_batch_does_all_of_its_commands_or_nothing(batches in vec(vec(step(), 1..5), 0..12)) {
        let (mut kv, mut model) = (StoreHarness::<Kv>::new(), Model::default());
        for batch in batches {
            let text: Vec<_> = batch.iter().map(Step::text).collect();
            let mut after = model.clone();
            let expected: Option<Vec<_>> = batch.iter().map(|step| after.apply(step)).collect();
            let events = kv.events().len();
            match (kv.apply(format!("batch {}", text.join(" ; "))), expected) {
                (Outcome::Reply(reply), Some(expected)) => {
                    prop_assert_eq!(reply.into_bytes(), expected.join("\n").into_bytes());
                    model = after;
                }
                (Outcome::Rejection(_), None) => prop_assert_eq!(kv.events().len(), events),
                (outcome, expected) => prop_assert!(false, "{:?}: {:?}, not {:?}", batch, outcome, expected),
            }
        }
        check(&mut kv, &model);
    }
}
