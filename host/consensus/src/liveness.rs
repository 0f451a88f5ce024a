//! Which nodes live, and which groups sleep because they do.
//!
//! Every tick, a node sends one beat to each node that it shares sleeping groups with. A node that is silent for an
//! election timeout wakes here the groups that it leads, and no others: paced, and in an order that is drawn, so that
//! they neither all campaign at once nor at the same time as their other members.

use crate::{ShardConfig, random::mix, replica::Nap};
use quorate_vocabulary::{GroupId, NodeId};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

#[derive(Default)]
struct Peer {
    /// Its last beat.
    heard: Duration,
    /// Which run of the node that was; 0 before the first.
    run: u64,
    is_alive: bool,
    /// The sleeping groups that have a member there.
    groups: BTreeSet<GroupId>,
}

/// The other nodes, as the sleeping replicas of one shard need to know them.
pub(crate) struct Peers {
    own: NodeId,
    run: u64,
    timeout: Duration,
    wakes_per_tick_max: usize,
    peers: BTreeMap<NodeId, Peer>,
    naps: BTreeMap<GroupId, Nap>,
    /// Groups that are to wake, in the order that was drawn.
    waking: BTreeSet<(u64, GroupId)>,
}

impl Peers {
    pub(crate) fn new(config: &ShardConfig) -> Self {
        Self {
            own: config.node,
            // 0 stands for none.
            run: mix(&[config.seed, config.node.0]).max(1),
            timeout: config.election_timeout,
            wakes_per_tick_max: config.wakes_per_tick_max,
            peers: BTreeMap::new(),
            naps: BTreeMap::new(),
            waking: BTreeSet::new(),
        }
    }

    /// Distinguishes this run of the node from all others.
    pub(crate) fn run(&self) -> u64 {
        self.run
    }

    /// Whether this group sleeps.
    pub(crate) fn is_asleep(&self, group: GroupId) -> bool {
        self.naps.contains_key(&group)
    }

    /// How many groups sleep.
    pub(crate) fn asleep(&self) -> usize {
        self.naps.len()
    }

    /// Whether this node has been heard of within the last election timeout.
    pub(crate) fn is_alive(&self, node: NodeId) -> bool {
        self.peers.get(&node).is_some_and(|peer| peer.is_alive)
    }

    /// The nodes that are owed a beat at every tick.
    pub(crate) fn owed(&self) -> impl Iterator<Item = NodeId> {
        self.peers.iter().filter(|(_, peer)| !peer.groups.is_empty()).map(|(node, _)| *node)
    }

    fn order(&self, group: GroupId) -> (u64, GroupId) {
        (mix(&[self.run, group.0]), group)
    }

    /// A beat of this run of a node.
    pub(crate) fn hear(&mut self, node: NodeId, run: u64, now: Duration) {
        let peer = self.peers.entry(node).or_default();
        let (was_alive, ran) = (peer.is_alive, peer.run);
        (peer.heard, peer.run, peer.is_alive) = (now, run, true);
        let restarted = ran != 0 && ran != run;
        if was_alive && !restarted {
            return;
        }
        // Its replicas lead no more if it has begun anew, and know of no leader. If it is only back, those must be woken
        // that have something to tell it.
        let woken = self.of(node).filter(|(_, nap)| {
            let leads_there = nap.leader == Some(node);
            if restarted { leads_there || nap.leader == Some(self.own) } else { nap.absent.contains(&node) }
        });
        let woken: Vec<_> = woken.map(|(group, _)| self.order(group)).collect();
        self.waking.extend(woken);
    }

    fn of(&self, node: NodeId) -> impl Iterator<Item = (GroupId, &Nap)> {
        let groups = self.peers.get(&node).into_iter().flat_map(|peer| &peer.groups);
        groups.filter_map(|group| Some((*group, self.naps.get(group)?)))
    }

    /// Time passes: the groups to wake in this tick.
    pub(crate) fn tick(&mut self, now: Duration) -> Vec<GroupId> {
        let timeout = self.timeout;
        let silent = self.peers.iter_mut().filter(|(_, peer)| peer.is_alive && now > peer.heard + timeout);
        let silent: Vec<NodeId> = silent
            .map(|(node, peer)| {
                peer.is_alive = false;
                *node
            })
            .collect();
        for node in silent {
            let led = self.of(node).filter(|(_, nap)| nap.leader == Some(node));
            let led: Vec<_> = led.map(|(group, _)| self.order(group)).collect();
            self.waking.extend(led);
        }
        let count = self.waking.len().min(self.wakes_per_tick_max);
        (0..count).filter_map(|_| self.waking.pop_first().map(|(_, group)| group)).collect()
    }

