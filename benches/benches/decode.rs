//! From bodies to checked record batches, beside what one would use instead.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use arrow_json::ReaderBuilder;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use eider_application::ingest::{BodyFormat, ReadOptions};
use eider_benches::{Sample, decode, decode_as, encode, one_batch, paced, properties, throughput, with_offset_zone};
use eider_domain::RECORD_FIELD_COUNT;
use serde_json::Value as Json;

fn flights(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode flights");
    let sample = Sample::flights();
    lines(&mut group, &sample, "ndjson");
    let renamed = Sample::flights_by_aliases();
    group.bench_function(BenchmarkId::new("eider", "ndjson, every name an alias"), |bencher| {
        bencher.iter(|| black_box(decode(&renamed.schema, BodyFormat::Ndjson, renamed.lines.as_bytes())));
    });
    let records = one_batch(&sample.schema, decode(&sample.schema, BodyFormat::Ndjson, sample.lines.as_bytes()));
    let records = properties(&records);
    for (name, format) in [
        ("json array", BodyFormat::JsonArray),
        ("csv", BodyFormat::Csv),
        ("arrow stream", BodyFormat::ArrowStream),
        ("parquet", BodyFormat::Parquet),
    ] {
        let body = encode(format, &records);
        group.throughput(throughput(sample.rows, body.len()));
        group.bench_function(BenchmarkId::new("eider", name), |bencher| {
            bencher.iter(|| black_box(decode(&sample.schema, format, &body)));
        });
        if format == BodyFormat::JsonArray {
            group.bench_function(BenchmarkId::new("serde_json::Value", name), |bencher| {
                bencher.iter(|| black_box(serde_json::from_slice::<Json>(&body).expect("the body is JSON")));
            });
        }
    }
    dialect(&mut group, &sample, &encode(BodyFormat::Csv, &records));
    group.finish();
}

/// The CSV of a sample with semicolons, a decimal comma and an encoding of its own.
fn dialect(group: &mut BenchmarkGroup<'_, WallTime>, sample: &Sample, csv: &[u8]) {
    let mut options = ReadOptions::default();
    for (name, value) in [("csv.delimiter", ";"), ("csv.decimal", ","), ("csv.encoding", "windows-1252")] {
        options.set(name, value).expect("a value that the option takes");
    }
    // No cell of the sample has a comma or a semicolon, and only numbers have points.
    let swapped = |byte: &u8| match byte {
        b',' => b';',
        b'.' => b',',
        other => *other,
    };
    let body: Vec<u8> = csv.iter().map(swapped).collect();
    group.throughput(throughput(sample.rows, body.len()));
    group.bench_function(BenchmarkId::new("eider", "csv of a dialect"), |bencher| {
        bencher.iter(|| black_box(decode_as(&sample.schema, BodyFormat::Csv, &options, &body)));
    });
}

fn by_type(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode ndjson by type");
    for sample in Sample::by_type() {
        lines(&mut group, &sample, &sample.name);
    }
    group.finish();
}

/// What it costs that a property says how its values are written, beside a property that does not.
fn by_dialect(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode ndjson by dialect");
    for sample in Sample::by_dialect() {
        let Sample { name, schema, lines, rows } = &sample;
        group.throughput(throughput(*rows, lines.len()));
        group.bench_function(BenchmarkId::new("eider", name), |bencher| {
            bencher.iter(|| black_box(decode(schema, BodyFormat::Ndjson, lines.as_bytes())));
        });
    }
    group.finish();
}

fn by_width(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode ndjson by width");
    for sample in [1, 10, 100].map(Sample::of_width) {
        lines(&mut group, &sample, &format!("{} properties", sample.name));
    }
    group.finish();
}

/// The NDJSON of a sample by everything that reads it.
fn lines(group: &mut BenchmarkGroup<'_, WallTime>, sample: &Sample, name: &str) {
    let Sample { schema, lines, rows, .. } = sample;
    group.throughput(throughput(*rows, lines.len()));
    group.bench_function(BenchmarkId::new("eider", name), |bencher| {
        bencher.iter(|| black_box(decode(schema, BodyFormat::Ndjson, lines.as_bytes())));
    });
    let fields: Vec<usize> = (RECORD_FIELD_COUNT..schema.arrow().fields().len()).collect();
    let arrow = with_offset_zone(&schema.arrow().project(&fields).expect("the fields exist"));
    // It reads identifiers as hexadecimal digits alone, and no nested JSON as text.
    let is_read = |name: &str| !matches!(name, "uuid" | "object");
    if is_read(name) {
        group.bench_function(BenchmarkId::new("arrow-json", name), |bencher| {
            bencher.iter(|| {
                let reader = ReaderBuilder::new(Arc::clone(&arrow)).with_batch_size(16_384).build(lines.as_bytes());
                for batch in reader.expect("the schema is supported") {
                    black_box(batch.expect("the sample is valid"));
                }
            });
        });
    }
    group.bench_function(BenchmarkId::new("serde_json::Value", name), |bencher| {
        bencher.iter(|| {
            for line in lines.lines() {
                black_box(serde_json::from_str::<Json>(line).expect("the sample is valid"));
            }
        });
    });
}

criterion_group! {
    name = whole;
    config = paced(Duration::from_millis(1_500));
    targets = flights, by_width
}
criterion_group! {
    name = parts;
    config = paced(Duration::from_millis(600));
    targets = by_type, by_dialect
}
criterion_main!(whole, parts);
