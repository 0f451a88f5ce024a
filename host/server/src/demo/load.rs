//! Commands through pipelines, each until its outcome is sure or certainly unknown.

use super::{tally::Tally, work::Work};
use crate::cli::failure::Failure;
use bytes::Bytes;
use quorate_client::{Client, ClientError, Pipeline, Submission, Submitted, reason};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// When nothing was decided for so long, what was certainly not applied is not sent again.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// What is done about a command that may or may not have been applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenUnknown {
    /// It is counted, and not sent again: it could be applied twice.
    Count,
    /// It is sent again, since doing it twice is harmless.
    SendAgain,
}

/// Commands for one group, and who sends them.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) client: Client,
    pub(super) group: &'static str,
    pub(super) work: Arc<Work>,
    pub(super) tally: Arc<Tally>,
    pub(super) when_unknown: WhenUnknown,
}

impl Load {
    /// Sends all commands from so many clients at a time.
    pub(super) async fn run(&self, clients: usize) -> Result<(), Failure> {
        // Aborts them all when dropped.
        let mut running = JoinSet::new();
        for _ in 0..clients {
            running.spawn(Sender::new(self.clone()).run());
        }
        while let Some(ended) = running.join_next().await {
            ended.map_err(|error| Failure::new(reason::INTERNAL, format!("a client broke: {error}")))??;
        }
        Ok(())
    }
}

/// A command that is not decided.
struct Command {
    bytes: Bytes,
    /// When it was first on its way.
    first_sent: Option<Instant>,
}

struct Sent {
    command: Command,
    first_sent: Instant,
    submission: Submission,
}

/// One client.
struct Sender {
    load: Load,
    pipeline: Pipeline,
    /// The pipeline has ended; a new one is begun once all that was given to it is told.
    ended: bool,
    /// There is no more work.
    all_taken: bool,
    /// What was certainly not applied, in order, to be sent before all else.
    again: VecDeque<Command>,
    next: Option<Command>,
    sent: VecDeque<Sent>,
}

impl Sender {
    fn new(load: Load) -> Self {
        Self {
            pipeline: load.client.pipeline(load.group),
            load,
            ended: false,
            all_taken: false,
            again: VecDeque::new(),
            next: None,
            sent: VecDeque::new(),
        }
    }

    async fn run(mut self) -> Result<(), Failure> {
        loop {
            if self.ended && self.sent.is_empty() {
                self.pipeline = self.load.client.pipeline(self.load.group);
                self.ended = false;
                // Its turn is behind those that were given back.
                self.again.extend(self.next.take());
            }
            if self.next.is_none() && !self.ended {
                self.next = self.again.pop_front();
            }
            let takes = self.next.is_none() && !self.ended && !self.all_taken;
            let sends = self.next.is_some() && !self.ended;
            if self.sent.is_empty() && !takes && !sends {
                return Ok(());
            }
            tokio::select! {
                biased;
                result = first(&mut self.sent), if !self.sent.is_empty() => self.answered(result)?,
                taken = self.load.work.next(), if takes => match taken {
                    Some(bytes) => self.next = Some(Command { bytes, first_sent: None }),
                    None => self.all_taken = true,
                },
                given = give(&mut self.pipeline, self.next.as_ref()), if sends => self.given(given),
            }
        }
    }

    fn given(&mut self, given: Result<Submission, ClientError>) {
        match given {
            Ok(submission) => {
                if let Some(command) = self.next.take() {
                    let first_sent = command.first_sent.unwrap_or_else(Instant::now);
                    self.sent.push_back(Sent { command, first_sent, submission });
                }
            }
            // It was not submitted, and stays the next.
            Err(_) => self.ended = true,
        }
    }

    fn answered(&mut self, result: Result<Submitted, ClientError>) -> Result<(), Failure> {
        let Some(Sent { command, first_sent, .. }) = self.sent.pop_front() else { return Ok(()) };
        let tally = &self.load.tally;
        let error = match result {
            Ok(submitted) => {
                tally.answered(&submitted.outcome, first_sent);
                return Ok(());
            }
            Err(error) => error,
        };
        tracing::debug!(group = self.load.group, reason = error.reason, %error, "a command failed");
        self.ended = true;
        match fate(&error.reason, self.load.when_unknown) {
            Fate::Unknown => {
                tally.lost();
                return Ok(());
            }
            Fate::SendAgain if tally.silent_since().elapsed() < SILENCE_MAX => {}
            Fate::SendAgain | Fate::Hopeless => return Err(error.into()),
        }
        tally.sent_again();
        self.again.push_back(Command { first_sent: Some(first_sent), ..command });
        Ok(())
    }
}

