//! One `quorate serve` process.

use crate::cli::failure::Failure;
use quorate_proto::reason;
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// How much of the log of a node that ended is shown.
const LOG_LINES_SHOWN: usize = 5;

/// One node. Its process ends with it.
pub(super) struct Node {
    pub(super) id: u64,
    pub(super) address: String,
    folder: PathBuf,
    process: Option<Child>,
    starts: u32,
}

impl Node {
    /// A node that is not started yet, with a configuration and a folder of its own.
    pub(super) fn prepare(id: u64, address: String, folder: &Path, founding: &str) -> Result<Self, Failure> {
        let folder = folder.join(format!("node-{id}"));
        let node = Self { id, address, folder, process: None, starts: 0 };
        let configuration = format!(
            "cluster = \"demo\"\nnode = {id}\n# Relative to this file.\nfolder = \"data\"\n{founding}"
        );
        fs::create_dir(&node.folder)
            .and_then(|()| fs::write(node.configuration(), configuration))
            .map_err(|error| unwritable(&node.folder, &error))?;
        Ok(node)
    }

    fn configuration(&self) -> PathBuf {
        self.folder.join("quorate.toml")
    }

    fn log(&self) -> PathBuf {
        self.folder.join(format!("start-{}.log", self.starts))
    }

    /// Starts its process; waits for nothing.
    pub(super) fn start(&mut self) -> Result<(), Failure> {
        self.starts += 1;
        let log = self.log();
        let unwritable = |error| unwritable(&log, &error);
        let for_output = File::create(&log).map_err(unwritable)?;
        let for_errors = for_output.try_clone().map_err(unwritable)?;
        let process = std::env::current_exe().and_then(|program| {
            Command::new(program)
                .arg("serve")
                .arg("--config")
                .arg(self.configuration())
                // Nothing is written to it. It ends with the demo, also when that has no time to end its nodes.
                .arg("--stop-with-input")
                .stdin(Stdio::piped())
                .stdout(for_output)
                .stderr(for_errors)
                .spawn()
        });
        let process = process.map_err(|error| {
            Failure::new(reason::INTERNAL, format!("node {} cannot be started: {error}", self.id))
                .cure("check that this binary is still where it was when the demo began")
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends its process with SIGKILL, and waits until it is gone.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.kill()?;
        process.wait().map(|_| ())
    }

    /// Fails if its process ended by itself.
    pub(super) fn check_alive(&mut self) -> Result<(), Failure> {
        let Some(process) = &mut self.process else { return Ok(()) };
        match process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                Err(Failure::new(reason::INTERNAL, format!("node {} ended by itself: {status}", self.id))
                    .cause(last_lines(&log)))
            }
            Err(error) => {
                Err(Failure::new(reason::INTERNAL, format!("node {} cannot be watched: {error}", self.id)))
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Nothing may be left running, however the demo ends, and there is nobody left to tell of a failure.
        let _ = self.kill();
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(reason::FILE_FAILED, format!("{} cannot be written: {error}", path.display()))
        .cure("make room there, or name another folder in TMPDIR")
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_shown() {
        assert_eq!(last_lines(""), "");
        assert_eq!(last_lines("a\nb"), "a\nb");
        assert_eq!(last_lines("1\n2\n3\n4\n5\n6\n7\n"), "3\n4\n5\n6\n7");
    }

    #[test]
    fn the_written_configuration_is_one_that_nodes_take() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let founding = super::super::cluster::founding(&["127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()]);
        let node = Node::prepare(2, "127.0.0.1:2".to_owned(), folder.path(), &founding).expect("room");
        let config = crate::config::Config::load(&node.configuration()).expect("a good file");
        assert_eq!(config.listen, node.address);
        assert_eq!(config.node.data_folder, folder.path().join("node-2/data"));
    }
}
