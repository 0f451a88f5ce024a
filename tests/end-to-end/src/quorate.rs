//! The command line, as a person uses it.

use crate::binary;
use std::{
    ffi::OsStr,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Output {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Standard output as JSON.
    ///
    /// # Panics
    /// When the command failed or did not print JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs `quorate` with these arguments and this standard input, against these servers (comma-separated).
///
/// # Panics
/// When the binary cannot be started.
pub fn quorate<A: AsRef<OsStr>>(servers: &str, arguments: &[A], input: &str) -> Output {
    quorate_in(Path::new("."), servers, arguments, input)
}

/// Runs `quorate` as [`quorate`] does, in this folder.
///
/// # Panics
/// When the binary cannot be started.
pub fn quorate_in<A: AsRef<OsStr>>(folder: &Path, servers: &str, arguments: &[A], input: &str) -> Output {
    let mut child = Command::new(binary())
        .args(arguments)
        .current_dir(folder)
        .env("QUORATE_SERVER", servers)
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let mut stdin = child.stdin.take().expect("standard input is piped");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // A command that does not read its input closes it, which is no failure of the test.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().expect("the command ends");
    writer.join().expect("the writer does not panic");
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
