//! The world of one plugin: of the contract, what it imports and exports, and nothing more.

use crate::description::{Description, Export, Kind};
use crate::error::ComponentError;
use std::collections::BTreeSet;
use wit_component::StringEncoding;
use wit_parser::{Resolve, WorldId};

/// The contract, as it is in `wit/`.
pub(crate) const CONTRACT: &str = include_str!("../../../wit/machine.wit");
/// Every import and export of a plugin begins so.
pub(crate) const PACKAGE: &str = "quorate:machine/";
/// What follows `@` in them.
pub(crate) const VERSION: &str = "0.1.0";
/// What the world of a plugin is called, in the package [`WORLD_PACKAGE`].
pub(crate) const WORLD: &str = "plugin";
pub(crate) const WORLD_PACKAGE: &str = "quorate:plugin";

/// The interfaces a plugin imports and exports, by their names in the contract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) imports: BTreeSet<String>,
    pub(crate) exports: BTreeSet<String>,
}

impl World {
    /// What a plugin describes of itself; one that does not say where it keeps its state imports and exports neither.
    pub(crate) fn of(plugin: &Description) -> Self {
        let (state, saving) = match plugin.kind {
            Some(Kind::Store) => (Some("store"), None),
            Some(Kind::Memory) => (Some("snapshot-stream"), Some("snapshot")),
            None => (None, None),
        };
        let more = plugin.exports.iter().map(|export| match export {
            Export::Lifecycle => "lifecycle",
            Export::Timers => "timers",
            Export::Upgrade => "upgrade",
        });
        Self {
            imports: ["host"].into_iter().chain(state).map(str::to_owned).collect(),
            exports: ["machine"].into_iter().chain(saving).chain(more).map(str::to_owned).collect(),
        }
    }

    /// Notes the module of a core import; those of other packages are left out.
    pub(crate) fn import(&mut self, module: &str) {
        self.imports.extend(interface(module));
    }

    /// Notes the name of a core export, such as `quorate:machine/machine@0.1.0#apply`.
    pub(crate) fn export(&mut self, name: &str) {
        if let Some((full_name, _)) = name.split_once('#') {
            self.exports.extend(interface(full_name));
        }
    }

    /// The world in WIT.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("package {WORLD_PACKAGE};\n\nworld {WORLD} {{\n");
        for (verb, names) in [("import", &self.imports), ("export", &self.exports)] {
            for name in names {
                text.push_str(&format!("    {verb} {PACKAGE}{name}@{VERSION};\n"));
            }
        }
        text.push_str("}\n");
        text
    }

    /// Adds to a core module what tells its types to [`wit_component::ComponentEncoder`].
    pub(crate) fn embed(&self, module: &mut Vec<u8>) -> Result<(), ComponentError> {
        let (resolve, world) = self.resolve()?;
        wit_component::embed_component_metadata(module, &resolve, world, StringEncoding::UTF8).map_err(encode)
    }

    fn resolve(&self) -> Result<(Resolve, WorldId), ComponentError> {
        let mut resolve = Resolve::default();
        resolve.push_str("machine.wit", CONTRACT).map_err(encode)?;
        let package = resolve.push_str("plugin.wit", &self.text()).map_err(encode)?;
        let world = resolve.select_world(&[package], Some(WORLD)).map_err(encode)?;
        Ok((resolve, world))
    }
}

/// In the alternate form, which has the chain of causes.
fn encode(error: impl std::fmt::Display) -> ComponentError {
    ComponentError::Encode { problem: format!("{error:#}") }
}

/// The interface's name within the contract, if it is of it.
fn interface(full_name: &str) -> Option<String> {
    let (name, version) = full_name.strip_prefix(PACKAGE)?.split_once('@')?;
    (version == VERSION).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_holds_what_the_module_names_and_nothing_else() {
        let mut world = World::default();
        for module in
            ["quorate:machine/store@0.1.0", "wasi_snapshot_preview1", "quorate:machine/host@9.0.0", "env"]
        {
            world.import(module);
        }
        for name in
            ["quorate:machine/machine@0.1.0#apply", "memory", "cabi_post_quorate:machine/machine@0.1.0#apply"]
        {
            world.export(name);
        }
        assert_eq!(
            world.text(),
            "package quorate:plugin;\n\nworld plugin {\n    import quorate:machine/store@0.1.0;\n    \
             export quorate:machine/machine@0.1.0;\n}\n"
        );
        world.resolve().unwrap();
    }

    #[test]
    fn the_version_is_that_of_the_contract() {
        assert!(CONTRACT.contains(&format!("\npackage quorate:machine@{VERSION};\n")));
    }
}
