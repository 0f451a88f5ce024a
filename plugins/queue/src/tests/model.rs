//! Any sequence of commands does what it would to a plain list of messages; time passes and timers fire, or are late, in
//! between.

use super::Harness;
use proptest::{collection::vec, prelude::*};
use quorate_guest::testing::Outcome;
use std::collections::BTreeMap;

const DELIVERIES_MAX: u64 = 3;

#[derive(Clone, Debug)]
enum Step {
    Enqueue { delay_ms: Option<u64> },
    Dequeue { visibility_ms: u64 },
    Acknowledge { id: u64, delivery: u64 },
    Extend { id: u64, delivery: u64, visibility_ms: u64 },
    Return { id: u64, delivery: u64 },
    Revive { id: u64 },
    Forget { id: u64 },
    Pass(u64),
    Fire,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Ready,
    Hidden { until_ms: u64 },
    Dead,
}

#[derive(Clone, Default)]
struct Model {
    now_ms: u64,
    last_id: u64,
    /// Deliveries and place, by number.
    messages: BTreeMap<u64, (u64, Place)>,
}

fn step() -> impl Strategy<Value = Step> {
    let time = || prop::sample::select(vec![10_u64, 50, 100]);
    let (id, delivery) = (|| 1_u64..6, || 1_u64..4);
    prop_oneof![
        3 => prop::option::of(time()).prop_map(|delay_ms| Step::Enqueue { delay_ms }),
        5 => time().prop_map(|visibility_ms| Step::Dequeue { visibility_ms }),
        2 => (id(), delivery()).prop_map(|(id, delivery)| Step::Acknowledge { id, delivery }),
        1 => (id(), delivery(), time())
            .prop_map(|(id, delivery, visibility_ms)| Step::Extend { id, delivery, visibility_ms }),
        1 => (id(), delivery()).prop_map(|(id, delivery)| Step::Return { id, delivery }),
        1 => id().prop_map(|id| Step::Revive { id }),
        1 => id().prop_map(|id| Step::Forget { id }),
        3 => time().prop_map(Step::Pass),
        2 => Just(Step::Fire),
    ]
}

impl Model {
    fn settle(&mut self) {
        let now_ms = self.now_ms;
        for (deliveries, place) in self.messages.values_mut() {
            if matches!(place, Place::Hidden { until_ms } if *until_ms <= now_ms) {
                *place = if *deliveries < DELIVERIES_MAX { Place::Ready } else { Place::Dead };
            }
        }
    }

    fn delivered(&mut self, id: u64, delivery: u64) -> Option<&mut Place> {
        let now_ms = self.now_ms;
        match self.messages.get_mut(&id)? {
            (deliveries, place @ Place::Hidden { .. }) if *deliveries == delivery => {
                matches!(place, Place::Hidden { until_ms } if *until_ms > now_ms).then_some(place)
            }
            _ => None,
        }
    }

    /// The reply; none for a rejection.
    fn apply(&mut self, step: &Step) -> Option<String> {
        let now_ms = self.now_ms;
        match *step {
            Step::Enqueue { delay_ms } => {
                self.last_id += 1;
                let place = delay_ms.map_or(Place::Ready, |delay| Place::Hidden { until_ms: now_ms + delay });
                self.messages.insert(self.last_id, (0, place));
                return Some(self.last_id.to_string());
            }
            Step::Dequeue { visibility_ms } => {
                let mut settled = self.clone();
                settled.settle();
                let ready = settled.messages.iter_mut().find(|(_, (_, place))| *place == Place::Ready);
                let line = ready.map(|(id, (deliveries, place))| {
                    *deliveries += 1;
                    *place = Place::Hidden { until_ms: now_ms + visibility_ms };
                    format!("{id} {deliveries} x")
                });
                *self = settled;
                return Some(line.unwrap_or_default());
            }
            Step::Acknowledge { id, delivery } => {
                self.delivered(id, delivery)?;
                self.messages.remove(&id);
            }
            Step::Extend { id, delivery, visibility_ms } => {
                let until_ms = now_ms + visibility_ms;
                *self.delivered(id, delivery)? = Place::Hidden { until_ms };
                return Some(until_ms.to_string());
            }
            Step::Return { id, delivery } => {
                let place = if delivery < DELIVERIES_MAX { Place::Ready } else { Place::Dead };
                *self.delivered(id, delivery)? = place;
            }
            Step::Revive { id } => {
                let message = self.messages.get_mut(&id).filter(|(_, place)| *place == Place::Dead)?;
                *message = (0, Place::Ready);
            }
            Step::Forget { id } => {
                self.messages.get(&id).filter(|(_, place)| *place == Place::Dead)?;
                self.messages.remove(&id);
            }
            Step::Pass(_) | Step::Fire => {}
        }
        Some("ok".to_owned())
    }

    fn depth(&self) -> String {
        let count = |is: fn(&Place) -> bool| self.messages.values().filter(|(_, place)| is(place)).count();
        let hidden = count(|place| matches!(place, Place::Hidden { .. }));
        let (ready, dead) = (count(|place| *place == Place::Ready), count(|place| *place == Place::Dead));
        format!("ready {ready} hidden {hidden} dead {dead}")
    }
}

fn text(step: &Step) -> String {
    match step {
        Step::Enqueue { delay_ms: None } => "enqueue q x".to_owned(),
        Step::Enqueue { delay_ms: Some(delay_ms) } => format!("enqueue q x {delay_ms}"),
        Step::Dequeue { visibility_ms } => format!("dequeue q {visibility_ms}"),
        Step::Acknowledge { id, delivery } => format!("ack q {id} {delivery}"),
        Step::Extend { id, delivery, visibility_ms } => format!("extend q {id} {delivery} {visibility_ms}"),
        Step::Return { id, delivery } => format!("return q {id} {delivery}"),
        Step::Revive { id } => format!("revive q {id}"),
        Step::Forget { id } => format!("forget q {id}"),
        Step::Pass(_) | Step::Fire => String::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn queues_do_what_a_plain_list_would(steps in vec(step(), 0..60)) {
        let mut queue = Harness::new();
        let _ = queue.apply(format!("configure q {DELIVERIES_MAX} 1000"));
        let mut model = Model { now_ms: queue.position().time_ms, ..Model::default() };
        for step in &steps {
            match step {
                Step::Pass(milliseconds) => {
                    queue.advance_ms(*milliseconds);
                    model.now_ms += milliseconds;
                }
                Step::Fire => {
                    for (_, outcome) in queue.fire_timers() {
                        prop_assert!(matches!(outcome, Outcome::Reply(_)), "{:?}", outcome);
                        model.settle();
                    }
                }
                step => match (queue.apply(text(step)), model.apply(step)) {
                    (Outcome::Reply(reply), Some(expected)) => {
                        prop_assert_eq!(reply.into_bytes(), expected.into_bytes(), "{:?}", step);
                    }
                    (Outcome::Rejection(_), None) => {}
                    (outcome, expected) => prop_assert!(false, "{:?}: {:?}, not {:?}", step, outcome, expected),
                },
            }
            prop_assert_eq!(queue.query("depth q").reply_text(), model.depth());
        }
        // Nothing is lost and nothing is left behind: in time all messages wait or are dead, and there is no timer.
        queue.advance_ms(1_000);
        let _ = queue.fire_timers();
        model.now_ms += 1_000;
        model.settle();
        prop_assert_eq!(queue.query("depth q").reply_text(), model.depth());
        prop_assert!(queue.timers().is_empty());
        prop_assert_eq!(queue.pairs().len(), 1 + 2 * model.messages.len());
    }
}
