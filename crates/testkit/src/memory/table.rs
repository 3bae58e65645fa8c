//! The records of one schema.

use std::sync::Arc;

use eider_application::{CommitReceipt, ScanRequest};
use eider_domain::{Filter, Position, Schema, SortKey, Value};

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
    /// Tells a table from one that had the same name before it.
    pub(super) incarnation: u64,
    pub(super) records: Vec<Arc<StoredRecord>>,
    next_sequence: i64,
    commit_seq: u64,
}

impl Table {
    pub(super) fn new(schema: Arc<Schema>, incarnation: u64) -> Self {
        Self { schema, incarnation, records: Vec::new(), next_sequence: 1, commit_seq: 0 }
    }

    /// Whether this is the table of `schema`, and not of another that had or has its name.
    pub(super) fn belongs_to(&self, schema: &Schema) -> bool {
        self.schema.created_at() == schema.created_at()
            && self.schema.version() == schema.version()
            && self.schema.definition() == schema.definition()
    }

    pub(super) fn insert(&mut self, rows: Vec<Vec<Value>>) -> CommitReceipt {
        let count = rows.len() as u64;
        for values in rows {
            self.records.push(Arc::new(StoredRecord { sequence: self.next_sequence, values }));
            self.next_sequence += 1;
        }
        self.receipt(count)
    }

    pub(super) fn delete(&mut self, filter: &Filter) -> CommitReceipt {
        let before = self.records.len();
        self.records.retain(|record| !matches(filter, &record.values));
        self.receipt((before - self.records.len()) as u64)
    }

    fn receipt(&mut self, rows: u64) -> CommitReceipt {
        self.commit_seq += 1;
        CommitReceipt { rows, commit_seq: self.commit_seq }
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
