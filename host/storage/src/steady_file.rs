use std::{
    fs::File,
    io::{self, Write},
    thread::{self, JoinHandle},
};

/// So many bytes are written before the disk is told to take them.
const SYNCED_BYTES: u64 = 8 << 20;

/// A large file that goes to the disk while it is being written.
///
/// Left to the end, the sync of a large file keeps the disk busy for seconds, and the synced writes of the log, for which
/// clients wait, stand behind it; and whoever wrote the file waits for the disk when it could have worked beside it. So a
/// thread syncs what is there while the next bytes come, and at most twice [`SYNCED_BYTES`] are ever on their way.
#[derive(Debug)]
pub(crate) struct SteadyFile {
    file: File,
    unsynced: u64,
    syncing: Option<JoinHandle<io::Result<()>>>,
}

impl SteadyFile {
    pub(crate) fn new(file: File) -> Self {
        Self { file, unsynced: 0, syncing: None }
    }

    /// The file, to read, cut or turn it to another place. It is to be written to by [`write_all`](Self::write_all) only.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.unsynced = self.unsynced.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.unsynced >= SYNCED_BYTES {
            self.join()?;
            self.unsynced = 0;
            let file = self.file.try_clone()?;
            let sync = move || file.sync_data();
            self.syncing = Some(thread::Builder::new().name("file-sync".to_owned()).spawn(sync)?);
        }
        Ok(())
    }

    /// Makes all of it last.
    pub(crate) fn sync_all(&mut self) -> io::Result<()> {
        self.join()?;
        self.file.sync_all()
    }

    fn join(&mut self) -> io::Result<()> {
        match self.syncing.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(synced)) => synced,
            Some(Err(_)) => Err(io::Error::other("the thread that synced it has failed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

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
}
