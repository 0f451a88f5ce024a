//! Peer streams between nodes over tonic.
