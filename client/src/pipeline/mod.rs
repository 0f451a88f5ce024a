//! Many commands to one group on their way at once.

mod run;
mod stream;
mod waiting;

use crate::{Client, ClientError, Submitted};
use bytes::Bytes;
use run::Run;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
};
use waiting::Waiting;

/// Submits commands to one group in order, without waiting for one before the next.
///
/// Commands are applied in the order in which they were given, and so are the answers. What was certainly not applied
/// (because the leader changed, or the node was overloaded) is submitted again in the same order, until the client's
/// deadline. A command that a plugin rejects or traps on is answered, and the pipeline goes on.
///
/// When a command fails for good, or its outcome is not known, the pipeline ends: what comes behind it is not submitted
/// any more and fails with `BEHIND_FAILURE`, except what was on its way already. Only a command that is wrong in itself
/// (too large) fails alone.
#[derive(Debug)]
pub struct Pipeline {
    commands: mpsc::UnboundedSender<Waiting>,
    room: Arc<Semaphore>,
    room_bytes: Arc<Semaphore>,
    room_bytes_max: u32,
    running: JoinHandle<()>,
}

/// A command of a pipeline on its way: a future of what becomes of it.
#[derive(Debug)]
#[must_use = "what becomes of the command is told here only"]
pub struct Submission {
    answer: oneshot::Receiver<Result<Submitted, ClientError>>,
}

impl Client {
    /// A pipeline of commands to a group (`tenant/name`). It connects with the first command.
    #[must_use]
    pub fn pipeline(&self, group: &str) -> Pipeline {
        let config = self.config();
        let (commands, waiting) = mpsc::unbounded_channel();
        let room_bytes_max = u32::try_from(config.pipeline_bytes_max).unwrap_or(u32::MAX).max(1);
        let bytes =
            usize::try_from(room_bytes_max).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        let commands_max = config.pipeline_commands_max.clamp(1, Semaphore::MAX_PERMITS);
        Pipeline {
            commands,
            room: Arc::new(Semaphore::new(commands_max)),
            room_bytes: Arc::new(Semaphore::new(bytes)),
            room_bytes_max,
            running: tokio::spawn(Run::new(self.clone(), group.to_owned(), waiting).run()),
        }
    }
}

impl Pipeline {
    /// Gives the next command, once there is room for it. The answer comes by the submission.
    ///
    /// # Errors
    /// When the pipeline has ended because a command before it failed. The command was not submitted.
    pub async fn submit(&mut self, command: impl Into<Bytes>) -> Result<Submission, ClientError> {
        let command = command.into();
        // A command that is larger than the whole waits until it is alone.
        let bytes = u32::try_from(command.len()).unwrap_or(u32::MAX).min(self.room_bytes_max);
        let ended = |_| ClientError::behind_failure();
        let room = self.room.clone().acquire_owned().await.map_err(ended)?;
        let room_bytes = self.room_bytes.clone().acquire_many_owned(bytes).await.map_err(ended)?;
        let (told, answer) = oneshot::channel();
        let waiting = Waiting::new(command, told, [room, room_bytes]);
        self.commands.send(waiting).map_err(|_| ClientError::behind_failure())?;
        Ok(Submission { answer })
    }

    /// Waits until every command is answered.
    pub async fn finish(self) {
        drop(self.commands);
        // It ends when all is answered; if it panicked, the submissions tell.
        let _ = self.running.await;
    }
}

impl Future for Submission {
    type Output = Result<Submitted, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer)
            .poll(context)
            .map(|told| told.unwrap_or_else(|_| Err(ClientError::lost("the pipeline's runtime has stopped"))))
    }
}
