//! Where in the store things are.
//!
//! | key | value |
//! | --- | --- |
//! | `k` and the key | the value |
//! | `s` and the name of a sequence | its last number, 8 bytes, the highest first |
//! | `l` and the term, 8 bytes, the highest first | the index of the entry that noted it, likewise |

/// Before every key of the user's.
const ENTRY: u8 = b'k';

/// Before every name of a sequence.
const SEQUENCE: u8 = b's';

/// Before every term.
pub(crate) const LEADER: u8 = b'l';

/// The longest key.
pub(crate) const KEY_BYTES_MAX: usize = 1024;

/// The longest value.
pub(crate) const VALUE_BYTES_MAX: usize = 1024 * 1024;

/// Where the value of a key is.
pub(crate) fn entry(key: &[u8]) -> Vec<u8> {
    [&[ENTRY], key].concat()
}

/// The first stored key behind every entry.
pub(crate) fn end_of_entries() -> Vec<u8> {
    vec![ENTRY + 1]
}

/// Where the last number of a sequence is.
pub(crate) fn sequence(name: &[u8]) -> Vec<u8> {
    [&[SEQUENCE], name].concat()
}

/// The key of an entry.
pub(crate) fn of_entry(stored: &[u8]) -> &[u8] {
    stored.get(1..).unwrap_or_default()
}

/// Where the index of a term is.
pub(crate) fn leader(term: u64) -> [u8; 9] {
    let mut stored = [LEADER; 9];
    stored[1..].copy_from_slice(&term.to_be_bytes());
    stored
}

/// The term or index behind a mark, or all of a value.
pub(crate) fn number(bytes: &[u8]) -> u64 {
    bytes.last_chunk().map_or(0, |number| u64::from_be_bytes(*number))
}

pub(crate) fn check_key(key: &[u8]) -> Result<(), String> {
    match key.len() {
        0 => Err("a key has at least one byte".into()),
        1..=KEY_BYTES_MAX => Ok(()),
        bytes => Err(format!("the key has {bytes} bytes; the most is {KEY_BYTES_MAX}")),
    }
}

pub(crate) fn check_value(value: &[u8]) -> Result<(), String> {
    match value.len() {
        0..=VALUE_BYTES_MAX => Ok(()),
        bytes => Err(format!("the value has {bytes} bytes; the most is {VALUE_BYTES_MAX}")),
    }
}
