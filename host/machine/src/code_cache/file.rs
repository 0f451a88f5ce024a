//! One file: a checksum over all the rest, what the code is of, the code.

use sha2::{Digest, Sha256};
use std::{
    fs, io,
    path::Path,
    process,
    sync::atomic::{AtomicU64, Ordering},
};

/// How a file begins; the last byte is the version of the format.
const MAGIC: &[u8; 8] = b"QRTCODE\x01";
const CHECKSUM_BYTES: usize = 32;
const LENGTH_BYTES: usize = 8;

/// Why a file is not used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("there is none")]
    Missing,
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("it is damaged")]
    Damaged,
    #[error("it is of another plugin, engine, processor or node")]
    Foreign,
    #[error("the engine does not take it: {0}")]
    Engine(String),
}

/// How the names of files end that are written under these terms.
pub(super) fn suffix(terms: &str) -> String {
    let digest = Sha256::digest(terms.as_bytes());
    let short: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("-{short}.code")
}

/// Writes a file in one step, and says how many bytes it has.
///
/// It is not synced: one that a power failure cuts off has a wrong checksum.
pub(super) fn write(path: &Path, header: &str, code: &[u8]) -> io::Result<u64> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut rest = Vec::with_capacity(LENGTH_BYTES + header.len() + code.len());
    rest.extend_from_slice(&header.len().to_le_bytes());
    rest.extend_from_slice(header.as_bytes());
    rest.extend_from_slice(code);
    let mut bytes = Vec::with_capacity(MAGIC.len() + CHECKSUM_BYTES + rest.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&Sha256::digest(&rest));
    bytes.append(&mut rest);
    let temporary =
        path.with_extension(format!("{}-{}.new", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)));
    let written = fs::write(&temporary, &bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.map(|()| u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

/// The code in a file, if it is whole and of what `header` says.
pub(super) fn read(path: &Path, header: &str) -> Result<Vec<u8>, Refused> {
    let mut bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Refused::Missing),
        Err(error) => return Err(Refused::Unreadable(error.to_string())),
    };
    let code_begins = code_begins(&bytes, header)?;
    Ok(bytes.split_off(code_begins))
}

fn code_begins(bytes: &[u8], header: &str) -> Result<usize, Refused> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Refused::Damaged)?;
    let (checksum, rest) = rest.split_at_checked(CHECKSUM_BYTES).ok_or(Refused::Damaged)?;
    if Sha256::digest(rest).as_slice() != checksum {
        return Err(Refused::Damaged);
    }
    let (length, rest) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or(Refused::Damaged)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| Refused::Damaged)?;
    let (found, code) = rest.split_at_checked(length).ok_or(Refused::Damaged)?;
    if found == header.as_bytes() { Ok(bytes.len() - code.len()) } else { Err(Refused::Foreign) }
}
