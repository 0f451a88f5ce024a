//! Runs cargo, follows what it builds, and keeps all it says.

use super::manifest::Manifest;
use super::sources::Sources;
use super::toolchain::ReadyToolchain;
use crate::TARGET;
use crate::cache::Cache;
use crate::command::clean;
use crate::error::BuildError;
use crate::progress::Progress;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::env;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// A crate that cargo finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Artifact {
    pub(crate) name: String,
    /// The Cargo.toml of its package.
    pub(crate) manifest: PathBuf,
    pub(crate) files: Vec<PathBuf>,
    /// Whether it was there already.
    pub(crate) fresh: bool,
}

/// How a run of cargo ended.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) success: bool,
    /// All it printed for people.
    pub(crate) output: String,
}

/// Builds the package and gives the module's path.
pub(crate) fn build(
    manifest: &Manifest,
    toolchain: &ReadyToolchain,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<PathBuf, BuildError> {
    let target = toolchain.builds.join(folder_key(&manifest.package, &manifest.folder));
    let lock = target.with_added_extension("lock");
    let _lock = Cache::lock(&lock, progress)?;
    progress(Progress::Compiling);
    let cargo = |arguments: &[&str]| {
        let mut command = clean(&toolchain.cargo);
        command
            .args(arguments)
            .arg("--manifest-path")
            .arg(&manifest.path)
            .env("RUSTC", &toolchain.rustc)
            .env("CARGO_TARGET_DIR", &target)
            .current_dir(&manifest.folder);
        command
    };
    let broken = |source| BuildError::Io { what: "run", path: toolchain.cargo.clone(), source };
    let failed = |output| BuildError::Compile {
        package: manifest.package.clone(),
        compiler: toolchain.compiler.clone(),
        output,
    };
    let metadata = cargo(&["metadata", "--format-version=1"]).output().map_err(broken)?;
    if !metadata.status.success() {
        return Err(failed(String::from_utf8_lossy(&metadata.stderr).into_owned()));
    }
    let metadata: Value = serde_json::from_slice(&metadata.stdout).map_err(|error| BuildError::Manifest {
        path: manifest.path.clone(),
        problem: format!("cargo describes it in a way this version does not understand ({error})"),
    })?;
    let sources = Sources::of(&metadata, &manifest.path, &target)?;
    if !sources.stale().is_empty() {
        let mut command = cargo(&["clean", "--release", "--target", TARGET]);
        for package in sources.stale() {
            command.args(["--package", package]);
        }
        let cleaned = command.output().map_err(broken)?;
        if !cleaned.status.success() {
            return Err(failed(String::from_utf8_lossy(&cleaned.stderr).into_owned()));
        }
    }
    let mut command = cargo(&[
        "build",
        "--release",
        "--lib",
        "--target",
        TARGET,
        "--message-format=json-render-diagnostics",
    ]);
    command
        .env("CARGO_ENCODED_RUSTFLAGS", flags(toolchain, &metadata, &target).join("\x1f"))
        // Names of functions are a third of a module, and nobody reads them in a cluster.
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    if let Some(linker) = &toolchain.linker {
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
    let mut module = None;
    let outcome = run(&mut command, &mut |artifact| {
        if artifact.manifest == manifest.path {
            let found =
                artifact.files.iter().find(|file| file.extension().is_some_and(|kind| kind == "wasm"));
            module = found.cloned().or_else(|| module.take());
        }
        if !artifact.fresh {
            progress(Progress::Compiled(&artifact.name));
        }
    })
    .map_err(broken)?;
    if !outcome.success {
        return Err(failed(outcome.output));
    }
    sources.built()?;
    module.ok_or(BuildError::NoModule { package: manifest.package.clone(), output: outcome.output })
}

/// The compiler's flags: all of them, so that no configuration of cargo on this machine adds others.
fn flags(toolchain: &ReadyToolchain, metadata: &Value, target: &Path) -> Vec<String> {
    let mut flags = Vec::new();
    if let Some(sysroot) = &toolchain.sysroot {
        flags.push(format!("--sysroot={}", sysroot.display()));
    }
    // Panic messages name files. What they name must not depend on whose machine built the plugin.
    let mut remap = |from: &str, to: &str| flags.push(format!("--remap-path-prefix={from}={to}"));
    if let Some(home) = cargo_home() {
        remap(&home.display().to_string(), "/cargo");
    }
    remap(&target.display().to_string(), "/target");
    for package in metadata["packages"].as_array().into_iter().flatten() {
        // Packages without a source are folders of this machine.
        if let (true, Some(path), Some(name)) =
            (package["source"].is_null(), package["manifest_path"].as_str(), package["name"].as_str())
            && let Some(folder) = Path::new(path).parent()
        {
            remap(&folder.display().to_string(), &format!("/{name}"));
        }
    }
    flags
}

/// Where cargo keeps the sources of packages from registries.
pub(crate) fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))
}

