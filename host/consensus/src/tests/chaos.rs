//! Everything at once, from a seed: see `cluster` for what can go wrong and `checks` for what may not.

use super::{
    checks::Answer,
    cluster::{Cluster, Faults, GROUP, voters},
    node::Machine,
};
use crate::{Input, ReadMode, ReplicaStart};
use quorate_vocabulary::{GroupId, Member, MemberRole, NodeId, ReplicaId};
use std::collections::{BTreeMap, BTreeSet};

const OTHER: GroupId = GroupId(2);
const NODES: u64 = 5;

struct Chaos {
    cluster: Cluster,
    next_replica: u64,
    written: u64,
    /// Replicas that a configuration without them has made useless.
    changes_members: bool,
}

impl Chaos {
    fn new(seed: u64, changes_members: bool) -> Self {
        let mut cluster = Cluster::with(NODES, seed, |config| {
            config.entry_commands_max = 3;
            config.entry_bytes_max = 512;
            config.append_bytes_max = 256;
            config.log_cache_bytes_max = 700;
            config.applying_bytes_max = 400;
            config.waiting_bytes_max = 4_000;
            config.log_margin_entries = 8;
            config.hibernate_after = Some(std::time::Duration::from_millis(200));
            config.wakes_per_tick_max = 1;
        });
        cluster.create(OTHER, &voters(1..=3));
        cluster.sends_live = seed % 2 == 1;
        cluster.entries_on_start_max = 4;
        cluster.faults = Faults {
            drop_per_mille: 20,
            duplicate_per_mille: 20,
            lost_snapshots_per_mille: 300,
            message_delay_us_max: 30_000,
            disk_delay_us_max: 20_000,
            apply_delay_us_max: 20_000,
        };
        for id in 1..=NODES {
            let offset = i64::try_from(cluster.draw(4_000)).expect("small") - 2_000;
            cluster.wall_offset_ms.insert(NodeId(id), offset);
            // Far worse than real clocks, and within what the lease's margin allows.
            let rate = 970 + u32::try_from(cluster.draw(60)).expect("small");
            cluster.clock_per_mille.insert(NodeId(id), rate);
        }
        Self { cluster, next_replica: 100, written: 0, changes_members }
    }

    fn some_node(&mut self) -> NodeId {
        NodeId(1 + self.cluster.draw(NODES))
    }

    fn act(&mut self) {
        let node = self.some_node();
        let up = self.cluster.is_up(node);
        match self.cluster.draw(100) {
            0..45 if up => {
                let group = if self.cluster.chance(700) { GROUP } else { OTHER };
                let target = self.cluster.leader_of(group).unwrap_or(node);
                for _ in 0..=self.cluster.draw(4) {
                    self.written += 1;
                    let command =
                        self.written.to_be_bytes().repeat(1 + usize::from(self.cluster.chance(300)) * 8);
                    self.cluster.propose_to(target, group, &command);
                }
            }
            45..60 if up && self.cluster.nodes[&node].groups.contains_key(&GROUP) => {
                let mode = if self.cluster.chance(500) { ReadMode::Lease } else { ReadMode::Linearizable };
                let leader = self.cluster.leader_of(GROUP).filter(|_| self.cluster.draw(2) == 0);
                self.cluster.read_by(leader.unwrap_or(node).0, mode);
            }
            60..63 if up => self.cluster.crash(node),
            63..72 => {
                let down = self.cluster.nodes.keys().copied().find(|id| !self.cluster.is_up(*id));
                if let Some(down) = down {
                    self.cluster.start(down);
                }
            }
            72..75 => self.cluster.isolate(&[node.0]),
            75..80 => self.cluster.heal(),
            80..83 if up => {
                let to = self.cluster.chance(500).then(|| ReplicaId(1 + self.cluster.draw(NODES)));
                let leader = self.cluster.leader_of(GROUP).unwrap_or(node);
                self.cluster.transfer(leader, to);
            }
            83..85 if up => self.prefer(),
            85..86 if up => {
                self.cluster.input(node, Input::ProposeCheckpoint { group: GROUP });
                self.cluster.input(node, Input::ProposeTimers { group: GROUP });
            }
            86..93 if up => self.cluster.snapshot(node, GROUP),
            93..97 if up && self.changes_members => self.change_members(),
            97..100 if up => {
                let other = self.some_node();
                self.cluster.input(node, Input::Unreachable { node: other });
            }
            _ => {}
        }
        if self.changes_members {
            self.destroy_removed();
        }
    }

