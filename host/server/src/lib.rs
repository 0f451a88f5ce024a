//! The process: it wires the rooms together and serves the gRPC API.
