//! The log of changes: what is acknowledged is read at once, and is there after every end of a process.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use eider_application::ports::{
    AnswerDraft, AnswerToKeep, BackupSource, Change, ChangeOutcome, CommitLog, CommitOutcome, CommitTerms,
    EvolutionOutcome, EvolutionRequest, IdOrigin, IdempotencyRecords, OnConflict, RecordReader, RecordWriter,
    ScanRequest, SchemaCatalog, SchemaEvolution, StoreErrorKind, WriteRequest, value_at,
};
use eider_domain::{
    DataType, Evolution, Filter, RecordId, RecordQuery, Schema, SchemaName, SystemField, Timestamp, Value, Version,
};
use eider_store_duckdb::{DuckDbStore, GroupSettings, StoreSettings};
use eider_testkit::{batch, condition};
use futures::TryStreamExt;
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use crate::fixture;

/// Settings under which nothing is stored in a table unless somebody asks for it.
fn settings(directory: &Path) -> StoreSettings {
    let group = GroupSettings { flush_after: Duration::from_hours(1), ..GroupSettings::default() };
    StoreSettings { group, checkpoint_after_idle: Duration::from_hours(1), ..fixture::settings(directory) }
}

async fn notes(settings: StoreSettings) -> (DuckDbStore, Arc<Schema>) {
    let store = DuckDbStore::open(settings).await.unwrap();
    let definition = json!({"name": "notes", "properties": [
        {"name": "n", "type": "integer", "is_indexed": true}, {"name": "text", "type": "string"}]});
    let schema = store.create(eider_testkit::schema(definition)).await.unwrap();
    (store, schema)
}

fn id(number: u8) -> RecordId {
    RecordId::new(Uuid::from_u128(u128::from(number) << 100 | 7))
}

/// A record of a number with an id of its own, of a version.
fn record(schema: &Schema, number: u8, n: i64, version: i64) -> RecordBatch {
    batch(schema, json!([{"id": id(number).to_string(), "version": version, "n": n, "text": format!("text {n}")}]))
}

fn value(record: &RecordBatch, column: usize) -> Value {
    let field = record.schema_ref().field(column);
    let data_type = match field.name().as_str() {
        "version" => SystemField::Version.data_type(),
        _ => DataType::Integer,
    };
    value_at(data_type, record.column(column), 0)
}

/// The `n` and the version of a record.
fn seen(record: &RecordBatch) -> (i64, i64) {
    let at = |name: &str| match value(record, record.schema_ref().index_of(name).unwrap()) {
        Value::Integer(value) => value,
        other => panic!("{other:?}"),
    };
    (at("n"), at("version"))
}

/// Every record that a scan finds.
async fn scanned(store: &DuckDbStore, schema: &Arc<Schema>) -> BTreeMap<RecordId, (i64, i64)> {
    let request = ScanRequest::new(RecordQuery::everything(schema));
    let batches: Vec<RecordBatch> = store.scan(schema, request).await.unwrap().try_collect().await.unwrap();
    let mut found = BTreeMap::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let record = batch.slice(row, 1);
            let Value::Uuid(id) = value_at(SystemField::Id.data_type(), record.column(0), 0) else { panic!("an id") };
            assert_eq!(found.insert(RecordId::new(id), seen(&record)), None, "a record comes twice");
        }
    }
    found
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// What is done to a store.
#[derive(Debug, Clone)]
enum Step {
    Create(u8),
    Replace(u8),
    ReplaceStale(u8),
    Delete(u8),
    /// Several creations and deletions at once, which share commits.
    Many(Vec<u8>),
    /// A write of many records that replaces those of the same id.
    Bulk(Vec<u8>),
    DeleteAll(i64),
    Scan,
    Backup,
    /// The process ends, and what it holds in memory with it.
    End,
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = || 0..12_u8;
    let several = || prop::collection::vec(number(), 1..6);
    let step = prop_oneof![
        6 => number().prop_map(Step::Create),
        5 => number().prop_map(Step::Replace),
        1 => number().prop_map(Step::ReplaceStale),
        3 => number().prop_map(Step::Delete),
        2 => several().prop_map(Step::Many),
        1 => several().prop_map(Step::Bulk),
        1 => (0..40_i64).prop_map(Step::DeleteAll),
        2 => Just(Step::Scan),
        1 => Just(Step::Backup),
        2 => Just(Step::End),
        1 => Just(Step::Close),
    ];
    prop::collection::vec(step, 1..40)
}

