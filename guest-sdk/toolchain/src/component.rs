//! Makes a component of a module.

use crate::error::ComponentError;
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

/// Every import and export of a plugin begins so.
const CONTRACT: &str = "quorate:machine/";

/// Makes a component of a core module built with a guest SDK, and validates it.
///
/// # Errors
/// When the module exports no machine, imports what the host does not offer, or cannot be encoded.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let encode = |error: &dyn std::fmt::Display| ComponentError::Encode { problem: error.to_string() };
    let (mut exports_machine, mut describes_itself) = (false, false);
    let mut foreign = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(|error| encode(&error))? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import.map_err(|error| encode(&error))?;
                    // Names in brackets are the component model's own.
                    if !import.module.starts_with(CONTRACT) && !import.module.starts_with('[') {
                        foreign.push(format!("{}::{}", import.module, import.name));
                    }
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let name = export.map_err(|error| encode(&error))?.name;
                    exports_machine |= name.starts_with("quorate:machine/machine@");
                }
            }
            Payload::CustomSection(section) => {
                describes_itself |= section.name().starts_with("component-type");
            }
            _ => {}
        }
    }
    if !foreign.is_empty() {
        return Err(ComponentError::ForeignImport { imports: foreign.join(", ") });
    }
    if !exports_machine {
        return Err(ComponentError::NoMachine);
    }
    // Without its types a module is wrapped as it is, in a component that imports and exports nothing.
    if !describes_itself {
        return Err(encode(&"its component-type section is missing; was it stripped after the build?"));
    }
    let encoded =
        ComponentEncoder::default().validate(true).module(module).and_then(|mut encoder| encoder.encode());
    // The alternate form has the chain of causes.
    encoded.map_err(|error| ComponentError::Encode { problem: format!("{error:#}") })
}

#[cfg(test)]
mod tests;