    /// Changes how much one member is preferred as leader.
    fn prefer(&mut self) {
        let Some(leader) = self.cluster.leader_of(GROUP) else { return };
        let members = self.configuration().members;
        let chosen = usize::try_from(self.cluster.draw(members.len() as u64)).expect("small");
        let Some(member) = members.get(chosen) else { return };
        let priority = [0, 50, 100, 150][usize::try_from(self.cluster.draw(4)).expect("small")];
        let request = self.cluster.request(leader, GROUP);
        let priorities = [(member.replica, priority)].into();
        self.cluster.input(leader, Input::ProposePriorities { group: GROUP, request, priorities });
    }

    fn configuration(&self) -> crate::Configuration {
        let log = self.cluster.checks.committed.get(&GROUP);
        let bodies = log.into_iter().flat_map(|log| log.values().rev().map(|(_, body)| body));
        let newest = bodies.into_iter().find_map(|body| match body {
            crate::EntryBody::Configuration(configuration) => Some(configuration.clone()),
            _ => None,
        });
        newest.unwrap_or_else(|| crate::Configuration::new(voters(1..=NODES)))
    }

    /// Asks for other members, some of them on nodes that hold no replica yet.
    fn change_members(&mut self) {
        let Some(leader) = self.cluster.leader_of(GROUP) else { return };
        let current = self.configuration();
        if current.is_joint() {
            return;
        }
        let mut members = Vec::new();
        for node in (1..=NODES).map(NodeId) {
            if !self.cluster.chance(700) || !self.cluster.is_up(node) {
                continue;
            }
            let role = if self.cluster.chance(800) { MemberRole::Voter } else { MemberRole::Learner };
            let hosted = self.cluster.nodes[&node].groups.get(&GROUP);
            let hosted = hosted.map(|hosted| (hosted.disk.replica, hosted.machine.applied.index > 0));
            if hosted.is_some_and(|(replica, was_member)| was_member && current.member(replica).is_none()) {
                // It is about to be destroyed.
                continue;
            }
            let replica = hosted.map_or_else(
                || {
                    self.next_replica += 1;
                    let replica = ReplicaId(self.next_replica);
                    self.cluster.host(node, ReplicaStart::joining(GROUP, replica));
                    replica
                },
                |(replica, _)| replica,
            );
            members.push(Member { replica, node, role });
        }
        if self.cluster.nodes[&leader].groups.contains_key(&GROUP) {
            let promote = self.cluster.chance(300);
            self.cluster.change_members_by(leader.0, members, promote);
        }
    }

    fn is_known_to_most(&self, current: &crate::Configuration) -> bool {
        let voters: Vec<_> =
            current.members.iter().filter(|member| member.role == MemberRole::Voter).collect();
        let knows = |member: &&&Member| {
            let hosted = self.cluster.nodes[&member.node].groups.get(&GROUP);
            hosted.is_some_and(|hosted| {
                let start = hosted.disk.start(GROUP, 0);
                let committed = start.hard_state.commit.max(start.applied);
                start.log.configuration(committed).unwrap_or(&start.configuration) == current
            })
        };
        voters.iter().filter(knows).count() > voters.len() / 2
    }

    fn destroy_removed(&mut self) {
        let current = self.configuration();
        if current.is_joint() || !self.is_known_to_most(&current) {
            return;
        }
        for node in (1..=NODES).map(NodeId) {
            let Some(hosted) = self.cluster.nodes[&node].groups.get(&GROUP) else { continue };
            let replica = hosted.disk.replica;
            // One that is to join is in no configuration yet.
            let was_member = hosted.machine.applied.index > 0;
            if was_member && current.member(replica).is_none() && self.cluster.chance(100) {
                self.cluster.destroy(node, GROUP);
            }
        }
    }

    /// Faults stop: the groups must become available, and all members the same.
    fn recover(&mut self) {
        self.cluster.faults = Faults::NONE;
        self.cluster.heal();
        for node in (1..=NODES).map(NodeId) {
            if !self.cluster.is_up(node) {
                self.cluster.start(node);
            }
        }
        self.cluster.run_ms(30_000);
        for group in [GROUP, OTHER] {
            self.cluster.until("a leader", |cluster| cluster.leader_of(group).is_some());
            let leader = self.cluster.leader_of(group).expect("a leader");
            let request = self.cluster.propose_to(leader, group, b"the last");
            let answer = self.cluster.answer(request);
            assert!(matches!(answer, Answer::Applied { .. }), "{group}: {answer:?}");
        }
        self.cluster.run_ms(5_000);
        self.check_members(GROUP);
        self.check_members(OTHER);
        self.cluster.checks.check_stamps();
    }

