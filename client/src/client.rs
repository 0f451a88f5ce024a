use crate::{
    ClientConfig, ClientError,
    connections::{Connections, normal},
    leaders::Leaders,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Speaks to a cluster. Clones share connections and what is known of leaders.
#[derive(Clone, Debug)]
pub struct Client {
    /// At least one.
    addresses: Arc<[String]>,
    config: Arc<ClientConfig>,
    connections: Arc<Connections>,
    leaders: Arc<Leaders>,
    /// The address that calls begin with.
    turn: Arc<AtomicUsize>,
}

impl Client {
    /// A client of the cluster whose nodes are at these addresses (`host:port`); some of them are enough. Succeeds
    /// once one of them can be reached.
    ///
    /// # Errors
    /// When an address is none, or no node can be reached.
    pub async fn connect(addresses: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ClientError> {
        Self::connect_with(addresses, ClientConfig::default()).await
    }

    /// Like [`Client::connect`], with limits and times of one's own.
    ///
    /// # Errors
    /// When an address is none, or no node can be reached.
    pub async fn connect_with(
        addresses: impl IntoIterator<Item = impl AsRef<str>>,
        config: ClientConfig,
    ) -> Result<Self, ClientError> {
        let client = Self::lazy(addresses, config)?;
        let mut last = None;
        for (turn, address) in client.addresses().iter().enumerate() {
            match client.connections().to(address, client.config(), client.config().connect_timeout).await {
                Ok(_) => {
                    client.begin_at(turn);
                    return Ok(client);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| ClientError::invalid("no address of a node is given")))
    }

    /// A client that connects when it is first used.
    ///
    /// # Errors
    /// When an address is none, or there is none.
    pub fn lazy(
        addresses: impl IntoIterator<Item = impl AsRef<str>>,
        config: ClientConfig,
    ) -> Result<Self, ClientError> {
        let mut known: Vec<String> = Vec::new();
        for address in addresses {
            let address = normal(address.as_ref())?;
            if !known.contains(&address) {
                known.push(address);
            }
        }
        if known.is_empty() {
            return Err(ClientError::invalid("no address of a node is given"));
        }
        Ok(Self {
            addresses: known.into(),
            config: Arc::new(config),
            connections: Arc::default(),
            leaders: Arc::default(),
            turn: Arc::default(),
        })
    }

    /// The same client, whose calls may take this long.
    #[must_use]
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        let config = ClientConfig::clone(&self.config);
        self.with_config(ClientConfig { deadline, upload_deadline: deadline, ..config })
    }

    /// The same client with other limits and times. Connections that are open stay as they are.
    #[must_use]
    pub fn with_config(&self, config: ClientConfig) -> Self {
        Self { config: Arc::new(config), ..self.clone() }
    }

    /// The same client, asking this node only.
    pub(crate) fn only(&self, address: &str) -> Self {
        Self { addresses: [address.to_owned()].into(), turn: Arc::default(), ..self.clone() }
    }

    /// The addresses that it was given.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Its limits and times.
    #[must_use]
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    pub(crate) fn leaders(&self) -> &Leaders {
        &self.leaders
    }

    /// Where the next call that may go anywhere begins.
    pub(crate) fn first_turn(&self) -> usize {
        self.turn.load(Ordering::Relaxed)
    }

    /// The address of this turn answers; others may not.
    pub(crate) fn begin_at(&self, turn: usize) {
        self.turn.store(turn, Ordering::Relaxed);
    }
}
