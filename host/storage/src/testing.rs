//! What the tests of this crate share.

use crate::{DataFolder, NodeIdentity, StorageError, StorageOptions};
use quorate_consensus::Configuration;
use quorate_replica::ports::{AppliedPoint, StateDigest};
use quorate_vocabulary::{GroupId, Member, MemberRole, NodeId, ReplicaId};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

pub(crate) const G: GroupId = GroupId(7);
pub(crate) const R: ReplicaId = ReplicaId(71);

pub(crate) fn identity() -> NodeIdentity {
    NodeIdentity { cluster: "test".into(), node: NodeId(1) }
}

/// How often a disk is copied anew because something changed meanwhile.
const ATTEMPTS_MAX: u32 = 1_000;

/// A place for a data folder, removed at the end of the test.
pub(crate) struct Disk {
    root: TempDir,
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("node")
    }

    pub(crate) fn open(&self) -> DataFolder {
        self.try_open().unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<DataFolder, StorageError> {
        let options = StorageOptions { block_cache_bytes: 1 << 20, ..StorageOptions::default() };
        DataFolder::open_with(self.path(), identity(), &options)
    }

    /// The disk as a process that is killed now would leave it.
    pub(crate) fn crash(&self) -> Self {
        // RocksDB removes files in the background: a copy is of one moment only if nothing came or went meanwhile.
        for _ in 0..ATTEMPTS_MAX {
            let before = listing(&self.path()).ok();
            let copy = Self::new();
            if copy_folder(&self.path(), &copy.path()).is_ok()
                && before.is_some()
                && listing(&self.path()).ok() == before
            {
                return copy;
            }
        }
        panic!("the files never rest")
    }
}

/// Every file below a folder with its size, in order; none while files come and go.
fn listing(folder: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let (path, metadata) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
        if metadata.is_dir() {
            found.extend(listing(&path)?);
        } else {
            found.push((path, metadata.len()));
        }
    }
    found.sort();
    Ok(found)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The files in a folder whose names end like this, in order.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    files.sort();
    files
}

/// Flips all bits of a byte.
pub(crate) fn flip(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[offset] ^= 0xFF;
    fs::write(path, bytes).unwrap();
}

pub(crate) fn members(replicas: &[u64]) -> Vec<Member> {
    let member = |replica: &u64| Member {
        replica: ReplicaId(*replica),
        node: NodeId(replica % 10),
        role: MemberRole::Voter,
    };
    replicas.iter().map(member).collect()
}

pub(crate) fn point(index: u64) -> AppliedPoint {
    AppliedPoint {
        attested: None,
        index,
        term: 2,
        time_ms: index * 10,
        digest: StateDigest([u8::try_from(index % 256).unwrap(); 32]),
        configuration: Configuration::new(members(&[71, 72, 73])),
        timers: [(index, index * 20)].into_iter().collect(),
        ..AppliedPoint::joining()
    }
}

/// Numbers that look random and are the same every time.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }
}