    /// This group sleeps from now on.
    pub(crate) fn falls_asleep(&mut self, group: GroupId, nap: Nap) {
        let own = self.own;
        for node in &nap.others {
            if *node != own {
                self.peers.entry(*node).or_default().groups.insert(group);
            }
        }
        if nap.leader.is_none_or(|leader| leader != own && !self.is_alive(leader)) {
            // There is none, or it fell silent meanwhile and will not do so again.
            self.waking.insert(self.order(group));
        }
        self.naps.insert(group, nap);
    }

    /// This group is awake, or gone.
    pub(crate) fn wakes_up(&mut self, group: GroupId) {
        let Some(nap) = self.naps.remove(&group) else { return };
        self.waking.remove(&self.order(group));
        for node in nap.others {
            if let Some(peer) = self.peers.get_mut(&node) {
                peer.groups.remove(&group);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: NodeId = NodeId(1);

    fn peers() -> Peers {
        let mut config = ShardConfig::new(OWN, 1);
        config.wakes_per_tick_max = 3;
        Peers::new(&config)
    }

    fn nap(leader: u64, absent: &[u64]) -> Nap {
        let absent = absent.iter().copied().map(NodeId).collect();
        Nap { leader: (leader > 0).then_some(NodeId(leader)), others: vec![NodeId(2), NodeId(3)], absent }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Ten groups led by each of three nodes, and all nodes alive.
    fn asleep() -> Peers {
        let mut peers = peers();
        peers.hear(NodeId(2), 20, ms(0));
        peers.hear(NodeId(3), 30, ms(0));
        for number in 0..30 {
            peers.falls_asleep(GroupId(number), nap(1 + number / 10, &[]));
        }
        assert!(peers.tick(ms(100)).is_empty());
        peers
    }

    #[test]
    fn a_dead_node_wakes_only_the_groups_it_led_and_only_some_at_a_time() {
        let mut peers = asleep();
        peers.hear(NodeId(3), 30, ms(1_000));
        let mut woken = Vec::new();
        for tick in 0..5 {
            let now = peers.tick(ms(1_100 + tick * 100));
            assert!(now.len() <= 3);
            woken.extend(now);
        }
        assert!(!peers.is_alive(NodeId(2)) && peers.is_alive(NodeId(3)));
        assert_ne!(woken, (10..20).map(GroupId).collect::<Vec<_>>(), "in an order that is drawn");
        woken.sort_unstable();
        assert_eq!(woken, (10..20).map(GroupId).collect::<Vec<_>>());
    }

    #[test]
    fn a_node_that_begins_anew_wakes_what_it_led_and_what_is_led_here() {
        let mut peers = asleep();
        peers.hear(NodeId(3), 31, ms(200));
        let mut woken: Vec<u64> = (0..8).flat_map(|_| peers.tick(ms(200))).map(|group| group.0).collect();
        woken.sort_unstable();
        assert_eq!(woken, (0..10).chain(20..30).collect::<Vec<_>>());
    }

    #[test]
    fn a_node_that_comes_back_wakes_what_it_has_missed() {
        let mut peers = peers();
        peers.falls_asleep(GroupId(1), nap(1, &[3]));
        peers.falls_asleep(GroupId(2), nap(1, &[]));
        peers.hear(NodeId(3), 30, ms(100));
        assert_eq!(peers.tick(ms(100)), [GroupId(1)]);
    }

    #[test]
    fn a_group_that_falls_asleep_behind_a_dead_leader_is_woken_again() {
        let mut peers = peers();
        peers.falls_asleep(GroupId(1), nap(2, &[]));
        assert_eq!(peers.tick(ms(100)), [GroupId(1)]);
    }

    #[test]
    fn groups_without_a_leader_wake_in_turn() {
        let mut peers = peers();
        for number in 0..4 {
            peers.falls_asleep(GroupId(number), nap(0, &[]));
        }
        assert_eq!((peers.tick(ms(100)).len(), peers.tick(ms(200)).len()), (3, 1));
    }

    #[test]
    fn beats_are_owed_as_long_as_a_group_sleeps() {
        let mut peers = peers();
        assert_eq!(peers.owed().count(), 0);
        peers.falls_asleep(GroupId(1), nap(1, &[]));
        assert_eq!(peers.owed().collect::<Vec<_>>(), [NodeId(2), NodeId(3)]);
        peers.wakes_up(GroupId(1));
        assert_eq!((peers.owed().count(), peers.asleep()), (0, 0));
    }
}
