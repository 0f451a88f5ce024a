use super::*;
use tempfile::TempDir;

/// A folder with something like a clone in it.
fn clone() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sdk = folder.path().join(SDK_IN_CLONE);
    fs::create_dir_all(&sdk).expect("room");
    fs::write(sdk.join("Cargo.toml"), format!("[package]\n{SDK_PACKAGE}\n")).expect("room");
    folder
}

fn arguments(name: &str) -> PluginNewArguments {
    PluginNewArguments {
        name: name.to_owned(),
        lang: PluginLanguageArgument::default(),
        kind: PluginKindArgument::default(),
        sdk: None,
    }
}

fn read(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn a_plugin_is_begun_in_a_folder_of_its_name() {
    let clone = clone();
    let here = clone.path().join("deep/down");
    fs::create_dir_all(&here).expect("room");
    let report = begin(&arguments("ballot-box"), &here).expect("it is made");
    assert_eq!((report.name.as_str(), report.folder.as_path()), ("ballot-box", Path::new("ballot-box")));
    let folder = here.join("ballot-box");
    let manifest: toml::Table = read(&folder, "Cargo.toml").parse().expect("TOML");
    assert_eq!(manifest["package"]["name"].as_str(), Some("ballot-box"));
    let lock = read(&folder, "Cargo.lock");
    assert!(lock.contains("name = \"ballot-box\"") && !lock.contains("greeter"), "{lock}");
    let sdk = clone.path().join(SDK_IN_CLONE);
    assert_eq!(manifest["dependencies"]["quorate-guest"]["path"].as_str(), sdk.to_str());
    assert!(read(&folder, "src/lib.rs").contains("export_store_machine!"));
    let readme = read(&folder, "README.md");
    assert!(readme.contains("me/ballot-box@1 ballot-box.wasm") && !readme.contains(NAME), "{readme}");
    assert!(readme.contains("submit me/first tea") && !readme.contains(EXAMPLE), "{readme}");
    assert!(read(&folder, ".gitignore").contains("target"));
}

#[test]
fn a_memory_machine_is_begun_when_it_is_asked_for_and_an_sdk_is_taken_that_is_named() {
    let (clone, here) = (clone(), tempfile::tempdir().expect("a temporary folder"));
    let sdk = Some(clone.path().join(SDK_IN_CLONE));
    let asked = PluginNewArguments { kind: PluginKindArgument::Memory, sdk, ..arguments("sum") };
    begin(&asked, here.path()).expect("it is made");
    assert!(read(here.path(), "sum/src/lib.rs").contains("export_memory_machine!"));
    assert!(read(here.path(), "sum/README.md").contains("submit me/first 5"));
}

#[test]
fn what_is_there_is_left_alone() {
    let clone = clone();
    let folder = clone.path().join("mine");
    fs::create_dir(&folder).expect("room");
    fs::write(folder.join("Cargo.toml"), "precious").expect("room");
    let error = begin(&arguments("mine"), clone.path()).expect_err("it is there");
    assert!(matches!(error, NewPluginError::Exists(_)), "{error}");
    assert_eq!(read(&folder, "Cargo.toml"), "precious");
    assert_eq!(Failure::from(error).reason, reason::FILE_FAILED);
}

#[test]
fn names_that_cargo_or_a_cluster_would_refuse_are_refused() {
    let long = "a".repeat(NAME_PART_BYTES_MAX + 1);
    for name in ["", "../up", "a/b", "Ballot", "1st", "-a", "a-", "a_b", "fn", "std", "quorate-guest", &long]
    {
        let error = begin(&arguments(name), Path::new("/")).expect_err(name);
        assert!(matches!(error, NewPluginError::Name(_)), "{name}: {error}");
        assert_eq!(Failure::from(error).reason, reason::INVALID_NAME);
    }
    assert!(
        check_name("a", true).is_ok()
            && check_name(&long[1..], true).is_ok()
            && check_name("kv-2", true).is_ok()
    );
}

#[test]
fn without_the_sdk_nothing_is_made() {
    let here = tempfile::tempdir().expect("a temporary folder");
    let error = begin(&arguments("mine"), here.path()).expect_err("no clone is there");
    assert!(matches!(error, NewPluginError::NoSdk(_)), "{error}");
    let failure = Failure::from(error).to_string();
    assert!(failure.contains("--sdk"), "{failure}");
    let wrong = PluginNewArguments { sdk: Some("here".into()), ..arguments("mine") };
    let error = begin(&wrong, here.path()).expect_err("that is no SDK");
    assert!(matches!(error, NewPluginError::NotSdk(_)), "{error}");
    assert!(!here.path().join("mine").exists());
}

#[test]
fn other_languages_need_no_clone_and_get_a_copy_of_their_sdk() {
    for (lang, source) in [
        (PluginLanguageArgument::C, "machine.c"),
        (PluginLanguageArgument::Js, "machine.js"),
        (PluginLanguageArgument::Python, "machine.py"),
        (PluginLanguageArgument::Go, "machine.go"),
    ] {
        for (kind, example) in [(PluginKindArgument::Store, "tea"), (PluginKindArgument::Memory, "5")] {
            let here = tempfile::tempdir().expect("a temporary folder");
            // A word of Rust, which is nothing to others.
            let asked = PluginNewArguments { lang, kind, ..arguments("loop") };
            let report = begin(&asked, here.path()).expect("it is made");
            assert_eq!(report.source, Path::new("loop").join(source));
            let folder = here.path().join("loop");
            let description: toml::Table = read(&folder, "quorate.toml").parse().expect("TOML");
            assert_eq!(description["plugin"]["name"].as_str(), Some("loop"));
            assert!(folder.join("quorate").is_dir() && folder.join(source).is_file());
            let readme = read(&folder, "README.md");
            assert!(readme.contains(&format!("submit me/first {example}")), "{readme}");
            assert!(!readme.contains(NAME) && !readme.contains("SOURCE"), "{readme}");
            let script = quorate_rehearsal::Script::parse(&read(&folder, "tests.toml")).expect("a script");
            assert!(script.cases.len() > 1);
            let named = PluginNewArguments { sdk: Some("sdk".into()), ..asked };
            assert!(matches!(begin(&named, here.path()), Err(NewPluginError::SdkOfOther)));
        }
    }
}
