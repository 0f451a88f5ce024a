use std::time::Duration;

/// How patient a client is, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// How long a call may take, all its attempts together.
    pub deadline: Duration,
    /// How long an upload may take, all its attempts together.
    pub upload_deadline: Duration,
    /// No attempt is started with less time left than this: it could hardly succeed, and a command might be applied
    /// with nobody there to hear of it.
    pub attempt_time_min: Duration,
    /// How long connecting to a node may take.
    pub connect_timeout: Duration,
    /// The wait before a second attempt; doubled with every further one.
    pub backoff_min: Duration,
    /// The longest wait between attempts.
    pub backoff_max: Duration,
    /// The longest wait between attempts while a group's leader is looked for. An election is over after little more than
    /// an election timeout, and whoever waits longer than this between two looks may wait for nothing.
    pub leader_wait_max: Duration,
    /// How often a silent connection is probed.
    pub keep_alive_interval: Duration,
    /// How long a probe may stay unanswered before the connection counts as broken.
    pub keep_alive_timeout: Duration,
    /// The largest answer that is taken.
    pub answer_bytes_max: usize,
    /// How many commands of a pipeline may be without an answer.
    pub pipeline_commands_max: usize,
    /// How many bytes of commands of a pipeline may be without an answer. A larger command waits until it is alone.
    pub pipeline_bytes_max: usize,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            upload_deadline: Duration::from_secs(120),
            attempt_time_min: Duration::from_millis(50),
            connect_timeout: Duration::from_secs(2),
            backoff_min: Duration::from_millis(20),
            backoff_max: Duration::from_secs(1),
            leader_wait_max: Duration::from_millis(100),
            keep_alive_interval: Duration::from_secs(5),
            keep_alive_timeout: Duration::from_secs(5),
            answer_bytes_max: 64 * 1024 * 1024,
            pipeline_commands_max: 256,
            pipeline_bytes_max: 8 * 1024 * 1024,
        }
    }
}
