//! The arguments of `quorate plugin`.

use super::ServerArguments;
use clap::{Args, Subcommand, ValueEnum};
use quorate_vocabulary::PluginReference;
use std::path::PathBuf;

/// `quorate plugin`
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Makes a folder with the source of a small plugin, to begin with.
    New(PluginNewArguments),
    /// Builds a plugin from its source.
    Build(PluginBuildArguments),
    /// Runs a component through a script of commands and queries, and compares what comes of them.
    Test(PluginTestArguments),
    /// Checks a component here, as a node would check an upload.
    Check(PluginCheckArguments),
    /// Uploads a component and publishes it.
    Upload(PluginUploadArguments),
    /// Lists published plugins.
    List(PluginListArguments),
}

/// `quorate plugin new`
#[derive(Args, Debug)]
pub(crate) struct PluginNewArguments {
    /// The plugin, and the folder that is made in the current one: small letters, digits and `-`, beginning with a letter.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The language it is written in.
    #[arg(long, value_enum, default_value_t, value_name = "LANGUAGE")]
    pub(crate) lang: PluginLanguageArgument,
    /// Where it keeps its state.
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    pub(crate) kind: PluginKindArgument,
    /// Of a plugin in Rust: the folder of the SDK, `guest-sdk/rust` of a clone of Quorate. [default: found in the current
    /// folder or one above]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) sdk: Option<PathBuf>,
}

/// What a plugin is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PluginLanguageArgument {
    /// Rust.
    #[default]
    Rust,
    /// C.
    C,
    /// JavaScript.
    #[value(alias = "javascript")]
    Js,
    /// Python.
    Python,
    /// Go.
    Go,
}

/// Where a plugin keeps its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PluginKindArgument {
    /// In the store of its group: the kind to begin with.
    #[default]
    Store,
    /// In its memory, saved in snapshots: for small state.
    Memory,
}

/// `quorate plugin build`
#[derive(Args, Debug)]
pub(crate) struct PluginBuildArguments {
    /// The plugin's folder, which holds its Cargo.toml or quorate.toml.
    #[arg(default_value = ".", value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Where to write the component. [default: NAME.wasm in the current folder]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// `quorate plugin test`
#[derive(Args, Debug)]
pub(crate) struct PluginTestArguments {
    /// The component.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The script: cases of what happens and what must come of it, in TOML.
    #[arg(default_value = "tests.toml", value_name = "SCRIPT")]
    pub(crate) script: PathBuf,
}

/// `quorate plugin check`
#[derive(Args, Debug)]
pub(crate) struct PluginCheckArguments {
    /// The component.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Commands to try the plugin with, one a line; `-` for standard input. [default: derived ones, which few plugins
    /// understand]
    #[arg(long, value_name = "FILE")]
    pub(crate) commands: Option<PathBuf>,
}

/// `quorate plugin upload`
#[derive(Args, Debug)]
pub(crate) struct PluginUploadArguments {
    /// The name to publish under: tenant/name@version.
    #[arg(value_name = "REFERENCE")]
    pub(crate) reference: PluginReference,
    /// The component.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// `quorate plugin list`
#[derive(Args, Debug)]
pub(crate) struct PluginListArguments {
    /// Only those of this tenant.
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}
