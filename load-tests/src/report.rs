//! What a scenario found: figures for each step, memory through time, and how it was run. Written as JSON, from which
//! pages are made.

pub(crate) mod markdown;
pub(crate) mod page;
pub(crate) mod plot;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::attack::{Outcome, Times};
use crate::watch::{Sample, Usage};

/// What a scenario found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Its name, as the command line has it.
    pub(crate) scenario: String,
    /// A line for people.
    pub(crate) title: String,
    /// The arguments that repeat it.
    pub(crate) command: String,
    /// RFC 3339.
    pub(crate) began: String,
    /// The commit of the code; ends in `+` when files had changed since.
    pub(crate) commit: String,
    /// Where it ran.
    pub(crate) machine: Machine,
    /// What was configured otherwise than by default, and what else must be known to compare.
    pub(crate) notes: Vec<String>,
    /// What the first column of the table holds.
    pub(crate) rows_are: String,
    /// A row of the table each.
    pub(crate) steps: Vec<Step>,
    /// What is drawn.
    pub(crate) plots: Vec<Plot>,
    /// Something through time.
    pub(crate) courses: Vec<Course>,
}

/// A part of a run, with one setting of what is varied.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Step {
    /// What it is compared within.
    pub(crate) series: String,
    /// What it is called in the table.
    pub(crate) label: String,
    /// Its place on the horizontal axis; 0 when it has none and is not drawn.
    pub(crate) at: f64,
    /// What was measured.
    pub(crate) figures: Figures,
}

/// What was measured, by name.
pub(crate) type Figures = BTreeMap<Figure, f64>;

/// What can be measured; in the order of the columns of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Figure {
    /// Records.
    Records,
    /// Seconds.
    Seconds,
    /// Microseconds.
    Micros,
    /// Records a second.
    RecordsPerSecond,
    /// Megabytes (10⁶ bytes) a second.
    MegabytesPerSecond,
    /// Calls that were answered with success, a second.
    CallsPerSecond,
    /// Calls answered with 429 or 503.
    Refused,
    /// Calls that failed otherwise.
    Failed,
    /// Milliseconds to the head of an answer, median.
    FirstByte,
    /// Milliseconds of a whole answer, arithmetic mean.
    Mean,
    /// Its median.
    P50,
    /// 95 of 100 are shorter.
    P95,
    /// 99 of 100 are shorter.
    P99,
    /// 99 of 100 heads are shorter, when calls are added that slow answers kept clients from making.
    CorrectedP99,
    /// Processors in use by the server.
    Processors,
    /// Megabytes resident before.
    ResidentBefore,
    /// Most megabytes resident.
    ResidentPeak,
    /// Megabytes written to the disk.
    Written,
    /// Megabytes of the database and its log afterwards.
    FileSize,
    /// Records a second of bulk calls.
    Loaded,
    /// Records a second of a stream.
    Streamed,
    /// Single records created a second.
    Created,
    /// 99 of 100 creations take less.
    CreatedP99,
    /// Pages read a second.
    Paged,
    /// 99 of 100 pages take less.
    PagedP99,
    /// To what the notes of the report say.
    Ratio,
}

/// How a figure is drawn against [`Step::at`], a line for each series.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plot {
    /// Its file, without an end.
    pub(crate) name: String,
    /// Above it.
    pub(crate) title: String,
    /// Below it.
    pub(crate) axis: String,
    /// What is drawn; a course when there is none.
    pub(crate) figure: Option<Figure>,
    /// Whether the horizontal axis is logarithmic.
    pub(crate) is_logarithmic: bool,
}

/// Megabytes against seconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Course {
    /// What it is called in the legend.
    pub(crate) label: String,
    /// Seconds and megabytes.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Where a scenario ran.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// As the processor names itself.
    pub(crate) processor: String,
    /// Its threads.
    pub(crate) threads: usize,
    /// Bytes.
    pub(crate) memory: u64,
    /// System and kernel.
    pub(crate) system: String,
}

/// Most points of a course: more than a plot can show.
const COURSE_POINTS: usize = 200;

