//! `plugin new`: the source of a small plugin, to begin with.

mod template;

use super::{
    arguments::{PluginKindArgument, PluginLanguageArgument, PluginNewArguments},
    failure::Failure,
    output::Output,
    report::NewPluginReport,
};
use quorate_proto::reason;
use quorate_vocabulary::NAME_PART_BYTES_MAX;
use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

const MANIFEST: &str = include_str!("../../../../guest-sdk/rust/template/manifest.toml");
const README: &str = include_str!("../../../../guest-sdk/rust/template/README.md");
const IGNORED: &str = include_str!("../../../../guest-sdk/rust/template/gitignore");
const STORE_SOURCE: &str = include_str!("../../../../guest-sdk/rust/template/store/lib.rs");
const MEMORY_SOURCE: &str = include_str!("../../../../guest-sdk/rust/template/memory/lib.rs");
/// What every plugin of the SDK depends on, as the greeter was last built with it: so a new one is built with the same.
const LOCK: &str = include_str!("../../../../examples/plugins/greeter/Cargo.lock");
/// The greeter itself in that file.
const LOCK_NAME: &str = "name = \"greeter\"";

/// What the templates say for the plugin's name, a command and query that it takes, and the SDK as text in TOML.
const NAME: &str = "NAME";
const EXAMPLE: &str = "EXAMPLE";
const SDK: &str = "\"SDK\"";

/// Where the SDK is in a clone.
const SDK_IN_CLONE: &str = "guest-sdk/rust";
/// Where it is in the folder of a plugin in another language.
const SDK_COPY: &str = "quorate";
/// The line that tells the SDK's Cargo.toml from others.
const SDK_PACKAGE: &str = "name = \"quorate-guest\"";

/// Names that would be those of a crate the plugin is built with, or a word of the language.
const NAMES_TAKEN: [&str; 54] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "quorate-guest",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "use",
    "where",
    "while",
];

/// Why no plugin is begun.
#[derive(Debug, thiserror::Error)]
enum NewPluginError {
    #[error("{0:?} cannot be the name of a plugin")]
    Name(String),
    #[error("{} is there already, and nothing in it was touched", .0.display())]
    Exists(PathBuf),
    #[error("no folder {SDK_IN_CLONE} is in {} or a folder above it", .0.display())]
    NoSdk(PathBuf),
    #[error("{} is not the SDK: it holds no Cargo.toml of the package quorate-guest", .0.display())]
    NotSdk(PathBuf),
    #[error("only a plugin in Rust is told where its SDK is: others get a copy of it")]
    SdkOfOther,
    #[error("the path {} of the SDK is not UTF-8, which a Cargo.toml must be", .0.display())]
    SdkPath(PathBuf),
    #[error("{} cannot be made: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl From<NewPluginError> for Failure {
    fn from(error: NewPluginError) -> Self {
        let message = error.to_string();
        let (reason, cure) = match error {
            NewPluginError::Name(_) => (
                reason::INVALID_NAME,
                format!(
                    "choose 1 to {NAME_PART_BYTES_MAX} of a-z, 0-9 and -, beginning with a letter, ending with a letter or a \
                     digit, and for a plugin in Rust no word of the language nor a crate that it is built with"
                ),
            ),
            NewPluginError::Exists(_) => (reason::FILE_FAILED, "choose another name or folder".into()),
            NewPluginError::NoSdk(_) => (
                reason::FILE_FAILED,
                format!("say where it is with --sdk CLONE/{SDK_IN_CLONE}, or work in a clone of Quorate"),
            ),
            NewPluginError::NotSdk(_) => {
                (reason::FILE_FAILED, format!("name the folder {SDK_IN_CLONE} of a clone of Quorate"))
            }
            NewPluginError::SdkOfOther => (reason::INVALID_ARGUMENT, "leave --sdk out".into()),
            NewPluginError::SdkPath(_) => (reason::FILE_FAILED, "put the clone into another folder".into()),
            NewPluginError::Io { .. } => {
                (reason::FILE_FAILED, "check the folder's permissions and its disk".into())
            }
        };
        Self::new(reason, message).cure(cure)
    }
}

/// `quorate plugin new`
pub(super) fn run(arguments: &PluginNewArguments, output: Output) -> Result<(), Failure> {
    let here = env::current_dir().map_err(|source| NewPluginError::Io { path: ".".into(), source })?;
    let report = begin(arguments, &here)?;
    output.print(&report)
}

