//! The bindings in `src/bindings` are generated from the contract and checked in, so that building a plugin does
//! not build a generator. This test fails when they are not what the contract says; it writes them with
//!
//! ```text
//! QUORATE_UPDATE_BINDINGS=1 cargo test -p quorate-guest --test bindings
//! ```

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::{env, fs};
use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::Opts;

/// Each part of the contract on its own, so that a plugin exports what it implements and nothing more.
const WORLDS: [(&str, &str); 6] = [
    (
        "imports",
        "import quorate:machine/host@0.1.0; import quorate:machine/snapshot-stream@0.1.0; import quorate:machine/store@0.1.0;",
    ),
    ("machine", "export quorate:machine/machine@0.1.0;"),
    ("snapshot", "export quorate:machine/snapshot@0.1.0;"),
    ("lifecycle", "export quorate:machine/lifecycle@0.1.0;"),
    ("timers", "export quorate:machine/timers@0.1.0;"),
    ("upgrade", "export quorate:machine/upgrade@0.1.0;"),
];

fn generate(name: &str, items: &str) -> String {
    let mut resolve = Resolve::default();
    resolve.push_dir(root().join("../../wit")).unwrap();
    let world = format!("package quorate:guest; world {name}-part {{ {items} }}");
    let package = resolve.push_str("guest.wit", &world).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let options = Opts {
        format: true,
        runtime_path: Some("::wit_bindgen::rt".into()),
        pub_export_macro: true,
        export_macro_name: Some(format!("__export_{name}")),
        default_bindings_module: Some(format!("$crate::bindings::{name}")),
        generate_all: true,
        // Written by hand, in `src/export/answers.rs`.
        skip: if name == "machine" { vec!["apply".into(), "query".into()] } else { Vec::new() },
        ..Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).unwrap();
    let (_, bytes) = files.iter().next().unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn path(name: &str) -> PathBuf {
    root().join("src/bindings").join(name).with_extension("rs")
}

#[test]
fn the_bindings_are_those_of_the_contract() {
    for (name, items) in WORLDS {
        let generated = generate(name, items);
        if env::var_os("QUORATE_UPDATE_BINDINGS").is_some() {
            fs::write(path(name), &generated).unwrap();
        }
        let found = fs::read_to_string(path(name)).unwrap_or_default();
        assert!(
            found == generated,
            "src/bindings/{name}.rs is not what wit/machine.wit says; run\n\
             QUORATE_UPDATE_BINDINGS=1 cargo test -p quorate-guest --test bindings"
        );
    }
}
