//! The `quorate` binary; see [`quorate_server::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    quorate_server::cli::main()
}
