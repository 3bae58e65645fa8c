//! From what a client asks to the statement that the engine runs.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use eider_application::ports::ScanRequest;
use eider_benches::{flights_document, paced, query_body, query_strings, relation, schema, throughput};
use eider_domain::RecordQuery;
use eider_engine_duckdb::sql;
use eider_http_api::reading::{self, Query};
use serde_json::Value as Json;

fn query(criterion: &mut Criterion) {
    let schema = schema(&flights_document());
    let mut statements: Vec<(String, RecordQuery)> = Vec::new();

    let mut group = criterion.benchmark_group("parse a query");
    for (name, text) in query_strings() {
        let read = || reading::query_string(&text, &schema).expect("the query is valid");
        statements.push((format!("string of {name}"), read()));
        group.throughput(throughput(read().filter.condition_count(), text.len()));
        group.bench_function(BenchmarkId::new("eider", format!("string of {name}")), |bencher| {
            bencher.iter(|| black_box(read()));
        });
    }
    let body = query_body().to_string();
    let read = || {
        let document: Json = serde_json::from_str(&body).expect("the body is JSON");
        match reading::query_body(&document, &schema).expect("the query is valid") {
            Query::Records(query) => query,
            Query::Groups(_) => unreachable!("it asks for records"),
        }
    };
    statements.push(("body of 7 conditions".to_owned(), read()));
    group.throughput(throughput(read().filter.condition_count(), body.len()));
    group.bench_function(BenchmarkId::new("eider", "body of 7 conditions"), |bencher| {
        bencher.iter(|| black_box(read()));
    });
    group.bench_function(BenchmarkId::new("serde_json::Value", "body of 7 conditions"), |bencher| {
        bencher.iter(|| black_box(serde_json::from_str::<Json>(&body).expect("the body is JSON")));
    });
    group.finish();

    let mut group = criterion.benchmark_group("write a statement");
    let relation = relation(schema);
    for (name, query) in statements {
        let request = ScanRequest::new(query);
        group.throughput(Throughput::Elements(request.query.filter.condition_count() as u64));
        group.bench_function(BenchmarkId::new("eider", name), |bencher| {
            bencher.iter(|| black_box(sql::scan(&relation, &request)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = paced(Duration::from_secs(1));
    targets = query
}
criterion_main!(benches);
