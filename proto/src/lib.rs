//! The contract with clients and peers, and what the log and the disk hold.
//!
//! One module a protobuf package, generated from `proto/`. The clients and servers of the services come with the
//! feature `grpc`; without it there are only messages, so that pure rooms can use them.

pub mod entry;
pub mod reason;
pub mod session;

/// What an entry of a group's raft log holds (`quorate.log.v1`).
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, unused_qualifications)]
pub mod log {
    /// Format 1.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/quorate.log.v1.rs"));
    }
}

/// What a node keeps on disk (`quorate.storage.v1`).
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, unused_qualifications)]
pub mod storage {
    /// Format 1.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/quorate.storage.v1.rs"));
    }
}

/// What nodes say to each other (`quorate.peer.v1`).
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, unused_qualifications)]
pub mod peer {
    /// Version 1.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/quorate.peer.v1.rs"));
    }
}

/// Commands and state of the catalog (`quorate.catalog.v1`).
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, unused_qualifications)]
pub mod catalog {
    /// Version 1.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/quorate.catalog.v1.rs"));
    }
}

/// What clients say to a cluster (`quorate.v1`).
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, unused_qualifications)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/quorate.v1.rs"));

    /// The descriptors of this package, for gRPC reflection.
    pub const FILE_DESCRIPTOR_SET: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/client_descriptors.bin"));
}
