//! The store: appending with a commit, changes of single records, scans, pages, records by id, figures over groups.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use eider_application::QueryService;
use eider_application::ingest::{BodyFormat, DecodedBatch};
use eider_application::ports::{Change, ChangeOutcome, IdOrigin, RecordReader, RecordWriter, SchemaCatalog, value_at};
use eider_application::records::{OffsetPage, PageRequest, PageStart, StreamRequest};
use eider_benches::{
    FLIGHTS, TestStore, decode, encode, flights_with, keyed_flights, one_batch, paced, schema, throughput, write,
};
use eider_domain::{DataType, RecordId, RecordQuery, Schema, Value};
use eider_http_api::reading::{self, Query};
use eider_store_duckdb::DuckDbStore;
use futures::StreamExt;
use futures::future::join_all;
use serde_json::json;
use tokio::runtime::Runtime;

/// How often the sample is in the store that is read.
const COPIES: usize = 100;
/// Records of a page.
const PAGE: u64 = 100;
/// Callers that change records at the same time, and what each changes.
const CALLERS: usize = 16;
const CHANGES: usize = 16;

fn append(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let test = runtime.block_on(TestStore::open(|_| {}));
    let mut next_key = 0;

    let mut group = criterion.benchmark_group("append and commit");
    for rows in [1, 100, 10_000, 100_001] {
        let schema = create(&runtime, &test.store, &format!("rows_{rows}"), &[]);
        group.sample_size(if rows > 10_000 { 10 } else { 20 });
        appending(&mut group, &runtime, &test.store, &schema, rows, &mut next_key, &format!("{rows} rows"));
    }
    group.finish();

    let mut group = criterion.benchmark_group("append and commit 10000 rows");
    for (name, indexed) in [
        ("no index", &[][..]),
        ("an index", &["carrier"]),
        ("two indexes", &["carrier", "tailnum"]),
        ("a unique property", &["key"]),
    ] {
        let schema = create(&runtime, &test.store, &name.replace(' ', "_"), indexed);
        appending(&mut group, &runtime, &test.store, &schema, 10_000, &mut next_key, name);
    }
    group.finish();
}

fn create(runtime: &Runtime, store: &DuckDbStore, name: &str, indexed: &[&str]) -> Arc<Schema> {
    runtime.block_on(store.create(schema(&flights_with(name, indexed)))).expect("the schema is new")
}

fn appending(
    group: &mut BenchmarkGroup<'_, WallTime>,
    runtime: &Runtime,
    store: &DuckDbStore,
    schema: &Arc<Schema>,
    rows: usize,
    next_key: &mut u64,
    name: &str,
) {
    group.throughput(throughput(rows, keyed_flights(rows, *next_key).len()));
    group.bench_function(BenchmarkId::new("eider", name), |bencher| {
        bencher.to_async(runtime).iter_batched(
            || {
                *next_key += rows as u64;
                decode(schema, BodyFormat::Ndjson, keyed_flights(rows, *next_key).as_bytes())
            },
            |batches| write(store, schema, batches),
            BatchSize::PerIteration,
        );
    });
}

