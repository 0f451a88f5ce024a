use clap::{Args, value_parser};
use std::path::PathBuf;

/// `quorate demo`
#[derive(Args, Debug)]
pub(crate) struct DemoArguments {
    /// The folder with the built plugins counter.wasm and kv.wasm.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) plugins: PathBuf,
    /// A Cargo.lock, whose packages are the input; - for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// How many times the counter is incremented.
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = value_parser!(u64).range(100..))]
    pub(crate) increments: u64,
    /// Keep the folder with the data and the logs of the nodes, also when all went well.
    #[arg(long)]
    pub(crate) keep: bool,
}
