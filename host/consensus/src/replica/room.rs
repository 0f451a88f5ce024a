//! Memory that a replica which falls asleep gives back: there are thousands of them.

use super::Replica;

impl Replica {
    /// Gives back the room that was kept for what comes next, and the entries that are kept in memory for those who ask for
    /// the newest: all of them are on disk, and every member has them.
    pub(crate) fn give_back_room(&mut self) {
        self.proposals.give_back_room();
        self.reads.give_back_room();
        self.disk.give_back_room();
        self.applying.give_back_room();
        // Whoever sleeps has no lease.
        self.lease.restart();
        let raft = &mut self.raw.raft;
        raft.maybe_free_inflight_buffers();
        raft.msgs.shrink_to_fit();
        raft.read_states.shrink_to_fit();
        raft.read_only.pending_read_index.shrink_to_fit();
        raft.read_only.read_index_queue.shrink_to_fit();
        raft.raft_log.unstable.entries.shrink_to_fit();
        let persisted = raft.raft_log.persisted;
        let handed = self.applying.handed;
        let log = self.raw.mut_store();
        log.evict(0, persisted, handed, 0);
        log.give_back_room();
    }
}
