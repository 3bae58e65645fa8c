//! A store of one's own: the least that Eider's use cases work on.
//!
//! It keeps each schema's records in a vector, answers scans with the testkit's [reference](eider_testkit::reference), and
//! leaves everything else that a reader does to the defaults of the ports. It offers no further role: a use case that needs
//! one answers with `unsupported`. Below, the contract holds it to what every store promises.
//!
//! `cargo run -p eider-testkit --example a_store_of_ones_own` writes two records and reads them;
//! `cargo test -p eider-testkit --example a_store_of_ones_own` runs the contract.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use eider_application::ports::{
    BackupMethod, BatchWriter, Change, ChangeOutcome, CommitLog, CommitOutcome, CommitReceipt, CommitTerms,
    ConflictingKey, Conflicts, DeleteOutcome, Durability, EndedWrite, IdOrigin, Indexes, KeyConflict, OnConflict,
    Reads, RecordReader, RecordStream, RecordWriter, ScanRequest, SchemaCatalog, Store, StoreCapabilities, StoreError,
    StoreErrorKind, WriteReceipt, WriteRequest, Writers,
};
use eider_domain::{Field, Filter, RecordId, Schema, SchemaName, SystemField, Value};
use eider_testkit::reference::{self, StoredRecord, matches, rows_of};
use futures::{StreamExt, stream};
use tokio::sync::watch;

type Row = Vec<Value>;

#[derive(Debug, Clone, Default)]
struct VecStore(Arc<Mutex<BTreeMap<String, Table>>>);

#[derive(Debug)]
struct Table {
    schema: Arc<Schema>,
    records: Vec<Arc<StoredRecord>>,
    /// The number of the last commit, which is the position of its last record.
    committed: watch::Sender<u64>,
}

impl Table {
    fn place_of(&self, id: RecordId) -> Option<usize> {
        self.records.iter().position(|record| id_of(&record.values) == id)
    }

    /// Puts rows behind the others, as one commit. One that stores none, since it deletes, takes a place too.
    fn commit(&mut self, rows: Vec<Row>) -> u64 {
        let last = *self.committed.borrow();
        let records = (last + 1..).zip(rows);
        self.records
            .extend(records.map(|(place, values)| Arc::new(StoredRecord { sequence: place.cast_signed(), values })));
        let written = self.records.last().map_or(0, |record| record.sequence.cast_unsigned());
        self.committed.send_replace(written.max(last + 1));
        written.max(last + 1)
    }
}

impl VecStore {
    /// Works on the table of exactly this schema: not of another that has its name by now.
    fn with<T>(&self, schema: &Arc<Schema>, work: impl FnOnce(&mut Table) -> T) -> Result<T, StoreError> {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let table = tables.get_mut(&schema.name().key()).filter(|table| Arc::ptr_eq(&table.schema, schema));
        table.map(work).ok_or_else(not_found)
    }
}

fn id_of(row: &Row) -> RecordId {
    match row[SystemField::Id as usize] {
        Value::Uuid(id) => RecordId::new(id),
        _ => unreachable!("the field `id` is a UUID"),
    }
}

fn conflict(row: u64, with: ConflictingKey) -> KeyConflict {
    KeyConflict { row, fields: vec![Field::System(SystemField::Id)], with }
}

fn not_found() -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, "there is no such schema")
}

#[async_trait]
impl SchemaCatalog for VecStore {
    async fn create(&self, schema: Schema) -> Result<Arc<Schema>, StoreError> {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, schema) = (schema.name().key(), Arc::new(schema));
        if tables.contains_key(&key) {
            return Err(StoreError::new(StoreErrorKind::Conflict, "a schema has this name"));
        }
        let (records, committed) = (Vec::new(), watch::Sender::new(0));
        tables.insert(key, Table { schema: Arc::clone(&schema), records, committed });
        Ok(schema)
    }

    async fn get(&self, name: &SchemaName) -> Result<Arc<Schema>, StoreError> {
        let tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.get(&name.key()).map(|table| Arc::clone(&table.schema)).ok_or_else(not_found)
    }

    async fn list(&self) -> Result<Vec<Arc<Schema>>, StoreError> {
        let tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(tables.values().map(|table| Arc::clone(&table.schema)).collect())
    }

    async fn remove(&self, name: &SchemaName, _expected: Option<&Arc<Schema>>) -> Result<(), StoreError> {
        // Schemas have one version here, so it is the expected one.
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.remove(&name.key()).map(drop).ok_or_else(not_found)
    }
}

