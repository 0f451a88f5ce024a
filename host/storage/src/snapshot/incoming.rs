use super::{
    group_folder::{GroupFolder, read_manifest},
    manifest::{Form, Manifest},
    place::{DATA, MANIFEST},
    shelf::Origin,
};
use crate::{
    StorageError,
    disk::{create_folder, remove_folder, write_file_atomically},
    steady_file::SteadyFile,
};
use bytes::Bytes;
use quorate_replica::ports::SnapshotInfo;
use std::{
    fmt,
    fs::OpenOptions,
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
    sync::Arc,
};

/// A snapshot that a peer sends.
///
/// Dropped before it is finished, it keeps what it has, and [`SnapshotStore::receive`](crate::SnapshotStore::receive) with the same manifest goes on
/// from there, also after a restart.
pub struct IncomingSnapshot {
    store: Arc<GroupFolder>,
    manifest: Manifest,
    /// None when this very snapshot is here already.
    transfer: Option<Transfer>,
}

/// The part that is here. Every whole chunk of it was checked.
struct Transfer {
    folder: PathBuf,
    file: SteadyFile,
    received: u64,
    /// What is received of the chunk that is not whole yet.
    chunk: Vec<u8>,
    /// A write failed: it is not known what is in the file.
    broken: bool,
}

impl IncomingSnapshot {
    pub(super) fn begin(
        store: Arc<GroupFolder>,
        manifest: &Bytes,
        total_bytes: u64,
    ) -> Result<Self, StorageError> {
        let group = store.group;
        let refused = |why: String| StorageError::SnapshotRefused { group, why };
        let manifest = Manifest::read(group, manifest.clone()).map_err(refused)?;
        if manifest.form != Form::Data {
            return Err(refused("it is not one that is kept in a file".into()));
        }
        if manifest.info.bytes != total_bytes {
            let why =
                format!("{total_bytes} bytes are announced, and its manifest says {}", manifest.info.bytes);
            return Err(refused(why));
        }
        if store.find(manifest.index()).is_ok_and(|finished| finished.manifest.bytes == manifest.bytes) {
            return Ok(Self { store, manifest, transfer: None });
        }
        store.begin_to_receive()?;
        // From here on dropping it lets another one in.
        let mut incoming = Self { store, manifest, transfer: None };
        let opened = incoming.open();
        match opened {
            Ok(transfer) => incoming.transfer = Some(transfer),
            Err(error) => {
                incoming.store.lock().receiving = false;
                return Err(error);
            }
        }
        Ok(incoming)
    }

    /// What it will hold.
    #[must_use]
    pub fn info(&self) -> &SnapshotInfo {
        &self.manifest.info
    }

    /// How much of it is here: the offset of the first byte that is wanted.
    #[must_use]
    pub fn received_bytes(&self) -> u64 {
        self.transfer.as_ref().map_or(self.manifest.info.bytes, |transfer| transfer.received)
    }

    /// Takes the bytes from this offset on, which must be [`received_bytes`](Self::received_bytes).
    ///
    /// # Errors
    /// When they are others than the next ones, more than there should be, not what the manifest says (what is wanted
    /// is then the damaged chunk again), or cannot be written.
    pub fn write(&mut self, offset: u64, mut bytes: &[u8]) -> Result<(), StorageError> {
        let expected = self.received_bytes();
        if offset != expected {
            return Err(StorageError::ChunkOffset { expected, found: offset });
        }
        let Some(transfer) = &mut self.transfer else { return Ok(()) };
        while !bytes.is_empty() {
            let Some(chunk) = self.manifest.chunk_at(transfer.received) else {
                return Err(wrong(
                    &self.manifest,
                    format!("more than its {} bytes came", self.manifest.info.bytes),
                ));
            };
            let (part, rest) = bytes.split_at(bytes.len().min(chunk.bytes - transfer.chunk.len()));
            let data = transfer.folder.join(DATA);
            if transfer.broken {
                let why = "a write failed before; begin the transfer again, it goes on from there".into();
                return Err(StorageError::SnapshotRefused { group: self.manifest.group, why });
            }
            if let Err(source) = transfer.file.write_all(part) {
                transfer.broken = true;
                return Err(StorageError::io("write", &data)(source));
            }
            transfer.chunk.extend_from_slice(part);
            transfer.received += u64::try_from(part.len()).unwrap_or(0);
            bytes = rest;
            if transfer.chunk.len() == chunk.bytes {
                if let Err(what) = chunk.check(&transfer.chunk) {
                    transfer.rewind(chunk.start)?;
                    return Err(wrong(&self.manifest, what));
                }
                transfer.chunk.clear();
            }
        }
        Ok(())
    }

