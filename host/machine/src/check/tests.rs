use super::{PluginLimits, check};
use crate::{
    PluginRefusal,
    tests::kit::{Guest, wat},
};
use quorate_vocabulary::{MachineKind, PluginDigest};

fn refusal(bytes: &[u8]) -> PluginRefusal {
    check(bytes, &PluginLimits::default()).expect_err("it is refused")
}

/// A store machine with a part of its text replaced.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let text = Guest::store().lifecycle("").text();
    assert!(text.contains(from), "{text}");
    wat(&text.replace(from, to))
}

#[test]
fn both_kinds_are_told_apart() {
    let bytes = Guest::store().bytes();
    let plugin = check(&bytes, &PluginLimits::default()).expect("a store machine");
    assert_eq!((plugin.kind, plugin.has_lifecycle), (MachineKind::Store, false));
    assert_eq!((plugin.digest, plugin.bytes), (PluginDigest::of(&bytes), bytes.len()));
    let plugin = check(&Guest::memory().lifecycle("").bytes(), &PluginLimits::default());
    let plugin = plugin.expect("a memory machine");
    assert_eq!((plugin.kind, plugin.has_lifecycle), (MachineKind::Memory, true));
}

#[test]
fn a_plugin_over_the_limit_is_refused_before_it_is_read() {
    let limits = PluginLimits { bytes_max: 10, ..PluginLimits::default() };
    assert_eq!(check(&[b'x'; 11], &limits), Err(PluginRefusal::TooLarge { bytes: 11, bytes_max: 10 }));
    assert!(matches!(check(&[b'x'; 10], &limits), Err(PluginRefusal::NotWasm { .. })));
}

#[test]
fn what_is_no_webassembly_is_named() {
    let cases: [(&[u8], &str); 8] = [
        (b"", "an empty file"),
        (b"(component)", "text form"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"fn main() {}\nmore", "\"fn main() {}\""),
        (b"\x7fELF\x02\x01\x01\xff", "a program or library for Linux"),
        (b"\x1f\x8b\x08\x00\xff", "gzip"),
        (b"\xff\xff\xff", "another kind"),
        (b"\0asm\x07\0\0\0", "not of version 1"),
    ];
    for (bytes, expected) in cases {
        let refusal = refusal(bytes);
        assert!(matches!(refusal, PluginRefusal::NotWasm { .. }), "{refusal}");
        assert!(refusal.to_string().contains(expected), "{refusal}");
    }
}

#[test]
fn a_message_repeats_no_control_characters_of_the_upload() {
    let message = refusal(b"\x1b[31mred\x07").to_string();
    assert!(message.contains("\\u{1b}[31mred\\u{7}"), "{message}");
    assert!(!message.chars().any(char::is_control));
}

#[test]
fn a_core_module_is_told_how_to_become_a_component() {
    let refusal = refusal(&wat("(module)"));
    assert_eq!(refusal, PluginRefusal::CoreModule);
    assert!(refusal.to_string().contains("quorate plugin build"), "{refusal}");
}

#[test]
fn a_component_that_stops_in_the_middle_is_refused_wherever_it_stops() {
    let bytes = Guest::store().bytes();
    for length in (8..bytes.len()).step_by(7) {
        let refusal = refusal(&bytes[..length]);
        let expected = matches!(
            refusal,
            PluginRefusal::Invalid { .. } | PluginRefusal::MissingExport { .. } | PluginRefusal::NoKind
        );
        assert!(expected, "{length}: {refusal}");
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let bytes = Guest::memory().bytes();
    for place in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[place] ^= flip;
            let _ = check(&damaged, &PluginLimits::default());
        }
    }
}

#[test]
fn code_that_is_not_valid_is_refused() {
    let refusal = refusal(&wat("(component (core module (func (result i32))))"));
    assert!(matches!(refusal, PluginRefusal::Invalid { .. }), "{refusal}");
}

#[test]
fn features_that_replicas_could_differ_by_are_refused() {
    let modules = [
        "(memory 1 1 shared)",
        "(func (param v128 v128 v128) (result v128)
            (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2)))",
        "(memory i64 1)",
        "(tag (param i32))",
        "(type (struct (field i32)))",
    ];
    for module in modules {
        let refusal = refusal(&wat(&format!("(component (core module {module}))")));
        assert!(matches!(refusal, PluginRefusal::Invalid { .. }), "{module}: {refusal}");
    }
}

