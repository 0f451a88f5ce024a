use super::{RaftStore, keys, records::seal_plugin};
use crate::{
    StorageError,
    record::{seal, unseal},
};
use bytes::Bytes;
use quorate_vocabulary::PluginDigest;
use rocksdb::{ErrorKind, WriteBatch};
use std::sync::PoisonError;

/// The largest plugin that is stored. What a node accepts is less, and its own to choose.
pub const PLUGIN_BYTES_MAX: u64 = 256 << 20;

/// A plugin whose bytes this node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredPlugin {
    /// SHA-256 of its bytes.
    pub digest: PluginDigest,
    /// How many there are.
    pub bytes: u64,
}

impl RaftStore {
    /// Stores a plugin; when this returns it survives a power failure. One that is held and whole is not written
    /// again.
    ///
    /// # Errors
    /// When the bytes are not those of the digest, are too many, or the database fails.
    pub fn put_plugin(&self, digest: PluginDigest, bytes: &Bytes) -> Result<(), StorageError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size > PLUGIN_BYTES_MAX {
            return Err(StorageError::TooLarge {
                what: "a plugin",
                bytes: size,
                bytes_max: PLUGIN_BYTES_MAX,
            });
        }
        let found = PluginDigest::of(bytes);
        if found != digest {
            return Err(StorageError::OtherDigest { expected: digest, found });
        }
        if self.has_plugin(digest) && matches!(self.plugin(digest), Ok(Some(_))) {
            return Ok(());
        }
        let mut writes = WriteBatch::default();
        let key = digest.as_bytes();
        writes.put_cf(self.family(keys::PLUGINS), key, seal(key, &[bytes]));
        let (key, record) = seal_plugin(digest, size);
        writes.put(key, record);
        self.write_synced(writes)?;
        self.plugins.write().unwrap_or_else(PoisonError::into_inner).insert(digest, size);
        Ok(())
    }

    /// The bytes of a plugin, if this node holds them; checked.
    ///
    /// # Errors
    /// When they are damaged, or the database fails.
    pub fn plugin(&self, digest: PluginDigest) -> Result<Option<Bytes>, StorageError> {
        let damaged = |what: String| StorageError::DamagedPlugin { digest, what };
        let key = digest.as_bytes();
        let record = self.db.get_cf(self.family(keys::PLUGINS), key).map_err(|error| match error.kind() {
            ErrorKind::Corruption => damaged(error.into_string()),
            _ => StorageError::database("be read", &self.path)(error),
        })?;
        let Some(record) = record.map(Bytes::from) else {
            return match self.has_plugin(digest) {
                true => Err(damaged("they are missing".into())),
                false => Ok(None),
            };
        };
        let bytes = record.slice_ref(unseal(key, &record).map_err(damaged)?);
        if PluginDigest::of(&bytes) != digest {
            return Err(damaged("they have another digest".into()));
        }
        Ok(Some(bytes))
    }

    /// Whether this node holds the bytes of a plugin. They are not read for this.
    #[must_use]
    pub fn has_plugin(&self, digest: PluginDigest) -> bool {
        self.plugins.read().unwrap_or_else(PoisonError::into_inner).contains_key(&digest)
    }

    /// The plugins whose bytes this node holds, in the order of their digests.
    #[must_use]
    pub fn plugins(&self) -> Vec<StoredPlugin> {
        let plugins = self.plugins.read().unwrap_or_else(PoisonError::into_inner);
        plugins.iter().map(|(digest, bytes)| StoredPlugin { digest: *digest, bytes: *bytes }).collect()
    }

    /// Forgets the bytes of a plugin. One that is not held is no error.
    ///
    /// # Errors
    /// When the database fails.
    pub fn remove_plugin(&self, digest: PluginDigest) -> Result<(), StorageError> {
        let mut writes = WriteBatch::default();
        writes.delete_cf(self.family(keys::PLUGINS), digest.as_bytes());
        writes.delete(keys::plugin(digest));
        self.write_synced(writes)?;
        self.plugins.write().unwrap_or_else(PoisonError::into_inner).remove(&digest);
        Ok(())
    }
}
