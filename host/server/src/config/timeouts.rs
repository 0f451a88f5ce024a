//! `[timeouts]`

use super::{ConfigError, Source, file::TimeoutsSection};
use crate::{api::ApiConfig, node::NodeConfig};
use std::time::Duration;
use toml::Spanned;

/// A leader that misses one heartbeat must not be taken for dead.
const HEARTBEATS_PER_ELECTION_MIN: u32 = 3;

impl Source<'_> {
    /// Returns how long requests may take to end once the node is told to stop.
    pub(super) fn timeouts(
        &self,
        section: TimeoutsSection,
        node: &mut NodeConfig,
        api: &mut ApiConfig,
    ) -> Result<Duration, ConfigError> {
        self.raft_timeouts(&section, node)?;
        let request_max = section.request_max_ms.clone();
        api.request_timeout_max = self.milliseconds(
            "request_max_ms",
            section.request_max_ms,
            100..=3_600_000,
            api.request_timeout_max,
        )?;
        let request_default = section.request_default_ms.clone();
        api.request_timeout_default = self.milliseconds(
            "request_default_ms",
            section.request_default_ms,
            100..=3_600_000,
            api.request_timeout_default.min(api.request_timeout_max),
        )?;
        if api.request_timeout_default > api.request_timeout_max {
            let span = request_default.or(request_max).map_or(0..0, |value| value.span());
            return Err(self.error(span, "request_default_ms is more than request_max_ms".to_owned()));
        }
        self.milliseconds("shutdown_ms", section.shutdown_ms, 0..=600_000, Duration::from_secs(10))
    }

    fn raft_timeouts(&self, section: &TimeoutsSection, node: &mut NodeConfig) -> Result<(), ConfigError> {
        node.heartbeat_interval = self.milliseconds(
            "heartbeat_ms",
            section.heartbeat_ms.clone(),
            10..=10_000,
            node.heartbeat_interval,
        )?;
        node.election_timeout = self.milliseconds(
            "election_ms",
            section.election_ms.clone(),
            100..=60_000,
            node.election_timeout,
        )?;
        let election_span = || {
            let said = section.election_ms.as_ref().or(section.heartbeat_ms.as_ref());
            said.map_or(0..0, Spanned::span)
        };
        if node.election_timeout < node.heartbeat_interval * HEARTBEATS_PER_ELECTION_MIN {
            let why = "election_ms must be at least three times heartbeat_ms, so that a lost heartbeat is no election";
            return Err(self.error(election_span(), why.to_owned()));
        }
        if let Some(margin) = &section.lease_margin_ms {
            let lease_margin = Duration::from_millis(*margin.get_ref());
            if lease_margin.is_zero() || lease_margin >= node.election_timeout {
                let why = format!(
                    "lease_margin_ms is {}, and must be at least 1 and less than election_ms, which is {}",
                    margin.get_ref(),
                    node.election_timeout.as_millis()
                );
                return Err(self.refuse(margin, why));
            }
            node.lease_margin = Some(lease_margin);
        }
        if let Some(after) = &section.hibernate_after_ms {
            let hibernate_after = Duration::from_millis(*after.get_ref());
            if !hibernate_after.is_zero() && hibernate_after < node.election_timeout {
                let why = format!(
                    "hibernate_after_ms is {}, and must be 0, which lets no group sleep, or at least election_ms, \
                     which is {}",
                    after.get_ref(),
                    node.election_timeout.as_millis()
                );
                return Err(self.refuse(after, why));
            }
            node.hibernate_after = Some(hibernate_after).filter(|after| !after.is_zero());
        }
        Ok(())
    }
}
