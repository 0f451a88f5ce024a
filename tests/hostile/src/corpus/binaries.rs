//! Bytes that are no component, and components with what plugins may not have.

use crate::{
    Case,
    case::{command, contained_bytes, replies, small_limits},
    refused,
};
use quorate_guests::{Guest, wat};

/// A component around a core module with these fields.
fn module(fields: &str) -> Vec<u8> {
    wat(&format!("(component (core module {fields}))"))
}

/// A component with a custom section at its end.
fn with_custom_section(name: &[u8], content: &[u8]) -> Vec<u8> {
    let mut bytes = Guest::store().bytes();
    let mut section = Vec::new();
    push_length(&mut section, name.len());
    section.extend(name);
    section.extend(content);
    bytes.push(0);
    push_length(&mut bytes, section.len());
    bytes.extend(section);
    bytes
}

/// A length in LEB128.
fn push_length(bytes: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = u8::try_from(length & 0x7f).unwrap_or_default();
        length >>= 7;
        bytes.push(if length == 0 { low } else { low | 0x80 });
        if length == 0 {
            return;
        }
    }
}

/// A component whose only import is named with these bytes in place of `badname`.
fn import_named(name: &[u8; 7]) -> Vec<u8> {
    let mut bytes = wat(r#"(component (import "badname" (func)))"#);
    let at = bytes.windows(7).position(|window| window == b"badname").expect("it is there");
    bytes[at..at + 7].copy_from_slice(name);
    bytes
}

pub(super) fn cases() -> Vec<Case> {
    let whole = Guest::store().bytes();
    let doubled = [whole.clone(), whole].concat();
    vec![
        refused!("no bytes", Vec::new(), NotWasm { .. }, "an empty file"),
        refused!("four bytes", b"\0asm".to_vec(), NotWasm { .. }, "not of version 1"),
        refused!("a header and nothing else", b"\0asm\x0d\0\x01\0".to_vec(), MissingExport { .. }, "machine"),
        refused!("a header of the future", b"\0asm\x0e\0\x01\0".to_vec(), Invalid { .. }, "version"),
        refused!(
            "a text that steers a terminal",
            b"\x1b[2J\x1b[1;31mowned".to_vec(),
            NotWasm { .. },
            "\\u{1b}[2J"
        ),
        refused!("a core module", wat("(module)"), CoreModule, "core WebAssembly module"),
        refused!("a component twice in one file", doubled, Invalid { .. }, "not valid at byte"),
        refused!("a name with a line break", import_named(b"bad\nxyz"), Invalid { .. }, "bad\\nxyz"),
        refused!("a name with an escape", import_named(b"b\x1b[31mx"), Invalid { .. }, "\\u{1b}"),
        refused!("a name that is no text", import_named(b"bad\xff\xfexy"), Invalid { .. }, "UTF-8"),
        refused!("shared memory", module("(memory 1 1 shared)"), Invalid { .. }, "threads"),
        refused!(
            "atomics",
            module("(memory 1) (func (drop (i32.atomic.load (i32.const 0))))"),
            Invalid { .. },
            "threads"
        ),
        refused!(
            "relaxed vectors",
            module("(func (param v128) (result v128) (f32x4.relaxed_min (local.get 0) (local.get 0)))"),
            Invalid { .. },
            "relaxed"
        ),
        refused!("a memory of 64 bits", module("(memory i64 1)"), Invalid { .. }, "memory64"),
        refused!("garbage collection", module("(type (struct (field i32)))"), Invalid { .. }, "gc"),
        refused!("exceptions", module("(tag) (func (throw 0))"), Invalid { .. }, "exceptions"),
        refused!(
            "wide arithmetic",
            module(
                "(func (result i64 i64) (i64.add128 (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1)))"
            ),
            Invalid { .. },
            "wide arithmetic"
        ),
        refused!(
            "a function of a wrong type",
            module("(func (result i32))"),
            Invalid { .. },
            "type mismatch"
        ),
        refused!(
            "an asynchronous function",
            wat(r#"(component (core module $m (func (export "f")))
                (core instance $i (instantiate $m)) (func $f async (canon lift (core func $i "f"))) (export "f" (func $f)))"#),
            Invalid { .. },
            "async"
        ),
        refused!(
            "a stream of the component model",
            wat("(component (type (stream u8)))"),
            Invalid { .. },
            "async"
        ),
        refused!(
            "an error context",
            wat("(component (core func (canon error-context.drop)))"),
            Invalid { .. },
            "error-context"
        ),
        contained_bytes(
            "a custom section named to steer terminals",
            with_custom_section(b"\x1b[2Jname\n", &[0xff; 100_000]),
            small_limits(),
            vec![command("a", replies(b"a"))],
        ),
        contained_bytes(
            "a custom section that is no names but says so",
            with_custom_section(b"component-name", &[0xff; 1_000]),
            small_limits(),
            vec![command("a", replies(b"a"))],
        ),
        contained_bytes(
            "resources of its own",
            Guest::store().top(r#"(type $file (resource (rep i32))) (export "file" (type $file))"#).bytes(),
            small_limits(),
            vec![command("a", replies(b"a"))],
        ),
        refused!("more bytes than a plugin may have", vec![0; (64 << 20) + 1], TooLarge { .. }, "67108864"),
    ]
}
