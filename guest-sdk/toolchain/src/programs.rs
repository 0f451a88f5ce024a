//! Finding programs and hearing what they say.

use std::env;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

/// What a program prints, or why it printed nothing.
pub(crate) fn answer(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{} does not run: {error}", command.get_program().display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; "));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a program to its end with this on its standard input. When it fails: all that it said, and how it ended.
pub(crate) fn said(command: &mut Command, input: &str) -> Result<(), String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| format!("{} does not run: {error}", command.get_program().display()))?;
    let stdin = child.stdin.take();
    let text = input.to_owned();
    // Written beside reading: a program that says much before it reads would wait for us, and we for it. One that ends
    // without reading all is its own affair.
    let writer = thread::spawn(move || stdin.and_then(|mut stdin| stdin.write_all(text.as_bytes()).ok()));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let _ = writer.join();
    if output.status.success() {
        return Ok(());
    }
    let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stdout));
    said.push_str(&format!("{} ended with {}", command.get_program().display(), output.status));
    Err(said)
}

/// The folders of the `PATH`.
pub(crate) fn path_folders() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

/// The program of this name that a shell would start.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    path_folders().into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_says_before_it_fails_is_kept() {
        let mut shell = Command::new("sh");
        let error = said(shell.args(["-c", "cat; echo because >&2; exit 3"]), "input ").unwrap_err();
        assert_eq!(error, "because\ninput sh ended with exit status: 3");
        assert!(said(Command::new("sh").args(["-c", "true"]), "unread").is_ok());
        assert!(said(&mut Command::new("/nonexistent/program"), "").unwrap_err().contains("does not run"));
    }
}
