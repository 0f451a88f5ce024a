//! `serve` and `dev`: a node from its configuration to its end.

use super::{
    arguments::{DevArguments, ServeArguments},
    exit::Exit,
    failure::Failure,
    output::{Output, Report},
};
use crate::{
    api::{self, ApiConfig, ApiServer, ServeError},
    config::{Config, ConfigError},
    node::{NodeConfig, RunningNode, StartError},
};
use quorate_machine::EngineError;
use quorate_proto::reason;
use quorate_storage::StorageError;
use quorate_vocabulary::NodeId;
use serde::Serialize;
use std::{path::PathBuf, time::Duration};
use tokio::{
    io::AsyncRead,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// How long requests in flight may take to end when a `dev` node is told to stop.
const DEV_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// `quorate serve`
pub(super) async fn serve(arguments: &ServeArguments) -> Result<(), Failure> {
    let config = Config::load(&arguments.config)?;
    let stop = stop_on_signals()?;
    if arguments.stop_with_input {
        stop_with(tokio::io::stdin(), stop.clone());
    }
    run(config, stop, |_| Ok(())).await
}

/// `quorate dev`
pub(super) async fn dev(arguments: DevArguments, output: Output) -> Result<(), Failure> {
    let node = NodeId(1);
    let founders = vec![(node, arguments.listen.clone())];
    let config = Config {
        node: NodeConfig::new("dev", node, arguments.folder.clone(), founders),
        listen: arguments.listen,
        api: ApiConfig::default(),
        shutdown_timeout: DEV_SHUTDOWN_TIMEOUT,
    };
    run(config, stop_on_signals()?, |config| {
        output.print(&DevReport { address: config.node.address.clone(), folder: arguments.folder })
    })
    .await
}

/// Runs a node until it is told to stop. `ready` is called once it listens.
async fn run(
    config: Config,
    stop: CancellationToken,
    ready: impl FnOnce(&Config) -> Result<(), Failure>,
) -> Result<(), Failure> {
    // Before anything on disk is touched: this is what most often goes wrong.
    let listener = api::bind(&config.listen).await?;
    let node = RunningNode::start(config.node.clone()).await?;
    let server = ApiServer::new(node.handle(), config.node.cluster.clone(), config.api.clone())
        .add_service(node.peer_service());
    tracing::info!(
        cluster = %config.node.cluster,
        node = %config.node.node,
        listen = %config.listen,
        address = %config.node.address,
        folder = %config.node.data_folder.display(),
        "the node runs"
    );
    ready(&config)?;
    server.serve(listener, stop, config.shutdown_timeout, node.shut_down()).await?;
    tracing::info!("the node has stopped");
    Ok(())
}

/// Cancelled by the first SIGTERM or SIGINT. The second ends the process at once.
fn stop_on_signals() -> Result<CancellationToken, Failure> {
    let failed = |error| Failure::new(reason::INTERNAL, format!("signals cannot be waited for: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if cancelled.is_cancelled() {
                tracing::warn!("stopped at once by a second {name}");
                std::process::exit(i32::from(Exit::Failed.code()));
            }
            tracing::info!("stopping, because of {name}; once more stops at once");
            cancelled.cancel();
        }
    });
    Ok(stop)
}

/// Cancels when there is nothing more to read. What is read does not matter.
fn stop_with(mut input: impl AsyncRead + Unpin + Send + 'static, stop: CancellationToken) {
    tokio::spawn(async move {
        // An input that cannot be read is as good as ended.
        let _ = tokio::io::copy(&mut input, &mut tokio::io::sink()).await;
        tracing::info!("stopping, because standard input has ended");
        stop.cancel();
    });
}

/// What a person who started `dev` can do next.
#[derive(Debug, Serialize)]
struct DevReport {
    address: String,
    folder: PathBuf,
}

