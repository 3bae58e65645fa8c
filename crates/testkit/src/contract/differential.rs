//! Generated schemas, records and queries, answered by the store under test and by the memory store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::{env, fmt};

use arrow_array::RecordBatch;
use eider_application::{CommitOutcome, CommitTerms, OnConflict, ScanRequest, WriteRequest};
use eider_domain::{Field, Projection, RecordQuery, Schema, SchemaDefinition};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use serde_json::Value as Json;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::Fixture;
use super::pages::positions;
use crate::{MemoryStore, created_at, rows, strategies};

/// Cases unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 48;

/// Generated queries over generated records give the rows that the memory store gives, in the same order.
///
/// Runs 48 cases, each of a schema, up to 3 writes and up to 4 queries, or as many as `PROPTEST_CASES` says.
#[expect(clippy::unused_async, reason = "every case is async; proptest is not")]
pub async fn generated_queries_agree_with_the_memory_store(fixture: Fixture) {
    let mut config = Config { failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    let outcome = block_in_place(|| {
        TestRunner::new(config)
            .run(&scenario(), |scenario| Handle::current().block_on(agrees(&fixture, &scenario)))
            .map_err(|error| error.to_string())
    });
    if let Err(difference) = outcome {
        panic!("the store and the memory store disagree: {difference}");
    }
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

/// A store with the schema of a scenario.
/// What becomes of rows whose key is taken, and how many may be refused.
type Policy = (OnConflict, u64);

/// Each is tried on each write.
const POLICIES: [Policy; 5] = [
    (OnConflict::Error, 0),
    (OnConflict::Ignore, 0),
    (OnConflict::Replace, u64::MAX),
    (OnConflict::Error, u64::MAX),
    (OnConflict::Replace, 0),
];

struct Side {
    fixture: Fixture,
    schema: Arc<Schema>,
}

impl Side {
    async fn new(fixture: Fixture, definition: &SchemaDefinition) -> Self {
        let schema = Schema::new(definition.clone(), 1, created_at());
        let schema = fixture.catalog.create(schema).await.expect("the schema is new");
        Self { fixture, schema }
    }

    /// How a write ended, and the row and the field of each conflict.
    async fn write(&self, batch: &RecordBatch, policy: Policy) -> (CommitOutcome, BTreeSet<(u64, String)>) {
        let (on_conflict, max_refused) = policy;
        let request = WriteRequest { on_conflict, returns_ids: true, ..WriteRequest::new(Arc::clone(&self.schema)) };
        let terms = CommitTerms { max_refused, ..CommitTerms::all_or_nothing() };
        let (outcome, conflicts) = self.fixture.commit_as(request, std::slice::from_ref(batch), terms).await;
        (outcome, conflicts.into_iter().map(|conflict| (conflict.row, conflict.field.name().to_owned())).collect())
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
    fixture.catalog.remove(tested.schema.name()).await.expect("the schema is removed");
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