fn change(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let test = runtime.block_on(TestStore::open(|_| {}));
    let schema = create(&runtime, &test.store, "changed", &["carrier", "tailnum"]);
    let mut group = criterion.benchmark_group("create single records");
    for callers in [1, CALLERS] {
        let rows = callers * CHANGES;
        let lines = keyed_flights(rows, 0);
        group.throughput(throughput(rows, lines.len()));
        group.bench_function(BenchmarkId::new("eider", format!("{callers} callers")), |bencher| {
            bencher.to_async(&runtime).iter_batched(
                || one_batch(&schema, decode(&schema, BodyFormat::Ndjson, lines.as_bytes())),
                |records| create_each(&test.store, &schema, records),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Stores records one by one, [`CHANGES`] by each of as many callers as it takes.
async fn create_each(store: &DuckDbStore, schema: &Arc<Schema>, records: RecordBatch) {
    let callers = (0..records.num_rows()).step_by(CHANGES).map(|first| {
        let (store, schema, records) = (store.clone(), Arc::clone(schema), records.slice(first, CHANGES));
        tokio::spawn(async move {
            for row in 0..CHANGES {
                let change = Change::Create { record: records.slice(row, 1), ids: IdOrigin::Generated, answer: None };
                let outcome = store.change(&schema, change).await.expect("the change is made");
                assert!(matches!(outcome, ChangeOutcome::Committed { .. }));
            }
        })
    });
    for caller in join_all(callers).await {
        caller.expect("every change is made");
    }
}

/// A store with the sample in it so many times, and some of its ids.
struct Loaded {
    test: TestStore,
    schema: Arc<Schema>,
    ids: Vec<RecordId>,
}

fn load(runtime: &Runtime, record_cache_bytes: u64) -> Loaded {
    let test = runtime.block_on(TestStore::open(|settings| settings.record_cache_bytes = record_cache_bytes));
    let schema = create(runtime, &test.store, "read", &["carrier", "tailnum"]);
    let mut ids = Vec::new();
    for copy in 0..COPIES {
        let rows = FLIGHTS.lines().count();
        let batches = decode(&schema, BodyFormat::Ndjson, keyed_flights(rows, (copy * rows) as u64).as_bytes());
        if let Some(DecodedBatch { records, .. }) = batches.first()
            && let Value::Uuid(id) = value_at(DataType::Uuid, records.column(0), 0)
        {
            ids.push(RecordId::new(id));
        }
        runtime.block_on(write(&test.store, &schema, batches));
    }
    Loaded { test, schema, ids }
}

fn read(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let Loaded { test, schema, .. } = load(&runtime, 0);
    let query = QueryService::new(Arc::new(test.store.clone()));
    let total = FLIGHTS.lines().count() * COPIES;
    let everything = || RecordQuery::everything(&schema);
    let asked = |text: &str| reading::query_string(text, &schema).expect("the query is valid");

    let mut group = criterion.benchmark_group(format!("read of {total} flights"));
    group.throughput(throughput(total, keyed_flights(total, 0).len()));
    group.bench_function(BenchmarkId::new("eider", "all of them"), |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let mut stream = query.stream(&schema, StreamRequest::new(everything())).await.expect("the scan begins");
            let mut seen = 0;
            while let Some(batch) = stream.next().await {
                seen += black_box(batch.expect("the scan goes on")).num_rows();
            }
            assert_eq!(seen, total);
        });
    });

    let deep = OffsetPage { offset: total as u64 - 1_000, max_offset: u64::MAX };
    let page = PageRequest { query: everything(), limit: PAGE, start: PageStart::Offset(deep), counts_total: false };
    let cursor = runtime.block_on(query.page(&schema, page)).expect("the page is read").next;
    assert!(cursor.is_some(), "records follow");
    for (name, asked, cursor) in [
        ("first page", everything(), None),
        ("deep page", everything(), cursor),
        ("page by an indexed property", asked("tailnum.eq=N14228"), None),
        ("page by a property", asked("flight.eq=1545"), None),
        ("page in an order", asked("sort=-time_hour,flight"), None),
    ] {
        let start = PageStart::Cursor(cursor);
        let request = PageRequest { query: asked, limit: PAGE, start, counts_total: false };
        let page = || async { query.page(&schema, request.clone()).await.expect("the page is read").records };
        let records = runtime.block_on(page());
        group.throughput(throughput(records.num_rows(), encode(BodyFormat::Ndjson, &records).len()));
        group.bench_function(BenchmarkId::new("eider", name), |bencher| {
            bencher.to_async(&runtime).iter(|| async { black_box(page().await) });
        });
    }

    let document = json!({"group_by": ["carrier"], "aggregate": [
        {"fn": "count"}, {"fn": "avg", "field": "dep_delay"}, {"fn": "max", "field": "distance"}]});
    let Ok(Query::Groups(aggregation)) = reading::query_body(&document, &schema) else {
        unreachable!("it asks for groups")
    };
    group.throughput(throughput(total, keyed_flights(total, 0).len()));
    group.bench_function(BenchmarkId::new("eider", "figures by carrier"), |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            black_box(query.aggregate(&schema, &aggregation, PAGE).await.expect("the figures are made"))
        });
    });
    group.finish();
}

fn record(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let mut group = criterion.benchmark_group("read a record");
    for (name, record_cache_bytes) in [("from the engine", 0), ("from memory", 64 << 20)] {
        let Loaded { test, schema, ids } = load(&runtime, record_cache_bytes);
        let read = |id| {
            let found = runtime.block_on(test.store.record(&schema, id)).expect("the record is read");
            found.expect("the record is stored")
        };
        let bytes = encode(BodyFormat::Ndjson, &read(ids[0])).len();
        for id in &ids {
            black_box(read(*id));
        }
        let mut next = ids.iter().cycle();
        group.throughput(throughput(1, bytes));
        group.bench_function(BenchmarkId::new("eider", name), |bencher| {
            bencher.iter(|| black_box(read(*next.next().expect("they go round"))));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = paced(Duration::from_millis(1_500));
    targets = append, change, read, record
}
criterion_main!(benches);
