use crate::Callback;

/// What a machine may be told about its replica. Implement what is of interest, and say so when exporting:
/// `export_store_machine!(Machine, lifecycle)`.
///
/// Callbacks run on an instance apart from the one that applies commands, so nothing they do changes replicated
/// state; what they want changed they [propose](Callback::propose). For a memory machine the host keeps a second
/// instance for them, so leave the lifecycle out when it is not needed.
pub trait Lifecycle: Sized {
    /// This replica leads the group in `term`, and has applied everything committed before that term.
    fn leader_start(&self, callback: &Callback<Self>, term: u64) {
        let _ = (callback, term);
    }

    /// This replica no longer leads; `term` is the one in which it led.
    fn leader_stop(&self, callback: &Callback<Self>, term: u64) {
        let _ = (callback, term);
    }

    /// This replica follows the replica `leader` in `term`.
    fn start_following(&self, callback: &Callback<Self>, leader: u64, term: u64) {
        let _ = (callback, leader, term);
    }

    /// This replica no longer follows the replica `leader`, which it followed in `term`.
    fn stop_following(&self, callback: &Callback<Self>, leader: u64, term: u64) {
        let _ = (callback, leader, term);
    }

    /// The members of the group changed, by the entry at `index`.
    fn configuration_committed(
        &self,
        callback: &Callback<Self>,
        index: u64,
        voters: &[u64],
        learners: &[u64],
    ) {
        let _ = (callback, index, voters, learners);
    }

    /// The replica met an error and applies no more.
    fn error(&self, callback: &Callback<Self>, message: &str) {
        let _ = (callback, message);
    }

    /// The replica is being closed in good order.
    fn shutdown(&self, callback: &Callback<Self>) {
        let _ = callback;
    }
}
