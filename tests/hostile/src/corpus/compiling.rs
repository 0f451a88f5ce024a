//! Small components that would keep a compiler busy for long, or unfold to something huge.

use crate::{Case, refused};
use quorate_guests::wat;
use std::fmt::Write;

/// A component around a core module with these fields.
fn module(fields: &str) -> Vec<u8> {
    wat(&format!("(component (core module {fields}))"))
}

/// Levels of components, each of which makes ten of the one below.
fn unfolding() -> Vec<u8> {
    let mut text = String::from("(component $c0 (core module $m) (core instance (instantiate $m)))");
    for level in 1..8 {
        let below = "(instance (instantiate $below))".repeat(10);
        let _ =
            write!(text, "(component $c{level} (alias outer 1 $c{} (component $below)) {below})", level - 1);
    }
    wat(&format!("(component {text})"))
}

/// A type that doubles fifteen times.
fn doubling() -> String {
    (1..16).fold("(type $t0 (tuple u8 u8))".to_owned(), |text, level| {
        format!("{text} (type $t{level} (tuple $t{0} $t{0}))", level - 1)
    })
}

/// Functions of a huge type that one nested component calls in another: the compiler writes an adapter for each.
fn adapters(functions: usize) -> Vec<u8> {
    let types = doubling();
    let mut lifts = String::new();
    let mut lowers = String::new();
    for place in 0..functions {
        let _ = write!(
            lifts,
            r#"(func $f{place} (param "x" (list $t15)) (canon lift (core func $i "f") (memory $i "m") (realloc (func $i "r")))) (export "f{place}" (func $f{place}))"#
        );
        let _ = write!(lowers, r#"(core func (canon lower (func $a "f{place}") (memory $i "m")))"#);
    }
    let core = r#"(core module $m (memory (export "m") 1) (func (export "f") (param i32 i32))
        (func (export "r") (param i32 i32 i32 i32) (result i32) i32.const 0)) (core instance $i (instantiate $m))"#;
    let used: String = (0..functions).map(|place| format!(r#"(export "f{place}" (func {place}))"#)).collect();
    let imports: String =
        (0..functions).map(|place| format!(r#"(import "a" "f{place}" (func (param i32 i32)))"#)).collect();
    wat(&format!(
        r#"(component (component $C {types} {core} {lifts}) (instance $a (instantiate $C))
        {core} {lowers} (core module $n {imports})
        (core instance $x {used}) (core instance (instantiate $n (with "a" (instance $x)))))"#
    ))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        refused!(
            "thousands of branches over thousands of locals",
            module(&format!(
                "(func (local {}) {})",
                "i32 ".repeat(4_000),
                "local.get 3 if i32.const 1 local.set 9 end ".repeat(8_000)
            )),
            TooMany { what: "units of compiling effort in one function", .. },
            "effort"
        ),
        refused!(
            "thousands of loops",
            module(&format!("(func (local i32) {})", "loop local.get 0 br_if 0 end ".repeat(12_000))),
            TooMany { what: "units of compiling effort in one function", .. },
            "effort"
        ),
        refused!(
            "loops in loops in loops",
            module(&format!(
                "(func (local i32) {} {})",
                "loop ".repeat(150),
                "local.get 0 br_if 0 end ".repeat(150)
            )),
            TooMany { what: "loops within loops in one function", .. },
            "loops"
        ),
        refused!(
            "many tables of branches",
            module(&format!(
                "(func (local {}) {})",
                "i32 ".repeat(300),
                format!("block local.get 0 br_table {} end ", "0 ".repeat(1_000)).repeat(100)
            )),
            TooMany { what: "units of compiling effort in one function", .. },
            "effort"
        ),
        refused!(
            "a function that is too long",
            module(&format!("(func {})", "nop ".repeat((1 << 20) + 1))),
            TooMany { what: "bytes in one function", .. },
            "bytes in one function"
        ),
        refused!(
            "hundreds of thousands of functions",
            module(&"(func) ".repeat(200_001)),
            TooMany { what: "functions", .. },
            "functions"
        ),
        refused!(
            "hundreds of modules",
            wat(&format!("(component {})", "(core module) ".repeat(200))),
            TooMany { what: "core modules", .. },
            "core modules"
        ),
        refused!(
            "a module started a thousand times",
            wat(&format!(
                "(component (core module $m) {})",
                "(core instance (instantiate $m)) ".repeat(1_000)
            )),
            TooMany { what: "instances", .. },
            "instances"
        ),
        refused!(
            "components that unfold into millions",
            unfolding(),
            TooMany { what: "instances", .. },
            "instances"
        ),
        refused!(
            "components in components in components",
            wat(&format!("{}{}", "(component ".repeat(60), ")".repeat(60))),
            Invalid { .. } | TooMany { .. } | MissingExport { .. },
            "component"
        ),
        refused!(
            "a function whose type unfolds exponentially",
            wat(&format!(
                r#"(component {} (import "quorate:machine/host@0.1.0" (instance (export "random" (func (param "t" $t15))))))"#,
                doubling()
            )),
            WrongType { .. },
            "tuple"
        ),
        refused!(
            "calls between components over types that unfold exponentially",
            adapters(200),
            Invalid { .. },
            "type size"
        ),
    ]
}
