use crate::ports::{HostFault, SnapshotHeader, SnapshotInfo, SnapshotWriter, Snapshots};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    io::{self, Cursor, Read, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

type Stored = BTreeMap<u64, (SnapshotInfo, Bytes)>;

/// The snapshots of one replica.
#[derive(Clone, Debug, Default)]
pub struct MemorySnapshots {
    stored: Arc<Mutex<Stored>>,
}

impl MemorySnapshots {
    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The indexes at which there is one.
    #[must_use]
    pub fn indexes(&self) -> Vec<u64> {
        self.stored().keys().copied().collect()
    }

    /// The content of one.
    #[must_use]
    pub fn content(&self, index: u64) -> Option<Bytes> {
        self.stored().get(&index).map(|(_, content)| content.clone())
    }

    /// Replaces the content of one, to damage it.
    pub fn replace_content(&self, index: u64, content: Bytes) {
        if let Some((_, stored)) = self.stored().get_mut(&index) {
            *stored = content;
        }
    }

    /// Copies the newest one of another replica, as if it had been sent, and gives its index.
    pub fn receive_newest(&self, from: &Self) -> Option<u64> {
        let (index, snapshot) = {
            let theirs = from.stored();
            let (index, snapshot) = theirs.last_key_value()?;
            (*index, snapshot.clone())
        };
        self.stored().insert(index, snapshot);
        Some(index)
    }
}

impl Snapshots for MemorySnapshots {
    fn begin(&self, header: &SnapshotHeader) -> Result<Box<dyn SnapshotWriter>, HostFault> {
        Ok(Box::new(Writer { header: header.clone(), content: Vec::new(), snapshots: self.clone() }))
    }

    fn newest(&self) -> Result<Option<SnapshotInfo>, HostFault> {
        Ok(self.stored().last_key_value().map(|(_, (info, _))| info.clone()))
    }

    fn open(&self, index: u64) -> Result<(SnapshotHeader, Box<dyn Read + Send>), HostFault> {
        let stored = self.stored();
        let (info, content) = stored
            .get(&index)
            .ok_or_else(|| HostFault::because(format!("there is no snapshot at entry {index}")))?;
        Ok((info.header.clone(), Box::new(Cursor::new(content.clone()))))
    }

    fn discard(&self, index: u64) -> Result<(), HostFault> {
        self.stored().remove(&index);
        Ok(())
    }
}

struct Writer {
    header: SnapshotHeader,
    content: Vec<u8>,
    snapshots: MemorySnapshots,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SnapshotWriter for Writer {
    fn read_back(&mut self) -> Result<Box<dyn Read + Send>, HostFault> {
        Ok(Box::new(Cursor::new(self.content.clone())))
    }

    fn set_header(&mut self, header: &SnapshotHeader) {
        self.header = header.clone();
    }

    fn finish(self: Box<Self>) -> Result<SnapshotInfo, HostFault> {
        let bytes = u64::try_from(self.content.len()).unwrap_or(u64::MAX);
        let info = SnapshotInfo { header: self.header, bytes };
        let index = info.header.point.index;
        self.snapshots.stored().insert(index, (info.clone(), self.content.into()));
        Ok(info)
    }
}