    /// All bytes are here: checks the whole, makes it durable, and then visible.
    ///
    /// # Errors
    /// When bytes are missing (what is here stays), when the whole is not what the manifest says (what is here is
    /// thrown away), or when it cannot be placed.
    pub fn finish(mut self) -> Result<SnapshotInfo, StorageError> {
        let Some(transfer) = &mut self.transfer else {
            return self.store.deliver_again(self.manifest.index(), &self.manifest.info.header).ok_or_else(
                || StorageError::SnapshotRefused {
                    group: self.manifest.group,
                    why: "it was here and has been removed meanwhile; send it again".into(),
                },
            );
        };
        let (received, total) = (transfer.received, self.manifest.info.bytes);
        if received != total {
            return Err(wrong(&self.manifest, format!("only {received} of its {total} bytes came")));
        }
        transfer.file.sync_all().map_err(StorageError::io("sync", &transfer.folder.join(DATA)))?;
        self.store.place(&transfer.folder, self.manifest.clone(), Origin::Received { deliveries: 1 })
    }

    /// Throws away what is here.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn abandon(self) -> Result<(), StorageError> {
        self.transfer.as_ref().map_or(Ok(()), |transfer| remove_folder(&transfer.folder))
    }

    /// Goes on with what an earlier transfer left, or begins anew; the leftovers of all others go.
    fn open(&self) -> Result<Transfer, StorageError> {
        let store = &self.store;
        let folder = store.incoming_folder(&self.manifest)?;
        let same =
            read_manifest(&folder, store.group).is_ok_and(|manifest| manifest.bytes == self.manifest.bytes);
        if !same {
            remove_folder(&folder)?;
            create_folder(&folder)?;
            write_file_atomically(&folder.join(MANIFEST), &self.manifest.bytes)?;
        }
        Transfer::open(folder, &self.manifest)
    }
}

impl Transfer {
    fn open(folder: PathBuf, manifest: &Manifest) -> Result<Self, StorageError> {
        let data = folder.join(DATA);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&data)
            .map_err(StorageError::io("open", &data))?;
        let file = SteadyFile::new(file);
        let mut transfer = Self { folder, file, received: 0, chunk: Vec::new(), broken: false };
        let whole = transfer.check_chunks(manifest).map_err(StorageError::io("read", &data))?;
        transfer.rewind(whole)?;
        Ok(transfer)
    }

    /// Checks chunk by chunk what is in the file, and says where the first one begins that is not whole and right.
    fn check_chunks(&mut self, manifest: &Manifest) -> io::Result<u64> {
        let mut offset = 0;
        while let Some(chunk) = manifest.chunk_at(offset) {
            self.chunk.resize(chunk.bytes, 0);
            match self.file.file().read_exact(&mut self.chunk) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                read => read?,
            }
            if chunk.check(&self.chunk).is_err() {
                break;
            }
            offset += u64::try_from(chunk.bytes).map_err(io::Error::other)?;
        }
        Ok(offset)
    }

    /// Forgets everything from this offset on, where a chunk begins.
    fn rewind(&mut self, offset: u64) -> Result<(), StorageError> {
        let file = self.file.file();
        let rewound = file.set_len(offset).and_then(|()| file.seek(SeekFrom::Start(offset)));
        rewound.map_err(StorageError::io("cut", &self.folder.join(DATA)))?;
        self.received = offset;
        self.chunk.clear();
        Ok(())
    }
}

fn wrong(manifest: &Manifest, what: impl Into<String>) -> StorageError {
    StorageError::SnapshotDamaged { group: manifest.group, index: manifest.index(), what: what.into() }
}

impl Drop for IncomingSnapshot {
    fn drop(&mut self) {
        if self.transfer.is_some() {
            self.store.lock().receiving = false;
        }
    }
}

impl fmt::Debug for IncomingSnapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let received = self.received_bytes();
        formatter.debug_struct("IncomingSnapshot").field("received", &received).finish_non_exhaustive()
    }
}
