//! A component from the bodies of its functions.

use crate::{
    parts::{HOST, HOST_FUNCTIONS, LIBC, PRELUDE, STORE, STREAM},
    wat,
};

/// A component in the making.
#[derive(Clone)]
pub struct Guest {
    store: bool,
    snapshot: bool,
    lifecycle: bool,
    apply: String,
    query: String,
    save: String,
    load: String,
    callback: String,
    fired: Option<String>,
    /// The bodies of `state-version` and `migrate`.
    upgrade: Option<(String, String)>,
    module: String,
    top: String,
    pages: u32,
}

impl Guest {
    fn new(store: bool) -> Self {
        Self {
            store,
            snapshot: !store,
            lifecycle: false,
            apply: "(call $ok (local.get $ptr) (local.get $len))".into(),
            query: "(call $ok (local.get $ptr) (local.get $len))".into(),
            save: "(call $answer (i32.const 0) (i32.const 0) (i32.const 0))".into(),
            load: "(call $answer (i32.const 0) (i32.const 0) (i32.const 0))".into(),
            callback: String::new(),
            fired: None,
            upgrade: None,
            module: String::new(),
            top: String::new(),
            pages: 1,
        }
    }

    /// A store machine that answers a command or query with itself.
    pub fn store() -> Self {
        Self::new(true)
    }

    /// A memory machine that answers a command or query with itself, and saves nothing.
    pub fn memory() -> Self {
        Self::new(false)
    }

    /// The body of apply: parameters `$index $ordinal $time $ptr $len`, result the address of the answer.
    pub fn apply(mut self, body: &str) -> Self {
        self.apply = body.into();
        self
    }

    /// The body of query: parameters `$ptr $len`.
    pub fn query(mut self, body: &str) -> Self {
        self.query = body.into();
        self
    }

    /// The body of save.
    pub fn save(mut self, body: &str) -> Self {
        self.save = body.into();
        self
    }

    /// The body of load.
    pub fn load(mut self, body: &str) -> Self {
        self.load = body.into();
        self
    }

    /// Exports `lifecycle`; the body runs in every callback, with its place in the interface as `$which`, up to two
    /// numbers as `$a` and `$b`, and the length of a list or message as `$count`.
    pub fn lifecycle(mut self, body: &str) -> Self {
        self.lifecycle = true;
        self.callback = body.into();
        self
    }

    /// Exports `timers`; the body of `fired`: parameters `$index $ordinal $time $id`, result the address of the answer.
    pub fn timers(mut self, body: &str) -> Self {
        self.fired = Some(body.into());
        self
    }

    /// Exports `upgrade`; the body of `state-version`, and that of `migrate`: parameter `$from`, result the address of the
    /// answer.
    pub fn upgrade(mut self, state_version: &str, migrate: &str) -> Self {
        self.upgrade = Some((state_version.into(), migrate.into()));
        self
    }

    /// More functions, globals, data of the core module.
    pub fn module(mut self, text: &str) -> Self {
        self.module = text.into();
        self
    }

    /// More of the component, at its end.
    pub fn top(mut self, text: &str) -> Self {
        self.top = text.into();
        self
    }

