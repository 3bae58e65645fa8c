//! Generated schemas, records and queries, answered by the store under test and by the memory store.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use eider_application::QueryService;
use eider_application::ports::{CommitOutcome, CommitTerms, OnConflict, ScanRequest, WriteRequest};
use eider_application::records::{PageRequest, PageStart};
use eider_domain::{Field, Filter, Projection, RecordQuery, Schema, SchemaDefinition, listed};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult};
use serde_json::{Value as Json, json};

use super::Fixture;
use super::generated::for_all;
use super::pages::positions;
use crate::{MemoryStore, created_at, rows, strategies};

/// Cases unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 48;

/// Generated queries over generated records give the rows that the memory store gives, in the same order.
///
/// Runs 48 cases, each of a schema, up to 3 writes and up to 4 queries, or as many as `PROPTEST_CASES` says.
#[expect(clippy::unused_async, reason = "every case is async; proptest is not")]
pub async fn generated_queries_agree_with_the_memory_store(fixture: Fixture) {
    for_all(CASES, &scenario(), async |scenario| agrees(&fixture, &scenario).await);
}

/// The orders that [`pages_by_cursor_are_the_whole_result`] walks through.
const ORDERS: [&str; 10] = ["", "id", "-created_at", "a", "-a", "b,a", "-b,a", "a,-b,c", "-c,-a,-b", "d,-n"];

/// Pages by cursor, put together, are what the memory store gives at once: on ten orders with ties, nulls and mixed
/// directions, with generated filters and sizes.
///
/// Runs 48 cases, or as many as `PROPTEST_CASES` says.
#[expect(clippy::unused_async, reason = "every case is async; proptest is not")]
pub async fn pages_by_cursor_are_the_whole_result(fixture: Fixture) {
    let document = json!({"name": "s", "properties": [
        {"name": "n", "type": "integer"}, {"name": "a", "type": "string"}, {"name": "b", "type": "number"},
        {"name": "c", "type": "date"}, {"name": "d", "type": "boolean"}]});
    let one_of = |values: Json| proptest::sample::select(values.as_array().expect("a list").clone());
    let values = (
        one_of(json!(["x", "X", "", "é", null])),
        one_of(json!([0.0, -0.0, 1.5, -1e300, null])),
        one_of(json!(["2024-02-29", "0000-01-01", null])),
        one_of(json!([true, false, null])),
    );
    let record = values.prop_map(|(a, b, c, d)| json!({"a": a, "b": b, "c": c, "d": d}));
    let filter = strategies::filter(&crate::schema(document.clone()));
    let filter = prop_oneof![1 => Just(Filter::everything()), 2 => filter];
    let scenario = (vec(record, 0..40), filter, 1..8_u64);
    for_all(CASES, &scenario, async |(records, filter, limit)| {
        walks_agree(&fixture, &document, records, &filter, limit).await
    });
}

async fn walks_agree(
    fixture: &Fixture,
    document: &Json,
    records: Vec<Json>,
    filter: &Filter,
    limit: u64,
) -> TestCaseResult {
    let memory = Fixture::new(Arc::new(MemoryStore::new()));
    let (tested, expected) = (fixture.create(document.clone()).await, memory.create(document.clone()).await);
    let numbered = (0..).zip(records).map(|(n, mut record): (i64, _)| {
        record["n"] = n.into();
        record
    });
    let batch = crate::batch(&tested, numbered.collect());
    fixture.write_batch(&tested, batch.clone()).await;
    memory.write_batch(&expected, batch).await;
    let mut outcome = Ok(());
    for order in ORDERS {
        let query = |schema: &Schema| RecordQuery {
            filter: filter.clone(),
            sort: crate::sort(schema, order),
            ..RecordQuery::everything(schema)
        };
        let whole = rows(&memory.scan(&expected, ScanRequest::new(query(&expected))).await);
        let service = QueryService::new(Arc::clone(&fixture.store));
        let (mut walked, mut next) = (Vec::new(), None);
        loop {
            let start = PageStart::Cursor(next.take());
            let asked = PageRequest { query: query(&tested), limit, start, counts_total: false };
            let page = service.page(&tested, asked).await.expect("a page");
            walked.extend(rows(&page.records));
            next = page.next;
            if next.is_none() || walked.len() > whole.len() {
                break;
            }
        }
        if walked != whole {
            outcome = Err(TestCaseError::fail(format!("{order:?} {filter}: {walked:#?} is not {whole:#?}")));
            break;
        }
    }
    fixture.store.remove(tested.name(), None).await.expect("the schema is removed");
    outcome
}

/// A schema, some writes, and questions to ask afterwards.
#[derive(Clone)]
struct Scenario {
    definition: SchemaDefinition,
    writes: Vec<RecordBatch>,
    requests: Vec<ScanRequest>,
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nschema {}", self.definition.to_json())?;
        for write in &self.writes {
            writeln!(f, "write")?;
            rows(write).iter().try_for_each(|row| writeln!(f, "  {row}"))?;
        }
        for ScanRequest { query, offset, limit, .. } in &self.requests {
            let fields: Vec<&str> = query.projection.fields().iter().map(Field::name).collect();
            let sort: Vec<String> = query.sort.iter().map(|k| format!("{} {:?}", k.field, k.direction)).collect();
            writeln!(f, "scan {} sort {sort:?} fields {fields:?} offset {offset} limit {limit:?}", query.filter)?;
        }
        Ok(())
    }
}

