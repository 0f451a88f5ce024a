use std::{
    fs::File,
    io::{self, Write},
    mem,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

/// So many bytes are written before the disk is told to take them.
///
/// A small synced write that comes meanwhile, as the log's do, waits behind them: so they are few, and a disk that is told of
/// one such piece at a time works nearly as fast as with all at once.
pub(crate) const SYNCED_BYTES: u64 = 2 << 20;

/// Syncs one file at a time, on a thread of its own, beside whoever writes.
#[derive(Debug, Default)]
pub(crate) struct SyncBeside {
    /// None before the first.
    thread: Option<SyncThread>,
    is_busy: bool,
}

/// It ends when this is dropped.
#[derive(Debug)]
struct SyncThread {
    files: SyncSender<File>,
    synced: Receiver<io::Result<()>>,
}

impl SyncThread {
    fn start() -> io::Result<Self> {
        let (files, waiting) = sync_channel::<File>(1);
        let (done, synced) = sync_channel(1);
        let work = move || {
            while let Ok(file) = waiting.recv() {
                if done.send(file.sync_data()).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("file-sync".to_owned()).spawn(work)?;
        Ok(Self { files, synced })
    }
}

fn ended() -> io::Error {
    io::Error::other("the thread that syncs files has failed")
}

impl SyncBeside {
    /// Begins to sync this file, once the sync before is done.
    pub(crate) fn begin(&mut self, file: File) -> io::Result<()> {
        self.wait()?;
        let thread = match &mut self.thread {
            Some(thread) => thread,
            none => none.insert(SyncThread::start()?),
        };
        thread.files.send(file).map_err(|_| ended())?;
        self.is_busy = true;
        Ok(())
    }

    /// Waits for the sync that is under way.
    pub(crate) fn wait(&mut self) -> io::Result<()> {
        if !mem::take(&mut self.is_busy) {
            return Ok(());
        }
        self.thread.as_ref().and_then(|thread| thread.synced.recv().ok()).unwrap_or_else(|| Err(ended()))
    }
}

/// A large file that goes to the disk while it is being written.
///
/// Left to the end, the sync of a large file keeps the disk busy for seconds, and the synced writes of the log, for which
/// clients wait, stand behind it; and whoever wrote the file waits for the disk when it could have worked beside it. So a
/// thread syncs what is there while the next bytes come, and about twice [`SYNCED_BYTES`] are ever on their way.
#[derive(Debug)]
pub(crate) struct SteadyFile {
    file: File,
    unsynced: u64,
    syncing: SyncBeside,
}

impl SteadyFile {
    pub(crate) fn new(file: File) -> Self {
        Self { file, unsynced: 0, syncing: SyncBeside::default() }
    }

    /// The file, to read, cut or turn it to another place. It is to be written to by [`write_all`](Self::write_all) only.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.unsynced = self.unsynced.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.unsynced >= SYNCED_BYTES {
            self.syncing.begin(self.file.try_clone()?)?;
            self.unsynced = 0;
        }
        Ok(())
    }

    /// Makes all of it last.
    pub(crate) fn sync_all(&mut self) -> io::Result<()> {
        self.syncing.wait()?;
        self.file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::fd::OwnedFd};

    #[test]
    fn all_bytes_arrive_however_they_come() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut file = SteadyFile::new(File::create(&path).unwrap());
        let mut expected = Vec::new();
        for (number, bytes) in [0, 1, 5 << 20, 9 << 20, 3, 17 << 20].into_iter().enumerate() {
            let piece = vec![u8::try_from(number).unwrap(); bytes];
            file.write_all(&piece).unwrap();
            expected.extend_from_slice(&piece);
        }
        file.sync_all().unwrap();
        assert!(fs::read(path).unwrap() == expected);
    }

    #[test]
    fn a_sync_that_fails_is_told_at_the_next() {
        let (reader, _writer) = io::pipe().unwrap();
        let pipe = File::from(OwnedFd::from(reader));
        assert!(pipe.sync_data().is_err(), "a pipe cannot be synced");
        let mut syncing = SyncBeside::default();
        syncing.begin(pipe.try_clone().unwrap()).unwrap();
        assert!(syncing.wait().is_err());
        syncing.wait().unwrap();
        syncing.begin(pipe.try_clone().unwrap()).unwrap();
        assert!(syncing.begin(pipe.try_clone().unwrap()).is_err());
    }
}
