/// Why a plugin is refused at upload. The message is for its author: it says what is wrong and what to do, and
/// text taken from the plugin has its control characters escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PluginRefusal {
    /// More bytes than a plugin may have.
    #[error(
        "the plugin has {bytes} bytes and may have {bytes_max}: build it optimised for size and without debug information, or raise the limit"
    )]
    TooLarge {
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        bytes_max: usize,
    },
    /// Something else than WebAssembly.
    #[error(
        "this is no WebAssembly component but {found}: upload the .wasm file that `quorate plugin build` writes"
    )]
    NotWasm {
        /// What it looks like.
        found: String,
    },
    /// A core module instead of a component.
    #[error(
        "this is a core WebAssembly module, and a plugin is a component: build it with `quorate plugin build`, or wrap it with `wasm-tools component embed` and `wasm-tools component new`"
    )]
    CoreModule,
    /// WebAssembly that breaks its rules or needs a feature that plugins do not have.
    #[error(
        "the component is not valid at byte {offset}: {reason}. Plugins have no threads, relaxed SIMD, garbage collection or asynchronous calls, since replicas could differ by them"
    )]
    Invalid {
        /// Where.
        offset: usize,
        /// What is wrong there.
        reason: String,
    },
    /// Imports from outside the contract.
    #[error("the component imports {names}, which quorate:machine@{contract} does not have: {advice}")]
    ForeignImport {
        /// The imports, quoted; the first few of them.
        names: String,
        /// The version of the contract of this host.
        contract: &'static str,
        /// How to be rid of it.
        advice: &'static str,
    },
    /// An interface of another version of the contract.
    #[error(
        "the component was built for version {found} of quorate:machine (\"{name}\"), and this host has {expected}: build it again with the WIT files of {expected}"
    )]
    WrongVersion {
        /// The import or export.
        name: String,
        /// Its version.
        found: String,
        /// The version of this host.
        expected: &'static str,
    },
    /// An export every plugin must have is not there.
    #[error(
        "the component does not export \"{name}\": build it for the world store-machine or memory-machine of quorate:machine"
    )]
    MissingExport {
        /// The export.
        name: String,
    },
    /// An import or export of the contract has another type.
    #[error(
        "\"{name}\" has the type `{found}` instead of `{expected}`: build the component with the unchanged WIT files of quorate:machine"
    )]
    WrongType {
        /// The import or export.
        name: String,
        /// Its type.
        found: String,
        /// The type the contract gives it.
        expected: String,
    },
    /// Neither a store machine nor a memory machine.
    #[error(
        "the component neither imports quorate:machine/store nor exports quorate:machine/snapshot, so there is no place where its state could be kept: build it for the world store-machine or memory-machine, and use the store if it is the former"
    )]
    NoKind,
    /// Both a store machine and a memory machine.
    #[error(
        "the component imports quorate:machine/store and exports quorate:machine/snapshot; its state can be in one place only: build it for the world store-machine or memory-machine"
    )]
    TwoKinds,
    /// More parts than a plugin may have.
    #[error("the component has {found} {what} and may have {max}: make it smaller, or raise the limit")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many it has.
        found: u64,
        /// How many it may have.
        max: u64,
    },
    /// The compiler or the linker would not take it.
    #[error("the component does not compile: {reason}")]
    DoesNotCompile {
        /// What it said.
        reason: String,
    },
    /// It cannot be instantiated on this engine.
    #[error("the component cannot be instantiated: {reason}")]
    DoesNotStart {
        /// Why.
        reason: String,
    },
}