#[test]
fn foreign_imports_are_named() {
    let guest = Guest::store().top(r#"(import "acme:clock/now@1.0.0" (instance))"#);
    let message = refusal(&guest.bytes()).to_string();
    assert!(
        message.contains("imports \"acme:clock/now@1.0.0\", which quorate:machine@0.1.0 does not have"),
        "{message}"
    );
}

#[test]
fn what_of_wasi_is_not_offered_is_refused_with_advice() {
    let wasi = r#"(import "wasi:keyvalue/store@0.2.3" (instance (export "now" (func))))
        (import "wasi:http/types@0.2.3" (instance))"#;
    let message = refusal(&Guest::store().top(wasi).bytes()).to_string();
    assert!(message.contains("\"wasi:keyvalue/store@0.2.3\", \"wasi:http/types@0.2.3\""), "{message}");
    assert!(message.contains("--stub-wasi"), "{message}");
}

#[test]
fn of_many_foreign_imports_the_first_few_are_named() {
    let imports: String = (0..20).map(|number| format!(r#"(import "f{number}" (func))"#)).collect();
    let message = refusal(&Guest::store().top(&imports).bytes()).to_string();
    assert!(message.contains("\"f4\", 15 more,"), "{message}");
}

#[test]
fn imports_of_every_sort_are_foreign() {
    for import in [
        r#"(import "a" (core module))"#,
        r#"(import "a" (component))"#,
        r#"(import "a" (func))"#,
        r#"(import "a" (type (sub resource)))"#,
        r#"(import "quorate:machine/clock@0.1.0" (instance))"#,
    ] {
        let refusal = refusal(&Guest::store().top(import).bytes());
        assert!(matches!(refusal, PluginRefusal::ForeignImport { .. }), "{import}: {refusal}");
    }
}

#[test]
fn a_type_that_is_imported_by_value_is_no_foreign_import() {
    let guest = Guest::store().top(r#"(type $t (enum "a")) (import "level" (type (eq $t)))"#);
    check(&guest.bytes(), &PluginLimits::default()).expect("as `use host.{level}` in a world makes it");
}

#[test]
fn a_function_the_contract_does_not_have_is_foreign() {
    let refusal = refusal(&changed(
        r#"(export "random" (func (result u64)))"#,
        r#"(export "random" (func (result u64))) (export "now" (func (result u64)))"#,
    ));
    let PluginRefusal::ForeignImport { names, .. } = refusal else { panic!("{refusal}") };
    assert_eq!(names, "\"quorate:machine/host@0.1.0#now\"");
}

#[test]
fn another_version_is_refused_with_both_versions() {
    for (name, found) in [("host@0.2.0", "0.2.0"), ("host@0.1.1", "0.1.1"), ("host", "none")] {
        let refusal = refusal(&changed("quorate:machine/host@0.1.0", &format!("quorate:machine/{name}")));
        assert_eq!(
            refusal,
            PluginRefusal::WrongVersion {
                name: format!("quorate:machine/{name}"),
                found: found.into(),
                expected: "0.1.0"
            }
        );
    }
    let refusal = refusal(&changed("quorate:machine/machine@0.1.0", "quorate:machine/machine@1.0.0"));
    assert!(
        matches!(refusal, PluginRefusal::WrongVersion { .. }),
        "exports are looked at as well: {refusal}"
    );
}

#[test]
fn a_component_without_machine_is_refused() {
    let refusal = refusal(&changed("quorate:machine/machine@0.1.0", "acme:other/machine@0.1.0"));
    assert_eq!(refusal, PluginRefusal::MissingExport { name: "quorate:machine/machine@0.1.0".into() });
}

#[test]
fn a_missing_function_is_named() {
    for (interface, function, lost) in [
        ("machine", "query", r#"(export "query" (func $query))"#),
        ("lifecycle", "shutdown", r#"(export "shutdown" (func $shutdown))"#),
    ] {
        let refusal = refusal(&changed(lost, ""));
        let name = format!("quorate:machine/{interface}@0.1.0#{function}");
        assert_eq!(refusal, PluginRefusal::MissingExport { name });
    }
}

#[test]
fn an_export_of_another_type_is_shown_beside_the_right_one() {
    let refusal = refusal(&changed(r#"(param "request" (list u8))"#, r#"(param "request" string)"#));
    assert_eq!(
        refusal,
        PluginRefusal::WrongType {
            name: "quorate:machine/machine@0.1.0#query".into(),
            found: "func(request: string) -> result<list<u8>, list<u8>>".into(),
            expected: "func(request: list<u8>) -> result<list<u8>, list<u8>>".into(),
        }
    );
}

#[test]
fn an_export_that_is_no_interface_is_refused() {
    let refusal = refusal(&changed(
        r#"(export "quorate:machine/machine@0.1.0" (instance $i-machine))"#,
        r#"(component $c) (export "quorate:machine/machine@0.1.0" (component $c))"#,
    ));
    assert!(matches!(refusal, PluginRefusal::WrongType { .. }), "{refusal}");
}

#[test]
fn an_import_of_another_type_is_refused() {
    let refusal = refusal(&changed(r#""warn" "error""#, r#""warning" "error""#));
    let PluginRefusal::WrongType { name, found, .. } = refusal else { panic!("{refusal}") };
    assert_eq!(name, "quorate:machine/host@0.1.0#log");
    assert!(found.contains("warning"), "{found}");
}

#[test]
fn unknown_exports_are_let_be() {
    // QuickJS adds one.
    let guest = Guest::store().top(r#"(component $extra) (export "extra" (component $extra))"#);
    check(&guest.bytes(), &PluginLimits::default()).expect("more than is asked for");
}

#[test]
fn a_plugin_is_of_exactly_one_kind() {
    // Both: a store machine that exports `snapshot` as well, made of the parts of a memory machine.
    let text = Guest::memory().text();
    let store = r#"(component (import "quorate:machine/store@0.1.0" (instance))"#;
    assert_eq!(refusal(&wat(&text.replacen("(component", store, 1))), PluginRefusal::TwoKinds);
    let neither = text.replace("quorate:machine/snapshot@0.1.0", "acme:other/snapshot@0.1.0");
    assert_eq!(refusal(&wat(&neither)), PluginRefusal::NoKind);
}

#[test]
fn every_part_is_counted() {
    let defaults = PluginLimits::default;
    let cases = [
        ("core modules", PluginLimits { modules_max: 1, ..defaults() }),
        ("instances", PluginLimits { instances_max: 1, ..defaults() }),
        ("linear memories", PluginLimits { memories_max: 1, ..defaults() }),
        ("tables", PluginLimits { tables_max: 0, ..defaults() }),
        ("functions", PluginLimits { functions_max: 5, ..defaults() }),
        (
            "units of compiling effort in one function",
            PluginLimits { function_effort_max: 499, ..defaults() },
        ),
        ("units of compiling effort", PluginLimits { effort_max: 999, ..defaults() }),
        ("bytes in one function", PluginLimits { function_bytes_max: 10, ..defaults() }),
        ("nested components", PluginLimits { components_max: 0, ..defaults() }),
    ];
    let bytes = Guest::store().module("(memory 1) (table 1 funcref)").top("(component)").bytes();
    check(&bytes, &defaults()).expect("it is small");
    for (expected, limits) in cases {
        let refusal = check(&bytes, &limits).expect_err(expected);
        assert!(matches!(refusal, PluginRefusal::TooMany { what, .. } if what == expected), "{refusal}");
    }
}

#[test]
fn components_that_unfold_into_millions_of_instances_are_refused() {
    // Each instantiates the one before it ten times: ten million modules from a few hundred bytes.
    let mut text = String::from("(component $c0 (core module $m) (core instance (instantiate $m)))");
    for level in 1..8 {
        let instances = "(instance (instantiate $below))".repeat(10);
        text +=
            &format!("(component $c{level} (alias outer 1 $c{} (component $below)) {instances})", level - 1);
    }
    let refusal = refusal(&wat(&format!("(component {text})")));
    assert!(matches!(refusal, PluginRefusal::TooMany { what: "instances", .. }), "{refusal}");
}

/// A function whose body repeats a text, over locals of its own.
fn repeated(locals: usize, before: &str, count: usize, text: &str, after: &str) -> Vec<u8> {
    let locals = "i32 ".repeat(locals);
    let body = before.repeat(count) + &text.repeat(count) + &after.repeat(count);
    wat(&format!("(component (core module (func (local {locals}) {body})))"))
}

#[test]
fn functions_that_take_minutes_to_compile_are_refused_in_no_time() {
    let refused = |bytes: &[u8], expected: &str| {
        let refusal = refusal(bytes);
        assert!(matches!(refusal, PluginRefusal::TooMany { what, .. } if what == expected), "{refusal}");
    };
    let one = "units of compiling effort in one function";
    // Each took between twenty seconds and minutes, from 30 to 250 KB.
    refused(&repeated(4_000, "", 8_000, "local.get 3 if i32.const 1 local.set 9 end ", ""), one);
    refused(&repeated(20_000, "", 4_000, "loop local.get 3 br_if 0 end ", ""), one);
    refused(&repeated(1, "", 12_000, "loop local.get 0 br_if 0 end ", ""), one);
    refused(&repeated(1, "loop ", 150, "", "local.get 0 br_if 0 end "), "loops within loops in one function");
    // A branch table counts each of its targets.
    let table = format!("local.get 0 br_table {} ", "0 ".repeat(1_000));
    refused(&repeated(300, "", 100, &format!("block {table} end "), ""), one);
}

#[test]
fn functions_that_do_nothing_take_their_time_as_well() {
    // Measured: thousands of empty functions take seconds, and so do millions of locals in a few kilobytes.
    let limits = PluginLimits { effort_max: 300_000, ..PluginLimits::default() };
    let empty = wat(&format!("(component (core module {}))", "(func) ".repeat(1_000)));
    let locals = wat(&format!(
        "(component (core module {}))",
        format!("(func (local {}))", "i64 ".repeat(40_000)).repeat(10)
    ));
    for bytes in [empty, locals] {
        let refusal = check(&bytes, &limits).expect_err("more than the limit");
        assert!(
            matches!(refusal, PluginRefusal::TooMany { what: "units of compiling effort", .. }),
            "{refusal}"
        );
    }
}

#[test]
fn large_ordinary_functions_pass() {
    let passes = |bytes: &[u8]| {
        let refusal = refusal(bytes);
        assert!(
            matches!(refusal, PluginRefusal::MissingExport { .. }),
            "only what is not there is missed: {refusal}"
        );
    };
    // A switch of 1,000 cases over 200 locals, 100,000 straight instructions, and loops 20 deep.
    let cases: String = (0..1_000).map(|case| format!("{case} ")).collect();
    let switch = format!("local.get 0 br_table {cases} end ");
    passes(&wat(&format!(
        "(component (core module (func (local {}) {} {switch} {})))",
        "i32 ".repeat(200),
        "block ".repeat(1_001),
        "local.get 1 local.set 2 br 0 end ".repeat(1_000)
    )));
    passes(&repeated(200, "", 50_000, "local.get 3 local.set 4 ", ""));
    passes(&repeated(200, "loop ", 20, "", "local.get 0 br_if 0 end "));
}

#[test]
fn types_that_unfold_exponentially_are_cut() {
    let mut types = String::from("(type $t0 (tuple u8 u8))");
    for level in 1..16 {
        types += &format!("(type $t{level} (tuple $t{0} $t{0}))", level - 1);
    }
    // As a parameter of a function that the contract has.
    let import =
        r#"(import "quorate:machine/host@0.1.0" (instance (export "random" (func (param "t" $t15)))))"#;
    let refusal = refusal(&wat(&format!("(component {types} {import})")));
    let PluginRefusal::WrongType { found, .. } = refusal else { panic!("{refusal}") };
    assert!(found.len() < 600 && found.ends_with('…'), "{found}");
}

#[test]
fn the_contract_is_that_of_the_wit_file() {
    let wit = include_str!("../../../../wit/machine.wit");
    assert!(wit.contains(&format!("package quorate:machine@{};", crate::CONTRACT_VERSION)));
    for interface in super::IMPORTS.iter().chain(super::EXPORTS) {
        let body = wit.split(&format!("interface {} {{", interface.name)).nth(1).expect(interface.name);
        let body = body.split("\ninterface ").next().unwrap_or(body).split("\nworld ").next().unwrap_or(body);
        let declared = body.lines().filter(|line| !line.trim_start().starts_with("///"));
        let declared: Vec<_> = declared.filter(|line| line.contains(": func(")).collect();
        assert_eq!(declared.len(), interface.functions.len(), "{}: {declared:#?}", interface.name);
        for (name, function) in interface.functions {
            let line = declared.iter().find(|line| line.trim_start().starts_with(&format!("{name}: ")));
            let line = line.expect(name).trim().trim_end_matches(';');
            let named = function
                .replace("record { id: u64, name: string }", "group-info")
                .replace("enum { trace, debug, info, warn, error }", "level")
                .replace("record { key: list<u8>, value: list<u8> }", "pair");
            assert_eq!(line, format!("{name}: {named}"));
        }
    }
}
