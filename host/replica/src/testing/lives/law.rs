use crate::{EntryResult, ports::AppliedPoint};
use std::collections::BTreeMap;

/// What the first replica that applied an entry made of it: the law for all others, and for itself when it applies it again.
#[derive(Default)]
pub(super) struct Law(BTreeMap<u64, (EntryResult, AppliedPoint)>);

impl Law {
    pub(super) fn check(
        &mut self,
        who: usize,
        result: &EntryResult,
        applied: &AppliedPoint,
    ) -> Result<(), String> {
        let index = result.index;
        let (first, point) = self.0.entry(index).or_insert_with(|| (result.clone(), applied.clone()));
        if (&*first, &*point) != (result, applied) {
            return Err(format!(
                "replica {who} made of entry {index}: {result:?} at {applied:?}, and the first one: {first:?} at {point:?}"
            ));
        }
        Ok(())
    }

    /// Where a replica must stand at an entry, if one came there by applying it.
    pub(super) fn point(&self, index: u64) -> Option<&AppliedPoint> {
        self.0.get(&index).map(|(_, point)| point)
    }

    pub(super) fn into_results(self) -> BTreeMap<u64, EntryResult> {
        self.0.into_iter().map(|(index, (result, _))| (index, result)).collect()
    }
}