impl Report {
    /// An empty one of a scenario that begins now. Its command is the one that runs, without `--out`.
    #[expect(clippy::disallowed_methods, reason = "the day of the run is that of the clock")]
    pub(crate) fn new(scenario: &str, title: &str, rows_are: &str) -> Self {
        let mut arguments: Vec<String> = std::env::args().skip(1).collect();
        // Where the report goes changes nothing in it.
        if let Some(out) = arguments.iter().position(|argument| argument == "--out") {
            arguments.drain(out..(out + 2).min(arguments.len()));
        }
        Self {
            scenario: scenario.to_owned(),
            title: title.to_owned(),
            command: format!("just load {}", arguments.join(" ")).replace("load compare", "compare"),
            began: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            commit: commit(),
            machine: Machine::here(),
            notes: Vec::new(),
            rows_are: rows_are.to_owned(),
            steps: Vec::new(),
            plots: Vec::new(),
            courses: Vec::new(),
        }
    }

    /// Adds a step, and tells of it on standard error.
    #[expect(clippy::print_stderr, reason = "a run of minutes shows where it is")]
    pub(crate) fn push(&mut self, series: &str, label: impl Into<String>, at: f64, figures: Figures) {
        let label = label.into();
        let shown: Vec<String> =
            figures.iter().map(|(figure, value)| format!("{} {}", figure.heading(), figure.text(*value))).collect();
        eprintln!("{series} {label}: {}", shown.join(", "));
        self.steps.push(Step { series: series.to_owned(), label, at, figures });
    }

    /// Adds a plot of a figure.
    pub(crate) fn plot(&mut self, name: &str, title: &str, axis: &str, figure: Figure, is_logarithmic: bool) {
        let (name, title, axis) = (format!("{}-{name}", self.scenario), title.to_owned(), axis.to_owned());
        self.plots.push(Plot { name, title, axis, figure: Some(figure), is_logarithmic });
    }

    /// Adds a plot of all courses.
    pub(crate) fn plot_courses(&mut self, name: &str, title: &str) {
        let (name, title) = (format!("{}-{name}", self.scenario), title.to_owned());
        self.plots.push(Plot { name, title, axis: "seconds".to_owned(), figure: None, is_logarithmic: false });
    }

    /// Adds the resident memory of samples.
    pub(crate) fn course(&mut self, label: impl Into<String>, samples: &[Sample]) {
        let first = samples.first().map_or(0.0, |sample| sample.at);
        let every = samples.len().div_ceil(COURSE_POINTS).max(1);
        let points = samples.iter().step_by(every);
        let points = points.map(|sample| (rounded(sample.at - first), megabytes(sample.resident_bytes).round()));
        self.courses.push(Course { label: label.into(), points: points.collect() });
    }

    /// Writes `<scenario>.json` and the page `<scenario>.html` into a directory.
    ///
    /// # Errors
    /// When the directory or a file cannot be written.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory).with_context(|| format!("{}", directory.display()))?;
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        fs::write(directory.join(format!("{}.json", self.scenario)), json)?;
        fs::write(directory.join(format!("{}.html", self.scenario)), page::html(self)?)?;
        Ok(())
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read, or is of another kind.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let json = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
        serde_json::from_str(&json).with_context(|| format!("{}", path.display()))
    }

    /// The steps of a series, and the figures that any of them has, in the order of columns.
    fn table(&self, series: &str) -> (Vec<&Step>, Vec<Figure>) {
        let steps: Vec<&Step> = self.steps.iter().filter(|step| step.series == series).collect();
        let mut columns: Vec<Figure> = steps.iter().flat_map(|step| step.figures.keys().copied()).collect();
        columns.sort_unstable();
        columns.dedup();
        // A column of nothing but zeros says less than the sentence that there were none.
        columns.retain(|figure| {
            !matches!(figure, Figure::Refused | Figure::Failed)
                || steps.iter().any(|step| step.figures.get(figure).is_some_and(|value| *value > 0.0))
        });
        (steps, columns)
    }

    /// The series, in the order of their first step.
    fn series(&self) -> Vec<&str> {
        let mut series: Vec<&str> = Vec::new();
        for step in &self.steps {
            if !series.contains(&step.series.as_str()) {
                series.push(&step.series);
            }
        }
        series
    }
}

impl Figure {
    /// The head of its column, with its unit.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Seconds => "s",
            Self::Micros => "µs",
            Self::RecordsPerSecond => "records/s",
            Self::MegabytesPerSecond => "MB/s",
            Self::CallsPerSecond => "calls/s",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::FirstByte => "first byte ms",
            Self::Mean => "mean ms",
            Self::P50 => "p50 ms",
            Self::P95 => "p95 ms",
            Self::P99 => "p99 ms",
            Self::CorrectedP99 => "p99 corrected ms",
            Self::Processors => "processors",
            Self::ResidentBefore => "resident before MB",
            Self::ResidentPeak => "resident peak MB",
            Self::Written => "written MB",
            Self::FileSize => "file MB",
            Self::Loaded => "bulk records/s",
            Self::Streamed => "streamed records/s",
            Self::Created => "creations/s",
            Self::CreatedP99 => "creation p99 ms",
            Self::Paged => "pages/s",
            Self::PagedP99 => "page p99 ms",
            Self::Ratio => "ratio",
        }
    }

    /// A value as a table shows it: three digits that mean something, thousands apart.
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Self::Records | Self::Refused | Self::Failed | Self::ResidentBefore | Self::ResidentPeak => {
                thousands(value.round())
            }
            Self::Ratio | Self::Processors => format!("{value:.2}"),
            _ => significant(value),
        }
    }
}

