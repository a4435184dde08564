//! Opening RocksDB: the directory, its lock, its format and its memory.

use crate::layout::{BLOBS, CONTENT, FORMAT, INDEX, META, META_FORMAT, NODES, VALUE_PREFIX_BYTES, VALUES};
use crate::nodes::{self, Nodes};
use crate::{Entry, StoreError};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, DBIterator,
    DBRecoveryMode, Env, Error as RocksError, FlushOptions, LogLevel, Options, PrefixRange, ReadOptions,
    SliceTransform, WriteBatch, WriteOptions,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const MIB: usize = 1024 * 1024;
/// Bytes of the one block cache; indexes and filters live in it too. At ten million keys those are about 100 MiB. The
/// tree has memory of its own.
const BLOCK_CACHE_BYTES: usize = 256 * MIB;
/// Bytes of all write buffers together.
const WRITE_BUFFER_BYTES: usize = 128 * MIB;
/// Bytes of one write buffer.
const FAMILY_BUFFER_BYTES: usize = 32 * MIB;
/// Bytes of all write buffers of a database that is filled.
const FILL_BUFFER_BYTES: usize = 128 * MIB;
/// Bytes of write-ahead log before the oldest buffers are flushed.
const WAL_BYTES: u64 = 192 * MIB as u64;
/// Chunks of at least this many bytes are kept out of the sorted files, so that compaction does not copy
/// them.
const BLOB_FILE_MIN_BYTES: u64 = 16 * 1024;

/// Bytes that are read ahead where much is read.
const READAHEAD: usize = 2 * MIB;

/// How often, and how long, the last reader of a database is waited for: half a minute.
const CLOSE_ATTEMPTS: u32 = 3000;
const CLOSE_PAUSE: Duration = Duration::from_millis(10);

/// The open database. Its column families are those of `layout`.
pub(crate) struct Database {
    pub(crate) rocks: DB,
    /// Its records in memory.
    pub(crate) nodes: Nodes,
}

