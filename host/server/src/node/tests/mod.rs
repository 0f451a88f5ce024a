//! Nodes in one process, over real disks and connections.

mod cluster;
mod consistency;
mod machines;
mod one_node;
mod recovering;
mod three_nodes;
mod unused_snapshots;
