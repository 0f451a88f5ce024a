//! Any sequence of commands does what it would to plain lists of holders and waiters; time passes and timers fire, or are
//! late, in between.

use super::Harness;
use proptest::{collection::vec, prelude::*};
use quorate_guest::testing::Outcome;
use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Debug)]
enum Step {
    Acquire { name: u8, owner: u8, lease_ms: u64, wait_ms: Option<u64> },
    Renew { name: u8, token: u64, lease_ms: u64 },
    Release { name: u8, token: u64 },
    GiveUp { name: u8, owner: u8 },
    Pass(u64),
    Fire,
}

#[derive(Clone, Debug)]
struct Held {
    owner: u8,
    token: u64,
    until_ms: u64,
}

#[derive(Clone, Debug)]
struct Waiting {
    owner: u8,
    lease_ms: u64,
    until_ms: u64,
}

#[derive(Default)]
struct Model {
    now_ms: u64,
    last_token: u64,
    held: BTreeMap<u8, Held>,
    waiting: BTreeMap<u8, VecDeque<Waiting>>,
}

fn step() -> impl Strategy<Value = Step> {
    let name = || prop::sample::select(vec![b'a', b'b']);
    let owner = || prop::sample::select(vec![b'x', b'y', b'z', b'w']);
    let time = || prop::sample::select(vec![10_u64, 50, 100, 400]);
    prop_oneof![
        4 => (name(), owner(), time(), prop::option::of(time())).prop_map(|(name, owner, lease_ms, wait_ms)| {
            Step::Acquire { name, owner, lease_ms, wait_ms }
        }),
        1 => (name(), 0_u64..12, time())
            .prop_map(|(name, token, lease_ms)| Step::Renew { name, token, lease_ms }),
        2 => (name(), 0_u64..12).prop_map(|(name, token)| Step::Release { name, token }),
        1 => (name(), owner()).prop_map(|(name, owner)| Step::GiveUp { name, owner }),
        3 => time().prop_map(Step::Pass),
        2 => Just(Step::Fire),
    ]
}

impl Model {
    fn grant(&mut self, name: u8, owner: u8, lease_ms: u64) -> String {
        self.last_token += 1;
        let held = Held { owner, token: self.last_token, until_ms: self.now_ms + lease_ms };
        let answer = format!("held {} {}", held.token, held.until_ms);
        self.held.insert(name, held);
        answer
    }

    fn end(&mut self, name: u8) {
        self.held.remove(&name);
        let queue = self.waiting.entry(name).or_default();
        queue.retain(|waiting| waiting.until_ms > self.now_ms);
        if let Some(next) = queue.pop_front() {
            self.grant(name, next.owner, next.lease_ms);
        }
    }

    /// What has ended by now is over.
    fn settle(&mut self, name: u8) {
        if self.held.get(&name).is_some_and(|held| held.until_ms <= self.now_ms) {
            self.end(name);
        }
        let now_ms = self.now_ms;
        self.waiting.entry(name).or_default().retain(|waiting| waiting.until_ms > now_ms);
    }

    fn holds(&self, name: u8, token: u64) -> bool {
        self.held.get(&name).is_some_and(|held| held.token == token)
    }

    /// The reply; none for a rejection, which changes nothing.
    fn apply(&mut self, step: &Step) -> Option<String> {
        let (Step::Acquire { name, .. }
        | Step::Renew { name, .. }
        | Step::Release { name, .. }
        | Step::GiveUp { name, .. }) = step
        else {
            return None;
        };
        let before = (self.last_token, self.held.clone(), self.waiting.clone());
        self.settle(*name);
        let reply = self.apply_settled(step);
        if reply.is_none() {
            (self.last_token, self.held, self.waiting) = before;
        }
        reply
    }

