//! Nodes in one process, over real disks and connections.

mod cluster;
mod consistency;
mod machines;
mod one_node;
mod recovering;
mod room;
mod three_nodes;
mod unused_snapshots;
