//! The instructions that the hot paths take, which are the same in every run; see regression.sh.
//!
//! What runs on the engine's threads is left out: there only a whole process can be counted, and the start of a store takes
//! as much as eighty reads of a record.

#![expect(missing_docs, unused_qualifications, reason = "the macros of gungraun make both")]

use std::hint::black_box;
use std::sync::Arc;

use arrow_array::RecordBatch;
use eider_application::ingest::{BodyFormat, DecodedBatch};
use eider_application::ports::{RecordReader, ScanRequest, SchemaCatalog, value_at};
use eider_benches::{
    FLIGHTS, Sample, TestStore, count_failures, decode, encode, flights_document, one_batch, properties, query_body,
    query_strings, relation, schema, write,
};
use eider_domain::{DataType, RecordId, RecordQuery, Schema, Value};
use eider_engine_duckdb::{Relation, sql};
use eider_http_api::reading::{self, Query};
use gungraun::{Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
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
    let (schema, text) = (schema(&flights_document()), [one, five, ids].into_iter().nth(index).unwrap_or_default());
    // What is made once is made now.
    reading::query_string(&text, &schema).expect("the query is valid");
    (schema, text)
}

#[library_benchmark(setup = text)]
#[bench::one_condition(0)]
#[bench::five_conditions(1)]
#[bench::ids(2)]
fn parse_query((schema, text): (Schema, String)) -> RecordQuery {
    black_box(reading::query_string(&text, &schema).expect("the query is valid"))
}

fn document() -> (Schema, Json) {
    let (schema, document) = (schema(&flights_document()), query_body());
    reading::query_body(&document, &schema).expect("the query is valid");
    (schema, document)
}

#[library_benchmark]
#[bench::seven_conditions(document())]
fn parse_query_body((schema, document): (Schema, Json)) -> Query {
    black_box(reading::query_body(&document, &schema).expect("the query is valid"))
}

fn request(index: usize) -> (Relation, ScanRequest) {
    let (schema, text) = text(index);
    let query = reading::query_string(&text, &schema).expect("the query is valid");
    (relation(schema), ScanRequest::new(query))
}

#[library_benchmark(setup = request)]
#[bench::one_condition(0)]
#[bench::five_conditions(1)]
#[bench::ids(2)]
fn write_statement((relation, request): (Relation, ScanRequest)) -> String {
    black_box(sql::scan(&relation, &request).sql)
}

/// A store with some flights in it, and the id of one that it keeps in memory.
struct Kept {
    runtime: Runtime,
    test: TestStore,
    schema: Arc<Schema>,
    id: RecordId,
}

impl Kept {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let lines: String = FLIGHTS.split_inclusive('\n').take(300).collect();
        let (test, schema, id) = runtime.block_on(async {
            let test = TestStore::open(|_| {}).await;
            let schema = test.store.create(schema(&flights_document())).await.expect("the schema is new");
            let batches = decode(&schema, BodyFormat::Ndjson, lines.as_bytes());
            let Value::Uuid(id) = value_at(DataType::Uuid, batches[0].records.column(0), 0) else {
                unreachable!("an id is a UUID")
            };
            write(&test.store, &schema, batches).await;
            (test, schema, RecordId::new(id))
        });
        let kept = Self { runtime, test, schema, id };
        kept.read();
        kept
    }

    fn read(&self) -> Option<RecordBatch> {
        self.runtime.block_on(self.test.store.record(&self.schema, self.id)).expect("the record is read")
    }
}

// The memory is put in order now and then, in one of many reads.
#[library_benchmark]
#[bench::times_1000(Kept::new())]
fn read_kept_record(kept: Kept) -> Kept {
    for _ in 0..1_000 {
        black_box(kept.read());
    }
    kept
}

library_benchmark_group!(
    name = paths,
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

main!(
    config = LibraryBenchmarkConfig::default()
        .tool(Callgrind::with_args(["--cache-sim=no"]).soft_limits([(EventKind::Ir, 10.0)])),
    library_benchmark_groups = paths
);
