//! Where in the store things are. Numbers are 8 bytes, the highest first; a message is named by the length of its queue's
//! name in 2 bytes, that name, and its number.
//!
//! | key | value |
//! | --- | --- |
//! | `q`, a name | the queue: see `record` |
//! | `m`, a message | the message: see `record` |
//! | `r`, a message | nothing: it waits to be delivered |
//! | `d`, a message | nothing: it is a dead letter |
//! | `e`, a time, a message | nothing: it comes back at that time |

/// Before the name of every queue.
pub(crate) const QUEUE: &[u8] = b"q";

/// Before everything that comes back, in the order of time.
pub(crate) const BACK: &[u8] = b"e";

/// Before every message, dead letter and message that waits.
pub(crate) const MESSAGE: u8 = b'm';
pub(crate) const READY: u8 = b'r';
pub(crate) const DEAD: u8 = b'd';

/// The longest name of a queue.
pub(crate) const NAME_BYTES_MAX: usize = 256;

/// The longest payload.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

pub(crate) fn queue(name: &[u8]) -> Vec<u8> {
    [QUEUE, name].concat()
}

/// Before all messages of a queue, in one of the three orders.
pub(crate) fn all(mark: u8, name: &[u8]) -> Vec<u8> {
    // Names are short enough.
    let length = u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[mark], &length[..], name].concat()
}

pub(crate) fn one(mark: u8, name: &[u8], id: u64) -> Vec<u8> {
    [&all(mark, name)[..], &id.to_be_bytes()].concat()
}

/// That a message comes back at a time.
pub(crate) fn back(at_ms: u64, name: &[u8], id: u64) -> Vec<u8> {
    let message = one(MESSAGE, name, id);
    [BACK, &at_ms.to_be_bytes(), &message[1..]].concat()
}

/// When a message comes back, its queue and its number.
pub(crate) fn read_back(key: &[u8]) -> Option<(u64, &[u8], u64)> {
    let (at_ms, message) = key.strip_prefix(BACK)?.split_first_chunk()?;
    let (length, rest) = message.split_first_chunk()?;
    let (name, id) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some((u64::from_be_bytes(*at_ms), name, number(id)))
}

/// The number at the end of a key.
pub(crate) fn number(key: &[u8]) -> u64 {
    key.last_chunk().map_or(0, |number| u64::from_be_bytes(*number))
}
