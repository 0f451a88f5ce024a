use crate::backend;
use std::io::{self, BufRead, Read, Write};

/// How many bytes go to the host, or come from it, in one call.
const CHUNK_BYTES: usize = 256 * 1024;

/// Where a memory machine writes its state; any number of bytes, in pieces of any size.
#[derive(Debug, Default)]
pub struct SnapshotWriter {
    buffer: Vec<u8>,
}

impl SnapshotWriter {
    pub(crate) fn finish(mut self) {
        self.send();
    }

    fn send(&mut self) {
        if !self.buffer.is_empty() {
            backend::snapshot_write(&self.buffer);
            self.buffer.clear();
        }
    }
}

impl Write for SnapshotWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK_BYTES {
            self.send();
        }
        Ok(taken)
    }

    /// Does nothing: chunks are of one size whatever the machine flushes, and the last is sent at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a memory machine reads its state.
#[derive(Debug, Default)]
pub struct SnapshotReader {
    buffer: Vec<u8>,
    read: usize,
}

impl Read for SnapshotReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let taken = self.fill_buf()?.read(into)?;
        self.consume(taken);
        Ok(taken)
    }
}

impl BufRead for SnapshotReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.read == self.buffer.len() {
            self.buffer = backend::snapshot_read(CHUNK_BYTES);
            self.read = 0;
        }
        Ok(&self.buffer[self.read..])
    }

    fn consume(&mut self, bytes: usize) {
        self.read = self.buffer.len().min(self.read + bytes);
    }
}
