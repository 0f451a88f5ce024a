//! The stream: a magic, blocks, an end.
//!
//! ```text
//! magic    8 bytes, with the version of the format in the last
//! block    length of the pairs (u32, not 0), their CRC-32C (u32), the pairs
//! pair     length of the key (u32), key, length of the value (u32), value
//! end      0 (u32), number of pairs (u64), CRC-32C over the checksums of all blocks and that number (u32)
//! ```
//! Numbers are little-endian. Keys ascend over the whole stream.

use crate::ports::HostFault;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::{
    io::{ErrorKind, Read},
    mem,
};

const MAGIC: [u8; MAGIC_BYTES] = *b"quorkv\0\x01";
const MAGIC_BYTES: usize = 8;
/// What stands before the pairs of a block: their length and their checksum.
const BLOCK_HEADER_BYTES: usize = 8;
const END_BYTES: usize = 16;
/// The most a block may claim to hold: more than the largest pair any group allows, little enough to be read at once.
const BLOCK_BYTES_MAX: u32 = 64 << 20;

/// How far a stream has come that is being written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Encoder {
    pairs: u64,
    checksum: u32,
}

impl Encoder {
    pub(super) fn begin() -> (Self, Bytes) {
        (Self::default(), Bytes::from_static(&MAGIC))
    }

    /// What comes next, when all its pairs were added.
    pub(super) fn block(&mut self, block: Block) -> Result<Bytes, HostFault> {
        let Block { mut bytes, pairs } = block;
        let (header, content) = bytes.split_at_mut(BLOCK_HEADER_BYTES);
        let checksum = crc32c::crc32c(content);
        let (of_length, of_checksum) = header.split_at_mut(size_of::<u32>());
        of_length.copy_from_slice(&length(content.len())?.to_le_bytes());
        of_checksum.copy_from_slice(&checksum.to_le_bytes());
        self.checksum = crc32c::crc32c_append(self.checksum, &checksum.to_le_bytes());
        self.pairs += pairs;
        Ok(bytes.freeze())
    }

    pub(super) fn end(&self) -> Bytes {
        let mut end = BytesMut::with_capacity(END_BYTES);
        end.put_u32_le(0);
        end.put_u64_le(self.pairs);
        end.put_u32_le(end_checksum(self.pairs, self.checksum));
        end.freeze()
    }
}

/// A block that pairs are added to.
pub(super) struct Block {
    bytes: BytesMut,
    pairs: u64,
}

impl Block {
    /// One for about so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut block = BytesMut::with_capacity(BLOCK_HEADER_BYTES.saturating_add(bytes));
        block.put_bytes(0, BLOCK_HEADER_BYTES);
        Self { bytes: block, pairs: 0 }
    }

    /// Adds a pair. The lengths fit, or the block's does not.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        for part in [key, value] {
            self.bytes.put_u32_le(u32::try_from(part.len()).unwrap_or(u32::MAX));
            self.bytes.put_slice(part);
        }
        self.pairs += 1;
    }
}

fn end_checksum(pairs: u64, checksum: u32) -> u32 {
    crc32c::crc32c_append(checksum, &pairs.to_le_bytes())
}

fn length(bytes: usize) -> Result<u32, HostFault> {
    u32::try_from(bytes)
        .ok()
        .filter(|bytes| *bytes <= BLOCK_BYTES_MAX)
        .ok_or_else(|| HostFault::because(format!("a snapshot cannot hold a block of {bytes} bytes")))
}

/// A place between two blocks of a stream, and what has to be known to read on from there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamMark {
    /// How many bytes of the stream are before it.
    pub offset: u64,
    /// How many pairs are.
    pub pairs: u64,
    /// The checksum over the checksums of their blocks.
    pub checksum: u32,
    /// The last key.
    pub last_key: Option<Bytes>,
}

