//! Sessions as rows: one of each session, and one of each answer that is kept. A store holds them as they are, and a snapshot
//! one behind the other.
//!
//! ```text
//! row      length of the key (u32), key, length of the value (u32), value
//! key      term (u64), number (u64) of the session; of an answer also the sequence (u64)
//! ```
//! Lengths are little-endian, keys big-endian, so that the rows of a session stand together.

use super::{
    Kept, Sessions,
    session::{Session, Verdict},
};
use crate::ports::{HostFault, TrapKind};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;
use quorate_vocabulary::{Position, SessionId};
use std::collections::BTreeMap;

const SESSION_KEY_BYTES: usize = 16;
const REPLY_KEY_BYTES: usize = 24;

/// The rows that an entry sets, or removes (with none).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionRows(BTreeMap<Bytes, Option<Bytes>>);

#[derive(Clone, PartialEq, Message)]
struct SessionRow {
    #[prost(uint64, tag = "1")]
    timeout_ms: u64,
    #[prost(uint64, tag = "2")]
    used_ms: u64,
    #[prost(uint64, tag = "3")]
    answered_below: u64,
}

#[derive(Clone, PartialEq, Message)]
struct ReplyRow {
    #[prost(uint64, tag = "1")]
    index: u64,
    #[prost(uint32, tag = "2")]
    ordinal: u32,
    #[prost(uint64, tag = "3")]
    time_ms: u64,
    #[prost(fixed32, tag = "4")]
    fingerprint: u32,
    #[prost(oneof = "VerdictRow", tags = "5, 6, 7")]
    verdict: Option<VerdictRow>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum VerdictRow {
    #[prost(bytes = "bytes", tag = "5")]
    Reply(Bytes),
    #[prost(bytes = "bytes", tag = "6")]
    Rejection(Bytes),
    #[prost(uint32, tag = "7")]
    Trapped(u32),
}

fn session_key(id: SessionId) -> BytesMut {
    let mut key = BytesMut::with_capacity(REPLY_KEY_BYTES);
    key.put_u64(id.term);
    key.put_u64(id.number);
    key
}

fn reply_key(id: SessionId, sequence: u64) -> Bytes {
    let mut key = session_key(id);
    key.put_u64(sequence);
    key.freeze()
}

fn session_value(session: &Session) -> Bytes {
    let Session { timeout_ms, used_ms, answered_below, .. } = *session;
    SessionRow { timeout_ms, used_ms, answered_below }.encode_to_vec().into()
}

fn reply_value(kept: &Kept) -> Bytes {
    let Position { index, ordinal, time_ms } = kept.position;
    let verdict = match &kept.verdict {
        Verdict::Reply(bytes) => VerdictRow::Reply(bytes.clone()),
        Verdict::Rejection(bytes) => VerdictRow::Rejection(bytes.clone()),
        Verdict::Trapped(kind) => VerdictRow::Trapped(kind.code().into()),
    };
    let row = ReplyRow { index, ordinal, time_ms, fingerprint: kept.fingerprint, verdict: Some(verdict) };
    row.encode_to_vec().into()
}

impl FromIterator<(Bytes, Option<Bytes>)> for SessionRows {
    fn from_iter<Rows: IntoIterator<Item = (Bytes, Option<Bytes>)>>(rows: Rows) -> Self {
        Self(rows.into_iter().collect())
    }
}

impl SessionRows {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their keys, in order, each with what it is set to.
    pub fn iter(&self) -> impl Iterator<Item = (&Bytes, Option<&Bytes>)> {
        self.0.iter().map(|(key, value)| (key, value.as_ref()))
    }

    pub(super) fn changed(&mut self, id: SessionId, session: &Session) {
        self.0.insert(session_key(id).freeze(), Some(session_value(session)));
    }

    pub(super) fn removed(&mut self, id: SessionId, session: &Session) {
        self.0.insert(session_key(id).freeze(), None);
        for sequence in session.replies.keys() {
            self.forgotten(id, *sequence);
        }
    }

    pub(super) fn kept(&mut self, id: SessionId, sequence: u64, kept: &Kept) {
        self.0.insert(reply_key(id, sequence), Some(reply_value(kept)));
    }