/// Figures of an attack, and of the server meanwhile where it could be watched.
pub(crate) fn figures(outcome: &Outcome, usage: Option<Usage>) -> Figures {
    let per_second = |count: f64| count / outcome.seconds.max(f64::EPSILON);
    let mut figures = Figures::from([
        (Figure::RecordsPerSecond, per_second(float(outcome.rows))),
        (Figure::MegabytesPerSecond, per_second(megabytes(outcome.bytes))),
        (Figure::CallsPerSecond, per_second(float(outcome.answered))),
        (Figure::Refused, float(outcome.refused)),
        (Figure::Failed, float(outcome.failed)),
    ]);
    if outcome.answered > 0 {
        let Times { mean, p50, p95, p99, .. } = outcome.whole;
        figures.extend([(Figure::Mean, mean), (Figure::P50, p50), (Figure::P95, p95), (Figure::P99, p99)]);
    }
    figures.extend(outcome.corrected_p99.map(|time| (Figure::CorrectedP99, time)));
    if let Some(usage) = usage {
        // Goose begins before the first call and ends after the last.
        figures.extend(server_figures(Usage { seconds: outcome.seconds, ..usage }));
    }
    figures
}

/// Figures of a server that was watched.
pub(crate) fn server_figures(usage: Usage) -> Figures {
    Figures::from([
        (Figure::Processors, usage.processor_seconds / usage.seconds.max(f64::EPSILON)),
        (Figure::ResidentBefore, megabytes(usage.resident_first)),
        (Figure::ResidentPeak, megabytes(usage.resident_peak)),
        (Figure::Written, megabytes(usage.written_bytes)),
        (Figure::FileSize, megabytes(usage.file_bytes)),
    ])
}

/// A count, as far as figures go.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// 10⁶ bytes.
pub(crate) fn megabytes(bytes: u64) -> f64 {
    float(bytes) / 1e6
}

/// To hundredths: a plot shows no more.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Three significant digits at least, thousands apart.
fn significant(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => thousands(value.round()),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A whole number with commas between thousands.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.as_bytes()[index - 1] != b'-' {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The commit of the working directory; `?` when there is none.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok()
    };
    let Some(head) = git(&["rev-parse", "--short=10", "HEAD"]) else { return "?".to_owned() };
    let is_changed = git(&["status", "--porcelain", "--", "crates", "load-tests", "Cargo.lock"])
        .is_some_and(|changes| !changes.is_empty());
    format!("{}{}", head.trim(), if is_changed { "+" } else { "" })
}

impl Machine {
    fn here() -> Self {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kilobytes = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let system = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        Self {
            processor: name.map_or("?", |(_, name)| name).to_owned(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            memory: kilobytes.and_then(|number| number.parse::<u64>().ok()).unwrap_or_default() << 10,
            system: format!(
                "{}, Linux {}",
                system.unwrap_or("?").trim_matches('"'),
                read("/proc/sys/kernel/osrelease")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_mean_something() {
        let shown: Vec<String> = [0.1234, 9.876, 98.76, 987.6, 9_876.5, 1_234_567.0].map(significant).to_vec();
        assert_eq!(shown, ["0.123", "9.88", "98.8", "988", "9,877", "1,234,567"]);
        assert_eq!(thousands(-1_000.0), "-1,000");
        assert_eq!(thousands(-100.0), "-100");
    }

    #[test]
    fn a_course_keeps_its_first_second_and_few_enough_points() {
        let sample = |at: u32| Sample { at: 10.0 + f64::from(at), resident_bytes: 5_000_000, ..Sample::default() };
        let mut report = Report::new("s", "S", "n");
        report.course("all", &(0..1_000).map(sample).collect::<Vec<_>>());
        let points = &report.courses[0].points;
        assert_eq!((points[0], points.len()), ((0.0, 5.0), 200));
    }
}
