//! The records of one schema.

use std::collections::HashMap;
use std::sync::Arc;

use eider_application::ports::{CommitReceipt, DeleteOutcome, IdempotencyRecord, ScanRequest, SchemaVersion};
use eider_domain::{Filter, Schema, Value};
use tokio::sync::watch;

use crate::reference::{FoundRecord, StoredRecord, find, matches};

#[derive(Debug)]
pub(super) struct Table {
    pub(super) schema: Arc<Schema>,
    /// Every version that the schema has had, the oldest first.
    pub(super) versions: Vec<SchemaVersion>,
    /// Tells a table from one that had the same name before it.
    pub(super) incarnation: u64,
    pub(super) records: Vec<Arc<StoredRecord>>,
    /// Answers that writes keep, by key.
    pub(super) answers: HashMap<String, IdempotencyRecord>,
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

    /// Numbers a commit that has only deleted; it takes a position of its own in commit order.
    pub(super) fn commit_deletion(&mut self) -> u64 {
        self.next_sequence += 1;
        self.commit()
    }

    pub(super) fn count(&self, filter: &Filter) -> u64 {
        self.records.iter().filter(|record| matches(filter, &record.values)).count() as u64
    }

    /// What a scan yields, in its order. Records never change, so this is a snapshot.
    pub(super) fn find(&self, request: &ScanRequest) -> Vec<FoundRecord> {
        find(&self.records, request)
    }
}
