use super::foreign_content;
use crate::{StorageError, disk::write_file_atomically};
use quorate_vocabulary::{FolderId, NodeId};
use std::{
    fs,
    hash::{BuildHasher, Hasher, RandomState},
    io,
    path::Path,
};

/// The format of the data folder as a whole that this version writes and reads.
pub const FOLDER_FORMAT: u32 = 1;
/// The longest name of a cluster.
pub const CLUSTER_NAME_BYTES_MAX: usize = 128;

/// The file that makes a folder a data folder.
const FILE: &str = "identity";
/// What it is called while it is being written.
pub(super) const TEMPORARY_FILE: &str = "identity.tmp";
const TITLE: &str = "quorate data folder";
/// No identity has more bytes.
const BYTES_MAX: u64 = 1024;

/// Whose data folder it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeIdentity {
    /// The name of the cluster.
    pub cluster: String,
    /// The node.
    pub node: NodeId,
}

/// How far a folder is one of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It does not exist or is empty.
    New,
    /// It was being created when the process ended; nothing was promised from it to anybody.
    Incomplete,
    /// It is whole.
    Complete,
}

impl Standing {
    /// How this folder stands to this node, or why it cannot be its folder; and which folder it is.
    pub(super) fn of(folder: &Path, expected: &NodeIdentity) -> Result<(Self, FolderId), StorageError> {
        if !folder.exists() {
            return Ok((Self::New, draw()));
        }
        let path = folder.join(FILE);
        let damaged = |why: &str| StorageError::DamagedIdentity { path: path.clone(), why: why.to_owned() };
        let text = match fs::metadata(&path) {
            Ok(metadata) if metadata.len() > BYTES_MAX || !metadata.is_file() => {
                return Err(damaged("it is not the file that this node wrote"));
            }
            Ok(_) => fs::read(&path).map_err(StorageError::io("read", &path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return match foreign_content(folder)? {
                    None => Ok((Self::New, draw())),
                    Some(found) => {
                        Err(StorageError::ForeignContent { path: folder.to_owned(), found, identity: FILE })
                    }
                };
            }
            Err(source) => return Err(StorageError::io("read", &path)(source)),
        };
        let text = String::from_utf8(text).map_err(|_| damaged("it is not text"))?;
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return Err(damaged("its first line is another"));
        }
        // The format stands first, so that another version's can be told whatever else it holds.
        let format = field(lines.next(), "format").and_then(|value| value.parse().ok());
        let format = format.ok_or_else(|| damaged("it does not name its format"))?;
        if format != FOLDER_FORMAT {
            return Err(StorageError::OtherFormat {
                path: folder.to_owned(),
                found: format,
                supported: FOLDER_FORMAT,
            });
        }
        let cluster =
            field(lines.next(), "cluster").ok_or_else(|| damaged("it does not name its cluster"))?;
        let node = field(lines.next(), "node").and_then(|value| value.parse().ok());
        let node = NodeId(node.ok_or_else(|| damaged("it does not name its node"))?);
        let id = field(lines.next(), "folder").and_then(|value| u64::from_str_radix(value, 16).ok());
        let id = FolderId(id.ok_or_else(|| damaged("it does not say which folder it is"))?);
        let complete = field(lines.next(), "complete").and_then(|value| value.parse().ok());
        let complete = complete.ok_or_else(|| damaged("it does not say whether the folder is complete"))?;
        if lines.next().is_some() || !text.ends_with('\n') {
            return Err(damaged("it does not end where it should"));
        }
        if cluster != expected.cluster {
            return Err(StorageError::OtherCluster {
                path: folder.to_owned(),
                found: cluster.to_owned(),
                expected: expected.cluster.clone(),
            });
        }
        if node != expected.node {
            return Err(StorageError::OtherNode {
                path: folder.to_owned(),
                cluster: cluster.to_owned(),
                found: node,
                expected: expected.node,
            });
        }
        Ok((if complete { Self::Complete } else { Self::Incomplete }, id))
    }
}

impl NodeIdentity {
    pub(super) fn check(&self) -> Result<(), StorageError> {
        let fits = !self.cluster.is_empty() && self.cluster.len() <= CLUSTER_NAME_BYTES_MAX;
        if fits && !self.cluster.chars().any(char::is_control) {
            return Ok(());
        }
        Err(StorageError::ClusterName { cluster: self.cluster.clone(), bytes_max: CLUSTER_NAME_BYTES_MAX })
    }

    pub(super) fn write(&self, folder: &Path, id: FolderId, complete: bool) -> Result<(), StorageError> {
        let Self { cluster, node } = self;
        let text = format!(
            "{TITLE}\nformat = {FOLDER_FORMAT}\ncluster = {cluster}\nnode = {node}\nfolder = {id}\ncomplete = {complete}\n"
        );
        write_file_atomically(&folder.join(FILE), text.as_bytes())
    }
}

/// A number that no other folder has.
fn draw() -> FolderId {
    // Keyed by the operating system's randomness, anew for every call.
    FolderId(RandomState::new().build_hasher().finish())
}

fn field<'a>(line: Option<&'a str>, name: &str) -> Option<&'a str> {
    line?.strip_prefix(name)?.strip_prefix(" = ")
}
