use crate::ports::{HostFault, SnapshotInfo, SnapshotWriter};
use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

/// Lends a snapshot's writer to an instance, which takes its sink by value, and gets it back to finish it.
pub(crate) struct LentWriter(Arc<Mutex<Option<Box<dyn SnapshotWriter>>>>);

impl LentWriter {
    pub(crate) fn new(writer: Box<dyn SnapshotWriter>) -> Self {
        Self(Arc::new(Mutex::new(Some(writer))))
    }

    /// The sink for the instance.
    pub(crate) fn sink(&self) -> Box<dyn Write + Send> {
        Box::new(Sink(self.0.clone()))
    }

    /// Finishes what was written. Later writes to the sink fail.
    pub(crate) fn finish(self) -> Result<SnapshotInfo, HostFault> {
        let writer = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        writer.ok_or_else(|| HostFault::because("a snapshot was finished twice"))?.finish()
    }
}

struct Sink(Arc<Mutex<Option<Box<dyn SnapshotWriter>>>>);

impl Sink {
    fn with<T>(&self, write: impl FnOnce(&mut dyn SnapshotWriter) -> io::Result<T>) -> io::Result<T> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(writer) => write(writer.as_mut()),
            None => Err(io::Error::other("the snapshot is finished already")),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|writer| writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(|writer| writer.flush())
    }
}
