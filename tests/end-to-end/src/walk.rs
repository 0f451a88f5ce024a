//! A page of the book, done as it is written.

use crate::{Cluster, Output, binary, skipped};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What a page has its reader do.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Act {
    /// Run this line in a shell.
    Run(String),
    /// Write this into the file.
    Write { file: String, text: String },
}

/// A walk through a page, in an empty folder.
#[derive(Debug)]
pub struct Walk {
    acts: Vec<Act>,
    /// Where the reader is.
    folder: PathBuf,
    home: PathBuf,
    servers: String,
}

impl Walk {
    /// A walk through this page of the book, against this cluster. None when this machine cannot build plugins in the
    /// language, which is said where everybody sees it.
    ///
    /// # Panics
    /// When the page is not there, or `cargo xtask test` has not prepared the machine.
    #[must_use]
    pub fn of(language: &str, page: &str, cluster: &Cluster) -> Option<Self> {
        if skipped(language) {
            return None;
        }
        let repository =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("it is here");
        let text = fs::read_to_string(repository.join("docs/book").join(page)).expect("the page is there");
        let folder = cluster.folder().join("empty");
        let home = cluster.folder().join("home");
        for made in [&folder, &home] {
            fs::create_dir(made).expect("room");
        }
        // The pages have the clone there.
        std::os::unix::fs::symlink(&repository, home.join("quorate")).expect("room");
        Some(Self { acts: acts(&text), folder, home, servers: cluster.addresses().join(",") })
    }

    /// Does all that the page says, and gives what each line printed. What a page says that a line prints is
    /// compared.
    ///
    /// # Panics
    /// When a line fails or prints something else.
    #[must_use]
    pub fn done(mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        for act in std::mem::take(&mut self.acts) {
            match act {
                Act::Write { file, text } => {
                    let path = self.folder.join(file);
                    assert!(path.is_file(), "the page replaces {}, which is not there", path.display());
                    fs::write(path, text).expect("room");
                }
                Act::Run(line) => outputs.extend(self.run(&line)),
            }
        }
        outputs
    }

    fn run(&mut self, line: &str) -> Option<Output> {
        let (command, comment) =
            line.split_once("  #").map_or((line, None), |(command, comment)| (command, Some(comment.trim())));
        if let Some(folder) = command.strip_prefix("cd ") {
            self.folder.push(folder.trim());
            return None;
        }
        let output = self.shell(command);
        let speaks = command.starts_with("quorate submit ") || command.starts_with("quorate query ");
        match comment.filter(|_| speaks) {
            Some(expected) => {
                let said = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
                assert_eq!(said.trim(), expected, "{line}: {output:?}");
            }
            None => assert_eq!(output.code, 0, "{line}: {output:?}"),
        }
        Some(output)
    }

    fn shell(&self, command: &str) -> Output {
        let binary = binary();
        let own_home = PathBuf::from(env::var_os("HOME").expect("somebody runs this"));
        let path = env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", binary.parent().expect("it is in a folder").display());
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(&self.folder).stdin(Stdio::null());
        // What the cargo that runs this test tells its children is nothing that a reader's shell has.
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("CARGO") || name.starts_with("RUSTC") || name.starts_with("RUSTFLAGS") {
                shell.env_remove(name);
            }
        }
        // A home of the reader's own, and the toolchains and caches of this one.
        for (name, folder) in [
            ("CARGO_HOME", ".cargo"),
            ("RUSTUP_HOME", ".rustup"),
            ("XDG_CACHE_HOME", ".cache"),
            ("PYENV_ROOT", ".pyenv"),
            ("npm_config_cache", ".npm"),
        ] {
            shell.env(name, env::var_os(name).map_or_else(|| own_home.join(folder), PathBuf::from));
        }
        let output = shell
            .env("PATH", path)
            .env("HOME", &self.home)
            .env("QUORATE_SERVER", &self.servers)
            .output()
            .expect("there is a shell");
        Output {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// What a page has its reader do: the lines of its `sh` blocks, and each block behind a paragraph that begins with "Put this
/// into `FILE`".
fn acts(page: &str) -> Vec<Act> {
    let mut acts = Vec::new();
    let mut file = None;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("Put this into `") {
            file = rest.split('`').next().map(str::to_owned);
        } else if let Some(kind) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if let Some(file) = file.take() {
                acts.push(Act::Write { file, text: block.join("\n") + "\n" });
            } else if kind == "sh" {
                acts.extend(
                    block.into_iter().filter(|line| !line.is_empty()).map(|line| Act::Run(line.to_owned())),
                );
            }
        }
    }
    acts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_a_reader_does() {
        let page = "# T\n```sh\nquorate a  # b\n\ncd c\n```\nPut this into `d.c`, now:\n\n```c\nint e;\n```\n```toml\nf = 1\n```\n";
        let expected = [
            Act::Run("quorate a  # b".into()),
            Act::Run("cd c".into()),
            Act::Write { file: "d.c".into(), text: "int e;\n".into() },
        ];
        assert_eq!(acts(page), expected);
    }
}
