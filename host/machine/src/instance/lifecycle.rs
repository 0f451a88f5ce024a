use super::{Terms, WasmInstance};
use crate::{outcome::Watchdog, state::Phase};
use quorate_replica::ports::{Callback, HostFault, LifecycleEvent, StoreView, Trap};
use quorate_vocabulary::{MemberRole, Position};
use std::{mem, sync::Arc};

impl WasmInstance {
    /// Runs the callback of an event.
    pub(super) fn tell(
        &mut self,
        at: Position,
        event: &LifecycleEvent,
        store: Arc<dyn StoreView>,
    ) -> Result<Callback, HostFault> {
        self.lend_view(store);
        let ended = self.call_back(at, event);
        let state = self.store.data_mut();
        state.store = None;
        let failure = ended?.err();
        let proposals = mem::take(&mut state.proposals);
        Ok(Callback {
            proposals: if failure.is_none() { proposals } else { Vec::new() },
            logs: state.take_logs(),
            failure,
        })
    }

    fn call_back(&mut self, at: Position, event: &LifecycleEvent) -> Result<Result<(), Trap>, HostFault> {
        let plugin = self.plugin.clone();
        let Some(exports) = plugin.exports.lifecycle.as_ref() else { return Ok(Ok(())) };
        // A change of members is told to leaders and followers alike; the replica drops what a follower proposes.
        let leads = matches!(
            event,
            LifecycleEvent::LeaderStart { .. } | LifecycleEvent::ConfigurationCommitted { .. }
        );
        let terms = Terms {
            phase: Phase::Lifecycle { leads },
            position: at,
            fuel: self.store.data().limits.fuel_per_callback,
            ticks: plugin.config.lifecycle_ticks_max,
            watchdog: Watchdog::IsTrap,
        };
        let ended = match event {
            LifecycleEvent::LeaderStart { term } => {
                self.call::<_, ()>(&exports.leader_start, (*term,), &terms)
            }
            LifecycleEvent::LeaderStop { term } => self.call(&exports.leader_stop, (*term,), &terms),
            LifecycleEvent::StartFollowing { leader, term } => {
                self.call(&exports.start_following, (leader.0, *term), &terms)
            }
            LifecycleEvent::StopFollowing { leader, term } => {
                self.call(&exports.stop_following, (leader.0, *term), &terms)
            }
            LifecycleEvent::ConfigurationCommitted { index, members } => {
                let with = |role| -> Vec<u64> {
                    members
                        .iter()
                        .filter(|member| member.role == role)
                        .map(|member| member.replica.0)
                        .collect()
                };
                let parameters = (*index, with(MemberRole::Voter), with(MemberRole::Learner));
                self.call(&exports.configuration_committed, parameters, &terms)
            }
            LifecycleEvent::Error { message } => self.call(&exports.error, (message.as_str(),), &terms),
            LifecycleEvent::Shutdown => self.call(&exports.shutdown, (), &terms),
        };
        Ok(ended?.map(|((), _)| ()))
    }
}
