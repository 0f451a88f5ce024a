//! Nodes in one process, over real disks and connections.

mod cluster;
mod machines;
mod one_node;
mod three_nodes;
