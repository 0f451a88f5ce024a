//! The languages plugins are written in, and what each needs of the machine.

use quorate_toolchain::{ToolchainError, c, go, javascript, python, rust};
use std::path::Path;

/// A language with an SDK.
pub(crate) struct Language {
    /// Its folder in `examples/plugins`, and the beginning of what is built of it.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
    /// Debian's packages that building in it needs.
    pub(crate) packages: &'static [&'static str],
    ready: fn() -> Result<(), ToolchainError>,
}

/// All of them.
pub(crate) const ALL: [Language; 5] = [
    Language {
        name: "rust",
        title: "Rust",
        packages: &rust::DEBIAN_PACKAGES,
        ready: || rust::Toolchain::find(Path::new(".")).map(|_| ()),
    },
    Language { name: "c", title: "C", packages: &c::DEBIAN_PACKAGES, ready: c::ready },
    Language {
        name: "js",
        title: "JavaScript",
        packages: &javascript::DEBIAN_PACKAGES,
        ready: javascript::ready,
    },
    Language { name: "python", title: "Python", packages: &python::DEBIAN_PACKAGES, ready: python::ready },
    Language {
        name: "go",
        title: "Go",
        // A toolchain is not fetched unasked, and that of many a Debian is too old: see `setup --go`.
        packages: &[],
        ready: go::ready,
    },
];

impl Language {
    /// Whether plugins in it can be built here, and else why not, in one line.
    pub(crate) fn ready(&self) -> Result<(), String> {
        (self.ready)().map_err(|error| error.to_string().replace('\n', " "))
    }
}
