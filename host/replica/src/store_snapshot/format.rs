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
use std::io::{ErrorKind, Read, Write};

const MAGIC: [u8; 8] = *b"quorkv\0\x01";
/// The most a block may claim to hold: more than the largest pair any group allows, little enough to be read at once.
const BLOCK_BYTES_MAX: u32 = 64 << 20;

pub(super) struct BlockWriter<'a> {
    sink: &'a mut dyn Write,
    pairs: u64,
    checksum: u32,
}

impl<'a> BlockWriter<'a> {
    pub(super) fn begin(sink: &'a mut dyn Write) -> Result<Self, HostFault> {
        sink.write_all(&MAGIC)?;
        Ok(Self { sink, pairs: 0, checksum: 0 })
    }

    pub(super) fn write(&mut self, pairs: &[(Bytes, Bytes)]) -> Result<(), HostFault> {
        let sizes = pairs.iter().map(|(key, value)| 2 * size_of::<u32>() + key.len() + value.len());
        let mut block = BytesMut::with_capacity(sizes.sum());
        for (key, value) in pairs {
            for part in [key, value] {
                block.put_u32_le(length(part.len())?);
                block.put_slice(part);
            }
            self.pairs += 1;
        }
        let checksum = crc32c::crc32c(&block);
        self.checksum = crc32c::crc32c_append(self.checksum, &checksum.to_le_bytes());
        self.sink.write_all(&length(block.len())?.to_le_bytes())?;
        self.sink.write_all(&checksum.to_le_bytes())?;
        self.sink.write_all(&block)?;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), HostFault> {
        let checksum = crc32c::crc32c_append(self.checksum, &self.pairs.to_le_bytes());
        self.sink.write_all(&0_u32.to_le_bytes())?;
        self.sink.write_all(&self.pairs.to_le_bytes())?;
        self.sink.write_all(&checksum.to_le_bytes())?;
        self.sink.flush()?;
        Ok(())
    }
}

fn length(bytes: usize) -> Result<u32, HostFault> {
    u32::try_from(bytes)
        .ok()
        .filter(|bytes| *bytes <= BLOCK_BYTES_MAX)
        .ok_or_else(|| HostFault::because(format!("a snapshot cannot hold a block of {bytes} bytes")))
}

pub(super) struct BlockReader<'a> {
    source: &'a mut dyn Read,
    pairs: u64,
    checksum: u32,
    last_key: Option<Bytes>,
}

impl<'a> BlockReader<'a> {
    pub(super) fn begin(source: &'a mut dyn Read) -> Result<Self, HostFault> {
        let mut reader = Self { source, pairs: 0, checksum: 0, last_key: None };
        let magic = reader.array::<8>()?;
        if magic[..7] != MAGIC[..7] {
            return Err(damaged("it does not begin as one"));
        }
        if magic != MAGIC {
            return Err(HostFault::because(format!(
                "a snapshot of a store has format {}, and this version of Quorate reads format {}: run the version that wrote it",
                magic[7], MAGIC[7]
            )));
        }
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
        if crc32c::crc32c(&block) != checksum {
            return Err(damaged("the checksum of a block does not fit"));
        }
        self.checksum = crc32c::crc32c_append(self.checksum, &checksum.to_le_bytes());
        self.split(block.into()).map(Some)
    }

    fn split(&mut self, mut block: Bytes) -> Result<Vec<(Bytes, Bytes)>, HostFault> {
        let mut pairs = Vec::new();
        while block.has_remaining() {
            let key = part(&mut block)?;
            let value = part(&mut block)?;
            if self.last_key.as_ref().is_some_and(|last| *last >= key) {
                return Err(damaged("its keys do not ascend"));
            }
            self.last_key = Some(key.clone());
            self.pairs += 1;
            pairs.push((key, value));
        }
        Ok(pairs)
    }

    fn check_end(&mut self) -> Result<(), HostFault> {
        let pairs = u64::from_le_bytes(self.array()?);
        let checksum = u32::from_le_bytes(self.array()?);
        if pairs != self.pairs || checksum != crc32c::crc32c_append(self.checksum, &pairs.to_le_bytes()) {
            return Err(damaged("blocks are missing or doubled"));
        }
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
