//! The instructions that the hot paths take, which are the same in every run; see regression.sh.
//!
//! What runs on the engine's threads can only be counted from the start of the process: so often that the start is a
//! smaller part of it.

#![expect(missing_docs, unused_qualifications, reason = "the macros of gungraun make both")]

use std::hint::black_box;
use std::sync::Arc;

use arrow_array::RecordBatch;
use eider_application::{
    BodyFormat, DecodedBatch, PageRequest, PageStart, QueryService, RecordStore, ScanRequest, SchemaCatalog, value_at,
};
use eider_benches::{
    FLIGHTS, Sample, TestStore, count_failures, decode, encode, flights_document, one_batch, properties, query_body,
    query_strings, schema, write,
};
use eider_domain::{DataType, RecordId, RecordQuery, Schema, Value};
use eider_http_api::reading::{self, Query};
use eider_store_duckdb::{DuckDbStore, scan_text};
use gungraun::{
    Callgrind, EntryPoint, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use serde_json::Value as Json;
use tokio::runtime::{Builder, Runtime};

fn flights() -> RecordBatch {
    let Sample { schema, lines, .. } = Sample::flights();
    one_batch(&schema, decode(&schema, BodyFormat::Ndjson, lines.as_bytes()))
}

fn body(format: BodyFormat) -> (Arc<Schema>, BodyFormat, Vec<u8>) {
    (Sample::flights().schema, format, encode(format, &properties(&flights())))
}

#[library_benchmark(setup = body)]
#[bench::ndjson(BodyFormat::Ndjson)]
#[bench::csv(BodyFormat::Csv)]
#[bench::arrow_stream(BodyFormat::ArrowStream)]
fn decode_flights((schema, format, body): (Arc<Schema>, BodyFormat, Vec<u8>)) -> Vec<DecodedBatch> {
    black_box(decode(&schema, format, &body))
}

#[library_benchmark]
#[bench::ndjson(Sample::invalid_flights())]
fn refuse_flights(sample: Sample) -> (Sample, usize) {
    let failures = black_box(count_failures(&sample.schema, sample.lines.as_bytes()));
    (sample, failures)
}

fn records(format: BodyFormat) -> (BodyFormat, RecordBatch) {
    (format, flights())
}

#[library_benchmark(setup = records)]
#[bench::ndjson(BodyFormat::Ndjson)]
#[bench::csv(BodyFormat::Csv)]
#[bench::arrow_stream(BodyFormat::ArrowStream)]
fn encode_flights((format, records): (BodyFormat, RecordBatch)) -> (RecordBatch, Vec<u8>) {
    let bytes = black_box(encode(format, &records));
    (records, bytes)
}

fn text(index: usize) -> (Schema, String) {
    let [(_, one), (_, five), (_, ids)] = query_strings();
    (schema(&flights_document()), [one, five, ids].into_iter().nth(index).unwrap_or_default())
}

#[library_benchmark(setup = text)]
#[bench::one_condition(0)]
#[bench::five_conditions(1)]
#[bench::ids(2)]
fn parse_query((schema, text): (Schema, String)) -> RecordQuery {
    black_box(reading::query_string(&text, &schema).expect("the query is valid"))
}

fn document() -> (Schema, Json) {
    (schema(&flights_document()), query_body())
}

#[library_benchmark]
#[bench::seven_conditions(document())]
fn parse_query_body((schema, document): (Schema, Json)) -> Query {
    black_box(reading::query_body(&document, &schema).expect("the query is valid"))
}

fn request(index: usize) -> (Schema, ScanRequest) {
    let (schema, text) = text(index);
    let query = reading::query_string(&text, &schema).expect("the query is valid");
    (schema, ScanRequest::new(query))
}

#[library_benchmark(setup = request)]
#[bench::one_condition(0)]
#[bench::five_conditions(1)]
#[bench::ids(2)]
fn write_statement((schema, request): (Schema, ScanRequest)) -> String {
    black_box(scan_text(&schema, &request))
}

/// Records of the store.
const ROWS: usize = 300;
/// How often an engine path is taken.
const TIMES: usize = 200;

/// A store on one thread of the engine, with some flights in it.
struct Loaded {
    runtime: Runtime,
    test: TestStore,
    schema: Arc<Schema>,
    batches: Vec<DecodedBatch>,
    id: RecordId,
}

fn loaded(record_cache_bytes: u64) -> Loaded {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let lines: String = FLIGHTS.split_inclusive('\n').take(ROWS).collect();
    let (test, schema) = runtime.block_on(async {
        let test = TestStore::open(|settings| {
            settings.threads = 1;
            settings.record_cache_bytes = record_cache_bytes;
        })
        .await;
        let schema = test.store.create(schema(&flights_document())).await.expect("the schema is new");
        (test, schema)
    });
    let batches = decode(&schema, BodyFormat::Ndjson, lines.as_bytes());
    let Value::Uuid(id) = value_at(DataType::Uuid, batches[0].records.column(0), 0) else {
        unreachable!("an id is a UUID")
    };
    runtime.block_on(write(&test.store, &schema, batches.clone()));
    Loaded { runtime, test, schema, batches, id: RecordId::new(id) }
}

/// A store that has read its record once, and keeps it.
fn kept() -> Loaded {
    let loaded = loaded(1 << 20);
    read(&loaded, 1);
    loaded
}

fn read(Loaded { runtime, test, schema, id, .. }: &Loaded, times: usize) {
    runtime.block_on(async {
        for _ in 0..times {
            black_box(test.store.record(schema, *id).await.expect("the record is read"));
        }
    });
}

#[library_benchmark]
#[bench::once(kept())]
fn read_kept_record(loaded: Loaded) -> Loaded {
    read(&loaded, 1);
    loaded
}

#[library_benchmark]
#[bench::repeated(TIMES)]
fn read_record(times: usize) {
    read(&loaded(0), times);
}

#[library_benchmark]
#[bench::repeated(TIMES)]
fn read_page(times: usize) {
    let Loaded { runtime, test, schema, .. } = loaded(0);
    let query = QueryService::new(Arc::new(test.store.clone()));
    runtime.block_on(async {
        for _ in 0..times {
            let start = PageStart::Cursor(None);
            let query_of = RecordQuery::everything(&schema);
            let request = PageRequest { query: query_of, limit: 100, start, counts_total: false };
            black_box(query.page(&schema, request).await.expect("the page is read"));
        }
    });
}

#[library_benchmark]
#[bench::repeated(TIMES)]
fn append_batch(times: usize) {
    let Loaded { runtime, test, schema, batches, .. } = loaded(0);
    runtime.block_on(async {
        for _ in 0..times {
            append(&test.store, &schema, &batches[0]).await;
        }
    });
}

async fn append(store: &DuckDbStore, schema: &Arc<Schema>, batch: &DecodedBatch) {
    let records = batch.records.slice(0, 10);
    write(store, schema, vec![DecodedBatch { records, ids: batch.ids }]).await;
}

/// Fails when so many per cent more instructions are counted than in the base: fewer of them where the start of the
/// process, which is a quarter of the whole, is counted too.
fn limited(percent: f64, entry_point: EntryPoint) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.entry_point(entry_point).soft_limits([(EventKind::Ir, percent)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

library_benchmark_group!(
    name = paths,
    config = limited(10.0, EntryPoint::Default),
    benchmarks = [
        decode_flights,
        refuse_flights,
        encode_flights,
        parse_query,
        parse_query_body,
        write_statement,
        read_kept_record
    ]
);

library_benchmark_group!(
    name = engine,
    config = limited(7.0, EntryPoint::None),
    benchmarks = [read_record, read_page, append_batch]
);

main!(library_benchmark_groups = [paths, engine]);
