use super::HostFault;
use crate::CommittedEntry;

/// The committed entries of the group's log, read back.
///
/// Of a memory machine every entry behind the checkpoint its replica stands on must be there, because an instance is
/// rebuilt from them after a trap and an observer follows by them: the log may be cut only behind the newest checkpoint.
pub trait History: Send + Sync {
    /// The entries from `first` to `last` (both included), in order and without gaps; fewer when their bytes would
    /// pass `bytes_max`, but at least one. An entry that is not there, or not known to be committed, is a fault.
    fn entries(&self, first: u64, last: u64, bytes_max: u64) -> Result<Vec<CommittedEntry>, HostFault>;

    /// Every entry up to this index has left the log: a state that is older cannot be brought up to date by it.
    fn begins_behind(&self) -> Result<u64, HostFault>;
}
