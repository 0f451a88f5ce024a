use crate::{ClientConfig, ClientError, error::innermost};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tonic::transport::{Channel, Endpoint, Uri};

/// One channel to each node, opened when first needed.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    channels: Mutex<HashMap<String, Channel>>,
}

impl Connections {
    fn channels(&self) -> MutexGuard<'_, HashMap<String, Channel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A channel that is or was connected.
    pub(crate) async fn to(
        &self,
        address: &str,
        config: &ClientConfig,
        time_left: Duration,
    ) -> Result<Channel, ClientError> {
        if let Some(channel) = self.channels().get(address) {
            return Ok(channel.clone());
        }
        let timeout = config.connect_timeout.min(time_left);
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| ClientError::unreachable(address, &innermost(&error)))?
            .connect_timeout(config.connect_timeout)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(config.keep_alive_interval)
            .keep_alive_timeout(config.keep_alive_timeout)
            .keep_alive_while_idle(true);
        match tokio::time::timeout(timeout, endpoint.connect()).await {
            Ok(Ok(channel)) => {
                self.channels().insert(address.to_owned(), channel.clone());
                Ok(channel)
            }
            Ok(Err(error)) => Err(ClientError::unreachable(address, &innermost(&error))),
            Err(_) => Err(ClientError::unreachable(address, &format!("no answer within {timeout:?}"))),
        }
    }

    /// The next call connects anew.
    pub(crate) fn forget(&self, address: &str) {
        self.channels().remove(address);
    }
}

/// `host:port` without a scheme, as nodes tell each other's addresses.
pub(crate) fn normal(address: &str) -> Result<String, ClientError> {
    let bare = address.strip_prefix("http://").unwrap_or(address).trim_end_matches('/');
    let shown: String = address.chars().take(200).collect();
    let refuse = |why: &str| {
        ClientError::invalid(format!("{shown:?} is not the address of a node ({why}): give HOST:PORT"))
    };
    let uri: Uri = format!("http://{bare}").parse().map_err(|_| refuse("it cannot be read"))?;
    if uri.authority().is_none_or(|authority| authority.as_str() != bare) {
        return Err(refuse("it is more than a host and a port"));
    }
    if uri.host().is_none_or(str::is_empty) || uri.port_u16().is_none_or(|port| port == 0) {
        return Err(refuse("it needs a host and a port"));
    }
    Ok(bare.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_with_and_without_a_scheme() {
        for address in ["10.0.0.7:7400", "http://10.0.0.7:7400", "http://10.0.0.7:7400/"] {
            assert_eq!(normal(address), Ok("10.0.0.7:7400".to_owned()));
        }
        assert_eq!(normal("[::1]:7400"), Ok("[::1]:7400".to_owned()));
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_hint() {
        for address in ["", "host", "host:0", ":1", "host:99999", "https://host:1", "host:1/path", "a b:1"] {
            let error = normal(address).expect_err(address);
            assert!(error.message.contains("HOST:PORT"), "{error}");
        }
    }
}