    fn check_members(&self, group: GroupId) {
        let leader = self.cluster.leader_of(group).expect("a leader");
        let status = self.cluster.status_of(leader, group).expect("a status");
        assert!(!status.configuration.is_joint(), "joint configurations are left");
        let machine = |node: NodeId| -> &Machine { &self.cluster.nodes[&node].groups[&group].machine };
        for member in &status.configuration.members {
            assert_eq!(machine(member.node), machine(leader), "group {group} on node {}", member.node);
        }
        let log = &self.cluster.checks.committed[&group];
        let expected: Vec<_> = log.values().flat_map(|(_, body)| commands(body)).collect();
        assert_eq!(machine(leader).commands, expected);
        let requests = self.cluster.checks.answers.iter();
        let applied: BTreeMap<_, _> =
            requests.filter(|(_, answer)| matches!(answer, Answer::Applied { .. })).collect();
        let all: BTreeSet<_> = self
            .cluster
            .checks
            .committed
            .values()
            .flat_map(|log| log.values())
            .collect::<Vec<_>>()
            .into_iter()
            .flat_map(|(_, body)| commands(body))
            .collect();
        for request in applied.keys() {
            if let Some(command) = self.cluster.checks.commands.get(request) {
                assert!(all.contains(command), "{request:?} was answered and is not in the log");
            }
        }
    }
}

fn commands(body: &crate::EntryBody) -> Vec<bytes::Bytes> {
    match body {
        crate::EntryBody::Commands { commands, .. } => commands.clone(),
        _ => Vec::new(),
    }
}

fn run(seed: u64, changes_members: bool) -> Chaos {
    let mut chaos = Chaos::new(seed, changes_members);
    for _ in 0..400 {
        chaos.act();
        let pause = 1 + chaos.cluster.draw(60);
        chaos.cluster.run_ms(pause);
    }
    chaos.recover();
    chaos
}

/// Seeds to run: more with `QUORATE_SEEDS=from..to`.
fn seeds() -> std::ops::Range<u64> {
    let asked = std::env::var("QUORATE_SEEDS").ok();
    let range = asked.as_deref().and_then(|text| text.split_once(".."));
    range.map_or(0..6, |(from, to)| from.parse().expect("a number")..to.parse().expect("a number"))
}

/// Runs the seeds one after another; a failure names its own.
fn run_seeds(test: &str, changes_members: bool) {
    for seed in seeds() {
        let run = std::panic::catch_unwind(|| run(seed, changes_members));
        assert!(
            run.is_ok(),
            "seed {seed} failed; again: QUORATE_SEEDS={seed}..{} cargo test {test}",
            seed + 1
        );
    }
}

#[test]
fn crashes_partitions_and_lost_messages_break_nothing() {
    run_seeds("crashes_partitions_and_lost_messages_break_nothing", false);
}

#[test]
fn changes_of_members_amid_crashes_break_nothing() {
    run_seeds("changes_of_members_amid_crashes_break_nothing", true);
}

#[test]
fn the_same_seed_runs_the_same_way() {
    let trace = |seed| {
        let chaos = run(seed, true);
        (chaos.cluster.checks.committed, chaos.cluster.checks.answers, chaos.cluster.now)
    };
    assert!(trace(1) == trace(1), "a run depends on more than its seed");
    assert!(trace(1) != trace(2), "a run depends on its seed");
}

#[test]
fn chaos_gets_somewhere() {
    // A simulation in which nothing is ever committed would find nothing.
    let chaos = run(3, true);
    let answers = chaos.cluster.checks.answers.values();
    let (mut applied, mut reads, mut refused) = (0, 0, 0);
    for answer in answers {
        match answer {
            Answer::Applied { .. } => applied += 1,
            Answer::Read { .. } => reads += 1,
            Answer::Transferred { .. } => {}
            Answer::Refused(_) => refused += 1,
        }
    }
    assert!(applied > 50 && reads > 10 && refused > 5, "{applied} applied, {reads} read, {refused} refused");
    let log = &chaos.cluster.checks.committed[&GROUP];
    let configurations =
        log.values().filter(|(_, body)| matches!(body, crate::EntryBody::Configuration(_))).count();
    let terms: BTreeSet<u64> = log.values().map(|(term, _)| *term).collect();
    assert!(configurations > 1 && terms.len() > 2, "{configurations} configurations, {} terms", terms.len());
}
