//! Components that are not of this contract.

use crate::{Case, refused};
use quorate_guests::{Guest, wat};

/// A store machine with a part of its text replaced.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let text = Guest::store().text();
    assert!(text.contains(from), "the kit does not write {from}");
    wat(&text.replace(from, to))
}

/// A component that begins with this.
fn beginning(text: &str) -> Vec<u8> {
    wat(&Guest::store().text().replacen("(component", &format!("(component {text}"), 1))
}

pub(super) fn cases() -> Vec<Case> {
    let web = r#"(import "wasi:http/types@0.2.0" (instance (export "fields" (type (sub resource)))))"#;
    let elsewhere = r#"(import "wasi:keyvalue/store@0.2.0" (instance))"#;
    let many: String = (0..50).map(|i| format!(r#"(import "acme:x/y{i}@1.0.0" (instance))"#)).collect();
    vec![
        refused!("requests to the web", beginning(web), ForeignImport { .. }, "wasi:http/types@0.2.0"),
        refused!(
            "a store of another host",
            beginning(elsewhere),
            ForeignImport { .. },
            "wasi:keyvalue/store@0.2.0"
        ),
        refused!("fifty imports from elsewhere", beginning(&many), ForeignImport { .. }, "45 more"),
        refused!(
            "a function imported by itself",
            beginning(r#"(import "now" (func (result u64)))"#),
            ForeignImport { .. },
            "\"now\""
        ),
        refused!(
            "a core module as import",
            beginning(r#"(import "code" (core module))"#),
            ForeignImport { .. },
            "\"code\""
        ),
        refused!(
            "a component as import",
            beginning(r#"(import "more" (component))"#),
            ForeignImport { .. },
            "\"more\""
        ),
        refused!(
            "a resource in an interface of the contract",
            changed(
                r#"(export "random" (func (result u64)))"#,
                r#"(export "random" (func (result u64))) (export "file" (type (sub resource)))"#
            ),
            ForeignImport { .. },
            "host@0.1.0#file"
        ),
        refused!(
            "a function that the contract does not have",
            changed(
                r#"(export "random" (func (result u64)))"#,
                r#"(export "random" (func (result u64))) (export "now" (func (result u64)))"#
            ),
            ForeignImport { .. },
            "host@0.1.0#now"
        ),
        refused!(
            "another version of the contract",
            changed("@0.1.0", "@0.2.0"),
            WrongVersion { .. },
            "0.2.0"
        ),
        refused!("no version of the contract", changed("@0.1.0", ""), WrongVersion { .. }, "none"),
        refused!(
            "another package that is named alike",
            changed("quorate:machine/", "qu0rate:machine/"),
            ForeignImport { .. } | Invalid { .. },
            "qu0rate"
        ),
        refused!(
            "a command of another type",
            changed(r#"(param "request" (list u8))"#, r#"(param "request" (list s8))"#),
            WrongType { .. },
            "list<s8>"
        ),
        refused!(
            "a component without a machine",
            wat("(component)"),
            MissingExport { .. },
            "quorate:machine/machine@0.1.0"
        ),
        refused!(
            "a machine without query",
            changed(r#"(export "query" (func $query))"#, ""),
            MissingExport { .. },
            "#query"
        ),
        refused!(
            "a machine that is a component",
            changed(
                r#"(export "quorate:machine/machine@0.1.0" (instance $i-machine))"#,
                r#"(component $c) (export "quorate:machine/machine@0.1.0" (component $c))"#
            ),
            WrongType { .. },
            "component"
        ),
        refused!(
            "a state in two places",
            wat(&Guest::memory().text().replacen(
                "(component",
                r#"(component (import "quorate:machine/store@0.1.0" (instance))"#,
                1
            )),
            TwoKinds,
            "one place"
        ),
        refused!(
            "a state in no place",
            wat(&Guest::memory()
                .text()
                .replace("quorate:machine/snapshot@0.1.0", "acme:other/snapshot@0.1.0")),
            NoKind,
            "state"
        ),
        refused!(
            "an export that is there twice",
            Guest::store().top(r#"(export "quorate:machine/machine@0.1.0" (instance $i-machine))"#).bytes(),
            Invalid { .. },
            "quorate:machine/machine@0.1.0"
        ),
        refused!(
            "two names that differ only in the case of their letters",
            Guest::store()
                .top(r#"(component $c) (export "extra" (component $c)) (export "EXTRA" (component $c))"#)
                .bytes(),
            Invalid { .. },
            "EXTRA"
        ),
    ]
}
