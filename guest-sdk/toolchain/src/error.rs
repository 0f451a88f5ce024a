use crate::rust::DEBIAN_PACKAGES;
use std::io;
use std::path::PathBuf;

/// Why a plugin was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The folder does not exist.
    #[error("there is no folder {}; name the folder that holds the plugin's Cargo.toml or quorate.toml", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder is no plugin.
    #[error(
        "{} holds no Cargo.toml, as plugins in Rust do, and no quorate.toml, as others do; name the plugin's folder, or begin one with `quorate plugin new NAME`",
        folder.display()
    )]
    NoManifest {
        /// The folder.
        folder: PathBuf,
    },
    /// Its Cargo.toml cannot be read as one.
    #[error("{} is not a Cargo.toml that describes one package: {problem}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Its quorate.toml says what no plugin is.
    #[error("{} does not describe a plugin: {problem}", path.display())]
    Description {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There is more in the plugin's folder than a source.
    #[error("{} brings the plugin's folder over {megabytes} MB, or its folders lie too deep; move what is no source out of it", path.display())]
    TooMuchSource {
        /// Where it was too much.
        path: PathBuf,
        /// How much may be in it.
        megabytes: u64,
    },
    /// A package of the toolchain could not be installed.
    #[error("{what} could not be installed from {from}; is the registry reachable?\n{output}")]
    Install {
        /// What.
        what: &'static str,
        /// Which registry.
        from: &'static str,
        /// All that its client printed.
        output: String,
    },
    /// There is nothing to compile.
    #[error("{} holds no source: it needs {what}", folder.display())]
    NoSources {
        /// The plugin's folder.
        folder: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// The package builds no WebAssembly module.
    #[error(
        "the package in {} builds no WebAssembly module: its crate type is {found}; add to it\n[lib]\ncrate-type = [\"cdylib\"]",
        path.display()
    )]
    NotCdylib {
        /// Its Cargo.toml.
        path: PathBuf,
        /// The crate type it has.
        found: String,
    },
    /// The folder to write to does not exist.
    #[error("cannot write the component: there is no folder {}; make it first", folder.display())]
    NoOutputFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The machine has nothing to build plugins with.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The standard library could not be built.
    #[error(transparent)]
    Sysroot(#[from] SysrootError),
    /// The compiler refused the plugin.
    #[error("{package} does not compile for WebAssembly ({compiler}):\n{output}")]
    Compile {
        /// The package.
        package: String,
        /// The compiler.
        compiler: String,
        /// All it printed.
        output: String,
    },
    /// Cargo said that it built the package, but named no module.
    #[error(
        "cargo built {package} but made no module of it; is the [lib] of this package disabled?\n{output}"
    )]
    NoModule {
        /// The package.
        package: String,
        /// All it printed.
        output: String,
    },
    /// The module is no plugin.
    #[error("{package} compiles, but is no plugin: {source}")]
    Component {
        /// The package.
        package: String,
        /// Why.
        source: ComponentError,
    },
    /// The operating system refused something.
    #[error("could not {what} {}: {source}", path.display())]
    Io {
        /// What was to be done.
        what: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The user has no cache folder.
    #[error("no folder to keep compiled code in: set XDG_CACHE_HOME or HOME")]
    NoCacheFolder,
}

/// Why no compiler can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolchainError {
    /// Nothing on this machine builds for WebAssembly.
    #[error(
        "no Rust compiler here can build for WebAssembly.\n{}\n\
         With rustup, run:  rustup target add {target}\n\
         On Debian, run:    apt-get install --no-install-recommends {packages}",
        found.join("\n"),
        target = crate::TARGET,
        packages = DEBIAN_PACKAGES.join(" ")
    )]
    NotFound {
        /// What was looked at, and why it does not do; a line each.
        found: Vec<String>,
    },
    /// Nothing on this machine builds plugins in another language.
    #[error("there is no {what} here.\n{}\nOn Debian, run:    {install}", found.join("\n"))]
    Missing {
        /// What there should be.
        what: &'static str,
        /// What was looked at, and why it does not do; a line each.
        found: Vec<String>,
        /// The line that installs it.
        install: String,
    },
}

/// Why the standard library could not be built for WebAssembly.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SysrootError {
    /// The compiler refused it.
    #[error(
        "{compiler} could not build its standard library for {target}; the packages {packages} must be of one version.\n{output}",
        target = crate::TARGET,
        packages = DEBIAN_PACKAGES.join(", ")
    )]
    Compile {
        /// The compiler.
        compiler: String,
        /// All it printed.
        output: String,
    },
    /// The operating system refused something.
    #[error("could not build the standard library for WebAssembly: could not {what} {}: {source}", path.display())]
    Io {
        /// What was to be done.
        what: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Why a module is no component.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// The module does not describe itself as a plugin.
    #[error("it exports no machine; {cure}")]
    NoMachine {
        /// What to write.
        cure: &'static str,
    },
    /// The module wants what no host offers.
    #[error(
        "it imports {imports}, which the host does not offer; find the dependency that needs it and leave it out"
    )]
    ForeignImport {
        /// What it imports.
        imports: String,
    },
    /// The module cannot be made a component.
    #[error("it cannot be made a component: {problem}")]
    Encode {
        /// What is wrong with it.
        problem: String,
    },
}
