//! From record batches to every format, beside what one would use instead.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_cast::cast;
use arrow_json::LineDelimitedWriter;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use eider_application::ingest::BodyFormat;
use eider_benches::{Sample, decode, encode, encode_into, one_batch, paced, properties, throughput, with_offset_zone};
use serde_json::Value as Json;

/// The records of a sample as one batch, with what the server adds.
fn records(sample: &Sample) -> RecordBatch {
    one_batch(&sample.schema, decode(&sample.schema, BodyFormat::Ndjson, sample.lines.as_bytes()))
}

fn flights(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode flights");
    let records = records(&Sample::flights());
    lines(&mut group, &records, "ndjson");
    for (name, format) in [
        ("json array", BodyFormat::JsonArray),
        ("csv", BodyFormat::Csv),
        ("arrow stream", BodyFormat::ArrowStream),
        ("parquet", BodyFormat::Parquet),
    ] {
        ours(&mut group, &records, format, name);
    }
    group.finish();
}

fn by_type(criterion: &mut Criterion) {
    let samples = Sample::by_type();
    let mut group = criterion.benchmark_group("encode ndjson by type");
    for sample in &samples {
        lines(&mut group, &properties(&records(sample)), &sample.name);
    }
    group.finish();
    let mut group = criterion.benchmark_group("encode csv by type");
    for sample in &samples {
        ours(&mut group, &properties(&records(sample)), BodyFormat::Csv, &sample.name);
    }
    group.finish();
}

fn ours(group: &mut BenchmarkGroup<'_, WallTime>, records: &RecordBatch, format: BodyFormat, name: &str) {
    let bytes = encode(format, records).len();
    group.throughput(throughput(records.num_rows(), bytes));
    group.bench_function(BenchmarkId::new("eider", name), |bencher| {
        bencher.iter(|| {
            let mut out = Vec::with_capacity(bytes);
            encode_into(format, records, &mut out);
            black_box(out)
        });
    });
}

/// Records as NDJSON by everything that writes it.
fn lines(group: &mut BenchmarkGroup<'_, WallTime>, records: &RecordBatch, name: &str) {
    ours(group, records, BodyFormat::Ndjson, name);
    let bytes = encode(BodyFormat::Ndjson, records);
    // It writes identifiers as hexadecimal digits alone, and nested JSON as a string.
    if !matches!(name, "uuid" | "object") {
        let records = as_arrow_json_takes_it(records);
        group.bench_function(BenchmarkId::new("arrow-json", name), |bencher| {
            bencher.iter(|| {
                let mut writer = LineDelimitedWriter::new(Vec::with_capacity(bytes.len()));
                writer.write(&records).expect("the types are supported");
                writer.finish().expect("a vector takes everything");
                black_box(writer.into_inner())
            });
        });
    }
    let parse = |line| serde_json::from_slice::<Json>(line).expect("a line is JSON");
    let values: Vec<Json> = bytes.trim_ascii_end().split(|byte| *byte == b'\n').map(parse).collect();
    group.bench_function(BenchmarkId::new("serde_json::Value", name), |bencher| {
        bencher.iter(|| {
            let mut out = Vec::with_capacity(bytes.len());
            for value in &values {
                serde_json::to_writer(&mut out, value).expect("a vector takes everything");
                out.push(b'\n');
            }
            black_box(out)
        });
    });
}

fn as_arrow_json_takes_it(records: &RecordBatch) -> RecordBatch {
    let schema = with_offset_zone(&records.schema());
    let columns = records.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()).expect("only the zone differs"));
    RecordBatch::try_new(Arc::clone(&schema), columns.collect()).expect("the columns fit")
}

criterion_group! {
    name = whole;
    config = paced(Duration::from_millis(1_500));
    targets = flights
}
criterion_group! {
    name = parts;
    config = paced(Duration::from_millis(600));
    targets = by_type
}
criterion_main!(whole, parts);
