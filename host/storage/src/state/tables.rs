use super::{
    database::{OpenDatabase, ingest},
    keys::DataKeys,
    table_writer::{Page, Table, TableWriter},
};
use crate::{
    StorageError,
    disk::{create_folder, remove_folder},
};
use std::{
    fs, mem,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Table files with the pairs of one load, written beside the database and then taken into it as they are: no pair goes
/// through a write-ahead file, a buffer in memory or a compaction.
pub(super) struct Tables {
    folder: PathBuf,
    writer: Option<TableWriter<()>>,
    /// Those that are written and on disk, once all are.
    paths: Vec<PathBuf>,
}

impl Tables {
    /// Begins to write into this folder, which is emptied, and removed when this is dropped.
    pub(super) fn begin(
        database: &Arc<OpenDatabase>,
        folder: PathBuf,
        data: DataKeys,
    ) -> Result<Self, StorageError> {
        let mut tables = Self::empty(folder)?;
        tables.writer =
            Some(TableWriter::begin(database, tables.folder.clone(), data, 0, |_: &Table, ()| Ok(()))?);
        Ok(tables)
    }

    /// Tables that are kept elsewhere and stay there: what the database takes in are further names of the same files.
    pub(super) fn linked<'a>(
        folder: PathBuf,
        kept: impl IntoIterator<Item = &'a Path>,
    ) -> Result<Self, StorageError> {
        let mut tables = Self::empty(folder)?;
        for (number, from) in kept.into_iter().enumerate() {
            let to = tables.folder.join(format!("{number}.sst"));
            fs::hard_link(from, &to).map_err(StorageError::io("link", from))?;
            tables.paths.push(to);
        }
        Ok(tables)
    }

    fn empty(folder: PathBuf) -> Result<Self, StorageError> {
        remove_folder(&folder)?;
        create_folder(&folder)?;
        Ok(Self { folder, writer: None, paths: Vec::new() })
    }

    /// Adds pairs behind those before.
    pub(super) fn put(&mut self, page: Page) -> Result<(), StorageError> {
        let is_taken = self.writer.as_ref().is_some_and(|writer| writer.put(page, ()));
        if is_taken { Ok(()) } else { self.close() }
    }

    /// All pairs are there: waits until they are on disk.
    pub(super) fn close(&mut self) -> Result<(), StorageError> {
        if let Some(mut writer) = self.writer.take() {
            self.paths = writer.close()?.into_iter().map(|table| table.path).collect();
        }
        Ok(())
    }

    /// Takes what was written into the database, durably.
    pub(super) fn take_in(mut self, database: &OpenDatabase) -> Result<(), StorageError> {
        ingest(database, mem::take(&mut self.paths))
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        self.writer = None;
        if let Err(error) = remove_folder(&self.folder) {
            tracing::warn!(%error, "what is left of a load cannot be removed; it will be when the node starts again");
        }
    }
}
