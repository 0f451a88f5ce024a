//! What the node that leads the catalog says to the one that passed a change on: where the change stands in the log,
//! so that it can be waited for there, and what came of it.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use quorate_replica::ports::Outcome;

const REPLY: u8 = 1;
const REJECTION: u8 = 2;

/// The bytes that cross the wire. A trap cannot happen: the catalog is native.
pub(super) fn encode(index: u64, outcome: &Outcome) -> Option<Bytes> {
    let (tag, body) = match outcome {
        Outcome::Reply(body) => (REPLY, body),
        Outcome::Rejection(body) => (REJECTION, body),
        Outcome::Trapped(_) | Outcome::Frozen | Outcome::Session(_) => return None,
    };
    let mut bytes = BytesMut::with_capacity(9 + body.len());
    bytes.put_u64_le(index);
    bytes.put_u8(tag);
    bytes.put_slice(body);
    Some(bytes.freeze())
}

/// Reads them.
pub(super) fn decode(mut bytes: Bytes) -> Option<(u64, Outcome)> {
    if bytes.len() < 9 {
        return None;
    }
    let (index, tag) = (bytes.get_u64_le(), bytes.get_u8());
    match tag {
        REPLY => Some((index, Outcome::Reply(bytes))),
        REJECTION => Some((index, Outcome::Rejection(bytes))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_read_back_and_anything_else_does_not() {
        for outcome in [Outcome::Reply(Bytes::from_static(b"done")), Outcome::Rejection(Bytes::new())] {
            let bytes = encode(7, &outcome).expect("no trap");
            assert_eq!(decode(bytes.clone()), Some((7, outcome)));
            assert_eq!(decode(bytes.slice(..8)), None);
        }
        assert_eq!(decode(Bytes::from_static(b"12345678\x09")), None);
    }
}