impl StreamMark {
    /// The pairs of the block that comes next, which has so many bytes with its header.
    fn take(&mut self, block: Bytes, checksum: u32) -> Result<Vec<(Bytes, Bytes)>, HostFault> {
        if crc32c::crc32c(&block) != checksum {
            return Err(damaged("the checksum of a block does not fit"));
        }
        self.checksum = crc32c::crc32c_append(self.checksum, &checksum.to_le_bytes());
        self.offset =
            self.offset.saturating_add(u64::try_from(BLOCK_HEADER_BYTES + block.len()).unwrap_or(0));
        self.split(block)
    }

    fn split(&mut self, mut block: Bytes) -> Result<Vec<(Bytes, Bytes)>, HostFault> {
        let mut pairs: Vec<(Bytes, Bytes)> = Vec::new();
        while block.has_remaining() {
            let key = part(&mut block)?;
            let value = part(&mut block)?;
            let last = pairs.last().map(|(last, _)| last).or(self.last_key.as_ref());
            if last.is_some_and(|last| *last >= key) {
                return Err(damaged("its keys do not ascend"));
            }
            pairs.push((key, value));
        }
        self.pairs += u64::try_from(pairs.len()).unwrap_or(0);
        // A copy: one that is a part of its block would keep all of it in memory.
        self.last_key = pairs.last().map(|(last, _)| Bytes::copy_from_slice(last));
        Ok(pairs)
    }

    fn check_end(&self, pairs: u64, checksum: u32) -> Result<(), HostFault> {
        if pairs != self.pairs || checksum != end_checksum(self.pairs, self.checksum) {
            return Err(damaged("blocks are missing or doubled"));
        }
        Ok(())
    }
}

pub(super) fn check_magic(magic: [u8; MAGIC_BYTES]) -> Result<(), HostFault> {
    if magic[..7] != MAGIC[..7] {
        return Err(damaged("it does not begin as one"));
    }
    if magic != MAGIC {
        return Err(HostFault::because(format!(
            "a snapshot of a store has format {}, and this version of Quorate reads format {}: run the version that wrote it",
            magic[7], MAGIC[7]
        )));
    }
    Ok(())
}

/// Takes a stream in as it comes, in pieces of any size.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    mark: StreamMark,
    /// The piece that came last, as long as it begins with a whole block.
    piece: Bytes,
    /// Otherwise: what waits for more.
    waiting: BytesMut,
    has_ended: bool,
}

impl StreamDecoder {
    /// Reads on behind what was read before: from the [mark](Self::mark) of an earlier one, or from the beginning.
    #[must_use]
    pub fn new(mark: StreamMark) -> Self {
        Self { mark, ..Self::default() }
    }

    /// Where the first block begins that was not given out yet.
    #[must_use]
    pub fn mark(&self) -> &StreamMark {
        &self.mark
    }

