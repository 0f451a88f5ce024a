//! Nodes in one process, over real disks and connections.
