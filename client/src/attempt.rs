use crate::{
    Client, ClientConfig, ClientError,
    failed::Failed,
    retry::{Next, Repeat, Route},
};
use quorate_proto::v1::{
    commands_client::CommandsClient, groups_client::GroupsClient, nodes_client::NodesClient,
    plugins_client::PluginsClient,
};
use std::time::Duration;
use tokio::time::Instant;
use tonic::{Request, Status, transport::Channel};

/// A command of a session whose answer does not come is submitted so often at least within a deadline.
const SESSION_ATTEMPTS_MIN: u32 = 4;

/// What a call is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// Whose leader or replicas answer; none where any node does.
    pub(crate) group: Option<&'a str>,
    /// Whether only the leader answers.
    pub(crate) leader_only: bool,
    pub(crate) repeat: Repeat,
    pub(crate) deadline: Duration,
}

/// One try at one node.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    channel: Channel,
    time_left: Duration,
    answer_bytes_max: usize,
}

impl Attempt {
    pub(crate) fn new(channel: Channel, time_left: Duration, config: &ClientConfig) -> Self {
        Self { channel, time_left, answer_bytes_max: config.answer_bytes_max }
    }

    /// A request that tells the node how much time is left.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.time_left);
        request
    }

    pub(crate) fn commands(&self) -> CommandsClient<Channel> {
        CommandsClient::new(self.channel.clone()).max_decoding_message_size(self.answer_bytes_max)
    }

    pub(crate) fn groups(&self) -> GroupsClient<Channel> {
        GroupsClient::new(self.channel.clone()).max_decoding_message_size(self.answer_bytes_max)
    }

    pub(crate) fn nodes(&self) -> NodesClient<Channel> {
        NodesClient::new(self.channel.clone()).max_decoding_message_size(self.answer_bytes_max)
    }

    pub(crate) fn plugins(&self) -> PluginsClient<Channel> {
        PluginsClient::new(self.channel.clone()).max_decoding_message_size(self.answer_bytes_max)
    }
}

impl Client {
    /// Tries until there is an answer, it is not safe to go on, or the time is over.
    pub(crate) async fn call<T, F: Future<Output = Result<T, Status>>>(
        &self,
        call: Call<'_>,
        run: impl Fn(Attempt) -> F,
    ) -> Result<T, ClientError> {
        let started = Instant::now();
        let time_left = || call.deadline.saturating_sub(started.elapsed());
        let mut route = Route::new(self, call.group, call.repeat);
        let mut last = None;
        let mut attempts = 0;
        loop {
            // The last error says more than that the time is over.
            if time_left() < self.config().attempt_time_min {
                let last = last.map(|last| route.out_of_time(last));
                let error = last.unwrap_or_else(|| ClientError::too_late(call.deadline));
                return Err(route.in_the_end(error).after_attempts(attempts, started.elapsed()));
            }
            attempts += 1;
            let address = route.address();
            let failed = match self.attempt(&address, call, time_left(), &run).await {
                Ok(answer) => {
                    route.succeeded(&address, call.leader_only);
                    return Ok(answer);
                }
                Err(failed) => failed,
            };
            let error = failed.clone().error();
            tracing::debug!(address, reason = error.reason, %error, "attempt failed");
            match route.after(&address, failed) {
                Next::GiveUp(error) => {
                    return Err(route.in_the_end(error).after_attempts(attempts, started.elapsed()));
                }
                Next::Retry(wait) => {
                    last = Some(error);
                    tokio::time::sleep(wait.min(time_left())).await;
                }
            }
        }
    }

    async fn attempt<T, F: Future<Output = Result<T, Status>>>(
        &self,
        address: &str,
        call: Call<'_>,
        time_left: Duration,
        run: impl Fn(Attempt) -> F,
    ) -> Result<T, Failed> {
        let started = Instant::now();
        // What is done once anyhow is asked of another node when one says nothing for long.
        let time_left = match call.repeat {
            Repeat::InSession { .. } => {
                let fair = call.deadline / SESSION_ATTEMPTS_MIN;
                time_left.min(fair.max(self.config().attempt_time_min))
            }
            Repeat::Once | Repeat::Harmless => time_left,
        };
        let channel =
            self.connections().to(address, self.config(), time_left).await.map_err(Failed::Unsent)?;
        let time_left = time_left.saturating_sub(started.elapsed());
        if time_left < self.config().attempt_time_min {
            return Err(Failed::Unsent(ClientError::too_late(call.deadline)));
        }
        match tokio::time::timeout(time_left, run(Attempt::new(channel, time_left, self.config()))).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(status)) => Err(Failed::of(address, &status)),
            Err(_) => Err(Failed::Lost(ClientError::too_late(call.deadline))),
        }
    }
}
