use crate::cli::failure::Failure;
use quorate_proto::reason;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end the demo.
pub(super) struct Interruption {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Interruption {
    /// Hears all that come from now on.
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(reason::INTERNAL, format!("signals cannot be waited for: {error}"))
            })
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for one of them.
    pub(super) async fn came(&mut self) -> Failure {
        let name = tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hang_up.recv() => "SIGHUP",
        };
        Failure::new(reason::INTERRUPTED, format!("interrupted by {name}; all nodes of the demo are ended"))
            .cure("start it again")
    }
}
