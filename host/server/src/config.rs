//! The configuration file of `quorate serve`: TOML, every key checked, every error pointing at its line.

mod error;
mod file;
#[cfg(test)]
mod tests;
mod timeouts;

pub use error::{ConfigError, Place};

use crate::{api::ApiConfig, node::NodeConfig};
use file::{ConfigFile, LimitsSection, NodeEntry, ReplicasSection, SnapshotsSection};
use quorate_storage::SNAPSHOTS_KEPT_MIN;
use quorate_vocabulary::{GroupName, NodeId};
use std::{
    collections::BTreeMap,
    fmt::Display,
    fs,
    net::ToSocketAddrs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};
use toml::Spanned;

/// A configuration file may not be larger.
pub const CONFIG_BYTES_MAX: u64 = 1024 * 1024;
/// How many nodes may found a cluster: all of them vote in the catalog.
pub const FOUNDING_NODES_MAX: usize = 7;
/// The longest time between snapshots that are taken because time has passed: thirty days.
const INTERVAL_MS_MAX: u64 = 30 * 24 * 3_600_000;
/// The port nodes listen on when nothing else is said.
pub const PORT_DEFAULT: u16 = 7300;

/// Everything `quorate serve` is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the node is told.
    pub node: NodeConfig,
    /// Where it listens, as `host:port`.
    pub listen: String,
    /// What its API is told.
    pub api: ApiConfig,
    /// How long requests in flight may take to end once the node is told to stop.
    pub shutdown_timeout: Duration,
}

impl Config {
    /// Reads a file. A relative `folder` in it is meant from where the file is.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML, has a key that is not known or a value that cannot be.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |why: String| ConfigError::Unreadable { path: path.to_owned(), why };
        let size = fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if size > CONFIG_BYTES_MAX {
            return Err(unreadable(format!("it has {size} bytes, and may have {CONFIG_BYTES_MAX}")));
        }
        let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        Self::parse(&text, path)
    }

    /// Reads the text of a file; `path` is named in errors, and its folder is where a relative `folder` begins.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let source = Source { text, path };
        let file: ConfigFile = toml::from_str(text).map_err(|error| {
            source.error(error.span().unwrap_or(text.len()..text.len()), error.message().to_owned())
        })?;
        source.config(file)
    }
}

/// A file's text, for errors that point into it.
struct Source<'a> {
    text: &'a str,
    path: &'a Path,
}

fn own_address_of(founders: &BTreeMap<NodeId, String>, own: NodeId) -> String {
    founders.get(&own).cloned().unwrap_or_default()
}

