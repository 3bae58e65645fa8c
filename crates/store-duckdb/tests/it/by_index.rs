//! An index answers as a scan does, whatever was done before and whatever is asked.

use std::sync::Arc;

use eider_application::ports::{
    Access, Change, CommitTerms, Explainer, IdOrigin, OnConflict, POSITION_SEQUENCE, ReadRequest, RecordReader,
    RecordWriter, ScanRequest, SchemaCatalog, WriteRequest,
};
use eider_domain::{Filter, Position, RecordId, RecordQuery, Schema, Value, Version};
use eider_store_duckdb::{DuckDbStore, StoreSettings};
use eider_testkit::contract::collect;
use eider_testkit::{all_of, batch, condition, rows, sort};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::fixture::settings;

/// The indexed properties, each with values that come often.
fn properties() -> Vec<(Json, Vec<Json>)> {
    let long = |end: &str| json!("x".repeat(140) + end);
    vec![
        (json!({"name": "integer", "type": "integer"}), vec![json!(-3), json!(0), json!(7), Json::Null]),
        (
            json!({"name": "number", "type": "number"}),
            vec![json!(-0.5), json!(0.0), json!(-0.0), json!(1e9), Json::Null],
        ),
        (
            json!({"name": "decimal", "type": "decimal", "precision": 9, "scale": 2}),
            vec![json!("-1.50"), json!("0.01")],
        ),
        (json!({"name": "boolean", "type": "boolean"}), vec![json!(true), json!(false), Json::Null]),
        (json!({"name": "date", "type": "date"}), vec![json!("1969-12-31"), json!("2026-01-01"), Json::Null]),
        (json!({"name": "at", "type": "datetime"}), vec![json!("1969-12-31T23:59:59Z"), json!("2026-01-01T00:00:00Z")]),
        (
            json!({"name": "text", "type": "string"}),
            vec![json!(""), json!("a"), json!("a\u{0}b"), json!("ä"), long("a"), long("b"), Json::Null],
        ),
    ]
}

/// What can be done to a store.
#[derive(Debug, Clone)]
enum Step {
    /// A record of an id, by itself: created, or replaced when it is there.
    Put(u8, Vec<usize>),
    Delete(u8),
    /// Records of some ids in one call, which replace.
    Bulk(Vec<(u8, Vec<usize>)>),
    DeleteWhere(usize, usize),
    Restart,
    Read(Read),
}

#[derive(Debug, Clone)]
struct Read {
    property: usize,
    operator: &'static str,
    values: Vec<usize>,
    beside: Option<(usize, usize)>,
    sorted_by: Option<(usize, bool)>,
    limit: Option<u64>,
    offset: u64,
    is_continued: bool,
}

fn read() -> impl Strategy<Value = Read> {
    let operators = ["", "eq", "in", "gt", "gte", "lt", "lte", "is_null", "is_not_null"];
    let property = || 0_usize..8;
    let beside = prop::option::weighted(0.3, (0_usize..7, 0_usize..7));
    let sorted_by = prop::option::of((property(), any::<bool>()));
    let limit = prop::option::of(1_u64..6);
    (
        (property(), prop::sample::select(operators.to_vec()), prop::collection::vec(0_usize..7, 1..4), beside),
        (sorted_by, limit, 0_u64..3, any::<bool>()),
    )
        .prop_map(|((property, operator, values, beside), (sorted_by, limit, offset, is_continued))| Read {
            property,
            operator,
            values,
            beside,
            sorted_by,
            limit,
            offset,
            is_continued,
        })
}

fn step() -> impl Strategy<Value = Step> {
    let record = || (0_u8..30, prop::collection::vec(0_usize..7, 7));
    prop_oneof![
        6 => record().prop_map(|(id, values)| Step::Put(id, values)),
        2 => (0_u8..30).prop_map(Step::Delete),
        2 => prop::collection::vec(record(), 1..12).prop_map(Step::Bulk),
        1 => (0_usize..7, 0_usize..7).prop_map(|(property, value)| Step::DeleteWhere(property, value)),
        1 => Just(Step::Restart),
        12 => read().prop_map(Step::Read),
    ]
}