/// A store beside what it has to hold.
struct Checked {
    directory: TempDir,
    settings: StoreSettings,
    store: Option<DuckDbStore>,
    schema: Arc<Schema>,
    records: BTreeMap<RecordId, (i64, i64)>,
    commit_seq: u64,
    next: i64,
}

impl Checked {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path());
        let (store, schema) = notes(settings.clone()).await;
        Self { directory, settings, store: Some(store), schema, records: BTreeMap::new(), commit_seq: 0, next: 0 }
    }

    fn store(&self) -> &DuckDbStore {
        self.store.as_ref().unwrap()
    }

    async fn change(&mut self, change: Change) -> ChangeOutcome {
        let outcome = self.store().change(&self.schema, change).await.unwrap();
        if let ChangeOutcome::Committed { commit_seq, .. } = outcome {
            assert!(commit_seq > self.commit_seq);
            self.commit_seq = commit_seq;
        }
        assert_eq!(self.store().commit_seq(&self.schema).await.unwrap(), self.commit_seq);
        outcome
    }

    async fn create(&mut self, number: u8) {
        self.next += 1;
        let (n, record) = (self.next, record(&self.schema, number, self.next, 1));
        let outcome = self.change(Change::Create { record, ids: IdOrigin::Client, answer: None }).await;
        match self.records.entry(id(number)) {
            Entry::Occupied(_) => assert!(matches!(outcome, ChangeOutcome::Conflict(_)), "{outcome:?}"),
            Entry::Vacant(place) => {
                assert!(matches!(outcome, ChangeOutcome::Committed { .. }), "{outcome:?}");
                place.insert((n, 1));
            }
        }
    }

    async fn replace(&mut self, number: u8, is_stale: bool) {
        self.next += 1;
        let version = self.records.get(&id(number)).map_or(1, |(_, version)| *version);
        let record = record(&self.schema, number, self.next, version + 1);
        let expected = Version::from_i64(version + i64::from(is_stale));
        let outcome = self.change(Change::Replace { record, expected }).await;
        match self.records.get_mut(&id(number)) {
            None => assert_eq!(outcome, ChangeOutcome::Missing),
            Some(_) if is_stale => assert_eq!(outcome, ChangeOutcome::Stale),
            Some(found) => {
                assert!(matches!(outcome, ChangeOutcome::Committed { .. }), "{outcome:?}");
                *found = (self.next, version + 1);
            }
        }
    }

    async fn delete(&mut self, number: u8) {
        let outcome = self.change(Change::Delete { id: id(number), expected: None }).await;
        match self.records.remove(&id(number)) {
            None => assert_eq!(outcome, ChangeOutcome::Missing),
            Some(_) => assert!(matches!(outcome, ChangeOutcome::Committed { .. }), "{outcome:?}"),
        }
    }

    async fn many(&mut self, numbers: Vec<u8>) {
        let store = self.store().clone();
        let change = |number: u8| {
            if self.records.contains_key(&id(number)) {
                return Change::Delete { id: id(number), expected: None };
            }
            let record = record(&self.schema, number, self.next, 1);
            Change::Create { record, ids: IdOrigin::Client, answer: None }
        };
        let numbers: BTreeSet<u8> = numbers.into_iter().collect();
        let changes = numbers.iter().map(|number| store.change(&self.schema, change(*number)));
        for outcome in futures::future::join_all(changes).await {
            assert!(matches!(outcome, Ok(ChangeOutcome::Committed { .. })), "{outcome:?}");
        }
        for number in numbers {
            if self.records.remove(&id(number)).is_none() {
                self.records.insert(id(number), (self.next, 1));
            }
        }
        self.commit_seq = self.store().commit_seq(&self.schema).await.unwrap();
    }

    async fn bulk(&mut self, numbers: Vec<u8>) {
        let request = WriteRequest { on_conflict: OnConflict::Replace, ..WriteRequest::new(Arc::clone(&self.schema)) };
        let mut writer = self.store().begin_write(request).await.unwrap();
        for number in BTreeSet::from_iter(numbers) {
            self.next += 1;
            writer.append(record(&self.schema, number, self.next, 1), IdOrigin::Client).await.unwrap();
            let version = self.records.get(&id(number)).map_or(1, |(_, version)| version + 1);
            self.records.insert(id(number), (self.next, version));
        }
        let ended = writer.commit(CommitTerms::all_or_nothing()).await.unwrap();
        assert!(matches!(ended.outcome, CommitOutcome::Committed(_)));
        self.commit_seq = self.store().commit_seq(&self.schema).await.unwrap();
    }

    async fn delete_all(&mut self, below: i64) {
        let filter = condition(&self.schema, "n", "lt", json!(below));
        let outcome = self.store().delete(&self.schema, &filter, u64::MAX).await.unwrap();
        let before = self.records.len();
        self.records.retain(|_, (n, _)| *n >= below);
        assert_eq!(outcome.deleted(), (before - self.records.len()) as u64);
        self.commit_seq = self.store().commit_seq(&self.schema).await.unwrap();
    }

    async fn reopen(&mut self) {
        drop(self.store.take());
        self.open().await;
    }

    /// Goes on with the files as they are on the disk now, and not as they would be after a good end.
    async fn end(&mut self) {
        let directory = tempfile::tempdir().unwrap();
        copy_files(self.directory.path(), directory.path());
        drop(self.store.take());
        self.settings = settings(directory.path());
        self.directory = directory;
        self.open().await;
    }

    async fn open(&mut self) {
        let store = DuckDbStore::open(self.settings.clone()).await.unwrap();
        self.schema = store.get(&SchemaName::parse("notes").unwrap()).await.unwrap();
        self.store = Some(store);
    }

    async fn run(&mut self, step: Step) {
        match step {
            Step::Create(number) => self.create(number).await,
            Step::Replace(number) => self.replace(number, false).await,
            Step::ReplaceStale(number) => self.replace(number, true).await,
            Step::Delete(number) => self.delete(number).await,
            Step::Many(numbers) => self.many(numbers).await,
            Step::Bulk(numbers) => self.bulk(numbers).await,
            Step::DeleteAll(below) => self.delete_all(below).await,
            Step::Scan => assert_eq!(scanned(self.store(), &self.schema).await, self.records),
            Step::Backup => {
                let backup = self.store().backup().await.unwrap();
                assert_eq!(backup.schemas[0].1, self.commit_seq);
                backup.pieces.try_collect::<Vec<_>>().await.unwrap();
            }
            Step::End => self.end().await,
            Step::Close => {
                self.store().close().await.unwrap();
                self.reopen().await;
            }
        }
        assert_eq!(self.store().commit_seq(&self.schema).await.unwrap(), self.commit_seq);
    }

    async fn check_every_record(&self) {
        for number in 0..12 {
            let found = self.store().record(&self.schema, id(number)).await.unwrap();
            assert_eq!(found.as_ref().map(seen), self.records.get(&id(number)).copied(), "record {number}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_was_acknowledged_is_read_and_kept_whatever_is_done(steps in steps()) {
        block_on(async {
            let mut checked = Checked::new().await;
            for step in steps {
                checked.run(step).await;
                checked.check_every_record().await;
            }
            assert_eq!(scanned(checked.store(), &checked.schema).await, checked.records);
        });
    }
}

/// The files of a store with eight acknowledged changes in its log, as a kill leaves them.
fn killed() -> TempDir {
    block_on(async {
        let mut checked = Checked::new().await;
        for number in 0..8 {
            checked.create(number).await;
        }
        let directory = tempfile::tempdir().unwrap();
        copy_files(checked.directory.path(), directory.path());
        directory
    })
}

/// How many of the changes there are, in their order; the kind and the text of the error when the store does not open.
fn opened(directory: &Path) -> Result<usize, (StoreErrorKind, String)> {
    block_on(async {
        let store = match DuckDbStore::open(settings(directory)).await {
            Ok(store) => store,
            Err(error) => return Err((error.kind(), error.to_string())),
        };
        let schema = store.get(&SchemaName::parse("notes").unwrap()).await.unwrap();
        let found = scanned(&store, &schema).await;
        let expected = (0..found.len()).map(|number| {
            let number = u8::try_from(number).unwrap();
            (id(number), (i64::from(number) + 1, 1))
        });
        assert_eq!(found, expected.collect());
        Ok(found.len())
    })
}

const LOG: &str = "eider.duckdb.changes-wal";

#[test]
fn a_log_that_was_cut_anywhere_opens_with_the_changes_before() {
    let whole = killed();
    let bytes = fs::read(whole.path().join(LOG)).unwrap();
    assert_eq!(opened(whole.path()), Ok(8));
    let mut before = 0;
    for length in (0..=bytes.len()).step_by(bytes.len() / 40) {
        let directory = killed();
        fs::write(directory.path().join(LOG), &fs::read(directory.path().join(LOG)).unwrap()[..length]).unwrap();
        let found = opened(directory.path()).unwrap_or_else(|error| panic!("{length} bytes: {error:?}"));
        assert!(found >= before, "{found} changes of {length} bytes, {before} of fewer");
        before = found;
    }
    assert!(before > 4, "{before}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_log_with_a_bit_changed_is_refused_or_lacks_the_last_change(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let directory = killed();
        let path = directory.path().join(LOG);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        fs::write(&path, &bytes).unwrap();
        match opened(directory.path()) {
            Ok(found) => assert!(found >= 7, "byte {at}: {found}"),
            Err((kind, text)) => {
                assert_eq!(kind, StoreErrorKind::Corrupt, "byte {at}: {text}");
                // What it was is there to be looked at.
                assert!(fs::read(&path).unwrap() == bytes);
            }
        }
    }
}

#[test]
fn the_log_of_another_store_is_refused_and_left_alone() {
    let (one, other) = (killed(), killed());
    for file in ["eider.duckdb", "eider.duckdb.wal"] {
        match fs::copy(other.path().join(file), one.path().join(file)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                fs::remove_file(one.path().join(file)).unwrap_or(());
            }
            copied => drop(copied.unwrap()),
        }
    }
    let before = fs::read(one.path().join(LOG)).unwrap();
    let (kind, text) = opened(one.path()).unwrap_err();
    assert_eq!(kind, StoreErrorKind::Corrupt);
    assert!(text.contains("another store"), "{text}");
    assert!(fs::read(one.path().join(LOG)).unwrap() == before);
    for file in ["eider.duckdb.changes", LOG] {
        fs::remove_file(one.path().join(file)).unwrap();
    }
    assert_eq!(opened(one.path()), Ok(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_a_schema_that_was_removed_are_none_of_its_successor() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = notes(settings(directory.path())).await;
    let created = record(&schema, 1, 1, 1);
    store.change(&schema, Change::Create { record: created, ids: IdOrigin::Client, answer: None }).await.unwrap();
    store.remove(schema.name(), None).await.unwrap();
    let definition = json!({"name": "notes", "properties": [{"name": "n", "type": "integer"}]});
    store.create(eider_testkit::schema(definition)).await.unwrap();
    let killed = tempfile::tempdir().unwrap();
    copy_files(directory.path(), killed.path());
    let store = DuckDbStore::open(settings(killed.path())).await.unwrap();
    let schema = store.get(schema.name()).await.unwrap();
    assert_eq!(store.commit_seq(&schema).await.unwrap(), 0);
    assert_eq!(store.record(&schema, id(1)).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_found_in_the_log_and_after_an_end() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = notes(settings(directory.path())).await;
    let at = eider_testkit::created_at();
    let answer = AnswerToKeep {
        key: "a key".to_owned(),
        fingerprint: "of the call".to_owned(),
        at,
        draft: AnswerDraft { members: serde_json::Map::new(), began: Instant::now(), failures: None },
    };
    let created = record(&schema, 1, 1, 1);
    let change = Change::Create { record: created, ids: IdOrigin::Client, answer: Some(Box::new(answer)) };
    store.change(&schema, change).await.unwrap();
    let of = async |store: &DuckDbStore, schema: &Arc<Schema>, since| {
        store.idempotency_record(schema, "a key", since).await.unwrap().map(|record| record.fingerprint)
    };
    let kept = Some("of the call".to_owned());
    assert_eq!(of(&store, &schema, at).await, kept);
    assert_eq!(of(&store, &schema, Timestamp::from_micros(at.as_micros() + 1)).await, None);
    let killed = tempfile::tempdir().unwrap();
    copy_files(directory.path(), killed.path());
    let after = DuckDbStore::open(settings(killed.path())).await.unwrap();
    let schema_after = after.get(schema.name()).await.unwrap();
    assert_eq!(of(&after, &schema_after, at).await, kept);
    scanned(&store, &schema).await;
    assert_eq!(of(&store, &schema, at).await, kept);
}

fn creation(schema: &Schema, n: i64) -> Change {
    let record = batch(schema, json!([{"n": n, "text": "x"}]));
    Change::Create { record, ids: IdOrigin::Generated, answer: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_for_the_log_refuses_changes_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    // No disk has room for so much.
    settings.group.pending_bytes = 1 << 60;
    let (store, schema) = notes(settings).await;
    let error = store.change(&schema, creation(&schema, 1)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::StorageFull);
    assert_eq!(store.commit_seq(&schema).await.unwrap(), 0);
    let mut writer = store.begin_write(WriteRequest::new(Arc::clone(&schema))).await.unwrap();
    writer.append(record(&schema, 1, 1, 1), IdOrigin::Client).await.unwrap();
    writer.commit(CommitTerms::all_or_nothing()).await.unwrap();
    assert_eq!(scanned(&store, &schema).await.len(), 1);
    store.change(&schema, Change::Delete { id: id(1), expected: None }).await.unwrap_err();
    assert!(store.record(&schema, id(1)).await.unwrap().is_some());
}

/// Writers, readers of everything that are cut off at any moment, and a bound on what is pending.
async fn write_beside_readers(pending_bytes: usize, flush_after: Duration) {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.group.pending_bytes = pending_bytes;
    settings.group.flush_after = flush_after;
    let (store, schema) = notes(settings).await;
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let writers = (0..4_i64).map(|writer| {
        let (store, schema, acknowledged) = (store.clone(), Arc::clone(&schema), Arc::clone(&acknowledged));
        tokio::spawn(async move {
            for n in 0..60 {
                store.change(&schema, creation(&schema, writer * 1_000 + n)).await.unwrap();
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut cut = 0;
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        let at_least = acknowledged.load(Ordering::SeqCst);
        assert!(scanned(&store, &schema).await.len() >= at_least, "a scan lacks what was acknowledged before it");
        let (inner, of) = (store.clone(), Arc::clone(&schema));
        let reader = tokio::spawn(async move { scanned(&inner, &of).await.len() });
        tokio::time::sleep(Duration::from_micros(137 * (cut % 20))).await;
        reader.abort();
        cut += 1;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    // `scanned` fails on a record that comes twice.
    assert_eq!(scanned(&store, &schema).await.len(), 240);
}

#[tokio::test(flavor = "multi_thread")]
async fn scans_beside_writers_see_all_that_was_acknowledged_and_nothing_twice() {
    write_beside_readers(32 << 20, Duration::from_millis(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_wait_when_more_is_pending_than_there_may_be() {
    write_beside_readers(1, Duration::from_hours(1)).await;
}

/// Reads of everything beside changes of the schema and of single records: none meets records of another version.
#[tokio::test(flavor = "multi_thread")]
async fn scans_beside_changes_of_the_schema_see_all_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.group.flush_after = Duration::from_millis(1);
    let (store, schema) = notes(settings).await;
    let name = schema.name().clone();
    let is_over = Arc::new(AtomicBool::new(false));
    let writers = (0..2).map(|_| {
        let (store, name, is_over) = (store.clone(), name.clone(), Arc::clone(&is_over));
        tokio::spawn(async move {
            let mut created = 0;
            while !is_over.load(Ordering::SeqCst) {
                let schema = store.get(&name).await.unwrap();
                match store.change(&schema, creation(&schema, created)).await {
                    Ok(_) => created += 1,
                    Err(error) => assert_eq!(error.kind(), StoreErrorKind::SchemaChanged, "{error}"),
                }
            }
            created
        })
    });
    let readers = (0..2).map(|_| {
        let (store, name, is_over) = (store.clone(), name.clone(), Arc::clone(&is_over));
        tokio::spawn(async move {
            while !is_over.load(Ordering::SeqCst) {
                let schema = store.get(&name).await.unwrap();
                if let Err(error) = store.count(&schema, &Filter::everything()).await {
                    assert_eq!(error.kind(), StoreErrorKind::SchemaChanged, "{error}");
                }
            }
        })
    });
    let (writers, readers): (Vec<_>, Vec<_>) = (writers.collect(), readers.collect());
    for round in 0..12 {
        let schema = store.get(&name).await.unwrap();
        let change = if round % 2 == 0 {
            json!({"add": [{"name": "more", "type": "string"}]})
        } else {
            json!({"drop": ["more"]})
        };
        let evolution = Evolution::parse(schema.definition(), &change).unwrap();
        let at = eider_testkit::created_at();
        let outcome = store.evolve(EvolutionRequest { schema, evolution, at, is_dry_run: false }).await.unwrap();
        assert!(matches!(outcome, EvolutionOutcome::Evolved(_)), "{outcome:?}");
    }
    is_over.store(true, Ordering::SeqCst);
    let mut created = 0;
    for writer in writers {
        created += writer.await.unwrap();
    }
    for reader in readers {
        reader.await.unwrap();
    }
    let schema = store.get(&name).await.unwrap();
    assert_eq!(scanned(&store, &schema).await.len(), usize::try_from(created).unwrap());
}
