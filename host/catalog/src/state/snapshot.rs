use super::CatalogState;
use crate::{CatalogError, wire};
use prost::Message;
use quorate_proto::catalog::v1;
use std::sync::Arc;

impl CatalogState {
    /// The bytes a snapshot holds.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        v1::State {
            format: wire::FORMAT,
            last_group: self.last_group,
            last_replica: self.last_replica,
            epoch: self.epoch,
            own_members: Some(self.own_members().into()),
            nodes: self.nodes().map(Into::into).collect(),
            plugins: self.plugins().map(Into::into).collect(),
            groups: self.groups().map(Into::into).collect(),
            tombstones: self.tombstones().map(Into::into).collect(),
            audit: self.audit().map(Into::into).collect(),
        }
        .encode_to_vec()
    }

    /// Reads what [`CatalogState::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, CatalogError> {
        let state = v1::State::decode(bytes).map_err(wire::damaged)?;
        wire::check_format(state.format)?;
        let mut read = Self {
            last_group: state.last_group,
            last_replica: state.last_replica,
            epoch: state.epoch,
            own: Arc::new(state.own_members.unwrap_or_default().into()),
            ..Self::default()
        };
        let nodes = Arc::make_mut(&mut read.nodes);
        for node in state.nodes {
            let node = crate::Node::try_from(node)?;
            nodes.insert(node.id, Arc::new(node));
        }
        let plugins = Arc::make_mut(&mut read.plugins);
        for plugin in state.plugins {
            let plugin = crate::PublishedPlugin::try_from(plugin)?;
            plugins.insert(plugin.reference.clone(), Arc::new(plugin));
        }
        let groups = Arc::make_mut(&mut read.groups);
        let names = Arc::make_mut(&mut read.names);
        for group in state.groups {
            let group = crate::Group::try_from(group)?;
            names.insert(group.name.clone(), group.id);
            groups.insert(group.id, Arc::new(group));
        }
        let tombstones = Arc::make_mut(&mut read.tombstones);
        for tombstone in state.tombstones {
            tombstones.push_back(Arc::new(tombstone.try_into()?));
        }
        Arc::make_mut(&mut read.audit).extend(state.audit.into_iter().map(|record| Arc::new(record.into())));
        Ok(read)
    }
}
