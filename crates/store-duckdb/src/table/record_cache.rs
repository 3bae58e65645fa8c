//! Records kept in memory, by their places in commit order.
//!
//! A place holds one record or none, and never another one, so what is kept here stays right; whether a place still
//! holds its record is known to [`Places`](crate::table::places). Records are kept in two forms: where many are likely to
//! be asked for, whole blocks of those that stand together, as the columns that they were read in; else one by one, as the
//! bytes of Arrow's row format, a few hundred rather than the thousands that columns of one row take.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arrow_array::RecordBatch;
use arrow_row::{RowConverter, SortField};
use arrow_select::interleave::interleave_record_batch;
use eider_application::ports::StoreError;
use eider_domain::Schema;
use eider_engine_duckdb::error::{arrow_error, internal};
use moka::sync::Cache;
use uuid::Uuid;

use crate::file::statistics::RecordCacheStatistics;

/// What an entry takes beside its records: its key, and the cache's own.
const OVERHEAD_BYTES: usize = 160;
/// What the columns of a block take at most, about, and how many records it has.
const BLOCK_BYTES: usize = 256 << 10;
const MOST_ROWS: i64 = 2_048;
/// Records that are read to see how large they are.
const PROBE_ROWS: i64 = 8;

/// The records of all schemas, bounded together.
pub(crate) struct RecordCache {
    /// `None` when nothing is to be kept.
    entries: Option<Cache<Key, Entry>>,
    max_bytes: u64,
    versions: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// What is kept of a version of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    version: u64,
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    Id(Uuid),
    Place(i64),
    Block(i64),
}

#[derive(Debug, Clone)]
enum Entry {
    Place(i64),
    Row(Arc<[u8]>),
    Block(Arc<Block>),
}

/// Records that stand together.
#[derive(Debug)]
pub(crate) struct Block {
    /// The places of the records, in order.
    pub(crate) places: Vec<i64>,
    pub(crate) records: RecordBatch,
}

impl Block {
    /// The row of the record at a place.
    pub(crate) fn row(&self, place: i64) -> Option<usize> {
        self.places.binary_search(&place).ok()
    }

    fn bytes(&self) -> usize {
        self.records.get_array_memory_size() + self.places.len() * size_of::<i64>()
    }
}

impl RecordCache {
    /// An empty cache of so many bytes at most.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let weigh = |_: &Key, entry: &Entry| {
            let bytes = match entry {
                Entry::Place(_) => 0,
                Entry::Row(row) => row.len(),
                Entry::Block(block) => block.bytes(),
            };
            u32::try_from(bytes + OVERHEAD_BYTES).unwrap_or(u32::MAX)
        };
        let entries = (max_bytes > 0).then(|| Cache::builder().max_capacity(max_bytes).weigher(weigh).build());
        Self { entries, max_bytes, versions: AtomicU64::new(0), hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// What it takes and has done; `None` when nothing is to be kept.
    pub(crate) fn statistics(&self) -> Option<RecordCacheStatistics> {
        let entries = self.entries.as_ref()?;
        Some(RecordCacheStatistics {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            entries: entries.entry_count(),
            bytes: entries.weighted_size(),
        })
    }
}

impl fmt::Debug for RecordCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordCache").field("statistics", &self.statistics()).finish_non_exhaustive()
    }
}

/// The records of one version of a schema in the cache.
#[derive(Debug)]
pub(crate) struct CachedRecords {
    cache: Arc<RecordCache>,
    /// Between records and bytes; `None` when records of this schema are not kept one by one.
    converter: Option<RowConverter>,
    schema: Arc<Schema>,
    version: u64,
    /// Places that a block is of; 0 until a record was seen.
    block_places: AtomicI64,
    /// Bytes of a record in a block, about.
    record_bytes: AtomicU64,
}

/// What is known of the record at a place.
#[derive(Debug)]
pub(crate) enum Kept {
    /// In this row of a block.
    Row(Arc<Block>, usize),
    /// By itself.
    Bytes(Arc<[u8]>),
}

impl CachedRecords {
    /// The records of a version of a schema, none of which are in the cache.
    pub(crate) fn new(cache: Arc<RecordCache>, schema: Arc<Schema>) -> Self {
        let fields = schema.arrow().fields().iter().map(|field| SortField::new(field.data_type().clone()));
        let converter = cache.entries.as_ref().and_then(|_| RowConverter::new(fields.collect()).ok());
        let version = cache.versions.fetch_add(1, Ordering::Relaxed);
        Self { cache, converter, schema, version, block_places: AtomicI64::new(0), record_bytes: AtomicU64::new(0) }
    }

    /// Where the record of an id was once, if that is in the cache.
    pub(crate) fn place_of(&self, id: Uuid) -> Option<i64> {
        match self.cache.entries.as_ref()?.get(&self.key(At::Id(id)))? {
            Entry::Place(place) => Some(place),
            Entry::Row(_) | Entry::Block(_) => None,
        }
    }

    /// Counts records that were in memory, and others that were not.
    pub(crate) fn count(&self, hits: usize, misses: usize) {
        self.cache.hits.fetch_add(hits as u64, Ordering::Relaxed);
        self.cache.misses.fetch_add(misses as u64, Ordering::Relaxed);
    }

