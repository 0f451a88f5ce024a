//! Plugins that cannot be built, and what is said about them.

use crate::determinism::copy;
use crate::repository;
use quorate_toolchain::{BuildError, ComponentError, build_plugin};
use std::fs;

/// What comes of the greeter with another source.
fn built_with(source: &str) -> Result<(), BuildError> {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("broken");
    copy(&repository().join("examples/plugins/greeter"), &package);
    fs::write(package.join("src/lib.rs"), source).unwrap();
    let out = folder.path().join("broken.wasm");
    let outcome = build_plugin(&package, &out, &mut |_| {}).map(|_| ());
    assert!(outcome.is_ok() || !out.exists(), "nothing is left of a build that failed");
    outcome
}

#[test]
fn the_compilers_words_are_kept() {
    let error = built_with("fn broken() -> u32 { \"text\" }").unwrap_err();
    assert!(matches!(error, BuildError::Compile { .. }));
    let text = error.to_string();
    assert!(text.contains("mismatched types") && text.contains("src/lib.rs:1:22"), "{text}");
}

#[test]
fn a_library_that_exports_no_machine_is_told_which_macro_is_missing() {
    let error = built_with("//! Nothing.\n").unwrap_err();
    assert!(
        matches!(error, BuildError::Component { source: ComponentError::NoMachine { .. }, .. }),
        "{error}"
    );
}

#[test]
fn an_import_that_no_host_offers_is_named() {
    let source = "#[link(wasm_import_module = \"env\")] unsafe extern \"C\" { fn now() -> u64; }\n\
                  #[unsafe(no_mangle)] pub extern \"C\" fn run() -> u64 { unsafe { now() } }\n";
    let error = built_with(source).unwrap_err();
    let BuildError::Component { source: ComponentError::ForeignImport { imports }, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(imports, "env::now");
}

#[test]
fn the_folder_of_the_component_must_be_there() {
    let greeter = repository().join("examples/plugins/greeter");
    let error = build_plugin(&greeter, &greeter.join("no/such/folder.wasm"), &mut |_| {}).unwrap_err();
    assert!(matches!(error, BuildError::NoOutputFolder { .. }), "{error}");
}
