//! Every scenario at a size of seconds, against the server of this workspace.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs a scenario and gives its report. Nothing failed, and its page has its plots.
fn run(arguments: &[&str]) -> Value {
    let program = Path::new(env!("CARGO_BIN_EXE_eider-load-tests"));
    let server = program.with_file_name("eider");
    assert!(server.is_file(), "{} is built by `cargo test --workspace`", server.display());
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut command = Command::new(program);
    command.args(arguments).arg("--out").arg(directory.path());
    let output = command.output().expect("it can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read =
        |end| fs::read_to_string(directory.path().join(format!("{}.{end}", arguments[0]))).expect("it was written");
    let report: Value = serde_json::from_str(&read("json")).expect("it is JSON");
    for step in report["steps"].as_array().expect("steps") {
        assert!(step["figures"]["failed"].as_f64().is_none_or(|failed| failed < 1.0), "{step}");
    }
    let plots = report["plots"].as_array().map_or(0, Vec::len);
    assert_eq!(read("html").matches("<svg").count(), plots);
    report
}

/// The series and labels of a report's steps, each step once.
fn steps(report: &Value) -> Vec<(&str, &str)> {
    let steps = report["steps"].as_array().into_iter().flatten();
    steps.filter_map(|step| Some((step["series"].as_str()?, step["label"].as_str()?))).collect()
}

/// A figure of every step that has it.
fn figures(report: &Value, figure: &str) -> Vec<f64> {
    let steps = report["steps"].as_array().into_iter().flatten();
    steps.filter_map(|step| step["figures"][figure].as_f64()).collect()
}

#[test]
fn writes_are_counted_for_each_number_of_clients() {
    let report = run(&["writes", "--clients", "1,3", "--time", "1s", "--batch", "10"]);
    let (single, bulk) = ("single records", "bulk calls of 10 records");
    assert_eq!(steps(&report), [(single, "1"), (single, "3"), (bulk, "1"), (bulk, "3")]);
    assert!(figures(&report, "records_per_second").iter().all(|rate| *rate > 0.0), "{report}");
    assert!(figures(&report, "resident_peak").iter().all(|megabytes| *megabytes > 10.0), "{report}");
    assert_eq!(figures(&report, "p99").len(), 4);
}

#[test]
fn bulk_calls_are_measured_by_their_size() {
    let report = run(&["bulk", "--sizes", "1,50", "--calls", "5", "--time", "10s"]);
    let labels = [("two indexes", "1"), ("two indexes", "50"), ("no index", "1"), ("no index", "50")];
    assert_eq!(steps(&report), labels);
}

#[test]
fn streams_are_read_whole_by_every_kind_of_reader() {
    let report = run(&["streams", "--records", "3000", "--readers", "1,2", "--limit", "500", "--time", "2s"]);
    assert_eq!(steps(&report).len(), 8);
    assert!(figures(&report, "records_per_second").iter().all(|rate| *rate > 0.0), "{report}");
}

#[test]
fn queries_are_measured_with_and_without_an_index() {
    let report = run(&["queries", "--records", "2000", "--clients", "2", "--time", "1s"]);
    assert_eq!(steps(&report).len(), 8 + 8 + 4);
    assert_eq!(figures(&report, "ratio").len(), 8);
}

#[test]
fn settings_are_varied_one_by_one() {
    let report = run(&["settings", "--records", "1000", "--time", "1s", "--only", "POOL", "--rounds", "2"]);
    let values = ["32", "4", "8", "128"].map(|value| ("`pool.size`", value));
    assert_eq!(steps(&report), values);
}

#[test]
fn growth_is_the_same_measurements_at_each_size() {
    let report = run(&["growth", "--records", "1000,3000", "--time", "1s"]);
    assert_eq!(figures(&report, "ratio").len(), 2 * 7);
    assert_eq!(figures(&report, "records"), [1_000.0, 3_000.0]);
}

#[test]
fn eider_and_the_engine_by_itself_do_the_same_work() {
    let report = run(&["compare", "--stores", "eider,duckdb", "--records", "2000", "--rounds", "1", "--time", "1s"]);
    assert_eq!(steps(&report).len(), 2 * 7);
    assert!(figures(&report, "ratio").iter().all(|ratio| *ratio > 0.0), "{report}");
}