#[async_trait]
impl RecordReader for VecStore {
    async fn scan(&self, schema: &Arc<Schema>, request: ScanRequest) -> Result<RecordStream, StoreError> {
        let (batch, total) = self.with(schema, |table| reference::scan(schema, &table.records, &request))?;
        let columns = batch.schema();
        let batches = stream::iter((batch.num_rows() > 0).then_some(Ok(batch))).boxed();
        Ok(RecordStream::new(columns, batches).with_total(request.counts_total.then_some(total)))
    }
}

#[derive(Debug)]
struct VecWriter {
    store: VecStore,
    request: WriteRequest,
    rows: Vec<Row>,
    is_lost: bool,
}

#[async_trait]
impl BatchWriter for VecWriter {
    async fn append(&mut self, batch: RecordBatch, _ids: IdOrigin) -> Result<(), StoreError> {
        if batch.schema_ref() != self.request.schema.arrow() {
            self.is_lost = true;
            return Err(StoreError::new(StoreErrorKind::InvalidInput, "the batch has other columns than the schema"));
        }
        self.rows.extend(rows_of(&batch));
        Ok(())
    }

    async fn commit(self: Box<Self>, terms: CommitTerms) -> Result<EndedWrite, StoreError> {
        let Self { store, request, rows, is_lost } = *self;
        if is_lost {
            return Err(StoreError::new(StoreErrorKind::InvalidInput, "the write was lost when a batch was refused"));
        }
        store.with(&request.schema, |table| {
            let stored = table.records.iter().map(|record| (id_of(&record.values), ConflictingKey::Stored));
            let (mut seen, mut conflicts) = (stored.collect::<HashMap<_, _>>(), Vec::new());
            for (row, values) in (0..).zip(&rows) {
                match seen.entry(id_of(values)) {
                    Entry::Occupied(first) => conflicts.push(conflict(row, *first.get())),
                    Entry::Vacant(entry) => drop(entry.insert(ConflictingKey::Row(row))),
                }
            }
            let refused = conflicts.len() as u64;
            let outcome = if refused > terms.max_refused {
                CommitOutcome::Refused { rows: refused }
            } else {
                let is_refused = |row| conflicts.iter().any(|conflict| conflict.row == row);
                let accepted = (0..).zip(rows).filter(|(row, _)| !is_refused(*row)).map(|(_, values)| values);
                let accepted: Vec<Row> = accepted.collect();
                let created = accepted.len() as u64;
                let commit_seq = (created > 0).then(|| table.commit(accepted));
                CommitOutcome::Committed(WriteReceipt { created, refused, commit_seq, ..WriteReceipt::default() })
            };
            EndedWrite { outcome, conflicts: Conflicts::of(conflicts) }
        })
    }
}

#[async_trait]
impl RecordWriter for VecStore {
    async fn begin_write(&self, request: WriteRequest) -> Result<Box<dyn BatchWriter>, StoreError> {
        if request.on_conflict != OnConflict::Error || request.is_dry_run || request.returns_ids {
            return Err(StoreError::new(StoreErrorKind::Unsupported, "only new records are written here"));
        }
        self.with(&request.schema, |_| ())?;
        Ok(Box::new(VecWriter { store: self.clone(), request, rows: Vec::new(), is_lost: false }))
    }

    async fn change(&self, schema: &Arc<Schema>, change: Change) -> Result<ChangeOutcome, StoreError> {
        self.with(schema, |table| {
            let (row, replaced, expected) = match change {
                Change::Create { record, .. } => (rows_of(&record).pop(), None, None),
                Change::Replace { record, expected } => {
                    let row = rows_of(&record).pop();
                    (row.clone(), row.map(|row| id_of(&row)), Some(expected))
                }
                Change::Delete { id, expected } => (None, Some(id), expected),
            };
            if let Some(id) = replaced {
                let Some(place) = table.place_of(id) else { return ChangeOutcome::Missing };
                let version = &table.records[place].values[SystemField::Version as usize];
                if expected.is_some_and(|expected| *version != Value::Integer(expected.as_i64())) {
                    return ChangeOutcome::Stale;
                }
                table.records.remove(place);
            } else if row.as_ref().is_some_and(|row| table.place_of(id_of(row)).is_some()) {
                return ChangeOutcome::Conflict(vec![conflict(0, ConflictingKey::Stored)]);
            }
            ChangeOutcome::Committed { commit_seq: table.commit(row.into_iter().collect()), shared: Vec::new() }
        })
    }