    /// How many pages of memory it begins with.
    pub fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// The component as text.
    pub fn text(&self) -> String {
        let mut imports = HOST.to_owned();
        let mut lowered = lower("host", &HOST_FUNCTIONS);
        let mut prelude = PRELUDE.to_owned();
        let mut with = with("host", &HOST_FUNCTIONS);
        if self.store {
            imports += STORE;
            let names = ["get", "put", "delete", "delete-range", "scan"];
            lowered += &lower("store", &names);
            with += &self::with("store", &names);
            prelude = format!(
                r#"(import "store" "get" (func $get (param i32 i32 i32)))
                (import "store" "put" (func $put (param i32 i32 i32 i32)))
                (import "store" "delete" (func $delete (param i32 i32)))
                (import "store" "delete-range" (func $delete-range (param i32 i32 i32 i32 i32)))
                (import "store" "scan" (func $scan (param i32 i32 i32 i32 i32 i32 i32 i32))){prelude}"#
            );
        }
        if self.snapshot {
            imports += STREAM;
            lowered += &lower("stream", &["write", "read"]);
            with += &self::with("stream", &["write", "read"]);
            prelude = format!(
                r#"(import "stream" "write" (func $write (param i32 i32)))
                (import "stream" "read" (func $read (param i32 i32))){prelude}"#
            );
        }
        let libc = LIBC.replace("PAGES", &self.pages.to_string());
        let Self { apply, query, save, load, module, top, .. } = self;
        let callbacks = if self.lifecycle { self.callbacks() } else { String::new() };
        let fired = self.fired.as_deref().map_or_else(String::new, |body| {
            format!(
                r#"(func (export "fired") (param $index i64) (param $ordinal i32) (param $time i64) (param $id i64)
                    (result i32) {body})"#
            )
        });
        let upgrade = self.upgrade.as_ref().map_or_else(String::new, |(state_version, migrate)| {
            format!(
                r#"(func (export "state-version") (result i32) {state_version})
                (func (export "migrate") (param $from i32) (result i32) (local $i i32) {migrate})"#
            )
        });
        let exports = self.exports();
        format!(
            r#"(component {imports} {libc} {lowered}
            (core module $Main {prelude}
                {module}
                (func (export "apply") (param $index i64) (param $ordinal i32) (param $time i64) (param $ptr i32)
                    (param $len i32) (result i32) (local $i i32) (local $n i64) {apply})
                (func (export "query") (param $ptr i32) (param $len i32) (result i32) (local $i i32) {query})
                (func (export "save") (result i32) (local $i i32) {save})
                (func (export "load") (result i32) (local $i i32) {load})
                {callbacks} {fired} {upgrade})
            (core instance $main (instantiate $Main (with "libc" (instance $libc)) {with}))
            {exports} {top})"#
        )
    }

    fn callbacks(&self) -> String {
        let body = &self.callback;
        let one = |name: &str, which: u32, parameters: &str, pass: &str| {
            format!(r#"(func (export "{name}") {parameters} (call $callback (i32.const {which}) {pass}))"#)
        };
        let none = "(i64.const 0)";
        let a = "(local.get $a)";
        let count = "(local.get $count)";
        let zero = "(i32.const 0)";
        [
            format!(
                "(func $callback (param $which i32) (param $a i64) (param $b i64) (param $count i32) {body})"
            ),
            one("leader-start", 0, "(param $a i64)", &format!("{a} {none} {zero}")),
            one("leader-stop", 1, "(param $a i64)", &format!("{a} {none} {zero}")),
            one("start-following", 2, "(param $a i64) (param $b i64)", &format!("{a} (local.get $b) {zero}")),
            one("stop-following", 3, "(param $a i64) (param $b i64)", &format!("{a} (local.get $b) {zero}")),
            one(
                "configuration-committed",
                4,
                "(param $a i64) (param $voters i32) (param $count i32) (param i32) (param $learners i32)",
                &format!("{a} (i64.extend_i32_u (local.get $learners)) {count}"),
            ),
            one("error", 5, "(param i32) (param $count i32)", &format!("{none} {none} {count}")),
            one("shutdown", 6, "", &format!("{none} {none} {zero}")),
        ]
        .join("\n")
    }

    fn exports(&self) -> String {
        let answer = "(result (result (list u8) (error (list u8))))";
        let lift = |name: &str, ty: &str| {
            format!(
                r#"(func ${name} {ty} (canon lift (core func $main "{name}") (memory $libc "memory")
                    (realloc (func $libc "realloc"))))"#
            )
        };
        let instance = |interface: &str, names: &[&str]| {
            let names: String =
                names.iter().map(|name| format!(r#"(export "{name}" (func ${name}))"#)).collect();
            format!(
                r#"(instance $i-{interface} {names})
                (export "quorate:machine/{interface}@0.1.0" (instance $i-{interface}))"#
            )
        };
        let command =
            r#"(param "index" u64) (param "ordinal" u32) (param "time-ms" u64) (param "command" (list u8))"#;
        let mut exports = lift("apply", &format!("{command} {answer}"))
            + &lift("query", &format!(r#"(param "request" (list u8)) {answer}"#))
            + &instance("machine", &["apply", "query"]);
        if self.snapshot {
            for name in ["save", "load"] {
                exports += &lift(name, "(result (result (error string)))");
            }
            exports += &instance("snapshot", &["save", "load"]);
        }
        if self.fired.is_some() {
            let position =
                r#"(param "index" u64) (param "ordinal" u32) (param "time-ms" u64) (param "id" u64)"#;
            exports += &lift("fired", &format!("{position} (result (result (error (list u8))))"));
            exports += &instance("timers", &["fired"]);
        }
        if self.upgrade.is_some() {
            exports += &lift("state-version", "(result u32)");
            exports += &lift("migrate", r#"(param "from-version" u32) (result (result (error string)))"#);
            exports += &instance("upgrade", &["state-version", "migrate"]);
        }
        if self.lifecycle {
            let follow = r#"(param "leader" u64) (param "term" u64)"#;
            let members = r#"(param "index" u64) (param "voters" (list u64)) (param "learners" (list u64))"#;
            let functions = [
                ("leader-start", r#"(param "term" u64)"#),
                ("leader-stop", r#"(param "term" u64)"#),
                ("start-following", follow),
                ("stop-following", follow),
                ("configuration-committed", members),
                ("error", r#"(param "message" string)"#),
                ("shutdown", ""),
            ];
            for (name, ty) in functions {
                exports += &lift(name, ty);
            }
            exports += &instance("lifecycle", &functions.map(|(name, _)| name));
        }
        exports
    }

    /// The component.
    pub fn bytes(&self) -> Vec<u8> {
        wat(&self.text())
    }
}

fn lower(interface: &str, names: &[&str]) -> String {
    names
        .iter()
        .map(|name| {
            format!(
                r#"(core func ${interface}-{name} (canon lower (func ${interface} "{name}") (memory $libc "memory")
                (realloc (func $libc "realloc"))))"#
            )
        })
        .collect()
}

fn with(interface: &str, names: &[&str]) -> String {
    let names: String =
        names.iter().map(|name| format!(r#"(export "{name}" (func ${interface}-{name}))"#)).collect();
    format!(r#"(with "{interface}" (instance {names}))"#)
}