    fn apply_settled(&mut self, step: &Step) -> Option<String> {
        match *step {
            Step::Acquire { name, owner, lease_ms, wait_ms } => {
                let Some(held) = self.held.get(&name) else { return Some(self.grant(name, owner, lease_ms)) };
                if held.owner == owner {
                    return Some(format!("held {} {}", held.token, held.until_ms));
                }
                let until_ms = self.now_ms + wait_ms?;
                let queue = self.waiting.entry(name).or_default();
                let place = queue.iter().position(|waiting| waiting.owner == owner).unwrap_or_else(|| {
                    queue.push_back(Waiting { owner, lease_ms, until_ms });
                    queue.len() - 1
                });
                Some(format!("waiting {}", place + 1))
            }
            Step::Renew { name, token, lease_ms } => {
                let until_ms = self.now_ms + lease_ms;
                let held = self.held.get_mut(&name).filter(|held| held.token == token)?;
                held.until_ms = until_ms;
                Some(format!("held {token} {until_ms}"))
            }
            Step::Release { name, token } => {
                self.holds(name, token).then(|| self.end(name))?;
                Some("ok".to_owned())
            }
            Step::GiveUp { name, owner } => {
                let queue = self.waiting.entry(name).or_default();
                let place = queue.iter().position(|waiting| waiting.owner == owner)?;
                queue.remove(place);
                Some("ok".to_owned())
            }
            Step::Pass(_) | Step::Fire => None,
        }
    }
}

fn text(step: &Step) -> String {
    let letter = char::from;
    match step {
        Step::Acquire { name, owner, lease_ms, wait_ms } => {
            let wait = wait_ms.map(|wait| format!(" {wait}")).unwrap_or_default();
            format!("acquire {} {} {lease_ms}{wait}", letter(*name), letter(*owner))
        }
        Step::Renew { name, token, lease_ms } => format!("renew {} {token} {lease_ms}", letter(*name)),
        Step::Release { name, token } => format!("release {} {token}", letter(*name)),
        Step::GiveUp { name, owner } => format!("give-up {} {}", letter(*name), letter(*owner)),
        Step::Pass(_) | Step::Fire => String::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn locks_do_what_plain_lists_would(steps in vec(step(), 0..60)) {
        let mut lock = Harness::new();
        let mut model = Model { now_ms: lock.position().time_ms, ..Model::default() };
        for step in &steps {
            match step {
                Step::Pass(milliseconds) => {
                    lock.advance_ms(*milliseconds);
                    model.now_ms += milliseconds;
                }
                Step::Fire => {
                    for (_, outcome) in lock.fire_timers() {
                        prop_assert!(matches!(outcome, Outcome::Reply(_)), "{:?}", outcome);
                        // In the order in which the leases end, since tokens are given in that order.
                        let mut due: Vec<_> = model.held.iter().map(|(name, held)| (held.until_ms, *name)).collect();
                        due.sort_unstable();
                        due.into_iter().for_each(|(_, name)| model.settle(name));
                    }
                }
                step => match (lock.apply(text(step)), model.apply(step)) {
                    (Outcome::Reply(reply), Some(expected)) => {
                        prop_assert_eq!(reply.into_bytes(), expected.into_bytes(), "{:?}", step);
                    }
                    (Outcome::Rejection(_), None) => {}
                    (outcome, expected) => prop_assert!(false, "{:?}: {:?}, not {:?}", step, outcome, expected),
                },
            }
        }
        let tokens: Vec<u64> = lock
            .events()
            .iter()
            .filter(|event| event.topic == "granted")
            .map(|event| String::from_utf8_lossy(&event.payload).rsplit(' ').next().unwrap().parse().unwrap())
            .collect();
        prop_assert!(tokens.is_sorted() && tokens.len() == tokens.iter().max().map_or(0, |last| usize::try_from(*last).unwrap()));
        // With time enough, all ends, and nothing is left behind.
        for _ in 0..20 {
            lock.advance_ms(1_000);
            let _ = lock.fire_timers();
        }
        prop_assert!(lock.timers().is_empty());
        prop_assert!(lock.pairs().len() <= 1, "{:?}", lock.pairs());
    }
}