/// A name for all that is compiled for this folder: two folders with packages of one name must not meet.
fn folder_key(package: &str, folder: &Path) -> String {
    let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{package}-{short}")
}

/// Runs cargo to its end. It must have been asked for messages in JSON.
pub(crate) fn run(command: &mut Command, done: &mut dyn FnMut(&Artifact)) -> io::Result<Outcome> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stderr = child.stderr.take().ok_or_else(|| io::Error::other("cargo has no standard error"))?;
    let stdout = child.stdout.take().ok_or_else(|| io::Error::other("cargo has no standard output"))?;
    // Both are read at once: a full pipe would stop cargo.
    let errors = thread::spawn(move || {
        let mut bytes = Vec::new();
        stderr.read_to_end(&mut bytes).map(|_| bytes)
    });
    let mut other = String::new();
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        match serde_json::from_str::<Value>(&line) {
            Ok(message) => {
                if let Some(artifact) = artifact(&message) {
                    done(&artifact);
                }
            }
            Err(_) => other.extend([line.as_str(), "\n"]),
        }
    }
    let errors = errors.join().map_err(|_| io::Error::other("the reader of cargo's errors panicked"))??;
    let status = child.wait()?;
    let mut output = String::from_utf8_lossy(&errors).into_owned();
    output.push_str(&other);
    if !status.success() {
        // A compiler that was killed says nothing itself.
        output.push_str(&format!("cargo ended with {status}"));
    }
    Ok(Outcome { success: status.success(), output })
}

fn artifact(message: &Value) -> Option<Artifact> {
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    Some(Artifact {
        name: message["target"]["name"].as_str()?.to_owned(),
        manifest: message["manifest_path"].as_str()?.into(),
        files: message["filenames"].as_array()?.iter().filter_map(Value::as_str).map(PathBuf::from).collect(),
        fresh: message["fresh"].as_bool().unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn artifacts_are_told_as_they_come_and_other_words_are_kept() {
        let mut names = Vec::new();
        let mut command = shell(
            r#"echo '{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","target":{"name":"p"},"filenames":["/t/p.wasm"],"fresh":true}'
               echo '{"reason":"build-finished","success":true}'; echo plain; echo warned >&2"#,
        );
        let outcome = run(&mut command, &mut |artifact| names.push(artifact.clone())).unwrap();
        assert!(outcome.success);
        assert_eq!(outcome.output, "warned\nplain\n");
        let expected = Artifact {
            name: "p".into(),
            manifest: "/p/Cargo.toml".into(),
            files: vec!["/t/p.wasm".into()],
            fresh: true,
        };
        assert_eq!(names, [expected]);
    }

    #[test]
    fn a_failed_run_keeps_everything_it_printed_and_how_it_ended() {
        let outcome = run(&mut shell("echo because >&2; exit 101"), &mut |_| {}).unwrap();
        assert!(!outcome.success);
        assert_eq!(outcome.output, "because\ncargo ended with exit status: 101");
        let outcome = run(&mut shell("kill -9 $$"), &mut |_| {}).unwrap();
        assert!(outcome.output.contains("signal: 9"), "{}", outcome.output);
    }

    #[test]
    fn more_output_than_a_pipe_holds_does_not_stop_the_build() {
        let outcome =
            run(&mut shell("yes error | head -c 300000 >&2; yes | head -c 300000"), &mut |_| {}).unwrap();
        assert!(outcome.success);
        assert!(outcome.output.len() >= 600_000);
    }

    #[test]
    fn folders_of_one_name_have_build_folders_of_their_own() {
        let one = folder_key("counter", Path::new("/a/counter"));
        assert_ne!(one, folder_key("counter", Path::new("/b/counter")));
        assert_eq!(one, folder_key("counter", Path::new("/a/counter")));
        assert!(one.starts_with("counter-"));
    }
}
