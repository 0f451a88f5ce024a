//! Compiled code on this node's disk, so that a plugin is compiled once and not at every start.
//!
//! Native code is run as it is, so a file is only ever taken when it says that this node wrote it, for this plugin, with
//! this engine, on this kind of processor, and when its checksum holds. What else lies in the folder is removed. Nothing
//! depends on the cache: what cannot be read or written is compiled.

mod file;
mod index;
mod processor;

use crate::EngineFingerprint;
use file::Refused;
use index::Index;
use quorate_vocabulary::PluginDigest;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use wasmtime::{Engine, Result, component::Component};

/// Where compiled code is kept, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeCacheConfig {
    /// A folder of its own: whatever else is in it is removed.
    pub folder: PathBuf,
    /// Whose folder it is. Code that another owner compiled is never loaded.
    pub owner: String,
    /// How many bytes the files may have, all together; what was used last is kept.
    pub bytes_max: u64,
}

/// The files of one engine.
pub(crate) struct CodeCache {
    folder: PathBuf,
    /// What a file must say of itself, but for the plugin: engine, processor and owner.
    terms: String,
    index: Mutex<Index>,
}

impl CodeCache {
    /// Opens the folder, and removes from it what this engine cannot use.
    pub(crate) fn open(config: &CodeCacheConfig, fingerprint: &EngineFingerprint) -> io::Result<Self> {
        create_private(&config.folder)?;
        let terms = format!("{fingerprint}\n{}\n{}", processor::features(), config.owner);
        let suffix = file::suffix(&terms);
        let mut index = Index::new(config.bytes_max);
        let mut kept = Vec::new();
        for entry in fs::read_dir(&config.folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if metadata.is_file() && name.ends_with(&suffix) {
                kept.push((metadata.modified()?, name, metadata.len()));
            } else if metadata.is_file() {
                // Of an older version, another processor or another owner, or cut off while it was written.
                fs::remove_file(entry.path())?;
            }
        }
        kept.sort_unstable();
        for (_, name, bytes) in kept {
            remove_all(&config.folder, index.insert(name, bytes));
        }
        Ok(Self { folder: config.folder.clone(), terms, index: Mutex::new(index) })
    }

    /// The component of this plugin, if it was compiled here before.
    pub(crate) fn load(&self, engine: &Engine, plugin: PluginDigest) -> Option<Component> {
        let name = self.name(plugin);
        let path = self.folder.join(&name);
        let loaded = match file::read(&path, &self.header(plugin)) {
            Ok(code) => load_code(engine, &code).map_err(|error| Refused::Engine(error.to_string())),
            Err(Refused::Missing) => return None,
            Err(refused) => Err(refused),
        };
        match loaded {
            Ok(component) => {
                self.lock(|index| index.used(&name));
                Some(component)
            }
            Err(refused) => {
                tracing::warn!(%plugin, file = %path.display(), %refused, "compiled code is not used; the plugin is compiled anew");
                self.lock(|index| index.remove(&name));
                let _ = fs::remove_file(path);
                None
            }
        }
    }

    /// Keeps a component's code. What fails costs the time of compiling it again, and is told.
    pub(crate) fn keep(&self, plugin: PluginDigest, component: &Component) {
        if let Err(error) = self.try_keep(plugin, component) {
            tracing::warn!(%plugin, error = %format!("{error:#}"), "compiled code is not kept; the plugin will be compiled again");
        }
    }

    fn try_keep(&self, plugin: PluginDigest, component: &Component) -> Result<()> {
        let code = component.serialize()?;
        let name = self.name(plugin);
        let bytes = file::write(&self.folder.join(&name), &self.header(plugin), &code)?;
        let evicted = self.lock(|index| index.insert(name, bytes));
        remove_all(&self.folder, evicted);
        Ok(())
    }

    fn name(&self, plugin: PluginDigest) -> String {
        format!("{plugin}{}", file::suffix(&self.terms))
    }

    fn header(&self, plugin: PluginDigest) -> String {
        format!("{plugin}\n{}", self.terms)
    }

    fn lock<T>(&self, act: impl FnOnce(&mut Index) -> T) -> T {
        act(&mut self.index.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Nobody but this node's user is to put code into it.
fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn remove_all(folder: &Path, names: Vec<String>) {
    for name in names {
        let _ = fs::remove_file(folder.join(name));
    }
}

#[allow(unsafe_code)]
fn load_code(engine: &Engine, code: &[u8]) -> Result<Component> {
    // SAFETY: the bytes must be what `Component::serialize` gave, or arbitrary code runs. They come from `file::read`, which
    // takes them only from a file whose checksum holds and which says that it was written by the owner of this folder, for
    // this plugin, engine and processor; that owner writes nothing there but what `Component::serialize` gives it. Whoever
    // can write such a file on purpose is the user that this process runs as, and could replace the program as well.
    // wasmtime itself refuses code of another version, other settings or missing features of the processor.
    unsafe { Component::deserialize(engine, code) }
}
