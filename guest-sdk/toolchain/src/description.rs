//! `quorate.toml`: what tells a plugin in any language but Rust, whose Cargo.toml says as much.

use crate::error::BuildError;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The file that tells a plugin in one of these languages.
pub(crate) const FILE: &str = "quorate.toml";

/// The languages that are told by it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    C,
    Go,
    JavaScript,
    Python,
}

/// Where a plugin keeps its state.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Store,
    Memory,
}

/// What a plugin may export beside what its kind asks.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Export {
    Lifecycle,
    Timers,
    Upgrade,
}

/// A plugin in another language than Rust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) language: Language,
    /// Only of languages whose toolchain cannot tell it from the code.
    pub(crate) kind: Option<Kind>,
    pub(crate) exports: BTreeSet<Export>,
    /// The plugin's folder, with links and dots resolved.
    pub(crate) folder: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    plugin: PluginTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginTable {
    name: String,
    language: Language,
    kind: Option<Kind>,
    exports: Option<BTreeSet<Export>>,
}

pub(crate) fn read(folder: &Path) -> Result<Description, BuildError> {
    let failed = |what, path: &Path| {
        let path = path.to_path_buf();
        move |source| BuildError::Io { what, path, source }
    };
    let resolved = folder.canonicalize().map_err(failed("resolve", folder))?;
    let path = resolved.join(FILE);
    let text = fs::read_to_string(&path).map_err(failed("read", &path))?;
    parse(&text, resolved).map_err(|problem| BuildError::Description { path, problem })
}

fn parse(text: &str, folder: PathBuf) -> Result<Description, String> {
    let File { plugin } = toml::from_str(text).map_err(|error| error.to_string())?;
    let PluginTable { name, language, kind, exports } = plugin;
    let formed =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !formed {
        return Err(format!("the name {name:?} is not made of letters, digits, - and _"));
    }
    match language {
        Language::C | Language::Go if kind.is_some() || exports.is_some() => {
            Err("`kind` and `exports` are said by the code in this language; leave them out".into())
        }
        Language::JavaScript | Language::Python if kind.is_none() => {
            Err("it does not say where the plugin keeps its state; add kind = \"store\" or kind = \"memory\""
                .into())
        }
        _ => Ok(Description { name, language, kind, exports: exports.unwrap_or_default(), folder }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Description, String> {
        parse(&format!("[plugin]\n{text}"), "/p".into())
    }

    #[test]
    fn a_plugin_is_described_in_a_few_words() {
        let c = parsed("name = 'ballot'\nlanguage = 'c'").unwrap();
        assert_eq!((c.name.as_str(), c.language, c.kind), ("ballot", Language::C, None));
        let js =
            parsed("name = 'b'\nlanguage = 'javascript'\nkind = 'memory'\nexports = ['timers']").unwrap();
        assert_eq!((js.kind, js.exports), (Some(Kind::Memory), BTreeSet::from([Export::Timers])));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, said) in [
            ("name = 'b'", "missing field `language`"),
            ("name = 'b'\nlanguage = 'cobol'", "unknown variant `cobol`"),
            ("name = 'b'\nlanguage = 'c'\nkind = 'store'", "leave them out"),
            ("name = 'b'\nlanguage = 'javascript'", "add kind"),
            ("name = '../b'\nlanguage = 'c'", "is not made of"),
            ("name = 'b'\nlanguage = 'c'\nsources = 1", "unknown field `sources`"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
