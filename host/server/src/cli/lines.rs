//! `submit --lines`: one command a line.

use super::failure::Failure;
use bytes::Bytes;
use quorate_proto::reason;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::mpsc;

/// A line may not be longer: no node takes a larger message.
pub(crate) const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Lines that are read ahead of being sent.
const WAITING_LINES_MAX: usize = 256;

/// A line that holds a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number, from 1; lines passed over count.
    pub(crate) number: u64,
    /// Its bytes, without the newline; none: there were too many.
    pub(crate) command: Option<Bytes>,
}

/// The lines of a file that hold commands. Empty ones are passed over; a carriage return before the newline is
/// no part of the command.
struct Lines<R> {
    reader: R,
    number: u64,
    bytes_max: usize,
}

impl<R: BufRead> Lines<R> {
    fn new(reader: R, bytes_max: usize) -> Self {
        Self { reader, number: 0, bytes_max }
    }

    fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let mut line = Vec::new();
            let limit = u64::try_from(self.bytes_max).unwrap_or(u64::MAX).saturating_add(2);
            if self.reader.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if line.last() == Some(&b'\n') {
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
            } else if line.len() > self.bytes_max {
                self.skip_line()?;
            }
            if line.is_empty() {
                continue;
            }
            let command = (line.len() <= self.bytes_max).then(|| Bytes::from(line));
            return Ok(Some(Line { number: self.number, command }));
        }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(());
            }
            if let Some(newline) = buffer.iter().position(|&byte| byte == b'\n') {
                self.reader.consume(newline + 1);
                return Ok(());
            }
            let length = buffer.len();
            self.reader.consume(length);
        }
    }
}

/// Lines as a thread of their own reads them, so that nobody waits for a slow file or a person who types.
pub(crate) struct LineSource {
    /// The lines, and at last the error that ended them, if one did.
    pub(crate) lines: mpsc::Receiver<Result<Line, Failure>>,
    /// How many bytes were read so far.
    pub(crate) bytes_read: Arc<AtomicU64>,
    /// How many bytes there are, when that is known.
    pub(crate) bytes_total: Option<u64>,
}

struct Counted<R> {
    reader: R,
    bytes_read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.bytes_read.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
        Ok(count)
    }
}

/// Begins to read the lines of a file, or of standard input for `-`.
///
/// # Errors
/// If the file cannot be opened.
pub(crate) fn open(path: &Path) -> Result<LineSource, Failure> {
    let failed = {
        let name = if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() };
        move |error: &io::Error| {
            Failure::new(reason::FILE_FAILED, format!("{name} cannot be read: {error}"))
                .cure("check the path and its permissions")
        }
    };
    let (reader, bytes_total): (Box<dyn Read + Send>, Option<u64>) = if is_stdin(path) {
        (Box::new(io::stdin()), None)
    } else {
        let file = File::open(path).map_err(|error| failed(&error))?;
        let metadata = file.metadata().map_err(|error| failed(&error))?;
        if metadata.is_dir() {
            return Err(failed(&io::ErrorKind::IsADirectory.into()));
        }
        // A pipe has no size.
        let size = metadata.is_file().then_some(metadata.len());
        (Box::new(file), size)
    };
    let bytes_read = Arc::new(AtomicU64::new(0));
    let counted = Counted { reader, bytes_read: bytes_read.clone() };
    let (sender, lines) = mpsc::channel(WAITING_LINES_MAX);
    std::thread::spawn(move || {
        let mut reader = Lines::new(BufReader::with_capacity(256 * 1024, counted), LINE_BYTES_MAX);
        loop {
            let line = match reader.next() {
                Ok(Some(line)) => Ok(line),
                Ok(None) => return,
                Err(error) => Err(failed(&error)),
            };
            let last = line.is_err();
            if sender.blocking_send(line).is_err() || last {
                return;
            }
        }
    });
    Ok(LineSource { lines, bytes_read, bytes_total })
}