fn record(id: u8, values: &[usize]) -> Json {
    let mut record = json!({"id": Uuid::from_u128(u128::from(id)).to_string(), "always": "there"});
    for ((property, possible), value) in properties().iter().zip(values) {
        record[property["name"].as_str().unwrap()] = possible[value % possible.len()].clone();
    }
    record
}

struct Things {
    /// None while it is opened again.
    store: Option<DuckDbStore>,
    schema: Arc<Schema>,
    settings: StoreSettings,
    /// Reads that an index has answered.
    by_index: usize,
}

impl Things {
    async fn new(settings: StoreSettings) -> Self {
        let indexed = properties().into_iter().map(|(mut property, _)| {
            property["is_indexed"] = json!(true);
            property
        });
        let plain = json!({"name": "always", "type": "string", "required": true});
        let properties: Vec<Json> = indexed.chain([plain]).collect();
        let store = DuckDbStore::open(settings.clone()).await.unwrap();
        let definition = eider_testkit::schema(json!({"name": "things", "properties": properties}));
        let schema = store.create(definition).await.unwrap();
        Self { store: Some(store), schema, settings, by_index: 0 }
    }

    fn store(&self) -> &DuckDbStore {
        self.store.as_ref().unwrap()
    }

    fn name(property: usize) -> String {
        properties()
            .get(property)
            .map_or("id".to_owned(), |(property, _)| property["name"].as_str().unwrap().to_owned())
    }

    fn value(property: usize, value: usize) -> Json {
        match properties().get(property) {
            // A list of values has no null in it.
            Some((_, possible)) => {
                let present: Vec<&Json> = possible.iter().filter(|value| !value.is_null()).collect();
                present[value % present.len()].clone()
            }
            None => json!(Uuid::from_u128(value as u128 * 3).to_string()),
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Put(id, values) => self.put(id, &values).await,
            Step::Delete(id) => {
                let change = Change::Delete { id: RecordId::new(Uuid::from_u128(u128::from(id))), expected: None };
                self.store().change(&self.schema, change).await.unwrap();
            }
            Step::Bulk(records) => {
                let request =
                    WriteRequest { on_conflict: OnConflict::Replace, ..WriteRequest::new(Arc::clone(&self.schema)) };
                let mut writer = self.store().begin_write(request).await.unwrap();
                let records = records.iter().map(|(id, values)| record(*id, values)).collect();
                writer.append(batch(&self.schema, records), IdOrigin::Client).await.unwrap();
                writer.commit(CommitTerms::all_or_nothing()).await.unwrap();
            }
            Step::DeleteWhere(property, value) => {
                let filter = condition(&self.schema, &Self::name(property), "eq", Self::value(property, value));
                self.store().delete(&self.schema, &filter, 1_000).await.unwrap();
            }
            Step::Restart => {
                let closed = self.store.take().unwrap();
                closed.close().await.unwrap();
                drop(closed);
                self.store = Some(DuckDbStore::open(self.settings.clone()).await.unwrap());
                self.schema = self.store().get(self.schema.name()).await.unwrap();
            }
            Step::Read(read) => self.read(&read).await,
        }
    }

    async fn put(&self, id: u8, values: &[usize]) {
        let wanted = batch(&self.schema, json!([record(id, values)]));
        let created = Change::Create { record: wanted.clone(), ids: IdOrigin::Client, answer: None };
        let outcome = self.store().change(&self.schema, created).await.unwrap();
        if matches!(outcome, eider_application::ports::ChangeOutcome::Conflict(_)) {
            let found =
                self.store().record(&self.schema, RecordId::new(Uuid::from_u128(u128::from(id)))).await.unwrap();
            let version = rows(&found.expect("it is there"))[0]["version"].as_i64().unwrap();
            let replaced = Change::Replace { record: wanted, expected: Version::from_i64(version) };
            self.store().change(&self.schema, replaced).await.unwrap();
        }
    }

