//! How the two RocksDBs are set up: few files, bounded memory, bounded logs, however many groups there are.

use crate::StorageError;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode, ErrorKind,
    LogLevel, Options,
};
use std::path::Path;

/// Memory of both databases for writes that are not in a table file yet: one buffer.
const WRITE_BUFFER_BYTES: usize = 32 << 20;
/// So many buffers a column family, before writes wait for the disk.
const WRITE_BUFFERS_MAX: i32 = 3;
/// When the write-ahead files of one database reach this, the oldest buffers are written out so that they can go.
const WAL_BYTES_MAX: u64 = 256 << 20;
/// RocksDB's own log of what it does: so many files of so many bytes.
const INFO_LOG_FILES_MAX: usize = 3;
const INFO_LOG_FILE_BYTES_MAX: usize = 2 << 20;
const DATABASE_MANIFEST_BYTES_MAX: usize = 16 << 20;
/// Table files held open, each database.
const OPEN_FILES_MAX: i32 = 512;
const BACKGROUND_JOBS_MAX: i32 = 2;
/// Written bytes are handed to the disk in pieces of this size rather than all at the end of a file.
const BYTES_PER_SYNC: u64 = 1 << 20;
const BLOCK_BYTES: usize = 16 << 10;
/// A filter of 10 bits a key lets about one in a hundred absent keys through.
const FILTER_BITS_PER_KEY: f64 = 10.0;
/// Values from this size on live in files of their own, so that compactions do not copy them.
const BLOB_BYTES_MIN: u64 = 64 << 10;

/// What a column family holds decides how it is set up.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    /// Written once in order, read in order, removed in order.
    Log,
    /// Small records that are overwritten.
    Records,
    /// Large values that never change.
    Blobs,
    /// Keys and values read at random.
    Store,
}

/// What is done about a write-ahead file that ends badly.
#[derive(Clone, Copy)]
pub(crate) enum Recovery {
    /// Only an unfinished last write may be missing: all before it was promised to somebody.
    Strict,
    /// Everything from the damage on is dropped: it can be had again.
    Prefix,
}

/// Opens a database; creates it only if it may be new.
pub(crate) fn open(
    path: &Path,
    may_create: bool,
    recovery: Recovery,
    families: &[(&str, Content)],
    cache: &Cache,
) -> Result<DB, StorageError> {
    if !may_create && !path.join("CURRENT").exists() {
        return Err(StorageError::Missing { path: path.to_owned() });
    }
    let families = families
        .iter()
        .map(|(name, content)| ColumnFamilyDescriptor::new(*name, family_options(*content, cache)));
    DB::open_cf_descriptors(&database_options(may_create, recovery), path, families).map_err(|error| {
        match error.kind() {
            ErrorKind::Corruption => {
                StorageError::DamagedDatabase { path: path.to_owned(), message: error.into_string() }
            }
            _ => StorageError::database("be opened", path)(error),
        }
    })
}

fn database_options(may_create: bool, recovery: Recovery) -> Options {
    let mut options = Options::default();
    options.create_if_missing(may_create);
    options.create_missing_column_families(true);
    options.set_paranoid_checks(true);
    options.set_wal_recovery_mode(match recovery {
        Recovery::Strict => DBRecoveryMode::TolerateCorruptedTailRecords,
        Recovery::Prefix => DBRecoveryMode::PointInTime,
    });
    options.set_max_total_wal_size(WAL_BYTES_MAX);
    options.set_keep_log_file_num(INFO_LOG_FILES_MAX);
    options.set_max_log_file_size(INFO_LOG_FILE_BYTES_MAX);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_max_manifest_file_size(DATABASE_MANIFEST_BYTES_MAX);
    options.set_max_open_files(OPEN_FILES_MAX);
    options.set_max_background_jobs(BACKGROUND_JOBS_MAX);
    options.set_bytes_per_sync(BYTES_PER_SYNC);
    options
}

/// How a column family with this content is set up.
pub(crate) fn family_options(content: Content, cache: &Cache) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_block_size(BLOCK_BYTES);
    // Indexes and filters count as cache, so that memory does not grow with what is stored.
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);

    let mut options = Options::default();
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_max_write_buffer_number(WRITE_BUFFERS_MAX);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_level_compaction_dynamic_level_bytes(true);
    match content {
        Content::Log => {}
        Content::Records | Content::Store => blocks.set_bloom_filter(FILTER_BITS_PER_KEY, false),
        Content::Blobs => {
            options.set_enable_blob_files(true);
            options.set_min_blob_size(BLOB_BYTES_MIN);
            options.set_enable_blob_gc(true);
            options.set_blob_compression_type(DBCompressionType::Lz4);
        }
    }
    options.set_block_based_table_factory(&blocks);
    options
}
