//! What `quorate plugin new` makes in other languages than Rust is built and does what its script says.

use quorate_end_to_end::{quorate_in, skipped};

fn each_kind_does_what_its_script_says(language: &str) {
    if skipped(language) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = |line: &str| {
        let arguments: Vec<&str> = line.split(' ').collect();
        let output = quorate_in(folder.path(), "127.0.0.1:1", &arguments, "");
        assert_eq!(output.code, 0, "{line}: {output:?}");
        output
    };
    for (name, kind) in [("words", "store"), ("sum", "memory")] {
        run(&format!("plugin new {name} --lang {language} --kind {kind}"));
        let built = run(&format!("plugin build {name} --output json")).json();
        assert_eq!(built["package"], name, "{built}");
        let tested = run(&format!("plugin test {name}.wasm {name}/tests.toml --output json")).json();
        assert_eq!(tested["cases"], 3, "{tested}");
        let again = run(&format!("plugin build {name} --output json")).json();
        assert_eq!(again["digest"], built["digest"], "the same source is the same plugin");
    }
    // A script can fail.
    let script = folder.path().join("wrong.toml");
    std::fs::write(&script, "[[case]]\nname = \"wrong\"\nsteps = [{ apply = \"tea\", reply = \"7\" }]\n")
        .expect("room");
    let failed =
        quorate_in(folder.path(), "127.0.0.1:1", &["plugin", "test", "words.wasm", "wrong.toml"], "");
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.stderr.contains("PLUGIN_TEST_FAILED"), "{failed:?}");
    assert!(failed.stderr.contains("expected the reply \"7\", found the reply \"1\""), "{failed:?}");
}

#[test]
fn templates_in_c() {
    each_kind_does_what_its_script_says("c");
}

#[test]
fn templates_in_javascript() {
    each_kind_does_what_its_script_says("js");
}

#[test]
fn templates_in_python() {
    each_kind_does_what_its_script_says("python");
}

#[test]
fn templates_in_go() {
    each_kind_does_what_its_script_says("go");
}
