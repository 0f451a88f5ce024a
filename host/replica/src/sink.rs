use crate::ports::{HostFault, SnapshotInfo, SnapshotWriter};
use std::{
    io::{self, Read, Write},
    sync::{Arc, Mutex, PoisonError},
};

/// Lends a snapshot's writer to an instance, which takes its sink by value, and gets it back to finish it.
pub(crate) struct LentWriter(Arc<Mutex<Option<Counted>>>);

struct Counted {
    writer: Box<dyn SnapshotWriter>,
    bytes: u64,
}

impl LentWriter {
    pub(crate) fn new(writer: Box<dyn SnapshotWriter>) -> Self {
        Self(Arc::new(Mutex::new(Some(Counted { writer, bytes: 0 }))))
    }

    /// The sink for the instance.
    pub(crate) fn sink(&self) -> Box<dyn Write + Send> {
        Box::new(Sink(self.0.clone()))
    }

    /// Finishes what was written. Later writes to the sink fail.
    pub(crate) fn finish(self) -> Result<SnapshotInfo, HostFault> {
        self.take_back()?.0.finish()
    }

    /// The writer itself, and how many bytes were written. Later writes to the sink fail.
    pub(crate) fn take_back(self) -> Result<(Box<dyn SnapshotWriter>, u64), HostFault> {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let counted = counted.ok_or_else(|| HostFault::because("a snapshot was finished twice"))?;
        Ok((counted.writer, counted.bytes))
    }
}

struct Sink(Arc<Mutex<Option<Counted>>>);

impl Sink {
    fn with<T>(&self, write: impl FnOnce(&mut Counted) -> io::Result<T>) -> io::Result<T> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(counted) => write(counted),
            None => Err(io::Error::other("the snapshot is finished already")),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|counted| {
            let written = counted.writer.write(bytes)?;
            counted.bytes = counted.bytes.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
            Ok(written)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(|counted| counted.writer.flush())
    }
}

/// Lends the beginning of a snapshot to an instance, which takes its source by value, and gets the rest back.
pub(crate) struct LentReader(SharedSource);

type SharedSource = Arc<Mutex<Option<io::Take<Box<dyn Read + Send>>>>>;

impl LentReader {
    /// Lends so many bytes.
    pub(crate) fn new(source: Box<dyn Read + Send>, bytes: u64) -> Self {
        Self(Arc::new(Mutex::new(Some(source.take(bytes)))))
    }

    /// The source for the instance.
    pub(crate) fn source(&self) -> Box<dyn Read + Send> {
        Box::new(Source(self.0.clone()))
    }

    /// What follows the bytes that were lent, whether all of them were read or not. Later reads of the source fail.
    pub(crate) fn take_back(self) -> Result<Box<dyn Read + Send>, HostFault> {
        let source = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut source = source.ok_or_else(|| HostFault::because("a source was taken back twice"))?;
        io::copy(&mut source, &mut io::sink())?;
        Ok(source.into_inner())
    }
}

struct Source(SharedSource);

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(source) => source.read(buffer),
            None => Err(io::Error::other("the snapshot was taken back")),
        }
    }
}
