//! What a plugin's Cargo.toml must say, checked before anything slow is done.

use crate::error::BuildError;
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// A package that may become a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) package: String,
    /// The package's folder, with links and dots resolved.
    pub(crate) folder: PathBuf,
    /// Its Cargo.toml.
    pub(crate) path: PathBuf,
}

pub(crate) fn read(folder: &Path) -> Result<Manifest, BuildError> {
    let resolved = folder.canonicalize().map_err(|source| BuildError::Io {
        what: "resolve",
        path: folder.to_path_buf(),
        source,
    })?;
    let path = resolved.join("Cargo.toml");
    if !path.is_file() {
        return Err(BuildError::NoManifest { folder: folder.to_path_buf() });
    }
    let text = fs::read_to_string(&path).map_err(|source| BuildError::Io {
        what: "read",
        path: path.clone(),
        source,
    })?;
    let package = check(&text, &path)?;
    Ok(Manifest { package, folder: resolved, path })
}

/// The package's name, if it is one that builds a module.
fn check(text: &str, path: &Path) -> Result<String, BuildError> {
    let problem = |problem: String| BuildError::Manifest { path: path.to_path_buf(), problem };
    let table: Table = text.parse().map_err(|error: toml::de::Error| problem(error.to_string()))?;
    let package = table.get("package").and_then(Value::as_table).ok_or_else(|| {
        problem(if table.contains_key("workspace") {
            "it is a workspace; name the folder of one of its packages".into()
        } else {
            "it has no [package]".into()
        })
    })?;
    let name = package
        .get("name")
        .and_then(Value::as_str)
        .ok_or_else(|| problem("it has no package.name".into()))?;
    // Cargo takes either spelling.
    let library = table.get("lib").and_then(Value::as_table);
    let types = library.and_then(|library| library.get("crate-type").or_else(|| library.get("crate_type")));
    let types: Vec<&str> =
        types.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if types.contains(&"cdylib") {
        return Ok(name.to_owned());
    }
    let found = if types.is_empty() { "lib".to_owned() } else { types.join(", ") };
    Err(BuildError::NotCdylib { path: path.to_path_buf(), found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<String, BuildError> {
        check(text, Path::new("/p/Cargo.toml"))
    }

    #[test]
    fn a_cdylib_package_may_become_a_plugin() {
        for lib in
            ["crate-type = [\"cdylib\"]", "crate-type = [\"rlib\", \"cdylib\"]", "crate_type = [\"cdylib\"]"]
        {
            let text = format!("[package]\nname = \"counter\"\n[lib]\n{lib}\n");
            assert_eq!(checked(&text).unwrap(), "counter");
        }
    }

    #[test]
    fn a_package_that_builds_no_module_is_told_what_to_add() {
        let error = checked("[package]\nname = \"counter\"\n").unwrap_err();
        assert!(matches!(error, BuildError::NotCdylib { .. }));
        assert!(error.to_string().ends_with("[lib]\ncrate-type = [\"cdylib\"]"), "{error}");
        let error = checked("[package]\nname = \"counter\"\n[lib]\ncrate-type = [\"rlib\"]\n").unwrap_err();
        assert!(error.to_string().contains("its crate type is rlib"), "{error}");
    }

    #[test]
    fn what_is_no_package_is_refused_with_the_reason() {
        let problem = |text| checked(text).unwrap_err().to_string();
        assert!(
            problem("[workspace]\nmembers = [\"a\"]\n").contains("name the folder of one of its packages")
        );
        assert!(problem("[dependencies]\n").contains("no [package]"));
        assert!(problem("[package]\n").contains("no package.name"));
        assert!(problem("[package\nname").contains("line 1"), "the parser's place is kept");
    }
}
