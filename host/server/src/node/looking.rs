//! When a task looks at everything this node has, to see what needs something done: when there is news, at once; but with
//! thousands of groups a look is long, and news comes one after the other while groups are created.

use super::core::Core;
use quorate_vocabulary::GroupId;
use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// After a look there is none for so many times as long as it took.
const PAUSE_FACTOR: u32 = 4;
/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_millis(200);
/// The pause between looks while something is under way.
pub(super) const STEP_PAUSE: Duration = Duration::from_millis(50);
/// How often everything is looked at even when there is no news.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);

/// What tells a task to look again: the catalog has changed, or a replica of this node has come to lead its group.
pub(super) struct Looks {
    catalog: watch::Receiver<u64>,
    leading: watch::Receiver<()>,
}

/// The pause after a look that was begun then.
pub(super) fn pause_after(began: Instant) -> Duration {
    began.elapsed().saturating_mul(PAUSE_FACTOR).min(PAUSE_MAX)
}

impl Core {
    /// What news there is from now on. None on a node without a replica of the catalog.
    pub(super) fn looks(&self) -> Option<Looks> {
        let catalog = self.registry.get(GroupId::CATALOG)?;
        Some(Looks {
            catalog: catalog.shared.applied.subscribe(),
            leading: self.services.leading.subscribe(),
        })
    }

    /// Waits until it is time to look again. `began`: when the last look was begun. `is_busy`: whether that one found something
    /// that is under way. Breaks when the node stops.
    pub(super) async fn next_look(
        &self,
        looks: &mut Looks,
        began: Instant,
        is_busy: bool,
    ) -> ControlFlow<()> {
        let pause = if is_busy { STEP_PAUSE } else { pause_after(began) };
        tokio::select! {
            () = self.stopping.cancelled() => return ControlFlow::Break(()),
            () = tokio::time::sleep(pause) => {}
        }
        if is_busy {
            return ControlFlow::Continue(());
        }
        // What happened meanwhile is told now.
        let is_open = tokio::select! {
            () = self.stopping.cancelled() => false,
            changed = looks.catalog.changed() => changed.is_ok(),
            changed = looks.leading.changed() => changed.is_ok(),
            () = tokio::time::sleep(INTERVAL) => true,
        };
        if is_open { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}
