use super::host::{MemoryHost, Phase, lend};
use crate::{Callback, Lifecycle};

/// What a machine is told about its replica; see [`Lifecycle`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LifecycleEvent {
    /// [`Lifecycle::leader_start`].
    LeaderStart {
        /// The term.
        term: u64,
    },
    /// [`Lifecycle::leader_stop`].
    LeaderStop {
        /// The term.
        term: u64,
    },
    /// [`Lifecycle::start_following`].
    StartFollowing {
        /// The leader.
        leader: u64,
        /// The term.
        term: u64,
    },
    /// [`Lifecycle::stop_following`].
    StopFollowing {
        /// The leader.
        leader: u64,
        /// The term.
        term: u64,
    },
    /// [`Lifecycle::configuration_committed`].
    ConfigurationCommitted {
        /// The entry.
        index: u64,
        /// Who votes.
        voters: Vec<u64>,
        /// Who only learns.
        learners: Vec<u64>,
    },
    /// [`Lifecycle::error`].
    Error {
        /// What happened.
        message: String,
    },
    /// [`Lifecycle::shutdown`].
    Shutdown,
}

/// Tells the machine, which may propose while it leads; says whether it leads from now on.
pub(super) fn tell<Machine: Lifecycle>(
    machine: &Machine,
    host: &mut MemoryHost,
    leads: bool,
    event: &LifecycleEvent,
) -> bool {
    let leads = match event {
        LifecycleEvent::LeaderStart { .. } => true,
        LifecycleEvent::LeaderStop { .. } | LifecycleEvent::StartFollowing { .. } => false,
        _ => leads,
    };
    let callback = Callback::new();
    lend(host, Phase::Callback { leader: leads }, || match event {
        LifecycleEvent::LeaderStart { term } => machine.leader_start(&callback, *term),
        LifecycleEvent::LeaderStop { term } => machine.leader_stop(&callback, *term),
        LifecycleEvent::StartFollowing { leader, term } => machine.start_following(&callback, *leader, *term),
        LifecycleEvent::StopFollowing { leader, term } => machine.stop_following(&callback, *leader, *term),
        LifecycleEvent::ConfigurationCommitted { index, voters, learners } => {
            machine.configuration_committed(&callback, *index, voters, learners);
        }
        LifecycleEvent::Error { message } => machine.error(&callback, message),
        LifecycleEvent::Shutdown => machine.shutdown(&callback),
    });
    leads
}
