use super::{
    stream::{CommandStream, End},
    waiting::{Queue, Waiting},
};
use crate::{
    Client, ClientError,
    retry::{Next, Repeat, Route},
};
use tokio::{sync::mpsc, time::Instant};

/// Keeps a pipeline's stream open, and opens it again where that is safe.
pub(super) struct Run {
    client: Client,
    group: String,
    commands: mpsc::UnboundedReceiver<Waiting>,
    queue: Queue,
}

impl Run {
    pub(super) fn new(client: Client, group: String, commands: mpsc::UnboundedReceiver<Waiting>) -> Self {
        Self { client, group, commands, queue: Queue::default() }
    }

    pub(super) async fn run(mut self) {
        if let Err(error) = self.streams().await {
            self.queue.tell_first(Err(error));
        }
        // Only after an end that is not the pipeline's own is anything left.
        self.commands.close();
        let behind = ClientError::behind_failure();
        self.queue.tell_all(&behind);
        while let Some(waiting) = self.commands.recv().await {
            waiting.tell(Err(behind.clone()));
        }
    }

    /// Opens streams until all is done or one of them broke; an error is the first command's.
    async fn streams(&mut self) -> Result<(), ClientError> {
        let (client, group) = (self.client.clone(), self.group.clone());
        let deadline = client.config().deadline;
        let mut route = Route::new(&client, Some(&group), Repeat::Once);
        // Since when commands wait without having come further, and how often that was tried.
        let mut since = Instant::now();
        let mut attempts = 0;
        loop {
            if self.queue.is_empty() {
                let Some(waiting) = self.commands.recv().await else { return Ok(()) };
                self.queue.push(waiting);
                since = Instant::now();
                attempts = 0;
            }
            attempts += 1;
            let address = route.address();
            let mut progress = false;
            let stream = CommandStream {
                client: &client,
                group: &group,
                address: &address,
                commands: &mut self.commands,
                queue: &mut self.queue,
                progress: &mut progress,
            };
            let end = stream.run(&route).await;
            if progress {
                route.came_further();
                since = Instant::now();
                attempts = 1;
            }
            let failed = match end {
                End::Done | End::Broken => return Ok(()),
                End::Refused(failed) => failed,
            };
            let error = failed.clone().error();
            tracing::debug!(address, reason = error.reason, %error, "pipeline is opened again");
            let give_up = |error: ClientError| Err(error.after_attempts(attempts, since.elapsed()));
            match route.after(&address, failed) {
                Next::GiveUp(error) => return give_up(error),
                Next::Retry(wait) => {
                    let left = deadline.saturating_sub(since.elapsed());
                    if !self.queue.is_empty() && left < client.config().attempt_time_min + wait {
                        return give_up(route.out_of_time(error));
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }
}
