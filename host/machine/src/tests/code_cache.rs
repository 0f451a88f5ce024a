use super::kit::{Guest, apply, group, reply, small};
use crate::{CodeCacheConfig, CodeOrigin, CompiledPlugin, Engine, EngineConfig};
use quorate_replica::ports::{GroupLimits, Plugin as _};
use std::{fs, path::PathBuf, sync::Arc};
use tempfile::TempDir;

const ROOM: u64 = 64 << 20;

/// An engine that keeps its code in this folder.
fn engine(folder: &TempDir, owner: &str, bytes_max: u64) -> Engine {
    let cache = CodeCacheConfig { folder: folder.path().join("code"), owner: owner.into(), bytes_max };
    Engine::new(&EngineConfig { code_cache: Some(cache), ..small() }).expect("starts")
}

fn guest(number: u64) -> Guest {
    Guest::store().apply(&format!("(call $ok_u64 (i64.const {number}))"))
}

fn compile(engine: &Engine, number: u64) -> Arc<CompiledPlugin> {
    let plugin = engine.compile(&guest(number).bytes()).unwrap_or_else(|refusal| panic!("{refusal}"));
    let mut instance = plugin.start(&group(), &GroupLimits::default()).expect("starts");
    assert_eq!(reply(apply(instance.as_mut(), b"")).as_ref(), number.to_le_bytes(), "whatever it comes from");
    plugin
}

fn files(folder: &TempDir) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder.path().join("code")).expect("a folder");
    let mut files: Vec<_> = listed.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn a_plugin_is_compiled_once_and_loaded_from_then_on() {
    let folder = folder();
    let first = engine(&folder, "node 1", ROOM);
    assert_eq!(compile(&first, 7).origin(), CodeOrigin::Compiled);
    assert_eq!(compile(&first, 7).origin(), CodeOrigin::Cached);
    // As after a restart of the node.
    let second = engine(&folder, "node 1", ROOM);
    assert_eq!(compile(&second, 7).origin(), CodeOrigin::Cached);
    assert_eq!(compile(&second, 8).origin(), CodeOrigin::Compiled, "another plugin");
}

#[test]
fn what_another_node_compiled_is_never_loaded() {
    let folder = folder();
    compile(&engine(&folder, "node 1", ROOM), 7);
    let [foreign] = &files(&folder)[..] else { panic!("one file") };
    let bytes = fs::read(foreign).expect("readable");
    let other = engine(&folder, "node 2", ROOM);
    assert!(files(&folder).is_empty(), "the folder is another's now, and what was in it is removed");
    compile(&other, 7);
    // Not even under the name that this node's own file would have.
    let [own] = &files(&folder)[..] else { panic!("one file") };
    fs::write(own, bytes).expect("writable");
    assert_eq!(compile(&other, 7).origin(), CodeOrigin::Compiled);
    assert_eq!(compile(&other, 7).origin(), CodeOrigin::Cached, "written anew");
}

#[test]
fn the_code_of_another_plugin_is_never_loaded() {
    let folder = folder();
    let engine = engine(&folder, "node 1", ROOM);
    compile(&engine, 7);
    let seven = files(&folder);
    compile(&engine, 8);
    let eight: Vec<_> = files(&folder).into_iter().filter(|file| !seven.contains(file)).collect();
    fs::copy(&seven[0], &eight[0]).expect("copied");
    assert_eq!(compile(&engine, 8).origin(), CodeOrigin::Compiled);
}

#[test]
fn damaged_files_are_refused_and_written_anew() {
    let folder = folder();
    let engine = engine(&folder, "node 1", ROOM);
    compile(&engine, 7);
    let [file] = &files(&folder)[..] else { panic!("one file") };
    let whole = fs::read(file).expect("readable");
    let damage = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        bytes
    };
    let damaged = [
        Vec::new(),
        b"something else".to_vec(),
        damage(&|bytes| bytes.truncate(20)),
        damage(&|bytes| bytes.truncate(bytes.len() - 1)),
        damage(&|bytes| bytes.push(0)),
        damage(&|bytes| bytes[0] ^= 1),
        damage(&|bytes| bytes[44] ^= 0x80),
        damage(&|bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }),
    ];
    for (number, bytes) in damaged.into_iter().enumerate() {
        fs::write(file, bytes).expect("writable");
        assert_eq!(compile(&engine, 7).origin(), CodeOrigin::Compiled, "damage {number}");
        assert_eq!(fs::read(file).expect("readable").len(), whole.len());
    }
    // Not even a folder in the place of the file ends it.
    fs::remove_file(file).expect("removed");
    fs::create_dir(file).expect("made");
    assert_eq!(compile(&engine, 7).origin(), CodeOrigin::Compiled);
}

#[test]
fn the_cache_is_bounded_and_keeps_what_was_used_last() {
    let folder = folder();
    compile(&engine(&folder, "node 1", ROOM), 1);
    let one = fs::metadata(&files(&folder)[0]).expect("a file").len();
    let engine = engine(&folder, "node 1", one * 5 / 2);
    compile(&engine, 2);
    assert_eq!(compile(&engine, 1).origin(), CodeOrigin::Cached);
    compile(&engine, 3);
    assert_eq!(files(&folder).len(), 2, "three do not fit");
    assert_eq!(compile(&engine, 1).origin(), CodeOrigin::Cached);
    assert_eq!(compile(&engine, 2).origin(), CodeOrigin::Compiled, "used the longest ago");
}

#[test]
fn what_a_crash_left_is_removed() {
    let folder = folder();
    compile(&engine(&folder, "node 1", ROOM), 7);
    fs::write(folder.path().join("code/x.1-1.new"), "half").expect("written");
    let engine = engine(&folder, "node 1", ROOM);
    assert_eq!(files(&folder).len(), 1);
    assert_eq!(compile(&engine, 7).origin(), CodeOrigin::Cached);
}

#[test]
fn a_folder_that_cannot_be_is_an_error() {
    let folder = folder();
    fs::write(folder.path().join("code"), "a file").expect("written");
    let cache = CodeCacheConfig { folder: folder.path().join("code"), owner: String::new(), bytes_max: ROOM };
    let error = Engine::new(&EngineConfig { code_cache: Some(cache), ..small() }).expect_err("no folder");
    assert!(error.to_string().contains("for compiled code cannot be used"), "{error}");
}
