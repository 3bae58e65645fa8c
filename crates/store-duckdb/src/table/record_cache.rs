//! Records kept in memory for reads by id, exact under writes.
//!
//! A record is kept as the bytes of Arrow's row format, a few hundred rather than the thousands that its columns take.
//! Whoever changes records says which before the commit, and holds a [`Change`] until after it. What it names leaves
//! the cache, and no read that overlaps the change puts it back: so a version that was replaced is never read from
//! here once its successor can be seen anywhere.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use arrow_row::{RowConverter, SortField};
use eider_application::ports::StoreError;
use eider_domain::Schema;
use eider_engine_duckdb::columns::ids_of;
use eider_engine_duckdb::error::arrow_error;
use moka::sync::Cache;
use uuid::Uuid;

use crate::file::statistics::RecordCacheStatistics;

/// What a record takes beside its bytes: its key, and the cache's own entry.
const OVERHEAD_BYTES: usize = 160;

/// The records of all schemas, bounded together.
pub(crate) struct RecordCache {
    /// `None` when nothing is to be kept.
    entries: Option<Cache<Key, Arc<[u8]>>>,
    generations: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// A record of a schema, as long as nothing made everything of the schema outdated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    generation: u64,
    id: Uuid,
}

impl RecordCache {
    /// An empty cache of so many bytes at most.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let weigh = |_: &Key, record: &Arc<[u8]>| u32::try_from(record.len() + OVERHEAD_BYTES).unwrap_or(u32::MAX);
        let entries = (max_bytes > 0).then(|| Cache::builder().max_capacity(max_bytes).weigher(weigh).build());
        Self { entries, generations: AtomicU64::new(0), hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
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

    fn next_generation(&self) -> u64 {
        self.generations.fetch_add(1, Ordering::Relaxed)
    }
}

impl fmt::Debug for RecordCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordCache").field("statistics", &self.statistics()).finish_non_exhaustive()
    }
}

/// The records of one schema in the cache.
#[derive(Debug)]
pub(crate) struct CachedRecords {
    cache: Arc<RecordCache>,
    /// Between records and bytes; `None` when records of this schema are not kept.
    converter: Option<RowConverter>,
    schema: Arc<Schema>,
    /// Part of the keys. A new one makes everything kept before unreachable, to be pushed out in time.
    generation: AtomicU64,
    state: Mutex<State>,
}

/// Which records are being changed, and which were since a read began.
#[derive(Debug, Default)]
struct State {
    changing: Ids,
    /// What the read that is under way must not keep; `None` when none is.
    invalidated: Option<Ids>,
}

/// Some records of a schema.
#[derive(Debug, Clone)]
pub(crate) enum Ids {
    /// Those of these ids.
    Some(HashSet<Uuid>),
    /// All.
    All,
}

impl Default for Ids {
    fn default() -> Self {
        Self::Some(HashSet::new())
    }
}

impl Ids {
    fn contains(&self, id: Uuid) -> bool {
        match self {
            Self::Some(ids) => ids.contains(&id),
            Self::All => true,
        }
    }

    fn extend(&mut self, more: &Self) {
        match (&mut *self, more) {
            (Self::Some(ids), Self::Some(more)) => ids.extend(more),
            _ => *self = Self::All,
        }
    }
}

/// A change of records that is under way; over when it is dropped.
#[derive(Debug)]
pub(crate) struct Change<'a>(&'a CachedRecords);

/// A read of records from the table; over when it is dropped. One at a time for a schema.
#[derive(Debug)]
pub(crate) struct Read<'a> {
    records: &'a CachedRecords,
    generation: u64,
}

impl CachedRecords {
    /// The records of a schema, none of which are in the cache.
    pub(crate) fn new(cache: Arc<RecordCache>, schema: Arc<Schema>) -> Self {
        let fields = schema.arrow().fields().iter().map(|field| SortField::new(field.data_type().clone()));
        let converter = cache.entries.as_ref().and_then(|_| RowConverter::new(fields.collect()).ok());
        let generation = AtomicU64::new(cache.next_generation());
        Self { cache, converter, schema, generation, state: Mutex::default() }
    }

    /// The record of an id, if it is in the cache, as a batch of one row.
    ///
    /// # Errors
    /// `Internal` when its bytes are not those of a record.
    pub(crate) fn get(&self, id: Uuid) -> Result<Option<RecordBatch>, StoreError> {
        let (Some(entries), Some(converter)) = (&self.cache.entries, &self.converter) else { return Ok(None) };
        let Some(bytes) = entries.get(&Key { generation: self.generation.load(Ordering::Acquire), id }) else {
            self.cache.misses.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        };
        self.cache.hits.fetch_add(1, Ordering::Relaxed);
        let parser = converter.parser();
        let columns = converter.convert_rows([parser.parse(&bytes)]).map_err(arrow_error)?;
        RecordBatch::try_new(Arc::clone(self.schema.arrow()), columns).map(Some).map_err(arrow_error)
    }

    /// Begins a change. To be called before its commit, by the holder of the write lock.
    pub(crate) fn begin_change(&self, ids: Ids) -> Change<'_> {
        let mut state = self.state();
        // All under the lock that `Read::keep` holds too: a read either has kept a record before, which goes below,
        // or finds its id here and keeps nothing.
        if let Some(invalidated) = &mut state.invalidated {
            invalidated.extend(&ids);
        }
        match (&self.cache.entries, &ids) {
            (None, _) => {}
            (Some(entries), Ids::Some(ids)) => {
                let generation = self.generation.load(Ordering::Acquire);
                for id in ids {
                    entries.invalidate(&Key { generation, id: *id });
                }
            }
            // A read that is under way has the old generation, and keeps what it read under keys that nobody asks for.
            (Some(_), Ids::All) => self.generation.store(self.cache.next_generation(), Ordering::Release),
        }
        state.changing = ids;
        Change(self)
    }

    /// Begins a read. To be called before its snapshot is taken.
    pub(crate) fn begin_read(&self) -> Read<'_> {
        let mut state = self.state();
        // A change that is under way may be committed before this read takes its snapshot or after: what it names is
        // not kept in either case.
        state.invalidated = Some(state.changing.clone());
        Read { records: self, generation: self.generation.load(Ordering::Acquire) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read<'_> {
    /// Keeps whole records that were read, but for those that have been changed since the read began.
    ///
    /// # Errors
    /// `Internal` when they are not of the schema.
    pub(crate) fn keep(self, records: &RecordBatch) -> Result<(), StoreError> {
        let (Some(entries), Some(converter)) = (&self.records.cache.entries, &self.records.converter) else {
            return Ok(());
        };
        let rows = converter.convert_columns(records.columns()).map_err(arrow_error)?;
        // Held while records go in. A change that began between the look and the insertion would find nothing to
        // remove, and the version that it replaces would be read from here until somebody changes the record again.
        let state = self.records.state();
        let invalidated = state.invalidated.as_ref().unwrap_or(&Ids::All);
        for (id, row) in ids_of(records).zip(rows.iter()) {
            if !invalidated.contains(id) {
                entries.insert(Key { generation: self.generation, id }, row.as_ref().into());
            }
        }
        Ok(())
    }
}

impl Drop for Read<'_> {
    fn drop(&mut self) {
        self.records.state().invalidated = None;
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.0.state().changing = Ids::default();
    }
}

#[cfg(test)]
mod tests;
