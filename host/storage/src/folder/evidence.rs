//! What is kept of replicas that were of no use, for whoever looks into it.

use crate::{
    StorageError,
    disk::{create_folder, names, remove_folder, sync_folder},
};
use quorate_vocabulary::{GroupId, ReplicaId};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder in the data folder.
const EVIDENCE: &str = "evidence";
/// What is wrong with the replica, in words.
const WHY: &str = "why.txt";
/// Of how many replicas something is kept, of all groups of the node; the oldest go first.
pub const EVIDENCE_KEPT_MAX: usize = 8;

/// The replica that a folder is about. Replicas are numbered in the order in which they were made.
fn of(name: &str) -> Option<(ReplicaId, GroupId)> {
    let (group, replica) = name.split_once('-')?;
    Some((ReplicaId(replica.parse().ok()?), GroupId(group.parse().ok()?)))
}

/// Moves a folder aside, and removes what has become too much.
pub(super) fn keep(
    data: &Path,
    (group, replica): (GroupId, ReplicaId),
    snapshots: &Path,
    why: &str,
) -> Result<PathBuf, StorageError> {
    let all = data.join(EVIDENCE);
    create_folder(&all)?;
    let kept = all.join(format!("{group}-{replica}"));
    if kept.exists() {
        remove_folder(&kept)?;
    }
    if snapshots.is_dir() {
        fs::rename(snapshots, &kept).map_err(StorageError::io("move aside", snapshots))?;
    } else {
        create_folder(&kept)?;
    }
    let text = kept.join(WHY);
    fs::write(&text, format!("{why}\n")).map_err(StorageError::io("write", &text))?;
    sync_folder(&all)?;
    let mut others: Vec<_> = names(&all)?.into_iter().filter_map(|name| Some((of(&name)?, name))).collect();
    others.sort();
    let too_many = others.len().saturating_sub(EVIDENCE_KEPT_MAX);
    for (_, name) in others.drain(..too_many) {
        remove_folder(&all.join(name))?;
    }
    Ok(kept)
}

/// Of which replicas of a group something is kept, and where.
pub(super) fn list(data: &Path, group: GroupId) -> Vec<PathBuf> {
    let all = data.join(EVIDENCE);
    let names = if all.is_dir() { names(&all).unwrap_or_default() } else { Vec::new() };
    let of_group = names.into_iter().filter(|name| of(name).is_some_and(|(_, of)| of == group));
    of_group.map(|name| all.join(name)).collect()
}
