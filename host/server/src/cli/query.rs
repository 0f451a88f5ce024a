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
use quorate_proto::reason;
use std::time::Duration;

pub(super) async fn run(arguments: QueryArguments, output: Output) -> Result<Exit, Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let request = match (arguments.input.request, arguments.input.file) {
        (Some(request), _) => Bytes::from(request),
        (None, Some(file)) => lines::read_whole(&file, LINE_BYTES_MAX)?,
        (None, None) => Bytes::new(),
    };
    let consistency = consistency(arguments.consistency, arguments.max_staleness)?;
    let answer = Answer::of_query(client.query(&arguments.group.to_string(), request, consistency).await?);
    output.print_answer(&answer, arguments.raw)?;
    Ok(answer.exit())
}

fn consistency(
    consistency: ConsistencyArgument,
    max_staleness: Option<Duration>,
) -> Result<Consistency, Failure> {
    match (consistency, max_staleness) {
        (ConsistencyArgument::Bounded, Some(max_staleness)) => Ok(Consistency::Bounded { max_staleness }),
        (ConsistencyArgument::Linearizable, None) => Ok(Consistency::Linearizable),
        (ConsistencyArgument::Lease, None) => Ok(Consistency::Lease),
        (ConsistencyArgument::Local, None) => Ok(Consistency::Local),
        _ => Err(Failure::new(
            reason::INVALID_ARGUMENT,
            "--max-staleness and --consistency bounded belong together".to_owned(),
        )),
    }
}
