//! A replica as it is found on disk.

use super::{
    Announced, Replica, ReplicaFault, applying::Applying, disk::Disk, election::Election, election_ticks,
    lease::Lease, preference::Preference, proposals::Proposals, reads::Reads, sleep::Sleep,
    snapshots::Restoring, witness::Witnesses,
};
use crate::{LogIndex, LogPoint, ReplicaStart, ShardConfig, log_window::LogWindow, logger, random::mix};
use quorate_vocabulary::ReplicaId;
use raft::{Config, NO_LIMIT, RawNode, eraftpb::HardState};
use std::{cmp::Reverse, collections::BTreeMap, sync::Arc, time::Duration};

fn fault<T>(cause: String) -> Result<T, ReplicaFault> {
    Err(ReplicaFault(cause))
}

impl Replica {
    pub(crate) fn open(
        config: &Arc<ShardConfig>,
        start: ReplicaStart,
        now: Duration,
    ) -> Result<Self, ReplicaFault> {
        let ReplicaStart { group, replica, is_witness, truncated, configuration, .. } = start;
        let ReplicaStart { entries, applied_time_ms, .. } = start;
        let mut index = start.log;
        if index.last().is_none() && !entries.is_empty() {
            index = LogIndex::of(&entries).map_err(|error| ReplicaFault(error.to_string()))?;
        }
        let last = index.last().unwrap_or(truncated);
        if last.index < truncated.index {
            return fault(format!("its log ends at {} and begins behind {}", last.index, truncated.index));
        }
        if let Some(newest) = entries.last()
            && newest.point() != last
        {
            return fault(format!("its entries end at {}, and its log at {}", newest.index, last.index));
        }
        let first = entries.first().map_or(last.index + 1, |entry| entry.index);
        if first <= truncated.index || (first..).zip(&entries).any(|(index, entry)| entry.index != index) {
            return fault("its entries are not in a row behind where its log begins".to_owned());
        }
        // The machine may be behind a snapshot that the log begins with: it is loaded again, before all else.
        let restores = start.applied < truncated.index && !is_witness;
        let applied = start.applied.max(truncated.index);
        // What was applied or cut was committed, though raft may not have written that down.
        let commit = start.hard_state.commit.max(applied);
        if commit > last.index {
            return fault(format!(
                "its log ends at {} and is committed up to {commit}: entries were lost from its disk",
                last.index
            ));
        }
        index.saw_time(applied_time_ms);
        let hard_state = HardState {
            term: start.hard_state.term.max(last.term),
            vote: start.hard_state.vote.map_or(raft::INVALID_ID, |vote| vote.0),
            commit,
            ..HardState::default()
        };
        let is_new = last == ReplicaStart::BOOTSTRAP && hard_state.term == last.term && hard_state.vote == 0;
        let written = start.hard_state;

        let mut log = LogWindow::new(hard_state, truncated, configuration, index, applied);
        log.fill(entries);
        let configuration = log.configuration_at(applied).clone();
        let raw = RawNode::new(&raft_config(config, replica.0, applied), log, &logger::silent())
            .map_err(|error| ReplicaFault(error.to_string()))?;

        let target = configuration.highest_priority();
        let mut election = Election::new(config.seed, replica.0, election_ticks(config), target);
        let voters: Vec<ReplicaId> = configuration.voters().collect();
        let is_sole_voter = voters == [replica] && !configuration.is_joint();
        let first = voters.iter().min_by_key(|voter| (Reverse(configuration.priority(**voter)), **voter));
        if is_new && first == Some(&replica) {
            election.campaign_early(raw.raft.term);
        }
        let dozes =
            config.hibernate_after.is_some() && !is_new && !is_sole_voter && voters.contains(&replica);
        let nonce = mix(&[config.seed, config.node.0, group.0, replica.0]);
        let mut opened = Self {
            group,
            replica,
            is_witness,
            config: config.clone(),
            raw,
            configuration: configuration.clone(),
            addresses: BTreeMap::new(),
            election,
            disk: Disk::new(written),
            applying: Applying::new(applied),
            restoring: None,
            held_snapshot: None,
            transfer: None,
            promotion: None,
            witnesses: Witnesses::default(),
            recovery: None,
            contacts: super::recovery::Contacts::default(),
            // One that is new has never answered a heartbeat.
            lease: if is_new { Lease::default() } else { Lease::promised(now + config.election_timeout) },
            preference: Preference::default(),
            sleep: Sleep::opened(dozes),
            now,
            proposals: Proposals::default(),
            reads: Reads::new(nonce),
            announced: Announced::default(),
            snapshot_wanted: None,
            // Nobody else could be asked.
            campaigns_now: is_sole_voter,
        };
        opened.check_own_role(&configuration)?;
        if restores {
            opened.applying.applied = start.applied;
            opened.restoring = Some(Restoring::on_disk(truncated, configuration));
        }
        Ok(opened)
    }
}

fn raft_config(config: &ShardConfig, id: u64, applied: u64) -> Config {
    let bytes = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
    Config {
        id,
        election_tick: election_ticks(config),
        heartbeat_tick: 1,
        applied,
        max_size_per_msg: bytes(config.append_bytes_max),
        max_inflight_msgs: config.inflight_window(),
        check_quorum: true,
        pre_vote: true,
        max_uncommitted_size: NO_LIMIT,
        // What raft hands out as committed has no content here and costs next to nothing.
        max_committed_size_per_ready: NO_LIMIT,
        ..Config::new(id)
    }
}

impl Restoring {
    /// A snapshot that a log on disk begins with.
    fn on_disk(point: LogPoint, configuration: crate::Configuration) -> Self {
        Self { point, configuration, is_asked: false }
    }
}