    pub(super) fn forgotten(&mut self, id: SessionId, sequence: u64) {
        self.0.insert(reply_key(id, sequence), None);
    }
}

fn damaged(how: &str) -> HostFault {
    HostFault::because(format!("the sessions of a group are damaged: {how}"))
}

/// One row, read.
enum Row {
    Session(SessionId, Session),
    Reply(SessionId, u64, Kept),
}

fn read(mut key: &[u8], value: &[u8]) -> Result<Row, HostFault> {
    if ![SESSION_KEY_BYTES, REPLY_KEY_BYTES].contains(&key.len()) {
        return Err(damaged("a key is neither of a session nor of an answer"));
    }
    let of_session = key.len() == SESSION_KEY_BYTES;
    let id = SessionId { term: key.get_u64(), number: key.get_u64() };
    let undecoded = |error| HostFault::new("decoding the sessions of a group, which are damaged", error);
    if of_session {
        let SessionRow { timeout_ms, used_ms, answered_below } =
            SessionRow::decode(value).map_err(undecoded)?;
        let session = Session { answered_below, ..Session::new(timeout_ms, used_ms) };
        return Ok(Row::Session(id, session));
    }
    let sequence = key.get_u64();
    let ReplyRow { index, ordinal, time_ms, fingerprint, verdict } =
        ReplyRow::decode(value).map_err(undecoded)?;
    let verdict = match verdict.ok_or_else(|| damaged("an answer says nothing"))? {
        VerdictRow::Reply(bytes) => Verdict::Reply(bytes),
        VerdictRow::Rejection(bytes) => Verdict::Rejection(bytes),
        VerdictRow::Trapped(code) => {
            let kind = u8::try_from(code).ok().and_then(TrapKind::of_code);
            Verdict::Trapped(kind.ok_or_else(|| damaged("an answer is a trap of a kind that is not known"))?)
        }
    };
    let position = Position { index, ordinal, time_ms };
    Ok(Row::Reply(id, sequence, Kept { position, fingerprint, verdict }))
}

impl Sessions {
    /// Every row, in the order of the keys.
    #[must_use]
    pub fn rows(&self) -> Vec<(Bytes, Bytes)> {
        let mut rows = Vec::new();
        for (id, session) in self.table.iter().flat_map(|table| table.all()) {
            rows.push((session_key(id).freeze(), session_value(session)));
            let replies = session.replies.iter();
            rows.extend(replies.map(|(sequence, kept)| (reply_key(id, *sequence), reply_value(kept))));
        }
        rows.sort_unstable();
        rows
    }

    /// Takes in the rows of all sessions, in the order of their keys, in place of those that it has.
    ///
    /// # Errors
    /// When one is damaged.
    pub fn load<Part: AsRef<[u8]>>(
        &mut self,
        rows: impl IntoIterator<Item = (Part, Part)>,
    ) -> Result<(), HostFault> {
        *self = Self::none_of(self.opened);
        for (key, value) in rows {
            match read(key.as_ref(), value.as_ref())? {
                Row::Session(id, session) if self.get(id).is_none() => self.table().insert(id, session),
                Row::Session(..) => return Err(damaged("a session stands there twice")),
                Row::Reply(id, sequence, kept) => {
                    let of = self.get(id).is_some();
                    let added = of.then(|| self.table().change(id, |session| session.keep(sequence, kept)));
                    added.ok_or_else(|| damaged("an answer is of no session"))?;
                }
            }
        }
        Ok(())
    }

    /// All rows behind one another.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        for part in self.rows().into_iter().flat_map(|(key, value)| [key, value]) {
            // No row comes near this: limits of groups are far below.
            bytes.put_u32_le(u32::try_from(part.len()).unwrap_or(u32::MAX));
            bytes.put_slice(&part);
        }
        bytes.freeze()
    }

    /// Takes in what [`encode`](Self::encode) wrote, in place of the sessions that it has.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn decode(&mut self, mut bytes: Bytes) -> Result<(), HostFault> {
        let mut rows = Vec::new();
        while bytes.has_remaining() {
            let mut part = || -> Option<Bytes> {
                let length = usize::try_from(bytes.try_get_u32_le().ok()?).ok()?;
                // A copy: an answer must not hold all of them in memory.
                (length <= bytes.remaining()).then(|| Bytes::copy_from_slice(&bytes.split_to(length)))
            };
            let row = part().zip(part()).ok_or_else(|| damaged("they end too early"))?;
            rows.push(row);
        }
        self.load(rows)
    }
}
