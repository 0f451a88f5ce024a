//! What is known of a plugin before any of its code is compiled or run.

mod contract;
mod effort;
mod features;
mod limits;
mod structure;
mod type_text;

#[cfg(test)]
mod tests;

pub(crate) use contract::{HOST, LIFECYCLE, MACHINE, SNAPSHOT, SNAPSHOT_STREAM, STORE, TIMERS, UPGRADE};
pub(crate) use features::FEATURES;
pub use limits::PluginLimits;

use crate::{CONTRACT_VERSION, PluginRefusal, imports::wasi, text::shown};
use contract::{EXPORTS, IMPORTS, Interface, PACKAGE};
use quorate_vocabulary::{MachineKind, PluginDigest};
use structure::Structure;
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType, ComponentInstanceTypeId};

/// A plugin whose bytes keep the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedPlugin {
    /// The SHA-256 of its bytes.
    pub digest: PluginDigest,
    /// How many bytes it has.
    pub bytes: usize,
    /// Where it keeps its state.
    pub kind: MachineKind,
    /// The interfaces of WASI that it imports.
    pub wasi: Vec<String>,
    /// Whether it wants to be told about its replica.
    pub has_lifecycle: bool,
    /// Whether it is to be called when its timers fire.
    pub has_timers: bool,
    /// Whether it takes over states of other versions.
    pub has_upgrade: bool,
}

/// The most foreign imports that a refusal names.
const NAMES_MAX: usize = 5;

/// Judges bytes that are uploaded as a plugin.
pub(crate) fn check(bytes: &[u8], limits: &PluginLimits) -> Result<CheckedPlugin, PluginRefusal> {
    if bytes.len() > limits.bytes_max {
        return Err(PluginRefusal::TooLarge { bytes: bytes.len(), bytes_max: limits.bytes_max });
    }
    check_header(bytes)?;
    let plugin = structure::read(bytes, limits)?;
    check_versions(&plugin)?;
    check_imports(&plugin)?;
    check_exports(&plugin)?;
    Ok(CheckedPlugin {
        digest: PluginDigest::of(bytes),
        bytes: bytes.len(),
        kind: kind(&plugin)?,
        wasi: plugin.imports.iter().filter(|name| wasi::offers(name)).cloned().collect(),
        has_lifecycle: plugin.exports.contains(&LIFECYCLE.full_name()),
        has_timers: plugin.exports.contains(&TIMERS.full_name()),
        has_upgrade: plugin.exports.contains(&UPGRADE.full_name()),
    })
}

fn check_header(bytes: &[u8]) -> Result<(), PluginRefusal> {
    let refused = |found: String| Err(PluginRefusal::NotWasm { found });
    if bytes.is_empty() {
        return refused("an empty file".into());
    }
    let Some(version) = bytes.strip_prefix(b"\0asm") else {
        return refused(match std::str::from_utf8(&bytes[..bytes.len().min(64)]) {
            Ok(text) if text.trim_start().starts_with('(') => "WebAssembly in text form".into(),
            Ok(text) if text.trim_start().starts_with('<') => "a page of HTML or XML".into(),
            Ok(text) => {
                format!("a text that begins with \"{}\"", shown(text.lines().next().unwrap_or_default()))
            }
            Err(_) if bytes.starts_with(b"\x7fELF") => "a program or library for Linux".into(),
            Err(_) if bytes.starts_with(b"\x1f\x8b") => "a gzip file".into(),
            Err(_) => "a file of another kind".into(),
        });
    };
    match version {
        [1, 0, 0, 0, ..] => Err(PluginRefusal::CoreModule),
        [_, 0, 1, 0, ..] => Ok(()),
        _ => refused("a file that begins like WebAssembly and is not of version 1".into()),
    }
}

/// The interface and the version of a name of the contract's package.
fn split(name: &str) -> Option<(&str, &str)> {
    let name = name.strip_prefix(PACKAGE)?;
    Some(name.split_once('@').unwrap_or((name, "none")))
}

