//! What is kept of those who hold a lock or wait for it: two numbers of 8 bytes each, the highest first, and the owner.

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Higher than that of every holder before, of any lock of the group.
    pub(crate) token: u64,
    /// When the lease ends.
    pub(crate) until_ms: u64,
    pub(crate) owner: Vec<u8>,
}

/// Who waits for a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiter {
    /// The lease to be given.
    pub(crate) lease_ms: u64,
    /// When it gives up.
    pub(crate) until_ms: u64,
    pub(crate) owner: Vec<u8>,
}

impl Holder {
    pub(crate) fn write(&self) -> Vec<u8> {
        write(self.token, self.until_ms, &self.owner)
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (token, until_ms, owner) = read(bytes)?;
        Some(Self { token, until_ms, owner })
    }
}

impl Waiter {
    pub(crate) fn write(&self) -> Vec<u8> {
        write(self.lease_ms, self.until_ms, &self.owner)
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (lease_ms, until_ms, owner) = read(bytes)?;
        Some(Self { lease_ms, until_ms, owner })
    }
}

fn write(first: u64, second: u64, owner: &[u8]) -> Vec<u8> {
    [&first.to_be_bytes()[..], &second.to_be_bytes(), owner].concat()
}

fn read(bytes: &[u8]) -> Option<(u64, u64, Vec<u8>)> {
    let (first, rest) = bytes.split_first_chunk()?;
    let (second, owner) = rest.split_first_chunk()?;
    Some((u64::from_be_bytes(*first), u64::from_be_bytes(*second), owner.to_vec()))
}
