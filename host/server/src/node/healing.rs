//! Replicas that are of no use any more are replaced: removed from their groups, and added again under new numbers. That is what
//! an operator would do, and as safe: a replica that may have forgotten how it voted never votes again.

use super::{
    core::Core,
    handle::Deadline,
    hosting::{RETRY_PAUSE, UNKNOWN},
};
use quorate_catalog::{Change, Renewal};
use quorate_vocabulary::{GroupId, ReplicaId};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// How often a node has replicas of one group replaced while it runs: what breaks again and again is its disk's, or its memory's.
const REPLACED_PER_GROUP_MAX: u32 = 3;
/// How long the catalog may take.
const CATALOG_TIMEOUT: Duration = Duration::from_secs(10);

/// A replica of this node that is of no use any more.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    pub(super) group: GroupId,
    pub(super) replica: ReplicaId,
    pub(super) why: String,
    /// What it had is to be moved aside.
    pub(super) keeps_evidence: bool,
}

/// Those that are to be replaced.
#[derive(Default)]
pub(super) struct Healing {
    broken: Mutex<BTreeMap<GroupId, Broken>>,
    replaced: Mutex<BTreeMap<GroupId, u32>>,
    wake: Notify,
}

impl Healing {
    fn broken(&self) -> MutexGuard<'_, BTreeMap<GroupId, Broken>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A replica is of no use any more.
    pub(super) fn report(&self, broken: Broken) {
        self.broken().insert(broken.group, broken);
        self.wake.notify_one();
    }

    fn done(&self, broken: &Broken) {
        self.broken().remove(&broken.group);
    }

    fn replaced(&self) -> MutexGuard<'_, BTreeMap<GroupId, u32>> {
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there may be one more.
    fn may_replace(&self, group: GroupId) -> bool {
        self.replaced().get(&group).is_none_or(|count| *count < REPLACED_PER_GROUP_MAX)
    }

    /// Counts one that is replaced by this change. A change that fails replaces none: the catalog may be out of reach for long.
    async fn counted<T, E>(
        &self,
        group: GroupId,
        change: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let changed = change.await?;
        *self.replaced().entry(group).or_default() += 1;
        Ok(changed)
    }
}

impl Core {
    /// Has broken replicas of this node replaced, for as long as it runs.
    pub(super) async fn heal(self: Arc<Self>) {
        let healing = self.services.healing.clone();
        loop {
            let broken: Vec<Broken> = healing.broken().values().cloned().collect();
            if broken.is_empty() {
                tokio::select! {
                    () = self.stopping.cancelled() => return,
                    () = healing.wake.notified() => {}
                }
                continue;
            }
            for broken in broken {
                if self.replace(&broken).await {
                    healing.done(&broken);
                }
            }
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = tokio::time::sleep(RETRY_PAUSE) => {}
            }
        }
    }

    /// Takes the next step. Whether there is nothing left to do.
    async fn replace(self: &Arc<Self>, broken: &Broken) -> bool {
        // What this node has applied of the catalog may be old, above all when it has just started.
        if self.barrier(GroupId::CATALOG, Deadline::after(CATALOG_TIMEOUT)).await.is_err() {
            return false;
        }
        let state = self.catalog_state();
        let Some(group) = state.group(broken.group) else { return true };
        let Some(replica) = group.replica_on(self.node()) else { return true };
        // Of one whose records are damaged the number may not be known.
        if broken.replica != UNKNOWN && broken.replica != replica {
            return true;
        }
        let renewal = group.renewal(replica);
        let mut renew =
            self.config.rebuild_replicas && matches!(renewal, Renewal::Member | Renewal::Newcomer);
        let waits = self.config.rebuild_replicas && renewal == Renewal::Later;
        if waits && group.has_alarm(replica) {
            return false;
        }
        if broken.keeps_evidence {
            self.keep_evidence(broken, replica).await;
        }
        if renew && !self.services.healing.may_replace(broken.group) {
            tracing::error!(group = %group.name, %replica, "the replicas of this group on this node break again and again: look at its disk and its memory");
            renew = false;
        }
        let change = Change::NoteBroken {
            group: broken.group,
            node: self.node(),
            replica,
            what: broken.why.clone(),
            renew,
        };
        let change = self.change_catalog(change, Deadline::after(CATALOG_TIMEOUT));
        let changed =
            if renew { self.services.healing.counted(broken.group, change).await } else { change.await };
        match changed {
            Ok(_) => {
                tracing::warn!(group = %group.name, %replica, renew, why = broken.why, "a replica is of no use any more");
                !waits
            }
            Err(error) => {
                tracing::info!(group = %group.name, %error, "the catalog cannot be told of a broken replica yet");
                false
            }
        }
    }

    async fn keep_evidence(self: &Arc<Self>, broken: &Broken, replica: ReplicaId) {
        let (group, why) = (broken.group, broken.why.clone());
        let core = self.clone();
        let keep = move || core.folder.keep_evidence(group, replica, &why);
        let kept = tokio::task::spawn_blocking(keep).await;
        match kept {
            Ok(Ok(path)) => {
                tracing::warn!(%group, %replica, path = %path.display(), "what a replica had is kept");
            }
            Ok(Err(error)) => tracing::warn!(%group, %replica, %error, "what a replica had cannot be kept"),
            Err(error) => tracing::warn!(%group, %replica, %error, "what a replica had cannot be kept"),
        }
        if let Some(noted) = self.services.healing.broken().get_mut(&group) {
            noted.keeps_evidence = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_failed_does_not_count_against_a_group() {
        let (healing, group) = (Healing::default(), GroupId(7));
        for _ in 0..=REPLACED_PER_GROUP_MAX {
            assert!(healing.may_replace(group));
            let failed: Result<(), _> = healing.counted(group, async { Err("no leader") }).await;
            assert_eq!(failed, Err("no leader"));
        }
        for _ in 0..REPLACED_PER_GROUP_MAX {
            assert!(healing.may_replace(group));
            assert_eq!(healing.counted(group, async { Ok::<_, &str>(()) }).await, Ok(()));
        }
        assert!(!healing.may_replace(group), "it breaks again and again");
        assert!(healing.may_replace(GroupId(8)), "another group has nothing to do with that");
    }
}