/// Another version explains whatever else would be wrong, so this is looked at first.
fn check_versions(plugin: &Structure) -> Result<(), PluginRefusal> {
    let known = |interfaces: &[Interface], name: &str| interfaces.iter().any(|known| known.name == name);
    let imports = plugin.imports.iter().map(|name| (name, IMPORTS));
    let exports = plugin.exports.iter().map(|name| (name, EXPORTS));
    for (name, interfaces) in imports.chain(exports) {
        match split(name) {
            Some((interface, version)) if version != CONTRACT_VERSION && known(interfaces, interface) => {
                return Err(PluginRefusal::WrongVersion {
                    name: shown(name),
                    found: shown(version),
                    expected: CONTRACT_VERSION,
                });
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_imports(plugin: &Structure) -> Result<(), PluginRefusal> {
    let types = plugin.types.as_ref();
    let mut foreign = Vec::new();
    for name in &plugin.imports {
        let Some(item) = types.component_item_for_import(name) else { continue };
        let known = IMPORTS.iter().find(|interface| interface.full_name() == *name);
        match (known, item.ty) {
            (Some(interface), ComponentEntityType::Instance(id)) => {
                check_imported_functions(plugin, interface, id, &mut foreign)?;
            }
            (None, ComponentEntityType::Instance(_)) if wasi::offers(name) => {}
            // A type that is imported by value needs nothing from the host.
            (_, ComponentEntityType::Type { created, .. }) if is_value_type(created) => {}
            _ => foreign.push(name.clone()),
        }
    }
    if foreign.is_empty() { Ok(()) } else { Err(foreign_imports(&foreign)) }
}

fn check_imported_functions(
    plugin: &Structure,
    interface: &Interface,
    id: ComponentInstanceTypeId,
    foreign: &mut Vec<String>,
) -> Result<(), PluginRefusal> {
    let types = plugin.types.as_ref();
    for (name, item) in &types[id].exports {
        let full_name = || format!("{}#{name}", interface.full_name());
        match (item.ty, interface.function(name)) {
            (ComponentEntityType::Func(_), Some(expected)) => {
                check_type(plugin, item.ty, expected, full_name)?;
            }
            (ComponentEntityType::Type { created, .. }, None) if is_value_type(created) => {}
            _ => foreign.push(full_name()),
        }
    }
    Ok(())
}

fn is_value_type(id: ComponentAnyTypeId) -> bool {
    matches!(id, ComponentAnyTypeId::Defined(_))
}

fn foreign_imports(foreign: &[String]) -> PluginRefusal {
    let mut names: Vec<String> =
        foreign.iter().take(NAMES_MAX).map(|name| format!("\"{}\"", shown(name))).collect();
    if foreign.len() > NAMES_MAX {
        names.push(format!("{} more", foreign.len() - NAMES_MAX));
    }
    let advice = if foreign.iter().any(|name| name.starts_with("wasi:")) {
        "a plugin reaches no file, network or environment, and of WASI 0.2 only the part that is the same on every replica is offered. Build for a target without WASI (Rust: wasm32-unknown-unknown), or have the toolchain stub it (componentize-py: --stub-wasi; jco: --backend-qjs-stub-wasi)"
    } else {
        "a plugin may import nothing else, so that every replica does the same. Remove what needs it"
    };
    PluginRefusal::ForeignImport { names: names.join(", "), contract: CONTRACT_VERSION, advice }
}

fn check_exports(plugin: &Structure) -> Result<(), PluginRefusal> {
    let types = plugin.types.as_ref();
    for interface in EXPORTS {
        let full_name = interface.full_name();
        let Some(item) = types.component_item_for_export(&full_name) else {
            if interface.name == MACHINE.name {
                return Err(PluginRefusal::MissingExport { name: full_name });
            }
            continue;
        };
        let ComponentEntityType::Instance(id) = item.ty else {
            return Err(PluginRefusal::WrongType {
                name: full_name,
                found: type_text::entity(types, item.ty),
                expected: "instance".into(),
            });
        };
        for (name, expected) in interface.functions {
            let full_name = || format!("{full_name}#{name}");
            match types[id].exports.get(*name) {
                Some(item) => check_type(plugin, item.ty, expected, full_name)?,
                None => return Err(PluginRefusal::MissingExport { name: full_name() }),
            }
        }
    }
    Ok(())
}

fn check_type(
    plugin: &Structure,
    item: ComponentEntityType,
    expected: &str,
    full_name: impl FnOnce() -> String,
) -> Result<(), PluginRefusal> {
    let found = type_text::entity(plugin.types.as_ref(), item);
    if found == expected {
        return Ok(());
    }
    Err(PluginRefusal::WrongType {
        name: shown(&full_name()),
        found: shown(&found),
        expected: expected.into(),
    })
}

fn kind(plugin: &Structure) -> Result<MachineKind, PluginRefusal> {
    let stores = plugin.imports.contains(&STORE.full_name());
    let saves = plugin.exports.contains(&SNAPSHOT.full_name());
    match (stores, saves) {
        (true, false) => Ok(MachineKind::Store),
        (false, true) => Ok(MachineKind::Memory),
        (true, true) => Err(PluginRefusal::TwoKinds),
        (false, false) => Err(PluginRefusal::NoKind),
    }
}