/// Makes the plugin in the folder `here`.
fn begin(arguments: &PluginNewArguments, here: &Path) -> Result<NewPluginReport, NewPluginError> {
    let name = &arguments.name;
    let language = match arguments.lang {
        PluginLanguageArgument::Rust => None,
        PluginLanguageArgument::C => Some(&template::C),
        PluginLanguageArgument::Go => Some(&template::GO),
        PluginLanguageArgument::Python => Some(&template::PYTHON),
        PluginLanguageArgument::Js => Some(&template::JAVASCRIPT),
    };
    check_name(name, language.is_none())?;
    let (source, sdk, files) = match language {
        None => {
            let sdk = match &arguments.sdk {
                // Joined: a path that is not relative stands as it is.
                Some(sdk) => given_sdk(&here.join(sdk))?,
                None => sdk_above(here)?,
            };
            let files = rust_files(arguments, &sdk)?;
            ("src/lib.rs", sdk, files)
        }
        Some(_) if arguments.sdk.is_some() => return Err(NewPluginError::SdkOfOther),
        Some(language) => {
            let files = language.files(arguments.kind);
            (language.source(), Path::new(name).join(SDK_COPY), files)
        }
    };
    let folder = here.join(name);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| NewPluginError::Io { path, source }
    };
    match fs::create_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(NewPluginError::Exists(folder));
        }
        made => made.map_err(failed(&folder))?,
    }
    for (file, text) in files {
        let path = folder.join(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        fs::write(&path, text.replace(NAME, name)).map_err(failed(&path))?;
    }
    let source = Path::new(name).join(source);
    Ok(NewPluginReport {
        name: name.clone(),
        folder: name.into(),
        source,
        sdk,
        tested_by_script: language.is_some(),
    })
}

/// The files of a plugin in Rust.
fn rust_files(
    arguments: &PluginNewArguments,
    sdk: &Path,
) -> Result<Vec<(&'static str, String)>, NewPluginError> {
    let sdk_text = sdk.to_str().ok_or_else(|| NewPluginError::SdkPath(sdk.to_owned()))?;
    let (source, example) = match arguments.kind {
        PluginKindArgument::Store => (STORE_SOURCE, "tea"),
        PluginKindArgument::Memory => (MEMORY_SOURCE, "5"),
    };
    Ok(vec![
        ("Cargo.toml", MANIFEST.replace(SDK, &toml::Value::from(sdk_text).to_string())),
        ("Cargo.lock", LOCK.replace(LOCK_NAME, &format!("name = \"{NAME}\""))),
        ("src/lib.rs", source.to_owned()),
        ("README.md", README.replace(EXAMPLE, example)),
        (".gitignore", IGNORED.to_owned()),
    ])
}

/// A name that a cluster takes for a plugin and, where it matters, cargo for a package.
fn check_name(name: &str, of_package: bool) -> Result<(), NewPluginError> {
    let formed = name.len() <= NAME_PART_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if formed && !(of_package && NAMES_TAKEN.contains(&name)) {
        Ok(())
    } else {
        Err(NewPluginError::Name(name.to_owned()))
    }
}

/// Whether a folder is the SDK, by its Cargo.toml.
fn is_sdk(folder: &Path) -> bool {
    fs::read_to_string(folder.join("Cargo.toml"))
        .is_ok_and(|manifest| manifest.lines().any(|line| line.trim() == SDK_PACKAGE))
}

/// The SDK that somebody named, as a whole path: the plugin is built in a folder of its own.
fn given_sdk(folder: &Path) -> Result<PathBuf, NewPluginError> {
    let resolved = folder.canonicalize().map_err(|_| NewPluginError::NotSdk(folder.to_owned()))?;
    if is_sdk(&resolved) { Ok(resolved) } else { Err(NewPluginError::NotSdk(folder.to_owned())) }
}

fn sdk_above(here: &Path) -> Result<PathBuf, NewPluginError> {
    let found = here.ancestors().map(|folder| folder.join(SDK_IN_CLONE)).find(|folder| is_sdk(folder));
    found.ok_or_else(|| NewPluginError::NoSdk(here.to_owned()))
}

#[cfg(test)]
mod tests;