    async fn delete(&self, schema: &Arc<Schema>, filter: &Filter, most: u64) -> Result<DeleteOutcome, StoreError> {
        self.with(schema, |table| {
            let (gone, kept): (Vec<_>, Vec<_>) =
                table.records.iter().cloned().partition(|record| matches(filter, &record.values));
            let rows = gone.len() as u64;
            if rows > most {
                return DeleteOutcome::TooMany { matching: rows };
            }
            table.records = kept;
            let commit_seq = if rows > 0 { table.commit(Vec::new()) } else { *table.committed.borrow() };
            DeleteOutcome::Deleted(CommitReceipt { rows, commit_seq })
        })
    }
}

#[async_trait]
impl CommitLog for VecStore {
    async fn commit_seq(&self, schema: &Arc<Schema>) -> Result<u64, StoreError> {
        self.with(schema, |table| *table.committed.borrow())
    }

    async fn wait_for_commit(&self, schema: &Arc<Schema>, number: u64, at_most: Duration) -> Result<(), StoreError> {
        let mut committed = self.with(schema, |table| table.committed.subscribe())?;
        let late = |_| StoreError::new(StoreErrorKind::Timeout, "the commit did not come in time");
        let reached = tokio::time::timeout(at_most, committed.wait_for(|last| *last >= number)).await.map_err(late)?;
        reached.map(drop).map_err(|_| not_found())
    }
}

#[async_trait]
impl Store for VecStore {
    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities {
            durability: Durability::Memory,
            has_unique_keys: false,
            indexes: Indexes::Ignored,
            writers: Writers::OneProcess,
            reads: Reads::OneNode,
            backup: BackupMethod::None,
            keeps_snapshots: false,
        }
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example shows what it does")]
async fn main() {
    let store = eider_testkit::Fixture::new(Arc::new(VecStore::default()));
    let document = serde_json::json!({"name": "flights", "properties": [{"name": "carrier", "type": "string"}]});
    let schema = store.create(document).await;
    let receipt = store.write(&schema, serde_json::json!([{"carrier": "UA"}, {"carrier": "AA"}])).await;
    println!("stored {} records in commit {:?}", receipt.created, receipt.commit_seq);
    for record in store.sorted(&schema, "carrier").await {
        println!("{record}");
    }
}

#[cfg(test)]
mod contract {
    use eider_application::ports::ProfileRequest;
    use eider_application::{ErrorCode, QueryService, SchemaService};
    use eider_testkit::{FixedClock, Fixture, store_contract};
    use serde_json::json;

    use super::*;

    async fn fixture() -> Fixture {
        Fixture::new(Arc::new(VecStore::default()))
    }

    store_contract!(core, fixture);

    #[tokio::test]
    async fn what_the_store_does_not_promise_is_unsupported() {
        let store: Arc<dyn Store> = Arc::new(VecStore::default());
        let schemas = SchemaService::new(Arc::clone(&store), Arc::new(FixedClock::default()));
        let document = json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]});
        let schema = schemas.create(document).await.expect("a schema");
        assert_eq!(schemas.versions(schema.name()).await.expect("its only version").len(), 1);
        let query = QueryService::new(store);
        let request = ProfileRequest { filter: Filter::everything(), fields: Vec::new() };
        assert_eq!(query.profile(&schema, &request).await.expect_err("no profiles").code(), ErrorCode::Unsupported);
        assert_eq!(query.advise(&schema).await.expect_err("no advice").code(), ErrorCode::Unsupported);
        let counted = query.count(&schema, &Filter::everything()).await.expect("the ports count by themselves");
        assert_eq!(counted, 0);
    }
}
