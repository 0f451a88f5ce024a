//! One `quorate serve` process.

use crate::binary;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

/// One node of a cluster, running or not.
pub struct Node {
    id: u64,
    address: String,
    configuration: PathBuf,
    folder: PathBuf,
    child: Option<Child>,
    starts: u32,
}

impl Node {
    pub(crate) fn new(id: u64, address: String, folder: &Path, configuration: &str) -> Self {
        let folder = folder.join(format!("node-{id}"));
        fs::create_dir_all(&folder).expect("a folder of the test's own");
        let file = folder.join("quorate.toml");
        fs::write(&file, configuration).expect("a file of the test's own");
        Self { id, address, configuration: file, folder, child: None, starts: 0 }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Where it listens, as `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The folder with its configuration, its data (`data`) and its logs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Its configuration file.
    #[must_use]
    pub fn configuration(&self) -> &Path {
        &self.configuration
    }

    /// Whether its process was started and not ended by the test.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// The number of its process, when it runs.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Starts its process; does not wait for anything.
    ///
    /// # Panics
    /// When it runs already, or cannot be started.
    pub fn start(&mut self) {
        assert!(self.child.is_none(), "node {} runs already", self.id);
        self.starts += 1;
        let log = File::create(self.log_file(self.starts)).expect("a file of the test's own");
        let child = Command::new(binary())
            .arg("serve")
            .arg("--config")
            .arg(&self.configuration)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file handle"))
            .stderr(log)
            .spawn()
            .expect("the binary can be started");
        self.child = Some(child);
    }

    /// Ends its process with SIGKILL and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a process of the test's own");
            child.wait().expect("a process of the test's own");
        }
    }

    /// Asks its process to end, with SIGTERM, and waits until it has.
    ///
    /// # Panics
    /// When it does not run.
    pub fn terminate(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the node runs");
        let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success(), "SIGTERM could not be sent");
        child.wait().expect("a process of the test's own")
    }

    /// Waits until its process ends by itself, and returns how, with what it had said.
    ///
    /// # Panics
    /// When it does not run.
    pub fn ended(&mut self) -> (ExitStatus, String) {
        let status = self.child.take().expect("the node runs").wait().expect("a process of the test's own");
        (status, self.log())
    }

    /// What its process has said since it was last started.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file(self.starts)).unwrap_or_default()
    }

    fn log_file(&self, start: u32) -> PathBuf {
        self.folder.join(format!("start-{start}.log"))
    }

    /// Shows the end of every log, for a test that failed.
    #[expect(clippy::print_stderr, reason = "what a failed test shows")]
    pub(crate) fn show_logs(&self) {
        const LINES: usize = 60;
        for start in 1..=self.starts {
            let log = fs::read_to_string(self.log_file(start)).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("---- node {}, start {start}: the last of {} lines", self.id, lines.len());
            for line in lines.iter().skip(lines.len().saturating_sub(LINES)) {
                eprintln!("{line}");
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // The test is over, well or not: nothing may be left running.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
