//! The cluster that a command talks to.

use super::{arguments::ServerArguments, exit::Exit, failure::Failure};
use crate::config::PORT_DEFAULT;
use quorate_client::{Client, ClientConfig, ClientError, Node, reason};
use std::{env, time::Duration};
use tokio::time::timeout;

/// Where addresses come from when the command line names none.
pub(crate) const SERVER_VARIABLE: &str = "QUORATE_SERVER";

/// The addresses to go to: those of the command line, or of the environment, or of this machine.
fn addresses(named: &[String], variable: Option<&str>) -> Vec<String> {
    let split = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|address| !address.is_empty()).map(str::to_owned).collect()
    };
    let named: Vec<String> = named.iter().flat_map(|text| split(text)).collect();
    if !named.is_empty() {
        return named;
    }
    let of_variable = variable.map(split).unwrap_or_default();
    if of_variable.is_empty() { vec![format!("127.0.0.1:{PORT_DEFAULT}")] } else { of_variable }
}

/// A client of the cluster that the arguments name. Connects when it is first used.
pub(super) fn client(arguments: &ServerArguments, config: ClientConfig) -> Result<Client, Failure> {
    let variable = env::var(SERVER_VARIABLE).ok();
    let addresses = addresses(&arguments.server, variable.as_deref());
    // An upload takes longer than a call: its own default holds unless more is asked for.
    let upload_deadline = config.upload_deadline.max(arguments.timeout);
    let config = ClientConfig { deadline: arguments.timeout, upload_deadline, ..config };
    Client::lazy(addresses, config).map_err(|error| Failure::from(error).exit(Exit::Usage))
}

/// How long one node of several may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// The same for a node that another one misses: it is not waited for.
const ANSWER_TIMEOUT_OF_MISSED: Duration = Duration::from_millis(300);

/// What one node of several answers. One that is silent must not hold up what the others say.
pub(super) async fn answer<T>(
    node: &Node,
    call: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, Failure> {
    let patience = if node.reachable { ANSWER_TIMEOUT } else { ANSWER_TIMEOUT_OF_MISSED };
    match timeout(patience, call).await {
        Ok(answer) => answer.map_err(Failure::from),
        Err(_) => {
            let message = format!("the node at {} did not answer within {patience:?}", node.address);
            Err(Failure::new(reason::UNREACHABLE, message).cure("check that a node runs there"))
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = if error.outcome_unknown() { Exit::Unknown } else { Exit::Failed };
        let cure = match error.reason.as_str() {
            reason::UNREACHABLE => format!(
                "{}; --server or {SERVER_VARIABLE} name other nodes, and `quorate dev` starts one",
                error.cure
            ),
            reason::DEADLINE_EXCEEDED => format!("{} (--timeout)", error.cure),
            _ => error.cure.clone(),
        };
        let mut failure = Self::new(error.reason, error.message).exit(exit);
        if !error.cause.is_empty() {
            failure = failure.cause(error.cause);
        }
        if !cure.is_empty() {
            failure = failure.cure(cure);
        }
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn the_command_line_goes_before_the_environment_and_that_before_the_default() {
        assert_eq!(addresses(&texts(&["a:1"]), Some("b:1")), ["a:1"]);
        assert_eq!(addresses(&[], Some("b:1, c:1,")), ["b:1", "c:1"]);
        assert_eq!(addresses(&[], Some("")), ["127.0.0.1:7300"]);
        assert_eq!(addresses(&texts(&["a:1,b:1", "c:1"]), None), ["a:1", "b:1", "c:1"]);
        assert_eq!(addresses(&[], None), ["127.0.0.1:7300"]);
    }
}
