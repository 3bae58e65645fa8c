//! What criterion found about the parts that do the work, as a report: records and bytes a second, beside the alternatives.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::report::{Figure, Figures, Report};

#[derive(Debug, Args)]
pub(crate) struct PartsOptions {
    /// Criterion's directory [default: `criterion` in the target directory of this program].
    #[arg(long)]
    criterion: Option<PathBuf>,
    /// Where the report goes.
    #[arg(long, default_value = "target/load")]
    pub(crate) out: PathBuf,
}

/// What Eider is called among alternatives.
const OURS: &str = "eider";

/// A benchmark of criterion.
#[derive(Debug)]
struct Part {
    group: String,
    function: String,
    value: Option<String>,
    nanoseconds: f64,
    elements: Option<f64>,
    bytes: Option<f64>,
}

/// The report of everything that criterion measured last.
pub(crate) fn report(options: &PartsOptions) -> Result<Report> {
    let directory = match &options.criterion {
        Some(directory) => directory.clone(),
        None => std::env::current_exe()?.with_file_name("../criterion"),
    };
    let mut parts = Vec::new();
    collect(&directory, &mut parts).with_context(|| format!("{}", directory.display()))?;
    ensure!(!parts.is_empty(), "{} holds no benchmarks: run `just bench`", directory.display());
    let mut report = Report::new("parts", "Parts", "what");
    "just bench".clone_into(&mut report.command);
    report.notes.push(
        "Medians of criterion, one process, no network. The ratio is Eider's time to that of the alternative on the same input."
            .to_owned(),
    );
    // Rules before formats, these before the store, each in the order of their sizes.
    parts.sort_by(|left: &Part, right| {
        let key = |part: &Part| {
            (part.group.clone(), part.size(), part.value.clone(), part.function != OURS, part.function.clone())
        };
        key(left).partial_cmp(&key(right)).unwrap_or(std::cmp::Ordering::Equal)
    });
    for part in &parts {
        let ours = parts.iter().find(|other| {
            other.function == OURS && other.group == part.group && other.value == part.value && part.function != OURS
        });
        let per_second = 1e9 / part.nanoseconds;
        let mut figures = Figures::from([(Figure::Micros, part.nanoseconds / 1e3)]);
        figures.extend(part.elements.map(|count| (Figure::RecordsPerSecond, count * per_second)));
        figures.extend(part.bytes.map(|bytes| (Figure::MegabytesPerSecond, bytes * per_second / 1e6)));
        figures.extend(ours.map(|ours| (Figure::Ratio, ours.nanoseconds / part.nanoseconds)));
        let label =
            part.value.as_ref().map_or_else(|| part.function.clone(), |value| format!("{value}: {}", part.function));
        report.push(&part.group, label, 0.0, figures);
    }
    Ok(report)
}

impl Part {
    /// Sizes in their order as numbers.
    fn size(&self) -> f64 {
        let number = |text: &String| text.replace([',', '_'], "").split(' ').next().and_then(|word| word.parse().ok());
        self.value.as_ref().and_then(number).unwrap_or(0.0)
    }
}

/// Every benchmark under a directory.
fn collect(directory: &Path, parts: &mut Vec<Part>) -> Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    entries.sort();
    for entry in entries.iter().filter(|entry| entry.is_dir()) {
        if entry.ends_with("new") {
            parts.extend(part(entry)?);
        } else {
            collect(entry, parts)?;
        }
    }
    Ok(())
}

/// `None` for what is no benchmark, such as a group's report.
fn part(directory: &Path) -> Result<Option<Part>> {
    let read = |name: &str| -> Result<Value> { Ok(serde_json::from_str(&fs::read_to_string(directory.join(name))?)?) };
    let Ok(benchmark) = read("benchmark.json") else { return Ok(None) };
    let estimates = read("estimates.json")?;
    let text = |name: &str| benchmark[name].as_str().map(str::to_owned);
    let throughput = &benchmark["throughput"];
    let both = &throughput["ElementsAndBytes"];
    Ok(Some(Part {
        group: text("group_id").context("a benchmark has a group")?,
        function: text("function_id").unwrap_or_default(),
        value: text("value_str"),
        nanoseconds: estimates["median"]["point_estimate"].as_f64().context("a benchmark has a median")?,
        elements: both["elements"].as_f64().or_else(|| throughput["Elements"].as_f64()),
        bytes: both["bytes"].as_f64().or_else(|| throughput["Bytes"].as_f64()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_benchmark_becomes_a_row_with_its_rates_and_its_ratio_to_an_alternative() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for (function, median) in [("eider", 500.0), ("other", 2_000.0)] {
            let place = directory.path().join(function).join("new");
            fs::create_dir_all(&place).expect("it is made");
            let benchmark = format!(
                r#"{{"group_id": "decode", "function_id": "{function}", "value_str": "ndjson",
                    "throughput": {{"ElementsAndBytes": {{"elements": 10, "bytes": 1000}}}}}}"#
            );
            fs::write(place.join("benchmark.json"), benchmark).expect("it is written");
            let estimates = format!(r#"{{"median": {{"point_estimate": {median}}}}}"#);
            fs::write(place.join("estimates.json"), estimates).expect("it is written");
        }
        let options = PartsOptions { criterion: Some(directory.path().to_owned()), out: PathBuf::new() };
        let report = report(&options).expect("they are read");
        let rows: Vec<_> = report.steps.iter().map(|step| (step.label.as_str(), step.figures.clone())).collect();
        let figures = |micros, records, megabytes| {
            [(Figure::Micros, micros), (Figure::RecordsPerSecond, records), (Figure::MegabytesPerSecond, megabytes)]
        };
        let mut other = Figures::from(figures(2.0, 5e6, 500.0));
        other.insert(Figure::Ratio, 0.25);
        let ours = Figures::from(figures(0.5, 2e7, 2_000.0));
        assert_eq!(rows, [("ndjson: eider", ours), ("ndjson: other", other)]);
    }
}
