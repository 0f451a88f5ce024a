//! `quorate submit`

use super::{
    arguments::SubmitArguments,
    exit::Exit,
    failure::Failure,
    lines::{self, LINE_BYTES_MAX},
    output::Output,
    report::Answer,
    server, submit_lines,
};
use bytes::Bytes;
use quorate_client::{Client, ClientConfig, ClientError, Submitted};
use std::time::Duration;

/// The shortest and the longest time-out of the session of one command. It lasts twice as long as there is time for the command.
const SESSION_TIMEOUTS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(3_600)];

pub(super) async fn run(arguments: SubmitArguments, output: Output) -> Result<Exit, Failure> {
    let in_flight = usize::try_from(arguments.in_flight).unwrap_or(usize::MAX);
    let config = ClientConfig { pipeline_commands_max: in_flight, ..ClientConfig::default() };
    let client = server::client(&arguments.server, config)?;
    let group = arguments.group.to_string();
    if let Some(path) = &arguments.input.lines {
        return submit_lines::run(&client, &group, lines::open(path)?, arguments.replies, output).await;
    }
    let command = match (arguments.input.command, arguments.input.file) {
        (Some(command), _) => Bytes::from(command),
        (None, Some(file)) => lines::read_whole(&file, LINE_BYTES_MAX)?,
        (None, None) => Bytes::new(),
    };
    let submitted = if arguments.once {
        submit_once(&client, &group, command).await?
    } else {
        client.submit(&group, command).await?
    };
    let answer = Answer::of_command(submitted);
    output.print_answer(&answer, arguments.raw)?;
    Ok(answer.exit())
}

/// Submits a command in a session that is there for it alone.
async fn submit_once(client: &Client, group: &str, command: Bytes) -> Result<Submitted, ClientError> {
    let [shortest, longest] = SESSION_TIMEOUTS;
    let timeout = client.config().deadline.saturating_mul(2).clamp(shortest, longest);
    let session = client.open_session(group, timeout).await?;
    let submitted = session.submit(command).await;
    // One that is not closed ends by itself; and after an unknown outcome there is nobody to ask.
    if submitted.as_ref().is_ok()
        && let Err(error) = session.close().await
    {
        tracing::debug!(%error, "the session is left to expire");
    }
    submitted
}