/// What becomes of a command that failed.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Unknown,
    SendAgain,
    /// It would fail again.
    Hopeless,
}

fn fate(reason: &str, when_unknown: WhenUnknown) -> Fate {
    match reason {
        reason::OUTCOME_UNKNOWN => match when_unknown {
            WhenUnknown::Count => Fate::Unknown,
            WhenUnknown::SendAgain => Fate::SendAgain,
        },
        reason::BEHIND_FAILURE
        | reason::DEADLINE_EXCEEDED
        | reason::GROUP_NOT_READY
        | reason::NOT_LEADER
        | reason::NO_QUORUM
        | reason::OVERLOADED
        | reason::SHUTTING_DOWN
        | reason::UNREACHABLE => Fate::SendAgain,
        _ => Fate::Hopeless,
    }
}

async fn first(sent: &mut VecDeque<Sent>) -> Result<Submitted, ClientError> {
    match sent.front_mut() {
        Some(sent) => (&mut sent.submission).await,
        None => std::future::pending().await,
    }
}

/// Dropped before it is done, it has submitted nothing.
async fn give(pipeline: &mut Pipeline, next: Option<&Command>) -> Result<Submission, ClientError> {
    match next {
        Some(command) => pipeline.submit(command.bytes.clone()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ApiConfig, ApiServer, bind, tests::fake::FakeNode};
    use quorate_client::ClientConfig;
    use tokio_util::sync::CancellationToken;

    /// Sends the commands to a node that stands in; returns how that went, and what the node was given.
    async fn sent(
        commands: &[&'static str],
        clients: usize,
    ) -> (Result<(), Failure>, Arc<Tally>, Vec<String>) {
        let node = FakeNode::new();
        let server = ApiServer::new(node.clone(), "test".to_owned(), ApiConfig::default());
        let listener = bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let (stop, timeout) = (CancellationToken::new(), Duration::from_secs(60));
        tokio::spawn(server.serve(listener, stop, timeout, std::future::ready(())));
        let config = ClientConfig { pipeline_commands_max: 4, ..ClientConfig::default() };
        let commands: Vec<Bytes> =
            commands.iter().map(|command| Bytes::from_static(command.as_bytes())).collect();
        let load = Load {
            client: Client::lazy([address], config).expect("an address"),
            group: "acme/there",
            work: Arc::new(Work::new(commands.into_iter(), u64::MAX)),
            tally: Arc::new(Tally::start()),
            when_unknown: WhenUnknown::Count,
        };
        let ended = load.run(clients).await;
        let given =
            node.handed_on().iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
        (ended, load.tally, given)
    }

    #[tokio::test]
    async fn several_clients_share_the_work() {
        let (ended, tally, given) = sent(&["a"; 1000], 3).await;
        assert_eq!(ended, Ok(()));
        assert_eq!((tally.counts().acknowledged, given.len()), (1000, 1000));
    }

    #[tokio::test]
    async fn what_may_have_been_applied_is_counted_and_the_rest_is_sent_again_in_order() {
        let (ended, tally, given) = sent(&["a", "lost", "b", "c", "d", "e", "f"], 1).await;
        assert_eq!(ended, Ok(()));
        let counts = tally.counts();
        assert_eq!((counts.acknowledged, counts.unknown), (6, 1));
        assert_eq!(given, ["a", "lost", "b", "c", "d", "e", "f"]);
    }

    #[tokio::test]
    async fn what_would_fail_again_ends_it() {
        let (ended, ..) = sent(&["a", "large", "b"], 1).await;
        assert_eq!(ended.expect_err("too large").reason, reason::COMMAND_TOO_LARGE);
    }

    #[test]
    fn a_command_is_sent_again_only_if_that_cannot_apply_it_twice() {
        for again in [reason::BEHIND_FAILURE, reason::NOT_LEADER, reason::UNREACHABLE, reason::OVERLOADED] {
            assert_eq!(fate(again, WhenUnknown::Count), Fate::SendAgain, "{again}");
        }
        assert_eq!(fate(reason::OUTCOME_UNKNOWN, WhenUnknown::Count), Fate::Unknown);
        assert_eq!(fate(reason::OUTCOME_UNKNOWN, WhenUnknown::SendAgain), Fate::SendAgain);
        assert_eq!(fate(reason::GROUP_NOT_FOUND, WhenUnknown::SendAgain), Fate::Hopeless);
    }
}
