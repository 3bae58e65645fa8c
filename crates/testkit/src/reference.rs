//! What queries mean, on rows of values: the simplest way to answer one, and the measure of every other.
//!
//! [`MemoryStore`](crate::MemoryStore) answers its scans with this, and so may a store that keeps its records in
//! memory. A store with an engine of its own brings its own ways and is compared with these by the contract.

mod columns;
mod order;
mod predicate;

use std::sync::Arc;

use arrow_array::RecordBatch;
use eider_application::ports::ScanRequest;
use eider_domain::{Position, Schema, SortKey, Value};

pub(crate) use columns::Shape;
pub(crate) use order::compare_keys;
pub use predicate::matches;

pub use crate::column::rows_of;

/// A record and its position in commit order.
#[derive(Debug)]
pub struct StoredRecord {
    /// Its number in commit order.
    pub sequence: i64,
    /// One value per field, in record order.
    pub values: Vec<Value>,
}

/// A record that a scan found and its place in the order of the query.
#[derive(Debug)]
pub(crate) struct FoundRecord {
    pub(crate) position: Position,
    pub(crate) record: Arc<StoredRecord>,
}

/// What a scan of records yields, in its order.
pub(crate) fn find(records: &[Arc<StoredRecord>], request: &ScanRequest) -> Vec<FoundRecord> {
    let sort = &request.query.sort;
    let matching = records.iter().filter(|record| matches(&request.query.filter, &record.values));
    let mut found: Vec<FoundRecord> = matching.map(|record| found(record, sort)).collect();
    found.sort_by(|left, right| order::compare(sort, &left.position, &right.position));
    if let Some(after) = &request.after {
        found.retain(|found| order::compare(sort, &found.position, after).is_gt());
    }
    let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
    let limit = request.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    found.into_iter().skip(offset).take(limit).collect()
}

fn found(record: &Arc<StoredRecord>, sort: &[SortKey]) -> FoundRecord {
    let keys = sort.iter().map(|key| record.values[key.field.column()].clone()).collect();
    FoundRecord { position: Position { keys, sequence: record.sequence }, record: Arc::clone(record) }
}

/// What a scan of records yields, as one batch with the columns that were asked for, and how many records match.
pub fn scan(schema: &Schema, records: &[Arc<StoredRecord>], request: &ScanRequest) -> (RecordBatch, u64) {
    let total = records.iter().filter(|record| matches(&request.query.filter, &record.values)).count() as u64;
    (Shape::new(schema, request).batch(&find(records, request)), total)
}
