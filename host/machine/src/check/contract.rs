//! The contract of `wit/machine.wit` as text, in the form that [`super::type_text`] writes types.

/// An interface of the contract: its name in the package and its functions with their types.
pub(crate) struct Interface {
    pub(crate) name: &'static str,
    pub(crate) functions: &'static [(&'static str, &'static str)],
}

impl Interface {
    /// The type of one of its functions.
    pub(crate) fn function(&self, name: &str) -> Option<&'static str> {
        self.functions.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }

    /// The name of the interface as components import and export it.
    pub(crate) fn full_name(&self) -> String {
        format!("{PACKAGE}{}@{}", self.name, crate::CONTRACT_VERSION)
    }
}

/// What every name of the contract begins with.
pub(crate) const PACKAGE: &str = "quorate:machine/";

pub(crate) const MACHINE: Interface = Interface {
    name: "machine",
    functions: &[
        (
            "apply",
            "func(index: u64, ordinal: u32, time-ms: u64, command: list<u8>) -> result<list<u8>, list<u8>>",
        ),
        ("query", "func(request: list<u8>) -> result<list<u8>, list<u8>>"),
    ],
};

pub(crate) const SNAPSHOT: Interface = Interface {
    name: "snapshot",
    functions: &[("save", "func() -> result<_, string>"), ("load", "func() -> result<_, string>")],
};

pub(crate) const LIFECYCLE: Interface = Interface {
    name: "lifecycle",
    functions: &[
        ("leader-start", "func(term: u64)"),
        ("leader-stop", "func(term: u64)"),
        ("start-following", "func(leader: u64, term: u64)"),
        ("stop-following", "func(leader: u64, term: u64)"),
        ("configuration-committed", "func(index: u64, voters: list<u64>, learners: list<u64>)"),
        ("error", "func(message: string)"),
        ("shutdown", "func()"),
    ],
};

pub(crate) const TIMERS: Interface = Interface {
    name: "timers",
    functions: &[("fired", "func(index: u64, ordinal: u32, time-ms: u64, id: u64) -> result<_, list<u8>>")],
};

pub(crate) const UPGRADE: Interface = Interface {
    name: "upgrade",
    functions: &[
        ("state-version", "func() -> u32"),
        ("migrate", "func(from-version: u32) -> result<_, string>"),
    ],
};

pub(crate) const HOST: Interface = Interface {
    name: "host",
    functions: &[
        ("group", "func() -> record { id: u64, name: string }"),
        ("log", "func(level: enum { trace, debug, info, warn, error }, message: string)"),
        ("emit", "func(topic: string, payload: list<u8>)"),
        ("random", "func() -> u64"),
        ("propose", "func(command: list<u8>)"),
        ("set-timer", "func(id: u64, at-ms: u64)"),
        ("cancel-timer", "func(id: u64)"),
    ],
};

pub(crate) const STORE: Interface = Interface {
    name: "store",
    functions: &[
        ("get", "func(key: list<u8>) -> option<list<u8>>"),
        ("put", "func(key: list<u8>, value: list<u8>)"),
        ("delete", "func(key: list<u8>)"),
        ("delete-range", "func(start: list<u8>, end: option<list<u8>>)"),
        (
            "scan",
            "func(start: list<u8>, end: option<list<u8>>, limit: u32, reverse: bool) -> list<record { key: list<u8>, value: list<u8> }>",
        ),
    ],
};

pub(crate) const SNAPSHOT_STREAM: Interface = Interface {
    name: "snapshot-stream",
    functions: &[("write", "func(chunk: list<u8>)"), ("read", "func(limit: u32) -> list<u8>")],
};

/// What the host offers.
pub(crate) const IMPORTS: &[Interface] = &[HOST, STORE, SNAPSHOT_STREAM];

/// What a plugin may export; other exports mean nothing to the host.
pub(crate) const EXPORTS: &[Interface] = &[MACHINE, SNAPSHOT, LIFECYCLE, TIMERS, UPGRADE];
