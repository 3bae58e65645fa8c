//! The changes of a schema that are in the log and not in its table yet.
//!
//! They are kept as two parts: one that grows with each commit, and one that is on its way into the table. Reads of
//! single records look here first. Everything else waits until what was committed before it is in the table
//! (`table::flush`).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use arrow_select::interleave::interleave_record_batch;
use eider_application::ports::{IdempotencyRecord, StoreError, value_at};
use eider_domain::{Schema, SystemField, Value, Version};
use eider_engine_duckdb::columns::ids_of;
use eider_engine_duckdb::error::{arrow_error, internal};
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};
use uuid::Uuid;

use crate::catalog::Counters;

/// Bytes that a record takes here beside its values: its columns, and its place among the latest.
const OVERHEAD_BYTES: usize = 256;

/// What is known of a record without the table.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// The record as it is now.
    Record(RecordBatch),
    /// It was deleted.
    Gone,
    /// The table has what there is of it.
    Elsewhere,
}

/// Changes that were committed together.
#[derive(Debug, Clone)]
pub(crate) struct Committed {
    /// The records that were stored, of different ids.
    pub(crate) records: Option<RecordBatch>,
    /// The ids of records that were deleted or replaced.
    pub(crate) gone: Vec<Uuid>,
    /// The answers to keep, each with its key.
    pub(crate) answers: Vec<(String, IdempotencyRecord)>,
    /// The unique keys of the records, each with its record.
    pub(crate) keys: Vec<(Vec<u8>, Uuid)>,
    /// The place that the first record took.
    pub(crate) first: i64,
    /// The counters afterwards.
    pub(crate) after: Counters,
}

/// The changes of a schema that its table does not have.
#[derive(Debug)]
pub(crate) struct Pending {
    parts: Mutex<Parts>,
    /// The number of the last commit of which the table has everything.
    stored: watch::Sender<u64>,
    /// Held by whoever changes the table.
    pub(crate) table: Arc<AsyncMutex<()>>,
    /// Tells the task that stores them that there are some.
    filled: mpsc::Sender<()>,
}

#[derive(Debug, Default)]
struct Parts {
    /// On its way into the table; not changed any more.
    leaving: Option<Arc<Part>>,
    growing: Part,
}

/// Changes in the order of their commits.
#[derive(Debug, Default)]
pub(crate) struct Part {
    batches: Vec<RecordBatch>,
    /// The places of the first rows of the batches.
    firsts: Vec<i64>,
    latest: HashMap<Uuid, Latest>,
    /// The ids of records that the table has and that are to be deleted from it.
    gone: HashSet<Uuid>,
    /// The unique keys of the latest records, and by record.
    holders: HashMap<Vec<u8>, Uuid>,
    keys: HashMap<Uuid, Vec<Vec<u8>>>,
    answers: HashMap<String, IdempotencyRecord>,
    after: Option<Counters>,
    /// The number of the last entry in the log.
    entry: i64,
    bytes: usize,
}

/// The batch and the row of a record; `None` when it was deleted.
type Latest = Option<(usize, usize)>;

impl Pending {
    /// Nothing pending behind a commit, and the other end of what tells of the first change.
    pub(crate) fn new(commit_seq: u64) -> (Self, mpsc::Receiver<()>) {
        let (filled, wanted) = mpsc::channel(1);
        let stored = watch::Sender::new(commit_seq);
        (Self { parts: Mutex::default(), stored, table: Arc::default(), filled }, wanted)
    }

    /// What is known of a record.
    pub(crate) fn find(&self, id: Uuid) -> Found {
        let parts = self.parts();
        let leaving = || parts.leaving.as_ref().and_then(|part| part.find(id));
        parts.growing.find(id).or_else(leaving).unwrap_or(Found::Elsewhere)
    }

    /// The answer that was kept under a key.
    pub(crate) fn answer(&self, key: &str) -> Option<IdempotencyRecord> {
        let parts = self.parts();
        let leaving = || parts.leaving.as_ref().and_then(|part| part.answers.get(key));
        parts.growing.answers.get(key).or_else(leaving).cloned()
    }

    /// The record that has a unique key.
    pub(crate) fn holder(&self, key: &[u8]) -> Option<Uuid> {
        let parts = self.parts();
        let growing = &parts.growing;
        let leaving = || {
            let id = parts.leaving.as_ref()?.holders.get(key)?;
            // What became of it since is in the part that grows.
            (!growing.latest.contains_key(id)).then_some(*id)
        };
        growing.holders.get(key).copied().or_else(leaving)
    }

    /// Takes changes whose entry has this number in the log.
    pub(crate) fn push(&self, changes: Committed, entry: i64) {
        self.parts().growing.push(changes, entry);
        // Who was told already has not looked yet.
        let _ = self.filled.try_send(());
    }

    /// The number of the last commit that is pending; `None` when none is.
    pub(crate) fn last(&self) -> Option<u64> {
        let parts = self.parts();
        let last = |part: &Part| part.after.map(Counters::commit_seq);
        last(&parts.growing).or_else(|| parts.leaving.as_deref().and_then(last))
    }

