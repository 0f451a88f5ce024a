//! The gRPC API (`quorate.v1`): checks what comes in, asks the node, and tells errors one way.

mod commands;
mod convert;
mod deadline;
mod described;
mod error;
mod gate;
mod groups;
mod nodes;
mod plugins;
mod port;
mod serve;
mod submit_stream;
mod upload;
mod validate;
mod watch;

#[cfg(test)]
pub(crate) mod tests;

pub use error::ApiError;
pub use port::Node;
pub use serve::{ApiServer, ServeError, bind};

use std::time::Duration;

/// A chunk of an upload may not be larger.
pub const UPLOAD_CHUNK_BYTES_MAX: usize = 1024 * 1024;
/// No message may be larger: the largest command any group may allow, and room for what stands around it.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024 + 64 * 1024;
/// Items on a page when the caller does not say.
pub const PAGE_SIZE_DEFAULT: usize = 100;
/// Items on a page at most.
pub const PAGE_SIZE_MAX: usize = 1000;
/// Topics a watcher may name.
pub const WATCH_TOPICS_MAX: usize = 64;

/// What the API is told when it starts.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// How long a request may take when the caller does not say.
    pub request_timeout_default: Duration,
    /// How long a request may take at most.
    pub request_timeout_max: Duration,
    /// The largest plugin taken, in bytes.
    pub plugin_bytes_max: usize,
    /// Plugins being uploaded at a time; more are refused as overload.
    pub uploads_max: usize,
    /// Commands of one stream that may be in flight; the stream is read no further until one is answered.
    pub stream_in_flight_max: usize,
    /// Watches at a time; more are refused as overload.
    pub watchers_max: usize,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            request_timeout_default: Duration::from_secs(10),
            // Checking and compiling an interpreter takes a minute of a slow machine.
            request_timeout_max: Duration::from_secs(300),
            plugin_bytes_max: 64 * 1024 * 1024,
            uploads_max: 4,
            stream_in_flight_max: 1024,
            watchers_max: 1024,
        }
    }
}
