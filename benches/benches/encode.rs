//! From record batches to NDJSON, beside arrow-json's writer.

use std::hint::black_box;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_cast::cast;
use arrow_json::LineDelimitedWriter;
use arrow_select::concat::concat_batches;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use eider_application::{BodyFormat, IngestLimits, RecordDecoder, UuidV7Generator};
use eider_benches::{FLIGHTS, SCHEMA, with_offset_zone};
use eider_domain::{Schema, SchemaDefinition, Timestamp};
use eider_http_api::record_encoder;

/// The sample as one batch.
fn flights() -> RecordBatch {
    let document = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let definition = SchemaDefinition::parse(&document).expect("the schema is valid");
    let schema = Arc::new(Schema::new(definition, 1, Timestamp::from_micros(0)));
    let now = Timestamp::from_micros(1_767_225_600_000_000);
    let ids = Arc::new(UuidV7Generator);
    let mut decoder = RecordDecoder::new(Arc::clone(&schema), BodyFormat::Ndjson, IngestLimits::default(), now, ids);
    let mut batches = decoder.decode(FLIGHTS.as_bytes()).expect("the sample is valid").batches;
    batches.extend(decoder.finish().expect("the sample is valid").batches);
    let batches: Vec<RecordBatch> = batches.into_iter().map(|batch| batch.records).collect();
    concat_batches(schema.arrow(), &batches).expect("the batches have one schema")
}

fn write_lines(batch: &RecordBatch, out: &mut Vec<u8>) {
    let mut encoder = record_encoder(BodyFormat::Ndjson, &batch.schema()).expect("NDJSON holds any columns");
    encoder.batch(batch, out).expect("the batch has the columns of the encoder");
}

fn encode(criterion: &mut Criterion) {
    let batch = flights();
    let mut lines = Vec::new();
    write_lines(&batch, &mut lines);
    let mut group = criterion.benchmark_group(format!("encode {} flights", batch.num_rows()));
    group.throughput(Throughput::Bytes(lines.len() as u64));
    group.bench_function("eider", |bencher| {
        bencher.iter(|| {
            let mut out = Vec::with_capacity(lines.len());
            write_lines(&batch, &mut out);
            black_box(out)
        });
    });
    let schema = with_offset_zone(&batch.schema());
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()).expect("only the zone differs"));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).expect("the columns fit");
    group.bench_function("arrow-json", |bencher| {
        bencher.iter(|| {
            let mut writer = LineDelimitedWriter::new(Vec::with_capacity(lines.len()));
            writer.write(&batch).expect("the types are supported");
            writer.finish().expect("a vector takes everything");
            black_box(writer.into_inner())
        });
    });
    group.finish();
}

criterion_group!(benches, encode);
criterion_main!(benches);
