use super::waiting::{Queue, Waiting};
use crate::{Client, ClientError, Submitted, attempt::Attempt, failed::Failed, retry::Route};
use quorate_proto::v1::{SubmitStreamRequest, SubmitStreamResponse, submit_stream_response};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Streaming};

/// How a stream ended.
#[derive(Debug)]
pub(super) enum End {
    /// No more commands come, and all are answered.
    Done,
    /// What still waits was certainly not applied.
    Refused(Failed),
    /// Something may have been applied behind what failed; everything that was on its way is told.
    Broken,
}

/// One stream to one node.
pub(super) struct CommandStream<'a> {
    pub(super) client: &'a Client,
    pub(super) group: &'a str,
    pub(super) address: &'a str,
    pub(super) commands: &'a mut mpsc::UnboundedReceiver<Waiting>,
    /// What waits. All of it is on its way as soon as the stream is open.
    pub(super) queue: &'a mut Queue,
    pub(super) progress: &'a mut bool,
}

/// What comes out of a stream.
enum Came {
    Command(Option<Waiting>),
    Answer(SubmitStreamResponse),
    /// The stream's end: with what the node said, if it said something.
    End(Option<Failed>),
}

impl CommandStream<'_> {
    pub(super) async fn run(mut self, route: &Route<'_>) -> End {
        let (frames, outgoing) = mpsc::unbounded_channel();
        for (number, command) in self.queue.numbered() {
            // The receiver is still here.
            let _ = frames.send(self.frame(number, command.clone()));
        }
        let answers = match self.open(outgoing).await {
            Ok(answers) => answers,
            Err(Failed::Lost(error)) => {
                self.forget_node();
                self.queue.tell_all(&ClientError::lost(&error.message));
                return End::Broken;
            }
            Err(refused) => return End::Refused(refused),
        };
        self.exchange(frames, answers, route).await
    }

    fn frame(&self, sequence: u64, command: bytes::Bytes) -> SubmitStreamRequest {
        SubmitStreamRequest { group: self.group.to_owned(), sequence, command, ticket: None }
    }

    async fn open(
        &self,
        outgoing: mpsc::UnboundedReceiver<SubmitStreamRequest>,
    ) -> Result<Streaming<SubmitStreamResponse>, Failed> {
        let config = self.client.config();
        let connecting = self.client.connections().to(self.address, config, config.deadline);
        let channel = connecting.await.map_err(Failed::Unsent)?;
        let attempt = Attempt::new(channel, config.deadline, config);
        // Without a deadline of its own: the stream lives as long as commands come.
        let mut commands = attempt.commands();
        let opening = commands.submit_stream(UnboundedReceiverStream::new(outgoing));
        match tokio::time::timeout(config.deadline, opening).await {
            Ok(Ok(answers)) => Ok(answers.into_inner()),
            Ok(Err(status)) => Err(Failed::of(self.address, &status)),
            Err(_) => Err(Failed::Lost(ClientError::too_late(config.deadline))),
        }
    }

    async fn exchange(
        &mut self,
        frames: mpsc::UnboundedSender<SubmitStreamRequest>,
        mut answers: Streaming<SubmitStreamResponse>,
        route: &Route<'_>,
    ) -> End {
        let mut frames = Some(frames);
        // Once a command failed: what became of it and of those behind it.
        let mut failed: Vec<Result<Submitted, ClientError>> = Vec::new();
        loop {
            match self.next(&mut answers, frames.is_some()).await {
                Came::Command(Some(waiting)) => {
                    let command = waiting.command.clone();
                    let number = self.queue.push(waiting);
                    if let Some(frames) = &frames {
                        // A stream that is gone says so by its answers.
                        let _ = frames.send(self.frame(number, command));
                    }
                }
                // Half-closed: the node answers the rest and ends the stream.
                Came::Command(None) => frames = None,
                Came::Answer(answer) => {
                    let behind = u64::try_from(failed.len()).unwrap_or(u64::MAX);
                    if answer.sequence != self.queue.first() + behind || self.queue.is_empty() {
                        let error = ClientError::lost("the node answered commands out of order");
                        return self.broken(failed, &error);
                    }
                    let result = result_of(answer);
                    if failed.is_empty() && goes_on_behind(&result) {
                        if result.is_ok() {
                            *self.progress = true;
                            route.succeeded(self.address, true);
                        }
                        self.queue.tell_first(result);
                    } else {
                        failed.push(result);
                        frames = None;
                    }
                }
                Came::End(ended) => return self.ended(failed, ended),
            }
        }
    }

    async fn next(&mut self, answers: &mut Streaming<SubmitStreamResponse>, takes_commands: bool) -> Came {
        let waited = self.client.config().deadline;
        // What waits must move on; a stream on which nothing waits may stay silent.
        let stalled = async {
            if self.queue.is_empty() && takes_commands {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(waited).await;
        };
        tokio::select! {
            biased;
            answer = answers.message() => match answer {
                Ok(Some(answer)) => Came::Answer(answer),
                Ok(None) => Came::End(None),
                Err(status) => Came::End(Some(Failed::of(self.address, &status))),
            },
            command = self.commands.recv(), if takes_commands => Came::Command(command),
            () = stalled => Came::End(Some(Failed::Lost(ClientError::too_late(waited)))),
        }
    }

    fn ended(&mut self, failed: Vec<Result<Submitted, ClientError>>, ended: Option<Failed>) -> End {
        let told = u64::try_from(failed.len()).unwrap_or(u64::MAX);
        let unanswered = self.queue.numbered().count() > usize::try_from(told).unwrap_or(usize::MAX);
        // A node that says why it ends a stream has answered all that it handed on.
        let all_known =
            !unanswered || matches!(&ended, Some(Failed::Told(error)) if !error.outcome_unknown());
        let none_applied =
            failed.iter().all(|result| result.as_ref().is_err_and(|error| !error.outcome_unknown()));
        if !all_known || !none_applied {
            let how = ended.map_or_else(
                || "the node ended the stream before it answered".to_owned(),
                |ended| ended.error().message,
            );
            return self.broken(failed, &ClientError::lost(&how));
        }
        match (failed.into_iter().next(), ended) {
            (Some(Err(error)), _) => End::Refused(Failed::Told(error)),
            (_, Some(Failed::Told(error))) => End::Refused(Failed::Told(error)),
            // Nothing was on its way.
            (_, Some(Failed::Lost(error) | Failed::Unsent(error))) => End::Refused(Failed::Unsent(error)),
            (_, None) if self.commands.is_closed() && self.commands.is_empty() => End::Done,
            (_, None) => End::Refused(Failed::Unsent(ClientError::unreachable(
                self.address,
                "it ended the stream of commands",
            ))),
        }
    }

    /// Who begins a new pipeline looks for the leader anew. Before anybody is told: who is told may begin at once, and what
    /// goes into a connection that is dying has an unknown outcome as well.
    fn forget_node(&self) {
        self.client.connections().forget(self.address);
        self.client.leaders().forget(self.group, self.address);
    }

    /// Tells everything that was on its way: what became of it as far as that is known, and else this error.
    fn broken(&mut self, failed: Vec<Result<Submitted, ClientError>>, unknown: &ClientError) -> End {
        self.forget_node();
        for result in failed {
            self.queue.tell_first(result);
        }
        self.queue.tell_all(unknown);
        End::Broken
    }
}

fn result_of(answer: SubmitStreamResponse) -> Result<Submitted, ClientError> {
    match answer.result {
        Some(submit_stream_response::Result::Applied(applied)) => applied.try_into(),
        Some(submit_stream_response::Result::Failure(failure)) => Err(ClientError::of_command(failure)),
        None => Err(ClientError::lost("the node's answer says nothing that this version understands")),
    }
}

/// Whether a node goes on with the commands behind this one.
fn goes_on_behind(result: &Result<Submitted, ClientError>) -> bool {
    result.as_ref().err().is_none_or(|error| error.code == Code::InvalidArgument)
}
