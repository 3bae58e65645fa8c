//! From NDJSON to checked record batches, beside what one would use instead.

use std::hint::black_box;
use std::sync::Arc;

use arrow_json::ReaderBuilder;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use eider_application::{BodyFormat, IngestLimits, RecordDecoder, UuidV7Generator};
use eider_benches::{FLIGHTS, SCHEMA, with_offset_zone};
use eider_domain::{Schema, SchemaDefinition, Timestamp};

fn schema() -> Arc<Schema> {
    let document = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let definition = SchemaDefinition::parse(&document).expect("the schema is valid");
    Arc::new(Schema::new(definition, 1, Timestamp::from_micros(0)))
}

fn decode(criterion: &mut Criterion) {
    let schema = schema();
    let mut group = criterion.benchmark_group(format!("decode {} flights", FLIGHTS.lines().count()));
    group.throughput(Throughput::Bytes(FLIGHTS.len() as u64));
    group.bench_function("eider: parse, check, columns", |bencher| {
        bencher.iter(|| {
            let now = Timestamp::from_micros(0);
            let ids = Arc::new(UuidV7Generator);
            let mut decoder =
                RecordDecoder::new(Arc::clone(&schema), BodyFormat::Ndjson, IngestLimits::default(), now, ids);
            let block = decoder.decode(FLIGHTS.as_bytes()).expect("the sample is valid");
            let last = decoder.finish().expect("the sample is valid");
            assert_eq!((block.failures.len(), decoder.failed()), (0, 0));
            black_box((block, last))
        });
    });
    group.bench_function("arrow-json: parse, columns", |bencher| {
        let fields: Vec<usize> = (4..schema.arrow().fields().len()).collect();
        let arrow = with_offset_zone(&schema.arrow().project(&fields).expect("the fields exist"));
        bencher.iter(|| {
            let reader = ReaderBuilder::new(Arc::clone(&arrow)).with_batch_size(16_384).build(FLIGHTS.as_bytes());
            for batch in reader.expect("the schema is supported") {
                black_box(batch.expect("the sample is valid"));
            }
        });
    });
    group.bench_function("serde_json::Value: parse", |bencher| {
        bencher.iter(|| {
            for line in FLIGHTS.lines() {
                black_box(serde_json::from_str::<serde_json::Value>(line).expect("the sample is valid"));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
