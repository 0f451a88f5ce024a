//! Makes a component of a module.

use crate::error::ComponentError;
use crate::world::{PACKAGE, World};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

/// What a module says of itself.
#[derive(Default)]
struct Outline {
    world: World,
    exports_machine: bool,
    /// Whether it holds the types of its imports and exports.
    describes_itself: bool,
    /// Whether it was compiled for WASI 0.1.
    uses_wasi: bool,
    /// What it imports of others.
    foreign: Vec<String>,
}

impl Outline {
    fn of(module: &[u8]) -> Result<Self, ComponentError> {
        let mut outline = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload.map_err(encode)? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import.map_err(encode)?;
                        outline.world.import(import.module);
                        if import.module == WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME {
                            outline.uses_wasi = true;
                        } else if !import.module.starts_with(PACKAGE) && !import.module.starts_with('[') {
                            // Names in brackets are the component model's own.
                            outline.foreign.push(format!("{}::{}", import.module, import.name));
                        }
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let name = export.map_err(encode)?.name;
                        outline.world.export(name);
                        outline.exports_machine |= name.starts_with("quorate:machine/machine@");
                    }
                }
                Payload::CustomSection(section) => {
                    outline.describes_itself |= section.name().starts_with("component-type");
                }
                _ => {}
            }
        }
        Ok(outline)
    }
}

fn encode(error: impl std::fmt::Display) -> ComponentError {
    ComponentError::Encode { problem: error.to_string() }
}

/// Makes a component of a core module built with the guest SDK for Rust, and validates it.
///
/// # Errors
/// When the module exports no machine, imports what the host does not offer, or cannot be encoded.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let mut outline = Outline::of(module)?;
    if outline.uses_wasi {
        outline.foreign.push(format!("functions of {WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME}"));
    }
    check(
        &outline,
        "end its lib.rs with `quorate_guest::export_store_machine!(YourMachine);` or `quorate_guest::export_memory_machine!(YourMachine);`",
    )?;
    // Without its types a module is wrapped as it is, in a component that imports and exports nothing.
    if !outline.describes_itself {
        return Err(encode("its component-type section is missing; was it stripped after the build?"));
    }
    finish(ComponentEncoder::default(), module)
}

/// Makes a component of a core module that was compiled for WASI 0.1 by a toolchain that knows no components: its types
/// are those of the contract's interfaces that it names. `cure` is what to write when it exports no machine.
pub(crate) fn componentize_wasi(mut module: Vec<u8>, cure: &'static str) -> Result<Vec<u8>, ComponentError> {
    let outline = Outline::of(&module)?;
    check(&outline, cure)?;
    outline.world.embed(&mut module)?;
    let mut encoder = ComponentEncoder::default();
    if outline.uses_wasi {
        encoder = encoder
            .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
            .map_err(|error| encode(format!("{error:#}")))?;
    }
    finish(encoder, &module)
}

fn check(outline: &Outline, cure: &'static str) -> Result<(), ComponentError> {
    if !outline.foreign.is_empty() {
        return Err(ComponentError::ForeignImport { imports: outline.foreign.join(", ") });
    }
    if outline.exports_machine { Ok(()) } else { Err(ComponentError::NoMachine { cure }) }
}

fn finish(encoder: ComponentEncoder, module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let encoded = encoder.validate(true).module(module).and_then(|mut encoder| encoder.encode());
    // The alternate form has the chain of causes.
    encoded.map_err(|error| encode(format!("{error:#}")))
}

#[cfg(test)]
mod tests;
