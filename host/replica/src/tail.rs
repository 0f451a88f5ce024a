//! The tail of a snapshot: the entries between what the plugin saved and where the snapshot stands.
//!
//! One message an entry, each behind its length. That nothing of it is missing or damaged is for the snapshot as a whole to say.

use crate::{
    CommittedEntry, ReplicaFault, ReplicaStart,
    ports::{CallFailure, HostFault, Instance, SnapshotHeader, SnapshotTail},
    replay::{Replay, Trapped},
    sink::LentReader,
};
use bytes::Bytes;
use prost::Message;
use quorate_proto::entry::EntryBody;
use std::io::{self, ErrorKind, Read, Write};

/// The largest entry that is read, with room for what stands around it: a damaged length must not ask for more memory.
const ENTRY_BYTES_MAX: u64 = 64 << 20;
/// What one entry of the tail may have, before its bytes are read.
const LENGTH_BYTES: usize = 4;

#[derive(Clone, PartialEq, Message)]
struct TailEntry {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(bytes = "bytes", tag = "2")]
    body: Bytes,
    /// The places of its calls that trapped.
    #[prost(uint32, repeated, tag = "3")]
    trapped: Vec<u32>,
    /// From which place on nothing was done, because the group was frozen.
    #[prost(uint32, optional, tag = "4")]
    frozen: Option<u32>,
}

/// Adds an entry that was applied, of which these commands trapped.
pub(crate) fn write(
    sink: &mut dyn Write,
    entry: &CommittedEntry,
    trapped: &Trapped,
) -> Result<(), HostFault> {
    let (trapped, frozen) = trapped.of_entry(entry.index);
    let message = TailEntry { term: entry.term, body: entry.body.encode(), trapped, frozen };
    let length = u32::try_from(message.encoded_len())
        .map_err(|error| HostFault::new(format!("entry {} is too large", entry.index), error))?;
    sink.write_all(&length.to_le_bytes())?;
    sink.write_all(&message.encode_to_vec())?;
    Ok(())
}

/// Brings a fresh instance to where the snapshot stands: loads what the plugin saved, and applies the tail to it.
pub(crate) fn load(
    start: &ReplicaStart,
    mut instance: Box<dyn Instance>,
    header: &SnapshotHeader,
    tail: &SnapshotTail,
    source: Box<dyn Read + Send>,
) -> Result<Result<Box<dyn Instance>, CallFailure>, ReplicaFault> {
    let reading = || ReplicaFault::while_doing("reading the tail of a snapshot");
    let lent = LentReader::new(source, tail.saved_bytes);
    let loaded = instance.load(tail.saved.position(), lent.source());
    if let Err(failure) = loaded.map_err(ReplicaFault::while_doing("loading a snapshot"))? {
        return Ok(Err(failure));
    }
    let mut source = lent.take_back().map_err(reading())?;
    let mut timers = tail.saved.timers.clone();
    for index in tail.saved.index + 1..header.point.index {
        let (entry, trapped) = read(source.as_mut(), index).map_err(reading())?;
        let mut replay = Replay {
            start,
            instance: instance.as_mut(),
            timers: &mut timers,
            trapped: &trapped,
            observe: &mut |_, _| {},
        };
        if replay.entry(&entry, None)?.is_err() {
            return Err(ReplicaFault::Diverged { base: tail.saved.index, index });
        }
    }
    // Reading on to the end lets a source that checks the whole of its content say so.
    match source.read(&mut [0; 1]).map_err(HostFault::from).map_err(reading())? {
        0 => Ok(Ok(instance)),
        _ => Err(reading()(damaged("something stands behind its end"))),
    }
}

fn read(source: &mut dyn Read, index: u64) -> Result<(CommittedEntry, Trapped), HostFault> {
    let mut length = [0; LENGTH_BYTES];
    source.read_exact(&mut length).map_err(early)?;
    let length = u64::from(u32::from_le_bytes(length));
    if length > ENTRY_BYTES_MAX {
        return Err(damaged("an entry claims to be larger than any may be"));
    }
    let mut bytes = Vec::new();
    source.take(length).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()) != Ok(length) {
        return Err(damaged("it ends too early"));
    }
    let message = TailEntry::decode(Bytes::from(bytes))
        .map_err(|error| HostFault::new("decoding an entry of a snapshot's tail", error))?;
    let body = EntryBody::decode(&message.body)
        .map_err(|error| HostFault::new(format!("decoding entry {index} of a snapshot's tail"), error))?;
    let trapped = Trapped::in_entry(index, message.trapped, message.frozen);
    Ok((CommittedEntry { index, term: message.term, body }, trapped))
}

fn early(error: io::Error) -> HostFault {
    match error.kind() {
        ErrorKind::UnexpectedEof => damaged("it ends too early"),
        _ => error.into(),
    }
}

fn damaged(how: &str) -> HostFault {
    HostFault::because(format!("the tail of a snapshot is damaged: {how}"))
}