fn scenario() -> impl Strategy<Value = Scenario> {
    strategies::definition().prop_flat_map(|definition| {
        let schema = Arc::new(Schema::new(definition.clone(), 1, created_at()));
        let writes = vec(strategies::records(Arc::clone(&schema), 1..12), 1..=3);
        let requests = vec(strategies::scan_request(&schema), 1..=4);
        (writes, requests).prop_map(move |(writes, requests)| Scenario {
            definition: definition.clone(),
            writes,
            requests,
        })
    })
}

/// How rows are handled whose key is taken, and how many may be refused.
type Policy = (OnConflict, u64);

/// Each is tried on each write.
const POLICIES: [Policy; 5] = [
    (OnConflict::Error, 0),
    (OnConflict::Ignore, 0),
    (OnConflict::Replace, u64::MAX),
    (OnConflict::Error, u64::MAX),
    (OnConflict::Replace, 0),
];

/// A store with the schema of a scenario.
struct Side {
    fixture: Fixture,
    schema: Arc<Schema>,
}

impl Side {
    async fn new(fixture: Fixture, definition: &SchemaDefinition) -> Self {
        let schema = Schema::new(definition.clone(), 1, created_at());
        let schema = fixture.store.create(schema).await.expect("the schema is new");
        Self { fixture, schema }
    }

    /// How a write ended, and the row and the field of each conflict.
    async fn write(&self, batch: &RecordBatch, policy: Policy) -> (CommitOutcome, BTreeSet<(u64, String)>) {
        let (on_conflict, max_refused) = policy;
        let request = WriteRequest { on_conflict, returns_ids: true, ..WriteRequest::new(Arc::clone(&self.schema)) };
        let terms = CommitTerms { max_refused, ..CommitTerms::all_or_nothing() };
        let (outcome, conflicts) = self.fixture.commit_as(request, std::slice::from_ref(batch), terms).await;
        (outcome, conflicts.into_iter().map(|conflict| (conflict.row, listed(&conflict.fields))).collect())
    }

    /// The rows of a scan without their sequences, which stores may count each in its own way.
    async fn scan(&self, request: ScanRequest) -> Vec<Json> {
        let columns = request.query.projection.fields().len();
        let keys = if request.with_positions { request.query.sort.len() } else { 0 };
        let batch = self.fixture.scan(&self.schema, request).await;
        let shown: Vec<usize> = (0..columns + keys).collect();
        rows(&batch.project(&shown).expect("the columns are there"))
    }

    /// The rows after the one at `row` in the order of a query.
    async fn after(&self, query: &RecordQuery, row: usize) -> Vec<Json> {
        let request = ScanRequest { with_positions: true, ..ScanRequest::new(query.clone()) };
        let batch = self.fixture.scan(&self.schema, request.clone()).await;
        let after = positions(&batch, &query.sort).get(row).cloned();
        self.scan(ScanRequest { after, ..request }).await
    }
}

async fn agrees(fixture: &Fixture, scenario: &Scenario) -> TestCaseResult {
    let tested = Side::new(fixture.clone(), &scenario.definition).await;
    let outcome = compare(&tested, scenario).await;
    fixture.store.remove(tested.schema.name(), None).await.expect("the schema is removed");
    outcome
}

async fn compare(tested: &Side, scenario: &Scenario) -> TestCaseResult {
    let memory = Side::new(Fixture::new(Arc::new(MemoryStore::new())), &scenario.definition).await;
    for policy in POLICIES {
        for batch in &scenario.writes {
            prop_assert_eq!(tested.write(batch, policy).await, memory.write(batch, policy).await, "{:?}", policy);
        }
    }
    for request in &scenario.requests {
        let expected = memory.scan(request.clone()).await;
        prop_assert_eq!(tested.scan(request.clone()).await, expected, "scan {}", request.query.filter);

        let filter = &request.query.filter;
        let count = memory.fixture.store.count(&memory.schema, filter).await.expect("a count");
        prop_assert_eq!(tested.fixture.store.count(&tested.schema, filter).await.expect("a count"), count);

        let middle = usize::try_from(count / 2).unwrap_or(0);
        let expected = memory.after(&request.query, middle).await;
        prop_assert_eq!(tested.after(&request.query, middle).await, expected, "after row {}", middle);
    }
    let filter = &scenario.requests[0].query.filter;
    let deleted = memory.fixture.delete(&memory.schema, filter).await.rows;
    prop_assert_eq!(tested.fixture.delete(&tested.schema, filter).await.rows, deleted);
    let everything = |side: &Side| {
        let projection = Projection::all(&side.schema);
        ScanRequest::new(RecordQuery { projection, ..RecordQuery::everything(&side.schema) })
    };
    prop_assert_eq!(tested.scan(everything(tested)).await, memory.scan(everything(&memory)).await);
    Ok(())
}
