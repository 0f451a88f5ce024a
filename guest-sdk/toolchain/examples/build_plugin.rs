//! `cargo run -p quorate-toolchain --example build_plugin -- FOLDER OUT.wasm`
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a command line program")]

use quorate_toolchain::build_plugin;
use std::env;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [folder, out] = arguments.as_slice() else {
        eprintln!("usage: build_plugin FOLDER OUT.wasm");
        return ExitCode::from(2);
    };
    match build_plugin(Path::new(folder), Path::new(out), &mut |step| eprintln!("{step}")) {
        Ok(built) => {
            println!("{}  {}  {}", built.digest, built.component.display(), built.compiler);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
