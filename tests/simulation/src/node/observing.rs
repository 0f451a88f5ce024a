//! Observers: queries, and what the plugin is told of its replica's life.

use super::{ApplyWork, ObserveWork};
use crate::{checks::number, cluster::Simulation, disk::lock, events::Event, network::delay, planted::Bug};
use bytes::Bytes;
use quorate_consensus::{Input, RequestId, Role};
use quorate_replica::{
    ReadPoint, ReplicaFault,
    ports::{EmptyView, LifecycleEvent, Outcome},
};
use quorate_vocabulary::{GroupId, NodeId, ReplicaId};
use std::sync::Arc;

impl Simulation {
    /// Hands the observer work.
    pub(crate) fn observe(&mut self, id: NodeId, group: GroupId, work: ObserveWork) {
        let delay = delay(&mut self.random.work, self.faults.work_delay_us_max);
        let life = self.node(id).life;
        if let Some(local) = self.local(id, group) {
            local.observing.push_back(work);
            self.push(delay, Event::Observe { node: id, life, group });
        }
    }

    /// The observer does the next thing it was given.
    pub(crate) fn observe_next(&mut self, id: NodeId, group: GroupId) {
        let Some(work) = self.local(id, group).and_then(|local| local.observing.pop_front()) else { return };
        match work {
            ObserveWork::Query { point, request, query } => self.query(id, group, &point, request, &query),
            ObserveWork::Callback { point, event } => self.run_callback(id, group, &point, event),
        }
    }

    fn query(
        &mut self,
        id: NodeId,
        group: GroupId,
        point: &ReadPoint,
        request: Option<RequestId>,
        query: &Bytes,
    ) {
        let bug = self.settings.bug;
        let Some(local) = self.local(id, group) else { return };
        let Some(plugin) = local.plugin.clone() else { return };
        if bug == Some(Bug::QueryOnApplyInstance)
            && let Some(instance) = plugin.applying()
        {
            let _ = lock(&instance).query(point.applied().position(), query, Arc::new(EmptyView));
        }
        match plugin.observe(|| local.observer.query(point, query)) {
            Ok(call) => {
                self.coverage.queries += 1;
                if let Some(request) = request.filter(|_| self.is_corrupted(id, group)) {
                    return self.history.refused(request);
                }
                if let (Some(request), Outcome::Reply(reply)) = (request, call.outcome) {
                    self.check_fenced(id, group, Role::Leader);
                    self.read_done(group, point.applied().index, request, number(&reply));
                }
            }
            Err(ReplicaFault::Behind { .. }) => {
                // Apply has passed a checkpoint since: from a newer moment the query can be answered.
                self.coverage.observers_behind += 1;
                if let Some(request) = request {
                    self.work(id, group, ApplyWork::Read { index: 0, request });
                }
            }
            Err(fault) => self.replica_fault(id, group, &fault),
        }
    }

    fn read_done(&mut self, group: GroupId, index: u64, request: RequestId, value: Option<i64>) {
        let Some(asked) = self.history.done(request, value) else { return };
        self.coverage.reads_done += 1;
        self.checks.finish(group, asked.floor, index, true);
    }

    /// Tells the plugin something, as of now.
    pub(crate) fn callback(&mut self, id: NodeId, group: GroupId, event: LifecycleEvent) {
        let Some(local) = self.local(id, group) else { return };
        if local.plugin.is_none() {
            return;
        }
        if let Ok(point) = local.replica.read_point() {
            self.observe(id, group, ObserveWork::Callback { point, event });
        }
    }

    fn run_callback(&mut self, id: NodeId, group: GroupId, point: &ReadPoint, event: LifecycleEvent) {
        let bug = self.settings.bug;
        let Some(local) = self.local(id, group) else { return };
        let Some(plugin) = local.plugin.clone() else { return };
        if bug == Some(Bug::CallbackOnApplyInstance)
            && let Some(instance) = plugin.applying()
        {
            let at = point.applied().position();
            let _ = lock(&instance).lifecycle(at, &event, Arc::new(EmptyView));
        }
        match plugin.observe(|| local.observer.lifecycle(point, &event)) {
            Ok(callback) => {
                let leads = local.leads();
                self.coverage.callbacks += 1;
                for command in callback.proposals {
                    if leads {
                        let request = self.request(id);
                        self.tell(id, [Input::Propose { group, request, command }]);
                    }
                }
            }
            Err(ReplicaFault::Behind { .. }) => self.work(id, group, ApplyWork::Callback(event)),
            Err(fault) => self.replica_fault(id, group, &fault),
        }
    }

    /// Derives the plugin's callbacks from what raft says of roles.
    pub(crate) fn tell_role(
        &mut self,
        id: NodeId,
        group: GroupId,
        role: Role,
        term: u64,
        leader: Option<ReplicaId>,
    ) {
        let Some(local) = self.local(id, group) else { return };
        let mut events = Vec::new();
        if let Some(led) = local.leading
            && (role != Role::Leader || term != led)
        {
            local.leading = None;
            events.push(LifecycleEvent::LeaderStop { term: led });
        }
        let follows = leader.filter(|_| role == Role::Follower).map(|leader| (leader, term));
        if local.following != follows {
            if let Some((leader, term)) = local.following {
                events.push(LifecycleEvent::StopFollowing { leader, term });
            }
            local.following = follows;
            if let Some((leader, term)) = follows {
                events.push(LifecycleEvent::StartFollowing { leader, term });
            }
        }
        for event in events {
            self.callback(id, group, event);
        }
    }
}
