//! Opens connections. Every lane and every transfer has its own, since streams that share one also share its flow
//! control, and would wait for each other.

use crate::{AddressError, CallError, PeersConfig, hello::refusal_in};
use quorate_proto::peer::v1::peer_client::PeerClient;
use quorate_vocabulary::NodeId;
use std::error::Error;
use tonic::{
    Status,
    transport::{Channel, Endpoint, Uri},
};

pub(crate) type Client = PeerClient<Channel>;

pub(crate) fn check_address(address: &str) -> Result<(), AddressError> {
    let refuse = |cause: String| AddressError { address: address.chars().take(200).collect(), cause };
    let uri: Uri = format!("http://{address}").parse().map_err(|error| refuse(format!("{error}")))?;
    if uri.authority().is_none_or(|authority| authority.as_str() != address) {
        return Err(refuse("it is more than a host and a port".to_owned()));
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(refuse("it has no host".to_owned()));
    }
    if uri.port_u16().is_none_or(|port| port == 0) {
        return Err(refuse("it has no port".to_owned()));
    }
    Ok(())
}

/// A node and where it was last known to be.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) node: NodeId,
    pub(crate) address: String,
}

impl Target {
    pub(crate) async fn connect(&self, config: &PeersConfig) -> Result<Client, CallError> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address))
            .map_err(|error| self.unreachable(&error))?
            .connect_timeout(config.connect_timeout)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(config.keep_alive_interval)
            .keep_alive_timeout(config.keep_alive_timeout)
            .keep_alive_while_idle(true);
        let channel = match tokio::time::timeout(config.connect_timeout, endpoint.connect()).await {
            Ok(connected) => connected.map_err(|error| self.unreachable(&error))?,
            Err(_) => return Err(self.unreachable_because("it does not answer".to_owned())),
        };
        let frame_bytes_max = config.frame_bytes_max();
        Ok(PeerClient::new(channel)
            .max_decoding_message_size(frame_bytes_max)
            .max_encoding_message_size(frame_bytes_max))
    }

    pub(crate) fn unreachable(&self, error: &dyn Error) -> CallError {
        self.unreachable_because(innermost(error))
    }

    pub(crate) fn unreachable_because(&self, cause: String) -> CallError {
        CallError::Connect { node: self.node, address: self.address.clone(), cause }
    }

    /// What a status means that ended a call to this node.
    pub(crate) fn ended(&self, status: &Status) -> CallError {
        match refusal_in(status) {
            Some(refused) => CallError::Refused { node: self.node, address: self.address.clone(), refused },
            None => self.broken(describe(status)),
        }
    }

    pub(crate) fn broken(&self, cause: impl Into<String>) -> CallError {
        CallError::Broken { node: self.node, cause: cause.into() }
    }
}

/// What a status says, with the cause that tonic keeps beside it.
pub(crate) fn describe(status: &Status) -> String {
    match status.source() {
        Some(source) => format!("{}: {}", status.message(), innermost(source)),
        None => status.message().to_owned(),
    }
}

/// The error that says what really happened: those of tonic and hyper only say where.
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_addresses_with_a_port_are_taken() {
        for address in ["10.0.0.7:7400", "[::1]:7400", "node-1.example:1", "localhost:65535"] {
            check_address(address).expect(address);
        }
    }

    #[test]
    fn anything_else_is_refused_with_a_hint() {
        for address in
            ["", ":7400", "host", "host:", "host:0", "host:70000", "http://host:1", "host:1/path", "a b:1"]
        {
            let error = check_address(address).expect_err(address);
            assert!(error.to_string().contains("HOST:PORT"), "{error}");
        }
    }
}
