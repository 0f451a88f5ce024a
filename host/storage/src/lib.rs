//! Everything a node keeps on disk: raft logs, hard states, stores, plugins and snapshots.
