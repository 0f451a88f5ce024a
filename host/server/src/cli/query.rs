//! `quorate query`

use super::{
    arguments::{ConsistencyArgument, QueryArguments},
    exit::Exit,
    failure::Failure,
    lines::{self, LINE_BYTES_MAX},
    output::Output,
    report::Answer,
    server,
};
use bytes::Bytes;
use quorate_client::{ClientConfig, Consistency};

pub(super) async fn run(arguments: QueryArguments, output: Output) -> Result<Exit, Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let request = match (arguments.input.request, arguments.input.file) {
        (Some(request), _) => Bytes::from(request),
        (None, Some(file)) => lines::read_whole(&file, LINE_BYTES_MAX)?,
        (None, None) => Bytes::new(),
    };
    let consistency = match arguments.consistency {
        ConsistencyArgument::Linearizable => Consistency::Linearizable,
        ConsistencyArgument::Local => Consistency::Local,
    };
    let answer = Answer::of_query(client.query(&arguments.group.to_string(), request, consistency).await?);
    output.print_answer(&answer, arguments.raw)?;
    Ok(answer.exit())
}