/// Whether a path means standard input.
#[must_use]
pub(crate) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// All bytes of a file, or of standard input for `-`.
///
/// # Errors
/// If it cannot be read, or has more bytes than `bytes_max`.
pub(crate) fn read_whole(path: &Path, bytes_max: usize) -> Result<Bytes, Failure> {
    let name = if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() };
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let read = if is_stdin(path) {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        Failure::new(reason::FILE_FAILED, format!("{name} cannot be read: {error}"))
            .cure("check the path and its permissions")
    })?;
    if bytes.len() > bytes_max {
        return Err(Failure::new(
            reason::FILE_FAILED,
            format!("{name} has more than {bytes_max} bytes, which is more than any node takes"),
        ));
    }
    Ok(bytes.into())
}

/// The commands of a file, or of standard input for `-`: one a line.
///
/// # Errors
/// If it cannot be read, or a line is too long.
pub(crate) fn read_commands(path: &Path) -> Result<Vec<Bytes>, Failure> {
    let bytes = read_whole(path, LINE_BYTES_MAX)?;
    let mut lines = Lines::new(bytes.as_ref(), LINE_BYTES_MAX);
    let mut commands = Vec::new();
    // Memory can always be read.
    while let Ok(Some(line)) = lines.next() {
        commands.extend(line.command);
    }
    Ok(commands)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn lines(text: &[u8], bytes_max: usize) -> Vec<(u64, Option<String>)> {
        // A buffer of two bytes: no line is whole in it.
        let mut lines = Lines::new(BufReader::with_capacity(2, text), bytes_max);
        let mut all = Vec::new();
        while let Some(line) = lines.next().expect("memory can be read") {
            let text = line.command.map(|bytes| String::from_utf8(bytes.to_vec()).expect("text"));
            all.push((line.number, text));
        }
        all
    }

    fn some(number: u64, text: &str) -> (u64, Option<String>) {
        (number, Some(text.to_owned()))
    }

    #[test]
    fn each_line_is_a_command_without_its_newline() {
        assert_eq!(lines(b"a b\nc\n", 100), [some(1, "a b"), some(2, "c")]);
        assert_eq!(lines(b"a\nno newline", 100), [some(1, "a"), some(2, "no newline")]);
        assert_eq!(lines(b"", 100), []);
    }

    #[test]
    fn empty_lines_are_passed_over_and_still_counted() {
        assert_eq!(lines(b"\na\n\r\n\nb\r\n", 100), [some(2, "a"), some(5, "b")]);
        assert_eq!(lines(b" \na\rb\n", 100), [some(1, " "), some(2, "a\rb")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_and_those_behind_it_go_on() {
        assert_eq!(lines(b"1234\n12345\n123\n", 4), [some(1, "1234"), (2, None), some(3, "123")]);
        assert_eq!(lines(b"1234567890\r\nx", 4), [(1, None), some(2, "x")]);
        assert_eq!(lines(b"1234\r\n12345", 4), [some(1, "1234"), (2, None)]);
    }

    #[tokio::test]
    async fn a_file_is_read_to_its_end_and_its_bytes_are_counted() {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(b"a\n\nb\n").expect("room");
        let mut source = open(file.path()).expect("it is there");
        assert_eq!(source.bytes_total, Some(5));
        let mut numbers = Vec::new();
        while let Some(line) = source.lines.recv().await {
            numbers.push(line.expect("it can be read").number);
        }
        assert_eq!(numbers, [1, 3]);
        assert_eq!(source.bytes_read.load(Ordering::Relaxed), 5);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for path in [folder.path().join("missing"), folder.path().to_owned()] {
            let failure = open(&path).err().expect("no file");
            assert_eq!(failure.reason, reason::FILE_FAILED);
            assert!(failure.message.contains(&*path.to_string_lossy()), "{}", failure.message);
            assert_eq!(read_whole(&path, 10).expect_err("no file").reason, reason::FILE_FAILED);
        }
        let file = folder.path().join("file");
        std::fs::write(&file, b"12345").expect("room");
        assert_eq!(read_whole(&file, 5).expect("it fits"), "12345");
        assert!(read_whole(&file, 4).is_err());
    }
}
