//! Where in the store things are. Numbers are 8 bytes, the highest first.
//!
//! | key | value |
//! | --- | --- |
//! | `t` | the last token that was given |
//! | `h`, the name | who holds the lock: see `record` |
//! | `w`, the length of the name in 2 bytes, the name, a number that rises | who waits for it |
//! | `e`, a time, a key of the two kinds above | nothing: what ends at that time |

/// Where the last token is.
pub(crate) const LAST_TOKEN: &[u8] = b"t";

/// Before the name of every lock that is held.
pub(crate) const HOLDER: &[u8] = b"h";

/// Before everything that ends, in the order of time.
pub(crate) const END: &[u8] = b"e";

const WAITER: &[u8] = b"w";

/// The longest name, of a lock or an owner.
pub(crate) const NAME_BYTES_MAX: usize = 256;

/// Who holds a lock.
pub(crate) fn holder(name: &[u8]) -> Vec<u8> {
    [HOLDER, name].concat()
}

/// Before all who wait for a lock.
pub(crate) fn waiters(name: &[u8]) -> Vec<u8> {
    // Names are short enough.
    let length = u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes();
    [WAITER, &length, name].concat()
}

/// One who waits. Whoever comes later has a higher number.
pub(crate) fn waiter(name: &[u8], number: u64) -> Vec<u8> {
    [&waiters(name)[..], &number.to_be_bytes()].concat()
}

/// That something ends at a time.
pub(crate) fn end(at_ms: u64, of: &[u8]) -> Vec<u8> {
    [END, &at_ms.to_be_bytes(), of].concat()
}

/// Whether what ends is somebody's patience.
pub(crate) fn is_waiter(key: &[u8]) -> bool {
    key.starts_with(WAITER)
}

/// When something ends, its key, and the name of its lock.
pub(crate) fn read_end(key: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let (at_ms, of) = key.strip_prefix(END)?.split_first_chunk()?;
    let name = match of.strip_prefix(HOLDER) {
        Some(name) => name,
        None => {
            let (length, rest) = of.strip_prefix(WAITER)?.split_first_chunk()?;
            rest.get(..usize::from(u16::from_be_bytes(*length)))?
        }
    };
    Some((u64::from_be_bytes(*at_ms), of, name))
}

/// The number of one who waits.
pub(crate) fn number(key: &[u8]) -> u64 {
    key.last_chunk().map_or(0, |number| u64::from_be_bytes(*number))
}

pub(crate) fn check_name(name: &[u8]) -> Result<(), String> {
    match name.len() {
        0 => Err("a name has at least one byte".into()),
        1..=NAME_BYTES_MAX => Ok(()),
        bytes => Err(format!("the name has {bytes} bytes; the most is {NAME_BYTES_MAX}")),
    }
}