    async fn read(&mut self, read: &Read) {
        let name = Self::name(read.property);
        let mut parts = Vec::new();
        match read.operator {
            "" => {}
            "is_null" | "is_not_null" => parts.push(condition(&self.schema, &name, read.operator, Json::Null)),
            "in" => {
                let values: Vec<Json> = read.values.iter().map(|value| Self::value(read.property, *value)).collect();
                parts.push(condition(&self.schema, &name, "in", json!(values)));
            }
            // What has no order has no range.
            _ if name == "boolean" => parts.push(condition(&self.schema, &name, "eq", json!(true))),
            operator => {
                parts.push(condition(&self.schema, &name, operator, Self::value(read.property, read.values[0])));
            }
        }
        if let Some((property, value)) = read.beside {
            parts.push(condition(&self.schema, &Self::name(property), "eq", Self::value(property, value)));
        }
        let order = read.sorted_by.map_or_else(String::new, |(property, is_descending)| {
            format!("{}{}", if is_descending { "-" } else { "" }, Self::name(property))
        });
        let request = |parts: Vec<Filter>| {
            let query = RecordQuery {
                filter: all_of(parts),
                sort: sort(&self.schema, &order),
                ..RecordQuery::everything(&self.schema)
            };
            ScanRequest { with_positions: true, limit: read.limit, offset: read.offset, ..ScanRequest::new(query) }
        };
        // A pattern is for the engine.
        let scanned = parts.iter().cloned().chain([condition(&self.schema, "always", "like", json!("t%"))]).collect();
        let (mut asked, mut expected) = (request(parts), request(scanned));
        for _ in 0..3 {
            let plan = self.store().explain(&self.schema, &ReadRequest::Scan(asked.clone())).await.unwrap();
            self.by_index += usize::from(matches!(plan.access, Access::Index { .. }));
            let found = rows(&collect(self.store().scan(&self.schema, asked.clone()).await.unwrap()).await.unwrap());
            let right = rows(&collect(self.store().scan(&self.schema, expected.clone()).await.unwrap()).await.unwrap());
            assert_eq!(found, right, "{read:?}");
            let (Some(last), true) = (found.last(), read.is_continued && read.limit.is_some()) else { break };
            let key = read.sorted_by.map(|(property, _)| self.key(&Self::name(property), last));
            let sequence = last[POSITION_SEQUENCE].as_i64().unwrap();
            let position = Position { keys: key.into_iter().collect(), sequence };
            (asked.after, expected.after) = (Some(position.clone()), Some(position));
            (asked.offset, expected.offset) = (0, 0);
        }
    }

    /// The value of a record as a cursor has it.
    fn key(&self, name: &str, record: &Json) -> Value {
        let field = self.schema.field(name).unwrap();
        match &record[name] {
            Json::Null => Value::Null,
            Json::String(text) => eider_domain::ValueRef::parse(field.data_type(), text).unwrap().into_owned(),
            other => eider_domain::ValueRef::parse(field.data_type(), &other.to_string()).unwrap().into_owned(),
        }
    }
}

#[test]
fn whatever_is_done_an_index_answers_as_a_scan_does() {
    let mut runner =
        TestRunner::new(Config { cases: 12, max_shrink_iters: 40, failure_persistence: None, ..Config::default() });
    let steps = prop::collection::vec(step(), 10..60);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let served = std::cell::Cell::new(0);
    runner
        .run(&steps, |steps| {
            runtime.block_on(async {
                let directory = tempfile::tempdir().unwrap();
                let mut store = Things::new(settings(directory.path())).await;
                for step in steps {
                    store.step(step).await;
                }
                served.set(served.get() + store.by_index);
            });
            Ok(())
        })
        .unwrap();
    assert!(served.get() > 50, "{} reads were answered by an index", served.get());
}
