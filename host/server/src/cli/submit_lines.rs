//! `quorate submit --lines`: many commands on their way at a time, in the order of the lines.

use super::{
    exit::Exit,
    failure::Failure,
    lines::{LINE_BYTES_MAX, Line, LineSource},
    output::{Output, Report, count, note},
    report::{Answer, AnswerKind, Summary},
};
use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use quorate_client::{Client, ClientError, Pipeline, Submission, Submitted, reason};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::atomic::Ordering,
    time::Instant,
};

/// Without --replies, so many answers that are no replies are told one by one.
const TOLD_MAX: u64 = 10;

/// A command that is on its way.
struct Sent {
    line: u64,
    command: Bytes,
    submission: Submission,
}

struct Lines<'a> {
    client: &'a Client,
    group: &'a str,
    source: LineSource,
    pipeline: Pipeline,
    /// The pipeline has ended; a new one is begun once all that was given to it is told.
    ended: bool,
    /// No more is sent.
    stopped: bool,
    /// The source has no more lines. Not the same as its channel being closed, which may still hold some.
    all_read: bool,
    /// Commands that the pipeline gave back unsent, by line, to be sent before all others.
    again: BTreeMap<u64, Bytes>,
    /// The line that is sent next.
    next: Option<(u64, Bytes)>,
    sent: VecDeque<Sent>,
    told: Told,
}

/// Sends every line that holds a command, and prints what became of them.
pub(super) async fn run(
    client: &Client,
    group: &str,
    source: LineSource,
    replies: bool,
    output: Output,
) -> Result<Exit, Failure> {
    let started = Instant::now();
    let mut told = send(client, group, source, replies, output).await?;
    told.bar.finish_and_clear();
    told.summary.took(started.elapsed());
    output.print(&told.summary)?;
    match told.stopped_by {
        // What the count says goes before: it may be worse.
        Some(failure) => Err(failure.exit(told.summary.exit().or_failed())),
        None => Ok(told.summary.exit()),
    }
}

async fn send(
    client: &Client,
    group: &str,
    source: LineSource,
    replies: bool,
    output: Output,
) -> Result<Told, Failure> {
    let told = Told {
        bar: bar(source.bytes_total),
        output,
        replies,
        summary: Summary::default(),
        others: 0,
        stopped_by: None,
    };
    let lines = Lines {
        pipeline: client.pipeline(group),
        client,
        group,
        source,
        ended: false,
        stopped: false,
        all_read: false,
        again: BTreeMap::new(),
        next: None,
        sent: VecDeque::new(),
        told,
    };
    lines.run().await
}

/// Nothing is drawn when standard error is no terminal.
fn bar(bytes_total: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes_total {
        Some(total) => (ProgressBar::new(total), "{bar:30} {percent:>3}%  {msg}  {elapsed}"),
        None => (ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed}"),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("the templates are constants"))
}

impl Lines<'_> {
    async fn run(mut self) -> Result<Told, Failure> {
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            if self.ended && self.sent.is_empty() && !self.stopped {
                // Its turn is behind those that were given back.
                self.again.extend(self.next.take());
                self.pipeline = self.client.pipeline(self.group);
                self.ended = false;
            }
            let may_send = !self.ended && !self.stopped;
            if self.next.is_none() && may_send {
                self.next = self.again.pop_first();
            }
            let reads = self.next.is_none() && may_send && !self.all_read;
            let sends = self.next.is_some() && may_send;
            if self.sent.is_empty() && !reads && !sends {
                return Ok(self.told);
            }
            tokio::select! {
                biased;
                result = first(&mut self.sent), if !self.sent.is_empty() => self.answered(result)?,
                _ = &mut interrupted, if !self.stopped => {
                    self.stop(Failure::new(reason::OUTCOME_UNKNOWN, "interrupted; what was on its way was waited for"));
                }
                line = self.source.lines.recv(), if reads => match line {
                    Some(Ok(line)) => self.read(line)?,
                    Some(Err(failure)) => self.stop(failure),
                    None => self.all_read = true,
                },
                submission = submit(&mut self.pipeline, self.next.as_ref()), if sends => {
                    self.given(submission);
                }
            }
        }
    }

    fn read(&mut self, line: Line) -> Result<(), Failure> {
        match line.command {
            Some(command) => {
                self.next = Some((line.number, command));
                Ok(())
            }
            None => {
                let failure = Failure::new(
                    reason::COMMAND_TOO_LARGE,
                    format!(
                        "the line has more than {LINE_BYTES_MAX} bytes, which is more than any node takes"
                    ),
                );
                self.told.tell(&Answer::of_failure(failure).at_line(line.number))
            }
        }
    }

    fn given(&mut self, submission: Result<Submission, ClientError>) {
        match submission {
            Ok(submission) => {
                if let Some((line, command)) = self.next.take() {
                    self.sent.push_back(Sent { line, command, submission });
                }
            }
            // It was not submitted, and stays the next.
            Err(_) => self.ended = true,
        }
    }

    fn answered(&mut self, result: Result<Submitted, ClientError>) -> Result<(), Failure> {
        let Some(sent) = self.sent.pop_front() else { return Ok(()) };
        let answer = match result {
            Ok(submitted) => Answer::of_command(submitted),
            Err(error) if error.reason == reason::BEHIND_FAILURE => {
                self.ended = true;
                self.again.insert(sent.line, sent.command);
                return Ok(());
            }
            Err(error) => {
                let goes_on = error.code == tonic::Code::InvalidArgument;
                let unknown = error.outcome_unknown();
                let failure = Failure::from(error);
                self.ended |= !goes_on;
                if !goes_on && !unknown {
                    // It was tried for as long as the caller allows: those behind it would fare no better.
                    let message = format!("stopped at line {}: {}", sent.line, failure.message);
                    let cure = format!(
                        "{}; then go on with line {}",
                        failure.cure.clone().unwrap_or_else(|| "mend it".to_owned()),
                        sent.line
                    );
                    self.stop(Failure { message, cure: Some(cure), ..failure.clone() });
                }
                Answer::of_failure(failure)
            }
        };
        let read = self.source.bytes_read.load(Ordering::Relaxed);
        self.told.progress(read);
        self.told.tell(&answer.at_line(sent.line))
    }

    /// Sends no more; what is on its way is waited for.
    fn stop(&mut self, failure: Failure) {
        self.stopped = true;
        self.source.lines.close();
        self.told.stopped_by.get_or_insert(failure);
    }
}