    /// How many bytes of the stream came.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.mark.offset.saturating_add(u64::try_from(self.unread().len()).unwrap_or(0))
    }

    /// Whether the end was read, and all before it is as it was written.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The next piece. What can be read of the one before is to be read first.
    pub fn push(&mut self, piece: Bytes) {
        if self.unread().is_empty() {
            self.piece = piece;
        } else {
            let before = mem::take(&mut self.piece);
            self.waiting.extend_from_slice(&before);
            self.waiting.extend_from_slice(&piece);
        }
    }

    /// The pairs of the next block; none when more has to come first, or the stream has ended.
    ///
    /// # Errors
    /// When the stream is damaged.
    pub fn next_block(&mut self) -> Result<Option<Vec<(Bytes, Bytes)>>, HostFault> {
        if self.has_ended {
            return if self.unread().is_empty() {
                Ok(None)
            } else {
                Err(damaged("something stands behind its end"))
            };
        }
        if self.mark.offset == 0 {
            let Some(magic) = self.unread().first_chunk::<MAGIC_BYTES>() else { return Ok(None) };
            check_magic(*magic)?;
            self.take(MAGIC_BYTES);
            self.mark.offset = u64::try_from(MAGIC_BYTES).unwrap_or(0);
        }
        let mut header = self.unread();
        let Ok(bytes) = header.try_get_u32_le() else { return Ok(None) };
        if bytes == 0 {
            let (Ok(pairs), Ok(checksum)) = (header.try_get_u64_le(), header.try_get_u32_le()) else {
                return Ok(None);
            };
            self.mark.check_end(pairs, checksum)?;
            self.take(END_BYTES);
            self.mark.offset = self.mark.offset.saturating_add(u64::try_from(END_BYTES).unwrap_or(0));
            self.has_ended = true;
            return self.next_block();
        }
        if bytes > BLOCK_BYTES_MAX {
            return Err(damaged("a block claims to be larger than any may be"));
        }
        let Ok(checksum) = header.try_get_u32_le() else { return Ok(None) };
        let bytes = usize::try_from(bytes).map_err(|error| HostFault::new("reading a block", error))?;
        if header.len() < bytes {
            return Ok(None);
        }
        let mut block = self.take(BLOCK_HEADER_BYTES + bytes);
        block.advance(BLOCK_HEADER_BYTES);
        self.mark.take(block, checksum).map(Some)
    }

    fn unread(&self) -> &[u8] {
        if self.waiting.is_empty() { &self.piece } else { &self.waiting }
    }

    fn take(&mut self, bytes: usize) -> Bytes {
        if self.waiting.is_empty() {
            self.piece.split_to(bytes)
        } else {
            self.waiting.split_to(bytes).freeze()
        }
    }
}

pub(super) struct BlockReader<'a> {
    source: &'a mut dyn Read,
    mark: StreamMark,
}

impl<'a> BlockReader<'a> {
    pub(super) fn begin(source: &'a mut dyn Read) -> Result<Self, HostFault> {
        let mut reader = Self { source, mark: StreamMark::default() };
        check_magic(reader.array()?)?;
        Ok(reader)
    }

    /// The pairs of the next block; none behind the last.
    pub(super) fn next(&mut self) -> Result<Option<Vec<(Bytes, Bytes)>>, HostFault> {
        let length = u32::from_le_bytes(self.array()?);
        if length == 0 {
            return self.check_end().map(|()| None);
        }
        if length > BLOCK_BYTES_MAX {
            return Err(damaged("a block claims to be larger than any may be"));
        }
        let checksum = u32::from_le_bytes(self.array()?);
        let mut block =
            vec![0; usize::try_from(length).map_err(|error| HostFault::new("reading a block", error))?];
        self.read(&mut block)?;
        self.mark.take(block.into(), checksum).map(Some)
    }

    fn check_end(&mut self) -> Result<(), HostFault> {
        let pairs = u64::from_le_bytes(self.array()?);
        let checksum = u32::from_le_bytes(self.array()?);
        self.mark.check_end(pairs, checksum)?;
        // Reading on to the end lets a source that checks the whole of its content say so.
        let mut rest = [0; 1];
        match self.source.read(&mut rest)? {
            0 => Ok(()),
            _ => Err(damaged("something stands behind its end")),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], HostFault> {
        let mut bytes = [0; N];
        self.read(&mut bytes)?;
        Ok(bytes)
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), HostFault> {
        self.source.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => damaged("it ends too early"),
            _ => error.into(),
        })
    }
}

fn part(block: &mut Bytes) -> Result<Bytes, HostFault> {
    let torn = || damaged("a pair is longer than its block");
    let length = block.try_get_u32_le().map_err(|_| torn())?;
    let length = usize::try_from(length).map_err(|_| torn())?;
    if length > block.remaining() {
        return Err(torn());
    }
    Ok(block.split_to(length))
}

fn damaged(how: &str) -> HostFault {
    HostFault::because(format!("the snapshot of a store is damaged: {how}"))
}
