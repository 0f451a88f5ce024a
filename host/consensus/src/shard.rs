use crate::{ConfigError, Effect, Input, Now, ReplicaStatus, ShardConfig};
use quorate_vocabulary::GroupId;

/// Drives the replicas of many groups on one thread. See the crate's page for what the host must guarantee.
pub struct Shard {
    config: ShardConfig,
}

impl Shard {
    /// A shard without replicas.
    ///
    /// # Errors
    /// When the configuration does not [fit](ShardConfig::check).
    pub fn new(config: ShardConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { config })
    }

    /// Takes in all of `inputs`, in order, and adds what is to be done to `effects`, in order. Never blocks.
    pub fn step(&mut self, now: Now, inputs: &mut Vec<Input>, effects: &mut Vec<Effect>) {
        let _ = (now, &self.config, &effects);
        inputs.clear();
    }

    /// How this group's replica is, if one is open.
    #[must_use]
    pub fn status(&self, group: GroupId) -> Option<ReplicaStatus> {
        self.statuses().find(|status| status.group == group)
    }

    /// How all open replicas are, in the order of their groups.
    pub fn statuses(&self) -> impl Iterator<Item = ReplicaStatus> {
        std::iter::empty()
    }
}