impl Report for DevReport {
    fn human(&self) -> String {
        let server = match self.address.as_str() {
            "127.0.0.1:7300" => String::new(),
            other => format!("export QUORATE_SERVER={other}\n  "),
        };
        format!(
            "A cluster of one node runs at {}. Its data is in {}. Ctrl-C stops it.\n\
             \n\
             In another terminal:\n  \
             {server}quorate plugin build plugins/counter --out counter.wasm\n  \
             quorate plugin upload demo/counter@1 counter.wasm\n  \
             quorate group create demo/first --plugin demo/counter@1\n  \
             quorate submit demo/first 'add 1'\n  \
             quorate query demo/first get",
            self.address,
            self.folder.display()
        )
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(reason::CONFIG_INVALID, error.to_string())
            .cure("correct the file; `quorate serve --help` shows every key")
            .exit(Exit::Usage)
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::new(error.reason(), error.to_string()).cure(error.cure())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Storage(error) => Self::new(folder_reason(&error), error.to_string()),
            StartError::Config { .. } | StartError::Address(_) => {
                Self::new(reason::CONFIG_INVALID, error.to_string()).exit(Exit::Usage)
            }
            StartError::Catalog { .. } => Self::new(reason::FOLDER_UNUSABLE, error.to_string()).cure(
                "put the folder back as it was when the node was stopped; if that cannot be, leave this node off: the groups \
                 go on while a majority of their replicas runs",
            ),
            StartError::Engine(error) => engine_failure(&error),
            StartError::Thread(_) => Self::new(reason::INTERNAL, error.to_string()),
        }
    }
}

fn engine_failure(error: &EngineError) -> Failure {
    match error {
        // What the configuration asks for is more than the machine gives; the error names the keys.
        EngineError::MapLimit { .. } | EngineError::Refused { .. } => {
            Failure::new(reason::CONFIG_INVALID, error.to_string()).exit(Exit::Usage)
        }
        EngineError::CodeCache { .. } => Failure::new(reason::FOLDER_UNUSABLE, error.to_string()),
    }
}

fn folder_reason(error: &StorageError) -> &'static str {
    match error {
        StorageError::InUse { .. } => reason::FOLDER_IN_USE,
        StorageError::OtherNode { .. } | StorageError::OtherCluster { .. } => reason::FOLDER_OF_OTHER_NODE,
        StorageError::OtherFormat { .. } => reason::FOLDER_OF_OTHER_VERSION,
        _ => reason::FOLDER_UNUSABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use tokio::io::AsyncWriteExt;

    #[test]
    fn dev_says_what_to_do_next() {
        let mut report = DevReport { address: "127.0.0.1:7300".to_owned(), folder: "data".into() };
        let text = report.human();
        for part in
            ["127.0.0.1:7300", "data", "quorate plugin build", "quorate group create", "quorate submit"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("QUORATE_SERVER"));
        report.address = "127.0.0.1:9000".to_owned();
        assert!(report.human().contains("export QUORATE_SERVER=127.0.0.1:9000\n"));
    }

    #[tokio::test]
    async fn the_end_of_the_input_stops_and_nothing_before_it() {
        let (mut other_end, input) = tokio::io::duplex(64);
        let stop = CancellationToken::new();
        stop_with(input, stop.clone());
        other_end.write_all(b"no end yet").await.expect("room");
        tokio::task::yield_now().await;
        assert!(!stop.is_cancelled());
        drop(other_end);
        stop.cancelled().await;
    }

    #[test]
    fn a_file_that_is_wrong_ends_with_the_exit_code_of_wrong_use() {
        let error = Config::parse("cluster = 1", Path::new("node.toml")).expect_err("not text");
        let failure = Failure::from(error);
        assert_eq!((failure.reason.as_str(), failure.exit), (reason::CONFIG_INVALID, Exit::Usage));
        assert!(failure.message.starts_with("node.toml:1:11: "), "{}", failure.message);
    }

    #[test]
    fn a_folder_of_another_node_has_a_reason_of_its_own() {
        let error = StorageError::OtherNode {
            path: "data".into(),
            cluster: "c".to_owned(),
            found: NodeId(1),
            expected: NodeId(2),
        };
        assert_eq!(folder_reason(&error), reason::FOLDER_OF_OTHER_NODE);
        let error = StorageError::OtherFormat { path: "data".into(), found: 2, supported: 1 };
        assert_eq!(folder_reason(&error), reason::FOLDER_OF_OTHER_VERSION);
        let error = StorageError::InUse { path: "data".into(), holder: None };
        assert_eq!(folder_reason(&error), reason::FOLDER_IN_USE);
    }
}
