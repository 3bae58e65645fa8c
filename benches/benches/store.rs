//! The store: appending with a commit, a scan of everything, a page, a record by id.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use eider_application::{
    BodyFormat, CommitOutcome, CommitTerms, DecodedBatch, IngestLimits, PageRequest, PageStart, QueryService,
    RecordDecoder, RecordStore, SchemaCatalog, StreamRequest, UuidV7Generator, WriteRequest,
};
use eider_benches::{FLIGHTS, SCHEMA};
use eider_domain::{RecordQuery, Schema, SchemaDefinition, Timestamp};
use eider_store_duckdb::{DuckDbStore, StoreSettings};
use futures::StreamExt;
use tokio::runtime::Runtime;

/// How often the sample is in the store that is read.
const COPIES: usize = 100;

fn definition(name: &str) -> Schema {
    let mut document: serde_json::Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    document["name"] = name.into();
    let definition = SchemaDefinition::parse(&document).expect("the schema is valid");
    Schema::new(definition, 1, Timestamp::from_micros(0))
}

fn decoded(schema: &Arc<Schema>) -> Vec<DecodedBatch> {
    let now = Timestamp::from_micros(0);
    let ids = Arc::new(UuidV7Generator);
    let mut decoder = RecordDecoder::new(Arc::clone(schema), BodyFormat::Ndjson, IngestLimits::default(), now, ids);
    let mut batches = decoder.decode(FLIGHTS.as_bytes()).expect("the sample is valid").batches;
    batches.extend(decoder.finish().expect("the sample is valid").batches);
    batches
}

async fn write(store: &DuckDbStore, schema: &Arc<Schema>, batches: Vec<DecodedBatch>) {
    let request = WriteRequest::new(Arc::clone(schema));
    let mut writer = store.begin_write(request).await.expect("the schema exists");
    for DecodedBatch { records, ids } in batches {
        writer.append(records, ids).await.expect("the batch fits");
    }
    let outcome = writer.commit(CommitTerms::all_or_nothing()).await.expect("the commit succeeds");
    assert!(matches!(outcome, CommitOutcome::Committed(_)));
}

fn store(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let settings = StoreSettings::new(directory.path().join("eider.duckdb"), directory.path().join("tmp"));
    let store = runtime.block_on(DuckDbStore::open(settings)).expect("the store opens");
    let rows = FLIGHTS.lines().count() as u64;

    let written = runtime.block_on(store.create(definition("written"))).expect("the schema is new");
    let mut group = criterion.benchmark_group("store");
    group.sample_size(20);
    group.throughput(Throughput::Elements(rows));
    group.bench_function(format!("append and commit {rows} flights, two indexes"), |bencher| {
        bencher.to_async(&runtime).iter_batched(
            || decoded(&written),
            |batches| write(&store, &written, batches),
            BatchSize::LargeInput,
        );
    });

    let read = runtime.block_on(store.create(definition("read"))).expect("the schema is new");
    for _ in 0..COPIES {
        runtime.block_on(write(&store, &read, decoded(&read)));
    }
    let query = QueryService::new(Arc::new(store.clone()));
    let total = rows * COPIES as u64;
    group.throughput(Throughput::Elements(total));
    group.bench_function(format!("scan {total} flights"), |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let request = StreamRequest::new(RecordQuery::everything(&read));
            let mut stream = query.stream(&read, request).await.expect("the scan begins");
            let mut seen = 0;
            while let Some(batch) = stream.next().await {
                seen += black_box(batch.expect("the scan goes on")).num_rows() as u64;
            }
            assert_eq!(seen, total);
        });
    });
    group.throughput(Throughput::Elements(100));
    group.bench_function(format!("a page of 100 of {total} flights"), |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let start = PageStart::Cursor(None);
            let request = PageRequest { query: RecordQuery::everything(&read), limit: 100, start, counts_total: false };
            black_box(query.page(&read, request).await.expect("the page is read"))
        });
    });
    group.finish();
}

criterion_group!(benches, store);
criterion_main!(benches);
