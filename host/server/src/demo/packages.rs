//! The input: the packages of a Cargo.lock.

use crate::cli::{exit::Exit, failure::Failure, lines};
use quorate_proto::reason;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// The largest file that is read.
const INPUT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What separates the versions of one package.
const BETWEEN_VERSIONS: &str = ",";

/// Names of packages, and the versions of each, joined.
pub(super) type Packages = BTreeMap<String, String>;

#[derive(Deserialize)]
struct LockFile {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

/// Reads the packages of a file.
pub(super) fn read(path: &Path) -> Result<Packages, Failure> {
    let bytes = lines::read_whole(path, INPUT_BYTES_MAX)?;
    let unusable = |why: String| {
        Failure::new(reason::FILE_FAILED, format!("{} is no Cargo.lock with packages", path.display()))
            .cause(why)
            .cure("name a Cargo.lock with --input")
            .exit(Exit::Usage)
    };
    let text = std::str::from_utf8(&bytes).map_err(|error| unusable(error.to_string()))?;
    parse(text).map_err(unusable)
}

fn parse(text: &str) -> Result<Packages, String> {
    let file: LockFile = toml::from_str(text).map_err(|error| error.to_string())?;
    // The same version from two places is one version, and the order does not matter.
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Package { name, version } in file.package {
        for word in [&name, &version] {
            if !is_plain(word) {
                return Err(format!("{word:?} is no name or version that cargo writes"));
            }
        }
        versions.entry(name).or_default().insert(version);
    }
    if versions.is_empty() {
        return Err("it names no package".to_owned());
    }
    let joined = |versions: BTreeSet<String>| versions.into_iter().collect::<Vec<_>>().join(BETWEEN_VERSIONS);
    Ok(versions.into_iter().map(|(name, versions)| (name, joined(versions))).collect())
}

/// Whether the kv plugin takes and gives a word as it is, without quotes.
fn is_plain(word: &str) -> bool {
    !word.is_empty()
        && !word.starts_with('#')
        && word.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> String {
        format!("[[package]]\nname = {name:?}\nversion = {version:?}\ndependencies = [\n \"x\",\n]\n")
    }

    #[test]
    fn versions_of_one_name_are_joined() {
        let text =
            ["version = 4\n", &package("b", "2.0.0+x"), &package("a", "0.3.1"), &package("b", "1.0.0")];
        let packages = parse(&text.concat()).expect("a good file");
        assert_eq!(
            packages.into_iter().collect::<Vec<_>>(),
            [("a".to_owned(), "0.3.1".to_owned()), ("b".to_owned(), "1.0.0,2.0.0+x".to_owned())]
        );
    }

    #[test]
    fn the_same_version_from_two_places_is_one() {
        let text = package("a", "1.0.0") + &package("a", "1.0.0");
        assert_eq!(parse(&text).expect("a good file")["a"], "1.0.0");
    }

    #[test]
    fn what_is_no_lock_file_is_refused() {
        for (text, why) in [
            ("", "names no package"),
            ("version = 4", "names no package"),
            ("package = 3", "invalid type"),
            ("[[package]]\nname = \"a\"", "version"),
            ("not toml", "expected"),
        ] {
            let refused = parse(text).expect_err(text);
            assert!(refused.contains(why), "{text}: {refused}");
        }
        for word in ["", "a b", "#a", "a\"b", "a\n", "ä"] {
            let refused = parse(&package(word, "1")).expect_err(word);
            assert!(refused.contains("no name or version"), "{word}: {refused}");
        }
    }

    #[test]
    fn the_lock_file_of_this_workspace_can_be_read() {
        let packages =
            read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock")).expect("it is good");
        assert!(packages.len() > 50);
        assert_eq!(packages["quorate-server"], env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn a_file_that_is_none_ends_with_the_exit_code_of_wrong_use() {
        let failure =
            read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).expect_err("a manifest");
        assert_eq!((failure.reason.as_str(), failure.exit), (reason::FILE_FAILED, Exit::Usage));
    }
}