async fn first(sent: &mut VecDeque<Sent>) -> Result<Submitted, ClientError> {
    match sent.front_mut() {
        Some(sent) => (&mut sent.submission).await,
        None => std::future::pending().await,
    }
}

/// Dropped before it is done, it has submitted nothing.
async fn submit(pipeline: &mut Pipeline, next: Option<&(u64, Bytes)>) -> Result<Submission, ClientError> {
    match next {
        Some((_, command)) => pipeline.submit(command.clone()).await,
        None => std::future::pending().await,
    }
}

/// What is told of the answers, and counted.
struct Told {
    bar: ProgressBar,
    output: Output,
    replies: bool,
    summary: Summary,
    others: u64,
    stopped_by: Option<Failure>,
}

impl Told {
    fn tell(&mut self, answer: &Answer) -> Result<(), Failure> {
        self.summary.count(answer);
        if self.replies {
            return self.bar.suspend(|| self.output.print(answer));
        }
        if matches!(answer.kind, AnswerKind::Reply { .. }) {
            return Ok(());
        }
        self.others += 1;
        if self.output.is_json() || self.others > TOLD_MAX + 1 {
            return Ok(());
        }
        self.bar.suspend(|| {
            if self.others <= TOLD_MAX {
                note(&format!("line {}", answer.human()));
            } else {
                note("more like these are only counted; --replies prints every answer");
            }
        });
        Ok(())
    }

    fn progress(&self, bytes_read: u64) {
        if self.bar.is_hidden() {
            return;
        }
        let summary = &self.summary;
        let bad = summary.trapped + summary.failures + summary.unknown;
        self.bar.set_position(bytes_read);
        self.bar.set_message(format!(
            "{}, {}, {bad} failed",
            count(summary.replies, "reply", "replies"),
            count(summary.rejections, "rejection", "rejections")
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{ApiConfig, ApiServer, bind, tests::fake::FakeNode},
        cli::{arguments::OutputFormat, lines},
    };
    use quorate_client::ClientConfig;
    use std::{io::Write, time::Duration};
    use tokio_util::sync::CancellationToken;

    /// Sends the lines to a node that stands in; returns what was told, and what the node was given in order.
    async fn sent(text: &str) -> (Told, Vec<String>) {
        let node = FakeNode::new();
        let server = ApiServer::new(node.clone(), "test".to_owned(), ApiConfig::default());
        let listener = bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let (stop, timeout) = (CancellationToken::new(), Duration::from_secs(60));
        tokio::spawn(server.serve(listener, stop, timeout, std::future::ready(())));
        let config = ClientConfig {
            pipeline_commands_max: 4,
            deadline: Duration::from_millis(500),
            ..ClientConfig::default()
        };
        let client = Client::lazy([address], config).expect("an address");
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(text.as_bytes()).expect("room");
        let source = lines::open(file.path()).expect("it is there");
        let output = Output::new(OutputFormat::Json);
        let told = send(&client, "acme/there", source, false, output).await.expect("it can be told");
        let given =
            node.handed_on().iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
        (told, given)
    }

    #[tokio::test]
    async fn every_line_is_sent_in_order_and_counted() {
        let lines: Vec<String> = (1..=3000).map(|number| format!("put {number}")).collect();
        let (told, given) = sent(&lines.join("\n")).await;
        assert_eq!(given, lines);
        assert_eq!((told.summary.commands, told.summary.replies), (3000, 3000));
        assert_eq!(told.stopped_by, None);
    }

    #[tokio::test]
    async fn behind_a_command_of_unknown_outcome_the_others_are_sent_in_order() {
        let (told, given) = sent("a\nlost\nb\nc\nd\ne\nf\n").await;
        assert_eq!(told.summary.unknown, 1);
        assert_eq!((told.summary.replies, told.summary.commands), (6, 7));
        assert_eq!(told.summary.exit(), Exit::Unknown);
        assert_eq!(given, ["a", "lost", "b", "c", "d", "e", "f"]);
    }

    #[tokio::test]
    async fn a_command_that_is_wrong_itself_is_a_failure_and_nothing_else_stops() {
        let (told, given) = sent("a\nlarge\nb\n").await;
        assert_eq!((told.summary.replies, told.summary.failures), (2, 1));
        assert_eq!(told.summary.exit(), Exit::Failed);
        assert_eq!(given, ["a", "b"]);
    }

    #[tokio::test]
    async fn a_command_that_fails_for_as_long_as_is_allowed_stops_at_its_line() {
        let (told, given) = sent("a\n\nfull\nb\nc\n").await;
        let failure = told.stopped_by.expect("stopped");
        assert_eq!(failure.reason, reason::OVERLOADED);
        assert!(failure.message.starts_with("stopped at line 3: "), "{}", failure.message);
        assert!(failure.cure.expect("a cure").ends_with("go on with line 3"));
        assert_eq!((told.summary.replies, told.summary.failures), (1, 1));
        assert_eq!(given, ["a"]);
    }
}
