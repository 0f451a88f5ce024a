//! The same source gives the same bytes, wherever it is built.

use crate::{plugin, repository};
use quorate_toolchain::{Progress, build_plugin};
use std::fs;
use std::path::Path;

#[test]
fn a_copy_of_a_plugin_elsewhere_gives_the_same_bytes() {
    let greeter = plugin("examples/plugins/greeter");
    let elsewhere = tempfile::tempdir().unwrap();
    // With a space, which flags must survive.
    let folder = elsewhere.path().join("my plugin");
    copy(&repository().join("examples/plugins/greeter"), &folder);
    let out = elsewhere.path().join("greeter.wasm");
    let mut steps = Vec::new();
    let built = build_plugin(&folder, &out, &mut |step| {
        steps.push(match step {
            Progress::Compiled(name) => format!("compiled {name}"),
            other => format!("{other:?}").chars().take_while(|letter| letter.is_alphanumeric()).collect(),
        });
    })
    .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(built.digest, greeter.built.digest);
    assert_eq!(fs::read(&out).unwrap(), greeter.bytes);
    assert_eq!(steps.last().unwrap(), "Built");
    assert!(steps.contains(&"compiled greeter".to_owned()), "{steps:?}");
}

/// Copies a plugin as its README says: the sources, and the way to the SDK made absolute.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("src")).unwrap();
    let manifest = fs::read_to_string(from.join("Cargo.toml")).unwrap();
    let sdk = repository().join("guest-sdk/rust").canonicalize().unwrap();
    let moved = manifest.replace("../../../guest-sdk/rust", sdk.to_str().unwrap());
    assert_ne!(moved, manifest);
    fs::write(to.join("Cargo.toml"), moved).unwrap();
    fs::copy(from.join("src/lib.rs"), to.join("src/lib.rs")).unwrap();
}