impl Database {
    /// Opens the directory, or makes it.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir)
            .map_err(|source| StoreError::Directory { dir: dir.to_path_buf(), source })?;
        Self::open_with(dir, &database_options()?, family_options)
    }

    /// Opens or makes one that is filled as a whole and may lose what was written last: see [`Database::fill`].
    pub(crate) fn open_to_fill(dir: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir)
            .map_err(|source| StoreError::Directory { dir: dir.to_path_buf(), source })?;
        let mut options = database_options()?;
        options.set_atomic_flush(true);
        options.set_db_write_buffer_size(FILL_BUFFER_BYTES);
        Self::open_with(dir, &options, |name, cache| {
            let mut options = family_options(name, cache);
            options.set_write_buffer_size(FILL_BUFFER_BYTES / 2);
            options.set_max_write_buffer_number(4);
            // Sorting it all at once is for later: until then, fewer and larger files.
            options.set_level_zero_file_num_compaction_trigger(12);
            options
        })
    }

    fn open_with(
        dir: &Path,
        options: &Options,
        family: impl Fn(&str, &Cache) -> Options,
    ) -> Result<Self, StoreError> {
        check_families(dir)?;
        let cache = Cache::new_lru_cache(BLOCK_CACHE_BYTES);
        let families = CONTENT
            .iter()
            .chain(&[META])
            .map(|name| ColumnFamilyDescriptor::new(*name, family(name, &cache)));
        let rocks =
            DB::open_cf_descriptors(options, dir, families).map_err(|error| opening_error(dir, error))?;
        let database = Self { rocks, nodes: Nodes::new(nodes::MOST_BYTES) };
        database.check_format(dir)?;
        Ok(database)
    }

    /// Writes a batch atomically without a log. Families are flushed together, so a crash loses a tail of batches.
    pub(crate) fn fill(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        Ok(self.rocks.write_opt(batch, &options)?)
    }

    /// Puts everything that was filled in on the disk.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        let names = CONTENT.iter().chain(&[META]);
        let families = names.map(|name| self.family(name)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.rocks.flush_cfs_opt(&families, &FlushOptions::default())?)
    }

    /// A database in memory, without any content.
    pub(crate) fn empty() -> Result<Self, StoreError> {
        let cache = Cache::new_lru_cache(0);
        let families = CONTENT
            .iter()
            .chain(&[META])
            .map(|name| ColumnFamilyDescriptor::new(*name, family_options(name, &cache)));
        let mut options = database_options()?;
        options.set_env(&Env::mem_env()?);
        Ok(Self { rocks: DB::open_cf_descriptors(&options, "/empty", families)?, nodes: Nodes::new(0) })
    }

    /// The handle of a column family.
    pub(crate) fn family(&self, name: &'static str) -> Result<&ColumnFamily, StoreError> {
        self.rocks
            .cf_handle(name)
            .ok_or_else(|| StoreError::Corrupt(format!("the column family {name} is gone")))
    }

    /// A value.
    pub(crate) fn get(&self, family: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.rocks.get_cf(self.family(family)?, key)?)
    }

    /// Writes a batch atomically; when this returns, it is on the disk.
    pub(crate) fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        Ok(self.rocks.write_opt(batch, &options)?)
    }

    /// Writes a batch atomically, and to the disk with the next commit at the latest; false if the database is too
    /// busy, and then nothing is written.
    pub(crate) fn write_behind(&self, batch: WriteBatch) -> Result<bool, StoreError> {
        let mut options = WriteOptions::default();
        options.set_low_pri(true);
        // Waiting here would make a commit wait behind it.
        options.set_no_slowdown(true);
        match self.rocks.write_opt(batch, &options) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == rocksdb::ErrorKind::Incomplete => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn check_format(&self, dir: &Path) -> Result<(), StoreError> {
        let wrong = |found: String| StoreError::Format { dir: dir.to_path_buf(), found, supported: FORMAT };
        match self.get(META, META_FORMAT)? {
            Some(bytes) if bytes == FORMAT.to_be_bytes() => Ok(()),
            Some(bytes) => match <[u8; 4]>::try_from(bytes) {
                Ok(number) => Err(wrong(format!("format {}", u32::from_be_bytes(number)))),
                Err(_) => Err(wrong("an unreadable format number".to_owned())),
            },
            None => {
                for family in CONTENT {
                    if !entries(self.iterate(family, range(&[], None))?, 1)?.is_empty() {
                        return Err(wrong("content but no format number".to_owned()));
                    }
                }
                let mut batch = WriteBatch::default();
                batch.put_cf(self.family(META)?, META_FORMAT, FORMAT.to_be_bytes());
                self.write(batch)
            }
        }
    }

    /// An ascending iterator over a range of a column family.
    pub(crate) fn iterate(
        &self,
        family: &'static str,
        options: ReadOptions,
    ) -> Result<DBIterator<'_>, StoreError> {
        Ok(self.rocks.iterator_cf_opt(self.family(family)?, options, rocksdb::IteratorMode::Start))
    }
}

/// Closes a database once nobody reads it any more.
pub(crate) fn close(mut database: Arc<Database>) -> Result<(), StoreError> {
    for _ in 0..CLOSE_ATTEMPTS {
        match Arc::try_unwrap(database) {
            Ok(database) => {
                drop(database);
                return Ok(());
            }
            Err(shared) => database = shared,
        }
        std::thread::sleep(CLOSE_PAUSE);
    }
    Err(StoreError::Tree("somebody keeps a view of the state that is replaced".to_owned()))
}

/// The keys that start with `prefix` and are above `after`.
pub(crate) fn range(prefix: &[u8], after: Option<&[u8]>) -> ReadOptions {
    let mut options = ReadOptions::default();
    // A filter of prefixes is for one key's versions, not for ranges.
    options.set_total_order_seek(true);
    options.set_iterate_range(PrefixRange(prefix));
    if let Some(after) = after.filter(|after| *after >= prefix) {
        let mut next = after.to_vec();
        next.push(0);
        options.set_iterate_lower_bound(next);
    }
    options
}

/// How large families are read from one end to the other.
pub(crate) fn scanning() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.fill_cache(false);
    options.set_total_order_seek(true);
    options.set_readahead_size(READAHEAD);
    options
}

/// The first `limit` entries of an iterator.
pub(crate) fn entries(iterator: DBIterator<'_>, limit: usize) -> Result<Vec<Entry>, StoreError> {
    iterator
        .take(limit)
        .map(|entry| entry.map(|(key, value)| (key.into_vec(), value.into_vec())).map_err(StoreError::from))
        .collect()
}

