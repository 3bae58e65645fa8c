//! The rules that schemas and records are checked by, without reading any format.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use eider_benches::{Sample, flights_document, paced, throughput};
use eider_domain::{Incoming, RecordValidator, SchemaDefinition};
use serde_json::{Value as Json, json};

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse a schema");
    let mut wide = flights_document();
    let properties = wide["properties"].as_array_mut().expect("a schema has properties");
    for index in properties.len()..100 {
        properties.push(json!({"name": format!("property_{index}"), "type": "number", "constraints": {"minimum": 0}}));
    }
    for document in [flights_document(), wide] {
        let properties = document["properties"].as_array().map_or(0, Vec::len);
        group.throughput(throughput(properties, document.to_string().len()));
        group.bench_function(BenchmarkId::new("eider", format!("{properties} properties")), |bencher| {
            bencher.iter(|| black_box(SchemaDefinition::parse(&document).expect("the schema is valid")));
        });
    }
    group.finish();
}

fn check(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("check records");
    let samples = [Sample::of_width(3), Sample::flights(), Sample::invalid_flights(), Sample::of_width(100)];
    for Sample { name, schema, lines, rows } in samples {
        let parse = |line| serde_json::from_str::<Json>(line).expect("the sample is JSON");
        let records: Vec<Json> = lines.lines().map(parse).collect();
        let name = name.parse().map_or(name, |width: usize| format!("{width} properties"));
        group.throughput(throughput(rows, lines.len()));
        group.bench_function(BenchmarkId::new("eider", name), |bencher| {
            let mut check = RecordValidator::new(&schema).check();
            bencher.iter(|| {
                for record in &records {
                    for (key, value) in record.as_object().expect("records are objects") {
                        if let Some(slot) = check.key(key) {
                            black_box(check.value(slot, Incoming::from_json(value)));
                        }
                    }
                    black_box(check.finish());
                }
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = paced(Duration::from_millis(1_500));
    targets = parse, check
}
criterion_main!(benches);
