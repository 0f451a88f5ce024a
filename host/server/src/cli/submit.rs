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
use quorate_client::ClientConfig;

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
    let answer = Answer::of_command(client.submit(&group, command).await?);
    output.print_answer(&answer, arguments.raw)?;
    Ok(answer.exit())
}