/// Refuses a database that has other column families, before RocksDB does so in its own words; and one that has lost
/// some, or all, which RocksDB would make anew, without a word, and empty.
fn check_families(dir: &Path) -> Result<(), StoreError> {
    let lost = |what: &str| match has_content(dir) {
        Ok(true) => Err(StoreError::Corrupt(format!("{} has files but {what}", dir.display()))),
        // A process died before it had made it whole.
        Ok(false) => Ok(()),
        Err(source) => Err(StoreError::Directory { dir: dir.to_path_buf(), source }),
    };
    if !dir.join("CURRENT").exists() {
        return lost("no file CURRENT that says which of them count");
    }
    let names = DB::list_cf(&Options::default(), dir)?;
    let known = |name: &str| name == "default" || name == META || CONTENT.contains(&name);
    if let Some(name) = names.iter().find(|name| !known(name)) {
        return Err(StoreError::Format {
            dir: dir.to_path_buf(),
            found: format!("an unknown column family {name:?}"),
            supported: FORMAT,
        });
    }
    match CONTENT.iter().chain(&[META]).find(|wanted| !names.iter().any(|name| name == *wanted)) {
        Some(name) => lost(&format!("no column family {name}")),
        None => Ok(()),
    }
}

/// Whether anything was ever written here: a database that is being made has neither tables nor entries in its log.
fn has_content(dir: &Path) -> std::io::Result<bool> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("sst" | "blob") => return Ok(true),
            Some("log") if path.metadata()?.len() > 0 => return Ok(true),
            _ => {}
        }
    }
    Ok(false)
}

fn opening_error(dir: &Path, error: RocksError) -> StoreError {
    // RocksDB has no error kind for its lock; both its messages (this process, another one) name the file.
    if error.kind() == rocksdb::ErrorKind::IOError && error.as_ref().contains("/LOCK") {
        return StoreError::Locked { dir: dir.to_path_buf() };
    }
    error.into()
}

fn database_options() -> Result<Options, StoreError> {
    let mut options = Options::default();
    // Blocks wait for flushes, but hardly ever for what is only sorted.
    let mut environment = Env::new()?;
    environment.lower_thread_pool_cpu_priority();
    options.set_env(&environment);
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // What is damaged is found when it is read or written, and nothing is written after it. A log whose end is torn
    // gives what lies before, for all families alike; one that is short of what was synced, or gone, is refused: the
    // families would be of different heights.
    options.set_paranoid_checks(true);
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_db_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_max_total_wal_size(WAL_BYTES);
    options.set_max_open_files(256);
    options.set_max_background_jobs(2);
    options.set_bytes_per_sync(MIB as u64);
    options.set_keep_log_file_num(4);
    options.set_max_log_file_size(4 * MIB);
    options.set_log_level(LogLevel::Warn);
    Ok(options)
}

fn family_options(name: &str, cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_block_size(8 * 1024);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_bloom_filter(10.0, false);
    let mut options = Options::default();
    options.set_write_buffer_size(FAMILY_BUFFER_BYTES);
    options.set_max_write_buffer_number(3);
    options.set_compression_type(DBCompressionType::Lz4);
    match name {
        // Records are hashes, which do not compress, and every one that is asked for is there.
        NODES => {
            table.set_block_size(4 * 1024);
            options.set_compression_type(DBCompressionType::None);
            options.set_optimize_filters_for_hits(true);
        }
        // The newest version of a key at or below one is looked for: the filter knows the key without the version.
        VALUES => {
            table.set_block_size(4 * 1024);
            table.set_whole_key_filtering(false);
            options.set_prefix_extractor(SliceTransform::create_fixed_prefix(VALUE_PREFIX_BYTES));
        }
        INDEX => options.set_bottommost_compression_type(DBCompressionType::Zstd),
        _ => {}
    }
    options.set_block_based_table_factory(&table);
    if name == BLOBS {
        options.set_enable_blob_files(true);
        options.set_min_blob_size(BLOB_FILE_MIN_BYTES);
        options.set_blob_compression_type(DBCompressionType::Lz4);
        // Chunks of models that are gone give their place back once half of the files is such chunks.
        options.set_enable_blob_gc(true);
        options.set_blob_gc_age_cutoff(0.5);
        options.set_blob_gc_force_threshold(0.5);
    }
    options
}
