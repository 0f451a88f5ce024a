//! Where an attempt goes, and what comes after one that failed.

use crate::{Client, ClientError, connections::normal, failed::Failed, reason};
use quorate_backoff::Backoff;
use std::time::Duration;

/// What a call may do when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Doing it twice is harmless.
    Harmless,
    /// It must not be done twice.
    Once,
    /// The group does it once, however often it is asked.
    InSession {
        /// Whether it may have been done before.
        may_be_done: bool,
    },
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Another attempt, after this wait.
    Retry(Duration),
    /// The end.
    GiveUp(ClientError),
}

/// How often in a row a call follows a node's word on who leads before it takes a breath.
const REDIRECTIONS_MAX: u32 = 3;

/// One call's way over the nodes.
pub(crate) struct Route<'a> {
    client: &'a Client,
    group: Option<&'a str>,
    repeat: Repeat,
    backoff: Backoff,
    /// While nobody leads.
    leader_backoff: Backoff,
    /// The node that was said to lead.
    leader: Option<String>,
    /// The place in the list of addresses.
    turn: usize,
    redirections: u32,
    /// A node has named a leader since all were asked.
    was_redirected: bool,
    /// Nodes in a row that could not be asked, or could not answer for a reason of their own.
    unfit: usize,
    /// A node said that nobody leads, and none has named a leader since.
    leaderless: bool,
    /// An answer was lost: what was asked for may have been done.
    may_be_done: bool,
}

impl<'a> Route<'a> {
    pub(crate) fn new(client: &'a Client, group: Option<&'a str>, repeat: Repeat) -> Self {
        let config = client.config();
        Self {
            client,
            group,
            repeat,
            backoff: Backoff::new(config.backoff_min, config.backoff_max),
            leader_backoff: Backoff::new(config.backoff_min, config.leader_wait_max),
            leader: group.and_then(|group| client.leaders().of(group)),
            turn: client.first_turn(),
            redirections: 0,
            was_redirected: false,
            unfit: 0,
            leaderless: false,
            may_be_done: matches!(repeat, Repeat::InSession { may_be_done: true }),
        }
    }

    pub(crate) fn address(&self) -> String {
        match &self.leader {
            Some(leader) => leader.clone(),
            None => {
                let addresses = self.client.addresses();
                addresses[self.turn % addresses.len()].clone()
            }
        }
    }

    /// The node at the address answered.
    pub(crate) fn succeeded(&self, address: &str, leader_only: bool) {
        if let Some(group) = self.group.filter(|_| leader_only) {
            self.client.leaders().remember(group, address);
        }
        if self.leader.is_none() {
            self.client.begin_at(self.turn);
        }
    }

    /// The pipeline came further: what failed before does not count any more.
    pub(crate) fn came_further(&mut self) {
        self.backoff.reset();
        self.leader_backoff.reset();
        self.redirections = 0;
        self.unfit = 0;
        self.leaderless = false;
    }

    /// What to say when the time is over behind this error. That no node knew of a leader says more than what the last of
    /// them said, and is as sure: nothing was handed on.
    pub(crate) fn out_of_time(&self, last: ClientError) -> ClientError {
        match (self.group, last.reason.as_str()) {
            (Some(group), reason::NOT_LEADER | reason::UNREACHABLE) if self.leaderless => {
                ClientError::no_leader(group, last)
            }
            _ => last,
        }
    }

    /// What to say at the end of a call that failed. That the last attempt did nothing says nothing of one before whose answer
    /// was lost.
    pub(crate) fn in_the_end(&self, error: ClientError) -> ClientError {
        match self.repeat {
            Repeat::InSession { .. } if self.may_be_done && !error.outcome_unknown() => {
                ClientError::unresolved(&error)
            }
            _ => error,
        }
    }

    pub(crate) fn after(&mut self, address: &str, failed: Failed) -> Next {
        match failed {
            Failed::Unsent(_) => {
                self.client.connections().forget(address);
                self.elsewhere(address);
                self.once_all_were_asked()
            }
            Failed::Lost(error) => {
                self.client.connections().forget(address);
                match self.repeat {
                    Repeat::Once => Next::GiveUp(ClientError::lost(&error.message)),
                    Repeat::Harmless | Repeat::InSession { .. } => {
                        self.may_be_done = true;
                        self.elsewhere(address);
                        Next::Retry(self.backoff.wait())
                    }
                }
            }
            Failed::Told(error) => self.after_told(address, error),
        }
    }

    fn after_told(&mut self, address: &str, error: ClientError) -> Next {
        match error.reason.as_str() {
            reason::NOT_LEADER => {
                let leader = error.metadata.get(reason::metadata::LEADER_ADDRESS);
                self.leaderless = leader.is_none();
                // A leader that sends elsewhere than to itself; anything else would go round in circles.
                match leader.and_then(|leader| normal(leader).ok()).filter(|leader| leader != address) {
                    Some(leader) => self.redirect(leader),
                    None => {
                        self.elsewhere(address);
                        Next::Retry(self.leader_backoff.wait())
                    }
                }
            }
            // The node is right, only the time is not.
            reason::OVERLOADED | reason::SESSION_WINDOW_FULL => Next::Retry(self.backoff.wait()),
            reason::GROUP_NOT_READY | reason::SHUTTING_DOWN | reason::NO_QUORUM => {
                self.elsewhere(address);
                Next::Retry(self.backoff.wait())
            }
            // Another node may be in better health, but none of them gets better by waiting.
            reason::REPLICA_FAILED | reason::QUERY_FAILED => {
                self.elsewhere(address);
                self.unfit += 1;
                if self.unfit < self.client.addresses().len() {
                    Next::Retry(self.backoff.wait())
                } else {
                    Next::GiveUp(error)
                }
            }
            reason::OUTCOME_UNKNOWN if self.repeat != Repeat::Once => {
                self.may_be_done = true;
                self.elsewhere(address);
                Next::Retry(self.backoff.wait())
            }
            _ => Next::GiveUp(error),
        }
    }

    fn redirect(&mut self, leader: String) -> Next {
        if let Some(group) = self.group {
            self.client.leaders().remember(group, &leader);
        }
        self.leader = Some(leader);
        self.was_redirected = true;
        self.redirections += 1;
        if self.redirections <= REDIRECTIONS_MAX {
            return Next::Retry(Duration::ZERO);
        }
        self.redirections = 0;
        Next::Retry(self.leader_backoff.wait())
    }

    fn elsewhere(&mut self, address: &str) {
        if let Some(group) = self.group {
            self.client.leaders().forget(group, address);
        }
        // A leader that failed says nothing against the address whose turn it is, unless it is the same.
        let addresses = self.client.addresses();
        if self.leader.take().is_none() || addresses[self.turn % addresses.len()] == address {
            self.turn = self.turn.wrapping_add(1);
        }
        self.redirections = 0;
    }

    /// While there are nodes that were not asked yet there is no reason to wait.
    fn once_all_were_asked(&mut self) -> Next {
        self.unfit += 1;
        if self.unfit < self.client.addresses().len() {
            return Next::Retry(Duration::ZERO);
        }
        self.unfit = 0;
        // Some answer, and send to a leader that does not: it is gone, and the next is being elected.
        let backoff = if std::mem::take(&mut self.was_redirected) {
            &mut self.leader_backoff
        } else {
            &mut self.backoff
        };
        Next::Retry(backoff.wait())
    }
}