    /// Keeps where the record of an id is.
    pub(crate) fn keep_place(&self, id: Uuid, place: i64) {
        if let Some(entries) = &self.cache.entries {
            entries.insert(self.key(At::Id(id)), Entry::Place(place));
        }
    }

    /// The record at a place, if it is in the cache.
    pub(crate) fn get(&self, place: i64) -> Option<Kept> {
        let entries = self.cache.entries.as_ref()?;
        if let Some(number) = self.block_of(place)
            && let Some(Entry::Block(block)) = entries.get(&self.key(At::Block(number)))
            && let Some(row) = block.row(place)
        {
            return Some(Kept::Row(block, row));
        }
        match entries.get(&self.key(At::Place(place)))? {
            Entry::Row(bytes) => Some(Kept::Bytes(bytes)),
            Entry::Place(_) | Entry::Block(_) => None,
        }
    }

    /// Records that are kept, in this order, as one batch.
    ///
    /// # Errors
    /// `Internal` when bytes are not those of a record.
    pub(crate) fn batch(&self, kept: &[&Kept]) -> Result<RecordBatch, StoreError> {
        if let [Kept::Row(block, row)] = kept {
            return Ok(block.records.slice(*row, 1));
        }
        let converter = self.converter.as_ref();
        let parser = converter.map(RowConverter::parser);
        let mut rows = Vec::new();
        for kept in kept {
            if let (Kept::Bytes(bytes), Some(parser)) = (kept, &parser) {
                rows.push(parser.parse(bytes));
            }
        }
        let singles = match converter {
            Some(converter) if !rows.is_empty() => {
                let columns = converter.convert_rows(rows).map_err(arrow_error)?;
                RecordBatch::try_new(Arc::clone(self.schema.arrow()), columns).map_err(arrow_error)?
            }
            _ => RecordBatch::new_empty(Arc::clone(self.schema.arrow())),
        };
        if singles.num_rows() == kept.len() {
            return Ok(singles);
        }
        let mut batches = vec![&singles];
        let mut next_single = 0;
        let mut indices = Vec::with_capacity(kept.len());
        for kept in kept {
            indices.push(match kept {
                Kept::Bytes(_) => {
                    next_single += 1;
                    (0, next_single - 1)
                }
                Kept::Row(block, row) => {
                    // Neighbours mostly stand in one block.
                    let records = &block.records;
                    if !std::ptr::eq(batches[batches.len() - 1], records) {
                        batches.push(records);
                    }
                    (batches.len() - 1, *row)
                }
            });
        }
        interleave_record_batch(&batches, &indices).map_err(arrow_error)
    }

    /// The number of the block of a place; `None` until it is known how large records are.
    pub(crate) fn block_of(&self, place: i64) -> Option<i64> {
        match self.block_places.load(Ordering::Relaxed) {
            0 => None,
            places => Some(place / places),
        }
    }

    /// The places that are to be read for one place: its block, or a few to see how large records are.
    pub(crate) fn places_around(&self, place: i64) -> Range<i64> {
        match self.block_places.load(Ordering::Relaxed) {
            0 => place..place + PROBE_ROWS,
            places => place / places * places..(place / places + 1) * places,
        }
    }

    /// Whether blocks are to be read for single records: when all records, of so many places, have room in the cache.
    pub(crate) fn prefers_blocks(&self, next: i64) -> bool {
        let bytes = next.unsigned_abs().saturating_mul(self.record_bytes.load(Ordering::Relaxed));
        bytes <= self.cache.max_bytes
    }

    /// Bytes up to which a block is kept.
    pub(crate) fn most_block_bytes() -> usize {
        4 * BLOCK_BYTES
    }

    /// Keeps the block that was read for a place, and says how large records are.
    pub(crate) fn keep_block(&self, range: &Range<i64>, block: Block) -> Arc<Block> {
        let block = Arc::new(block);
        let rows = block.records.num_rows();
        if rows > 0 && self.block_places.load(Ordering::Relaxed) == 0 {
            let bytes = (block.bytes() / rows).max(1);
            self.record_bytes.store(bytes as u64, Ordering::Relaxed);
            let places = i64::try_from(BLOCK_BYTES / bytes).unwrap_or(MOST_ROWS).clamp(1, MOST_ROWS);
            self.block_places.store(places, Ordering::Relaxed);
        }
        if let (Some(entries), Some(number)) = (&self.cache.entries, self.block_of(range.start))
            && self.places_around(range.start) == *range
        {
            entries.insert(self.key(At::Block(number)), Entry::Block(Arc::clone(&block)));
        }
        block
    }

    /// Keeps records one by one.
    ///
    /// # Errors
    /// `Internal` when they are not of the schema.
    pub(crate) fn keep(&self, records: &RecordBatch, places: &[i64]) -> Result<(), StoreError> {
        let (Some(entries), Some(converter)) = (&self.cache.entries, &self.converter) else { return Ok(()) };
        if records.num_rows() != places.len() {
            return Err(internal("records have no places"));
        }
        let rows = converter.convert_columns(records.columns()).map_err(arrow_error)?;
        for (place, row) in places.iter().zip(rows.iter()) {
            entries.insert(self.key(At::Place(*place)), Entry::Row(row.as_ref().into()));
        }
        Ok(())
    }

    fn key(&self, at: At) -> Key {
        Key { version: self.version, at }
    }
}

#[cfg(test)]
mod tests;
