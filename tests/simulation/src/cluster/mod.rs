//! The whole cluster, on one thread.

mod deliver;
mod heal;
mod life;

use crate::{
    actions::{Disaster, Sessions},
    checks::{Checks, Invariant},
    events::{Event, Queue},
    faults::Faults,
    history::History,
    network::Network,
    node::{Node, Running},
    plan::Plan,
    random::Randoms,
    report::{Coverage, Outcome, Settings},
    trace::Trace,
};
use quorate_catalog::CatalogState;
use quorate_consensus::RequestId;
use quorate_vocabulary::{GroupId, NodeId};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// So long nothing goes wrong but with messages, so that there is something that can.
const UNDISTURBED: Duration = Duration::from_secs(2);

/// A cluster, what may happen to it, and what must hold.
pub(crate) struct Simulation {
    pub(crate) settings: Settings,
    pub(crate) plan: Plan,
    pub(crate) faults: Faults,
    pub(crate) now: Duration,
    pub(crate) queue: Queue,
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    pub(crate) network: Network,
    pub(crate) random: Randoms,
    pub(crate) checks: Checks,
    pub(crate) history: History,
    pub(crate) sessions: Sessions,
    /// Commands of sessions so far.
    pub(crate) amounts: u64,
    pub(crate) trace: Trace,
    pub(crate) coverage: Coverage,
    /// Faults are over.
    pub(crate) healing: bool,
    requests: u64,
    unanswered: BTreeMap<RequestId, NodeId>,
    /// Numbers of replicas that no catalog has given out.
    pub(crate) replicas: u64,
    /// Operations of each group so far: decides their keys.
    pub(crate) operations: BTreeMap<GroupId, u64>,
    pub(crate) groups_named: u64,
    /// The group that has lost a majority of its voters, one at a time.
    pub(crate) disaster: Option<Disaster>,
    /// Requests of an operator who is wrong to go on without a majority.
    pub(crate) needless: BTreeSet<RequestId>,
    /// When something last kept nodes from hearing each other.
    pub(crate) disturbed: Duration,
}

impl Simulation {
    pub(crate) fn new(settings: Settings) -> Self {
        let plan = Plan::draw(settings.seed);
        let mut simulation = Self {
            faults: Faults::draw(settings.seed, &settings.without),
            now: Duration::ZERO,
            queue: Queue::default(),
            nodes: BTreeMap::new(),
            network: Network::default(),
            random: Randoms::new(settings.seed),
            checks: Checks::default(),
            history: History::default(),
            sessions: Sessions::default(),
            amounts: 0,
            trace: Trace::new(settings.keeps_trace),
            coverage: Coverage::default(),
            healing: false,
            requests: 0,
            unanswered: BTreeMap::new(),
            replicas: 1_000_000,
            operations: BTreeMap::new(),
            groups_named: 0,
            disaster: None,
            needless: BTreeSet::new(),
            disturbed: Duration::ZERO,
            plan,
            settings,
        };
        for id in simulation.plan.node_ids() {
            simulation.add_node(id);
        }
        simulation.push(Duration::ZERO, Event::Act);
        simulation.push(UNDISTURBED, Event::Upset);
        simulation
    }

    /// Runs to the end, or to the first thing that may not be.
    pub(crate) fn run(mut self) -> Outcome {
        for step in 1..=self.settings.steps {
            self.checks.step = step;
            if self.checks.violation().is_some() || !self.next_event() {
                break;
            }
        }
        if self.checks.violation().is_none() {
            self.heal();
        }
        if self.checks.violation().is_none() {
            self.checks.check_promises();
            let (histories, undecided) = self.history.check(&mut self.checks);
            self.coverage.histories += histories;
            self.coverage.histories_undecided += undecided;
        }
        self.coverage.steps = self.checks.step;
        self.coverage.traps = self.checks.traps();
        for group in self.operations.keys() {
            self.trace.add(&[self.checks.digest(*group)]);
        }
        let (trace_hash, trace) = self.trace.into_parts();
        let (violation, coverage) = (self.checks.into_violation(), self.coverage);
        Outcome { violation, trace_hash, trace, coverage }
    }

