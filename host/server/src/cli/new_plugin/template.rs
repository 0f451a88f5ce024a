//! What a new plugin is made of, in the languages whose SDK is copied into its folder.

use crate::cli::arguments::PluginKindArgument;

const README: &str = include_str!("../../../../../guest-sdk/template/README.md");
const IGNORED: &str = "*.wasm\n";
const STORE_TESTS: &str = include_str!("../../../../../guest-sdk/template/store/tests.toml");
const MEMORY_TESTS: &str = include_str!("../../../../../guest-sdk/template/memory/tests.toml");

/// A language.
pub(super) struct Language {
    /// As a quorate.toml says it.
    name: &'static str,
    /// The file with the machine.
    source: &'static str,
    store_source: &'static str,
    memory_source: &'static str,
    /// Whether the quorate.toml must say the kind.
    says_kind: bool,
    /// The SDK and what else the language needs, by their paths in the plugin's folder.
    files: &'static [(&'static str, &'static str)],
}

pub(super) static C: Language = Language {
    name: "c",
    source: "machine.c",
    store_source: include_str!("../../../../../guest-sdk/c/template/store/machine.c"),
    memory_source: include_str!("../../../../../guest-sdk/c/template/memory/machine.c"),
    says_kind: false,
    files: &[
        ("quorate/quorate.h", include_str!("../../../../../guest-sdk/c/quorate/quorate.h")),
        ("quorate/quorate.c", include_str!("../../../../../guest-sdk/c/quorate/quorate.c")),
    ],
};

pub(super) static JAVASCRIPT: Language = Language {
    name: "javascript",
    source: "machine.js",
    store_source: include_str!("../../../../../guest-sdk/js/template/store/machine.js"),
    memory_source: include_str!("../../../../../guest-sdk/js/template/memory/machine.js"),
    says_kind: true,
    files: &[
        ("package.json", include_str!("../../../../../guest-sdk/js/template/package.json")),
        ("quorate/core.js", include_str!("../../../../../guest-sdk/js/quorate/core.js")),
        ("quorate/memory.js", include_str!("../../../../../guest-sdk/js/quorate/memory.js")),
        ("quorate/store.js", include_str!("../../../../../guest-sdk/js/quorate/store.js")),
    ],
};

pub(super) static PYTHON: Language = Language {
    name: "python",
    source: "machine.py",
    store_source: include_str!("../../../../../guest-sdk/python/template/store/machine.py"),
    memory_source: include_str!("../../../../../guest-sdk/python/template/memory/machine.py"),
    says_kind: true,
    files: &[
        ("quorate/__init__.py", include_str!("../../../../../guest-sdk/python/quorate/__init__.py")),
        ("quorate/_host.py", include_str!("../../../../../guest-sdk/python/quorate/_host.py")),
        ("quorate/component.py", include_str!("../../../../../guest-sdk/python/quorate/component.py")),
        ("quorate/memory.py", include_str!("../../../../../guest-sdk/python/quorate/memory.py")),
        ("quorate/store.py", include_str!("../../../../../guest-sdk/python/quorate/store.py")),
    ],
};

pub(super) static GO: Language = Language {
    name: "go",
    source: "machine.go",
    store_source: include_str!("../../../../../guest-sdk/go/template/store/machine.go"),
    memory_source: include_str!("../../../../../guest-sdk/go/template/memory/machine.go"),
    says_kind: false,
    files: &[
        ("go.mod", include_str!("../../../../../guest-sdk/go/template/go.mod")),
        ("quorate/go.mod", include_str!("../../../../../guest-sdk/go/quorate/go.mod")),
        ("quorate/quorate.go", include_str!("../../../../../guest-sdk/go/quorate/quorate.go")),
        ("quorate/host_wasm.go", include_str!("../../../../../guest-sdk/go/quorate/host_wasm.go")),
        ("quorate/host_other.go", include_str!("../../../../../guest-sdk/go/quorate/host_other.go")),
        (
            "quorate/internal/abi/abi.go",
            include_str!("../../../../../guest-sdk/go/quorate/internal/abi/abi.go"),
        ),
        (
            "quorate/lifecycle/host_wasm.go",
            include_str!("../../../../../guest-sdk/go/quorate/lifecycle/host_wasm.go"),
        ),
        (
            "quorate/lifecycle/lifecycle.go",
            include_str!("../../../../../guest-sdk/go/quorate/lifecycle/lifecycle.go"),
        ),
        (
            "quorate/memory/host_other.go",
            include_str!("../../../../../guest-sdk/go/quorate/memory/host_other.go"),
        ),
        (
            "quorate/memory/host_wasm.go",
            include_str!("../../../../../guest-sdk/go/quorate/memory/host_wasm.go"),
        ),
        ("quorate/memory/memory.go", include_str!("../../../../../guest-sdk/go/quorate/memory/memory.go")),
        (
            "quorate/store/host_other.go",
            include_str!("../../../../../guest-sdk/go/quorate/store/host_other.go"),
        ),
        (
            "quorate/store/host_wasm.go",
            include_str!("../../../../../guest-sdk/go/quorate/store/host_wasm.go"),
        ),
        ("quorate/store/store.go", include_str!("../../../../../guest-sdk/go/quorate/store/store.go")),
        (
            "quorate/timers/host_wasm.go",
            include_str!("../../../../../guest-sdk/go/quorate/timers/host_wasm.go"),
        ),
        ("quorate/timers/timers.go", include_str!("../../../../../guest-sdk/go/quorate/timers/timers.go")),
        (
            "quorate/upgrade/host_wasm.go",
            include_str!("../../../../../guest-sdk/go/quorate/upgrade/host_wasm.go"),
        ),
        (
            "quorate/upgrade/upgrade.go",
            include_str!("../../../../../guest-sdk/go/quorate/upgrade/upgrade.go"),
        ),
    ],
};

impl Language {
    pub(super) fn source(&self) -> &'static str {
        self.source
    }

    /// The files of a plugin of this name, by their paths in its folder. In each `NAME` stands for the name.
    pub(super) fn files(&self, kind: PluginKindArgument) -> Vec<(&'static str, String)> {
        let (source, tests, example, kind) = match kind {
            PluginKindArgument::Store => (self.store_source, STORE_TESTS, "tea", "store"),
            PluginKindArgument::Memory => (self.memory_source, MEMORY_TESTS, "5", "memory"),
        };
        let mut description = format!("[plugin]\nname = \"NAME\"\nlanguage = \"{}\"\n", self.name);
        if self.says_kind {
            description.push_str(&format!("kind = \"{kind}\"\n"));
        }
        let mut files = vec![
            ("quorate.toml", description),
            (self.source, source.to_owned()),
            ("tests.toml", tests.to_owned()),
            ("README.md", README.replace("SOURCE", self.source).replace("EXAMPLE", example)),
            (".gitignore", IGNORED.to_owned()),
        ];
        files.extend(self.files.iter().map(|(path, text)| (*path, (*text).to_owned())));
        files
    }
}
