//! The records of one schema.

use std::collections::HashMap;
use std::sync::Arc;

use eider_application::{CommitReceipt, DeleteOutcome, KeptAnswer, ScanRequest, SchemaVersion};
use eider_domain::{Filter, Position, Schema, SortKey, Value};

use tokio::sync::watch;

use super::order;
use super::predicate::matches;

/// A record and its place in the order of commit.
#[derive(Debug)]
pub(super) struct StoredRecord {
    pub(super) sequence: i64,
    /// One value per field, in record order.
    pub(super) values: Vec<Value>,
}

/// A record that a scan found and its place in the order of the query.
#[derive(Debug)]
pub(super) struct FoundRecord {
    pub(super) position: Position,
    pub(super) record: Arc<StoredRecord>,
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) schema: Arc<Schema>,
    /// Every version that the schema has had, the oldest first.
    pub(super) versions: Vec<SchemaVersion>,
    /// Tells a table from one that had the same name before it.
    pub(super) incarnation: u64,
    pub(super) records: Vec<Arc<StoredRecord>>,
    /// Answers that writes keep, by key.
    pub(super) answers: HashMap<String, KeptAnswer>,
    next_sequence: i64,
    /// The number of the last commit.
    pub(super) committed: watch::Sender<u64>,
}

impl Table {
    pub(super) fn new(schema: Arc<Schema>, incarnation: u64) -> Self {
        let definition = schema.definition().clone();
        let first = SchemaVersion { version: schema.version(), definition, since: schema.created_at() };
        Self {
            schema,
            versions: vec![first],
            incarnation,
            records: Vec::new(),
            answers: HashMap::new(),
            next_sequence: 1,
            committed: watch::Sender::new(0),
        }
    }

    /// Whether `schema` is or was that of this table, and not of another that had or has its name.
    pub(super) fn has_had(&self, schema: &Schema) -> bool {
        let is_it = |one: &SchemaVersion| one.version == schema.version() && one.definition == *schema.definition();
        self.schema.is_version_of(schema) && self.versions.iter().any(is_it)
    }

    /// Puts records behind the others; the number of the first.
    pub(super) fn insert(&mut self, rows: Vec<Vec<Value>>) -> i64 {
        let first = self.next_sequence;
        for values in rows {
            self.records.push(Arc::new(StoredRecord { sequence: self.next_sequence, values }));
            self.next_sequence += 1;
        }
        first
    }

    pub(super) fn delete(&mut self, filter: &Filter, max_affected: u64) -> DeleteOutcome {
        let rows = self.count(filter);
        if rows > max_affected {
            return DeleteOutcome::TooMany { matching: rows };
        }
        self.records.retain(|record| !matches(filter, &record.values));
        let commit_seq = if rows > 0 { self.commit_deletion() } else { *self.committed.borrow() };
        DeleteOutcome::Deleted(CommitReceipt { rows, commit_seq })
    }

    /// Numbers a commit that has stored records.
    pub(super) fn commit(&mut self) -> u64 {
        self.committed.send_replace((self.next_sequence - 1).unsigned_abs());
        *self.committed.borrow()
    }

    /// Numbers a commit that has only deleted; it takes a place of its own in the order of commit.
    pub(super) fn commit_deletion(&mut self) -> u64 {
        self.next_sequence += 1;
        self.commit()
    }

    pub(super) fn count(&self, filter: &Filter) -> u64 {
        self.records.iter().filter(|record| matches(filter, &record.values)).count() as u64
    }

    /// What a scan yields, in its order. Records never change, so this is a snapshot.
    pub(super) fn find(&self, request: &ScanRequest) -> Vec<FoundRecord> {
        let sort = &request.query.sort;
        let matching = self.records.iter().filter(|record| matches(&request.query.filter, &record.values));
        let mut found: Vec<FoundRecord> = matching.map(|record| found(record, sort)).collect();
        found.sort_by(|left, right| order::compare(sort, &left.position, &right.position));
        if let Some(after) = &request.after {
            found.retain(|found| order::compare(sort, &found.position, after).is_gt());
        }
        let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
        let limit = request.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        found.into_iter().skip(offset).take(limit).collect()
    }
}

fn found(record: &Arc<StoredRecord>, sort: &[SortKey]) -> FoundRecord {
    let keys = sort.iter().map(|key| record.values[key.field.column()].clone()).collect();
    FoundRecord { position: Position { keys, sequence: record.sequence }, record: Arc::clone(record) }
}
