use super::*;

fn module(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn an_import_that_no_host_offers_is_refused_by_name() {
    let clock = module(r#"(module (import "wasi_snapshot_preview1" "clock_time_get" (func)))"#);
    let error = componentize(&clock).unwrap_err();
    assert!(
        matches!(&error, ComponentError::ForeignImport { imports } if imports == "functions of wasi_snapshot_preview1"),
        "{error}"
    );
}

#[test]
fn a_module_without_a_machine_is_told_which_macro_to_write() {
    let other = module(r#"(module (import "quorate:machine/host@0.1.0" "random" (func (result i64))))"#);
    let error = componentize(&other).unwrap_err();
    assert!(matches!(error, ComponentError::NoMachine { .. }));
    assert!(error.to_string().contains("export_store_machine!"), "{error}");
}

#[test]
fn a_machine_that_does_not_describe_its_types_cannot_be_encoded() {
    let bare = module(r#"(module (func (export "quorate:machine/machine@0.1.0#apply")))"#);
    let error = componentize(&bare).unwrap_err();
    assert!(error.to_string().contains("component-type section is missing"), "{error}");
}

#[test]
fn bytes_that_are_no_module_are_refused() {
    for bytes in [&b""[..], b"#!/bin/sh", b"\0asm\x01\0\0\0\x7f"] {
        let error = componentize(bytes).unwrap_err();
        assert!(matches!(error, ComponentError::Encode { .. }), "{bytes:?}: {error}");
    }
}