impl Source<'_> {
    fn error(&self, span: std::ops::Range<usize>, why: String) -> ConfigError {
        ConfigError::At { path: self.path.to_owned(), place: Place::of(self.text, span), why }
    }

    fn refuse<T>(&self, value: &Spanned<T>, why: impl Into<String>) -> ConfigError {
        self.error(value.span(), why.into())
    }

    fn within<T: PartialOrd + Display + Copy>(
        &self,
        key: &str,
        value: Option<Spanned<T>>,
        range: RangeInclusive<T>,
        default: T,
    ) -> Result<T, ConfigError> {
        let Some(value) = value else { return Ok(default) };
        let number = *value.get_ref();
        if range.contains(&number) {
            return Ok(number);
        }
        let why = format!("{key} is {number}, and must be {} to {}", range.start(), range.end());
        Err(self.refuse(&value, why))
    }

    fn milliseconds(
        &self,
        key: &str,
        value: Option<Spanned<u64>>,
        range: RangeInclusive<u64>,
        default: Duration,
    ) -> Result<Duration, ConfigError> {
        let default = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
        self.within(key, value, range, default).map(Duration::from_millis)
    }

    fn config(&self, file: ConfigFile) -> Result<Config, ConfigError> {
        let cluster = self.cluster(&file.cluster)?;
        let own = NodeId(self.within("node", Some(file.node.clone()), 1..=u64::MAX, 1)?);
        let mut founders = self.founders(&file.nodes)?;
        let advertised = match &file.advertise {
            Some(advertise) => Some(self.reachable("advertise", advertise)?),
            None => None,
        };
        let Some(own_address) = founders.get(&own).or(advertised.as_ref()).cloned() else {
            let why = format!(
                "node {own} is not among [[nodes]]: add an entry with id = {own} if it founds the cluster, or `advertise` if it joins it"
            );
            return Err(self.refuse(&file.node, why));
        };
        if let (false, Some((other, _))) =
            (founders.contains_key(&own), founders.iter().find(|(_, known)| **known == own_address))
        {
            let why = format!("advertise {own_address:?} is the address of node {other}");
            return Err(self.refuse(&file.node, why));
        }
        let listen = match &file.listen {
            Some(listen) => self.address("listen", listen)?,
            None => own_address,
        };
        let address = advertised.unwrap_or_else(|| own_address_of(&founders, own));
        if let Some(founder) = founders.get_mut(&own) {
            founder.clone_from(&address);
        }
        let folder = self.folder(&file.folder)?;
        let mut node = NodeConfig::new(&cluster, own, folder, founders.into_iter().collect());
        node.address = address;
        let mut api = ApiConfig::default();
        let shutdown_timeout = self.timeouts(file.timeouts, &mut node, &mut api)?;
        self.limits(file.limits, &mut node, &mut api)?;
        self.snapshots(file.snapshots, &mut node)?;
        self.replicas(file.replicas, &mut node)?;
        Ok(Config { node, listen, api, shutdown_timeout })
    }

    fn cluster(&self, cluster: &Spanned<String>) -> Result<String, ConfigError> {
        let name = cluster.get_ref();
        // The rules of one part of a name.
        match format!("{name}/x").parse::<GroupName>() {
            Ok(_) => Ok(name.clone()),
            Err(error) => Err(self.refuse(cluster, format!("cluster: {error}"))),
        }
    }

    fn folder(&self, folder: &Spanned<PathBuf>) -> Result<PathBuf, ConfigError> {
        if folder.get_ref().as_os_str().is_empty() {
            return Err(
                self.refuse(folder, "folder is empty: name the folder where this node keeps its data")
            );
        }
        Ok(self.path.parent().unwrap_or(Path::new("")).join(folder.get_ref()))
    }

    fn founders(&self, nodes: &Spanned<Vec<NodeEntry>>) -> Result<BTreeMap<NodeId, String>, ConfigError> {
        let entries = nodes.get_ref();
        if entries.is_empty() || entries.len() > FOUNDING_NODES_MAX {
            let why = format!("there are {} [[nodes]], and must be 1 to {FOUNDING_NODES_MAX}", entries.len());
            return Err(self.refuse(nodes, why));
        }
        let mut founders = BTreeMap::new();
        for entry in entries {
            let id = NodeId(self.within("id", Some(entry.id.clone()), 1..=u64::MAX, 1)?);
            let address = self.reachable("address", &entry.address)?;
            if let Some((other, _)) = founders.iter().find(|(_, known)| **known == address) {
                let why = format!("{address} is the address of node {other} already");
                return Err(self.refuse(&entry.address, why));
            }
            if founders.insert(id, address).is_some() {
                return Err(
                    self.refuse(&entry.id, format!("id {id} is used by another of [[nodes]] already"))
                );
            }
        }
        Ok(founders)
    }

    /// `host:port`, without asking a name server.
    fn address(&self, key: &str, address: &Spanned<String>) -> Result<String, ConfigError> {
        let text = address.get_ref();
        let fits = text.rsplit_once(':').is_some_and(|(host, port)| {
            let host_fits = match host.strip_prefix('[') {
                Some(rest) => rest.ends_with(']') && (text.as_str(), 0).to_socket_addrs().is_err(),
                None => !host.contains(':'),
            };
            !host.is_empty()
                && host_fits
                && !text.contains(|character: char| character.is_whitespace() || character == '/')
                && port.parse::<u16>().is_ok()
        });
        if fits {
            return Ok(text.clone());
        }
        let why = format!("{key} {text:?} is not of the form host:port, such as 127.0.0.1:{PORT_DEFAULT}");
        Err(self.refuse(address, why))
    }

    /// An address that others use: neither port 0 nor "all addresses" can be connected to.
    fn reachable(&self, key: &str, address: &Spanned<String>) -> Result<String, ConfigError> {
        let text = self.address(key, address)?;
        if text.ends_with(":0") || text.starts_with("0.0.0.0:") || text.starts_with("[::]:") {
            let why =
                format!("{key} {text:?} cannot be connected to by others: name this node's own address");
            return Err(self.refuse(address, why));
        }
        Ok(text)
    }

    fn limits(
        &self,
        section: LimitsSection,
        node: &mut NodeConfig,
        api: &mut ApiConfig,
    ) -> Result<(), ConfigError> {
        const MIB: usize = 1024 * 1024;
        node.plugin_bytes_max = self.within(
            "plugin_bytes_max",
            section.plugin_bytes_max,
            1024..=256 * MIB,
            node.plugin_bytes_max,
        )?;
        api.plugin_bytes_max = node.plugin_bytes_max;
        node.apply_threads =
            self.within("apply_threads", section.apply_threads, 1..=256, node.apply_threads)?;
        node.observer_threads =
            self.within("observer_threads", section.observer_threads, 1..=256, node.observer_threads)?;
        node.shard_inbox_max =
            self.within("shard_inbox_max", section.shard_inbox_max, 16..=1_000_000, node.shard_inbox_max)?;
        node.observer_inbox_max = self.within(
            "observer_inbox_max",
            section.observer_inbox_max,
            16..=1_000_000,
            node.observer_inbox_max,
        )?;
        node.plugin_instances_max = self.within(
            "plugin_instances_max",
            section.plugin_instances_max,
            16..=30_000,
            node.plugin_instances_max,
        )?;
        node.plugin_log_lines_per_second_max = self.within(
            "plugin_log_lines_per_second_max",
            section.plugin_log_lines_per_second_max,
            0..=100_000,
            node.plugin_log_lines_per_second_max,
        )?;
        node.compiled_bytes_max = self.within(
            "compiled_bytes_max",
            section.compiled_bytes_max,
            0..=1024 * 1024 * 1024 * 1024,
            node.compiled_bytes_max,
        )?;
        api.stream_in_flight_max = self.within(
            "stream_in_flight_max",
            section.stream_in_flight_max,
            1..=100_000,
            api.stream_in_flight_max,
        )?;
        api.uploads_max = self.within("uploads_max", section.uploads_max, 1..=64, api.uploads_max)?;
        api.watchers_max =
            self.within("watchers_max", section.watchers_max, 1..=100_000, api.watchers_max)?;
        Ok(())
    }

    /// A time that passes again and again; none when it is 0.
    fn interval(
        &self,
        key: &str,
        value: Option<Spanned<u64>>,
        default: Option<Duration>,
    ) -> Result<Option<Duration>, ConfigError> {
        match value {
            None => Ok(default),
            Some(never) if *never.get_ref() == 0 => Ok(None),
            value => self.milliseconds(key, value, 1_000..=INTERVAL_MS_MAX, Duration::ZERO).map(Some),
        }
    }

    fn replicas(&self, section: ReplicasSection, node: &mut NodeConfig) -> Result<(), ConfigError> {
        node.check_entries =
            self.within("check_entries", section.check_entries, 1..=100_000_000, node.check_entries)?;
        node.check_interval =
            self.interval("check_interval_ms", section.check_interval_ms, node.check_interval)?;
        node.rebuild_replicas = section.rebuild.unwrap_or(node.rebuild_replicas);
        Ok(())
    }

    fn snapshots(&self, section: SnapshotsSection, node: &mut NodeConfig) -> Result<(), ConfigError> {
        node.snapshot_entries =
            self.within("entries", section.entries, 10..=100_000_000, node.snapshot_entries)?;
        node.snapshot_interval = self.interval("interval_ms", section.interval_ms, node.snapshot_interval)?;
        node.snapshot_interval_entries_min = self.within(
            "interval_entries_min",
            section.interval_entries_min,
            1..=100_000_000,
            node.snapshot_interval_entries_min,
        )?;
        node.log_margin_entries = self.within(
            "log_margin_entries",
            section.log_margin_entries,
            0..=100_000_000,
            node.log_margin_entries,
        )?;
        node.snapshots_kept =
            self.within("kept", section.kept, SNAPSHOTS_KEPT_MIN..=100, node.snapshots_kept)?;
        let speed = |key, limit: Option<Spanned<u64>>, default| match limit {
            Some(unlimited) if *unlimited.get_ref() == 0 => Ok(0),
            limit => self.within(key, limit, 64 * 1024..=1024 * 1024 * 1024 * 1024, default),
        };
        node.snapshot_bytes_per_second_max =
            speed("bytes_per_second_max", section.bytes_per_second_max, node.snapshot_bytes_per_second_max)?;
        node.snapshot_total_bytes_per_second_max = speed(
            "total_bytes_per_second_max",
            section.total_bytes_per_second_max,
            node.snapshot_total_bytes_per_second_max,
        )?;
        node.snapshot_sends_max =
            self.within("sends_max", section.sends_max, 1..=64, node.snapshot_sends_max)?;
        node.snapshot_receives_max =
            self.within("receives_max", section.receives_max, 1..=64, node.snapshot_receives_max)?;
        Ok(())
    }
}