    /// The next thing happens. False when nothing ever will.
    fn next_event(&mut self) -> bool {
        let Some((at, event)) = self.queue.pop() else { return false };
        self.now = self.now.max(at);
        self.trace.add(&[u64::try_from(self.now.as_nanos()).unwrap_or(u64::MAX)]);
        if self.trace.keeps_lines() {
            let (step, now) = (self.checks.step, self.now);
            self.trace.say(format_args!("{step:>6} {:>12.6}s {event:?}", now.as_secs_f64()));
        }
        self.happen(event);
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick { node, life } if self.lives(node, life) => self.tick(node),
            Event::Wake { node, life } if self.lives(node, life) => self.step_shard(node),
            Event::Deliver { from, message } => self.deliver(from, *message),
            Event::SnapshotArrives { from, life, snapshot, message } => {
                self.snapshot_arrives(from, life, *snapshot, *message);
            }
            Event::Tell { node, life, input } if self.lives(node, life) => self.tell(node, [*input]),
            Event::LogWritten { node, life } if self.lives(node, life) => self.log_written(node),
            Event::Fetch { node, life, group, first, last, bytes_max } if self.lives(node, life) => {
                self.fetch(node, group, first, last, bytes_max);
            }
            Event::Apply { node, life, group } if self.lives(node, life) => self.apply_next(node, group),
            Event::Observe { node, life, group } if self.lives(node, life) => self.observe_next(node, group),
            Event::SnapshotWritten { node, life, group } if self.lives(node, life) => {
                self.snapshot_written(node, group);
            }
            Event::CheckpointPrepared { node, life, group } if self.lives(node, life) => {
                self.checkpoint_prepared(node, group);
            }
            Event::Compiled { node, life, digest } if self.lives(node, life) => self.compiled(node, digest),
            Event::HurtNewcomer { group } if !self.healing => self.hurt_newcomer(group),
            Event::Look { node, life } if self.lives(node, life) => self.look(node),
            Event::Host { node, life, group, replica, is_new } if self.lives(node, life) => {
                self.hosted(node, group, replica, is_new);
            }
            Event::Crash { node, life } if self.lives(node, life) && !self.healing => {
                self.crash_and_start(node);
            }
            Event::Restart { node, life } if self.lives(node, life) => self.crash_and_start(node),
            Event::Start { node, life } if self.lives(node, life) => self.start(node),
            Event::Attested { from, to, group, replica, attested } => {
                self.attested((from, to), group, replica, attested);
            }
            Event::Operate => self.operate(),
            Event::Act => self.act(),
            Event::Upset => self.upset(),
            // Of a life that is over.
            _ => {}
        }
    }

    /// Something happens after this time.
    pub(crate) fn push(&mut self, after: Duration, event: Event) {
        self.queue.push(self.now + after, event);
    }

    fn lives(&self, node: NodeId, life: u64) -> bool {
        self.nodes[&node].life == life
    }

    pub(crate) fn node(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node of the cluster")
    }

    pub(crate) fn running(&mut self, id: NodeId) -> Option<&mut Running> {
        self.node(id).running.as_mut()
    }

    /// A number for a request at this node, which must be answered once while it lives.
    pub(crate) fn request(&mut self, id: NodeId) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.unanswered.insert(request, id);
        request
    }

    pub(crate) fn answered(&mut self, request: RequestId) {
        if self.unanswered.remove(&request).is_none() {
            self.checks.violate(Invariant::AnsweredOnce, format!("{request:?} is answered again"));
        }
    }

    /// Whether this request waits for an answer.
    pub(crate) fn waits(&self, request: RequestId) -> bool {
        self.unanswered.contains_key(&request)
    }

    fn forget_requests(&mut self, id: NodeId) {
        self.unanswered.retain(|_, node| *node != id);
        self.history.crashed(id);
    }

    /// Who leads a group, as far as anybody can tell.
    pub(crate) fn leader_of(&self, group: GroupId) -> Option<NodeId> {
        let local = |node: &Node| {
            node.running.as_ref()?.replicas.get(&group).map(|local| (local.leads(), local.term))
        };
        let leads = |node: &Node| local(node).filter(|(leads, _)| *leads).map(|(_, term)| (term, node.id));
        self.nodes.values().filter_map(leads).max().map(|(_, id)| id)
    }

    /// The catalog, as the node knows it that knows most.
    pub(crate) fn catalog(&self) -> Arc<CatalogState> {
        let running = self.nodes.values().filter_map(|node| node.running.as_ref());
        let known = running.filter_map(|running| {
            let local = running.replicas.get(&GroupId::CATALOG)?;
            Some((local.replica.applied().index, running))
        });
        let newest = known.max_by_key(|(index, _)| *index);
        newest.map(|(_, running)| running.catalog.state()).unwrap_or_default()
    }

    /// The nodes on which a replica of this group runs.
    pub(crate) fn holders(&self, group: GroupId) -> BTreeSet<NodeId> {
        let holds =
            |node: &&Node| node.running.as_ref().is_some_and(|running| running.replicas.contains_key(&group));
        self.nodes.values().filter(holds).map(|node| node.id).collect()
    }
}