    /// How many records and bytes are pending.
    pub(crate) fn size(&self) -> (usize, usize) {
        let parts = self.parts();
        let (records, bytes) = parts.leaving.as_ref().map_or((0, 0), |part| (part.latest.len(), part.bytes));
        (records + parts.growing.latest.len(), bytes + parts.growing.bytes)
    }

    /// The part that is to be stored next: the one that was left behind by a failure, else everything until now. The
    /// caller holds [`Pending::table`].
    pub(crate) fn leave(&self) -> Option<Arc<Part>> {
        let mut parts = self.parts();
        if parts.leaving.is_none() && parts.growing.after.is_some() {
            parts.leaving = Some(Arc::new(std::mem::take(&mut parts.growing)));
        }
        parts.leaving.clone()
    }

    /// Forgets the part that left, since the table has it.
    pub(crate) fn left(&self) {
        let left = self.parts().leaving.take();
        if let Some(after) = left.and_then(|part| part.after) {
            self.stored.send_replace(after.commit_seq());
        }
    }

    /// Waits until the table has everything up to a commit that was pending.
    pub(crate) async fn wait_until_stored(&self, commit_seq: u64) {
        // The sender is not dropped while `self` is borrowed.
        let _ = self.stored.subscribe().wait_for(|stored| *stored >= commit_seq).await;
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// Changes that are in no log.
    pub(crate) fn of(changes: Committed) -> Self {
        let mut part = Self::default();
        part.push(changes, 0);
        part
    }

    /// Takes changes that were committed after all others.
    pub(crate) fn push(&mut self, changes: Committed, entry: i64) {
        let Committed { records, gone, answers, keys, first, after } = changes;
        for id in gone {
            for key in self.keys.remove(&id).into_iter().flatten() {
                self.holders.remove(&key);
            }
            // What was stored here first is not in the table.
            if self.latest.insert(id, None).is_none() {
                self.gone.insert(id);
            }
            self.bytes += OVERHEAD_BYTES;
        }
        if let Some(records) = records {
            let batch = self.batches.len();
            self.latest.extend(ids_of(&records).zip(0..).map(|(id, row)| (id, Some((batch, row)))));
            self.bytes += records.get_array_memory_size() + records.num_rows() * OVERHEAD_BYTES;
            self.batches.push(records);
            self.firsts.push(first);
        }
        for (key, id) in keys {
            self.bytes += 2 * key.len() + OVERHEAD_BYTES;
            self.keys.entry(id).or_default().push(key.clone());
            self.holders.insert(key, id);
        }
        self.answers.extend(answers);
        self.after = Some(after);
        self.entry = entry;
    }

    fn find(&self, id: Uuid) -> Option<Found> {
        Some(match self.latest.get(&id)? {
            Some((batch, row)) => Found::Record(self.batches[*batch].slice(*row, 1)),
            None => Found::Gone,
        })
    }

    /// The records that are to be stored, in the order of their places, and those places.
    ///
    /// # Errors
    /// `Internal` when they have other columns than the schema.
    pub(crate) fn records(&self, schema: &Schema) -> Result<(RecordBatch, Vec<i64>), StoreError> {
        let mut rows: Vec<(usize, usize)> = self.latest.values().copied().flatten().collect();
        rows.sort_unstable();
        let place = |(batch, row): &(usize, usize)| Ok(self.firsts[*batch] + i64::try_from(*row).map_err(too_many)?);
        let places = rows.iter().map(place).collect::<Result<_, StoreError>>()?;
        let all = self.batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        let records = if rows.len() == all {
            concat_batches(schema.arrow(), &self.batches)
        } else if rows.is_empty() {
            Ok(RecordBatch::new_empty(Arc::clone(schema.arrow())))
        } else {
            interleave_record_batch(&self.batches.iter().collect::<Vec<_>>(), &rows)
        };
        Ok((records.map_err(arrow_error)?, places))
    }

    /// The ids of records that are to be deleted from the table.
    pub(crate) fn gone(&self) -> &HashSet<Uuid> {
        &self.gone
    }

    /// The answers to keep, each with its key.
    pub(crate) fn answers(&self) -> &HashMap<String, IdempotencyRecord> {
        &self.answers
    }

    /// The counters after the last commit; `None` when there is none.
    pub(crate) fn after(&self) -> Option<Counters> {
        self.after
    }

    /// The number of the last entry in the log.
    pub(crate) fn entry(&self) -> i64 {
        self.entry
    }
}

/// The version of a record.
pub(crate) fn version_of(record: &RecordBatch) -> Result<Version, StoreError> {
    let column = SystemField::Version;
    match value_at(column.data_type(), record.column(column as usize), 0) {
        Value::Integer(version) => Ok(Version::from_i64(version)),
        _ => Err(internal("a record has no version")),
    }
}

fn too_many(_: std::num::TryFromIntError) -> StoreError {
    internal("too many changes are pending")
}
