//! `eider demo`, as a newcomer runs it.

use std::fs;
use std::io::{Write, stderr};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::process::{FLIGHTS, Process, eider, json_of};

/// A demo that has shown everything and goes on serving.
struct Demo {
    process: Process,
    shown: Vec<String>,
    base: String,
}

impl Demo {
    fn start(command: &mut Command) -> Self {
        let mut process = Process::start(command.stdout(Stdio::piped()));
        let lines = process.output();
        let (mut shown, mut base) = (Vec::new(), None);
        while !shown.last().is_some_and(|line: &String| line.ends_with("/openapi.json")) {
            let line = lines.recv().unwrap_or_else(|_| panic!("it ended early: {shown:#?}"));
            if let Some((address, _)) = line.strip_prefix("Serving on ").and_then(|rest| rest.split_once(' ')) {
                base = Some(address.to_owned());
            }
            shown.push(line);
        }
        Self { process, base: base.unwrap(), shown }
    }

    /// The lines for a shell, and the status that each was answered with.
    fn calls(&self) -> Vec<(String, u16)> {
        let mut calls: Vec<(String, u16)> = Vec::new();
        let mut lines = self.shown.iter();
        while let Some(first) = lines.next() {
            if first.starts_with("curl ") {
                let mut command = first.clone();
                while command.ends_with('\\') {
                    command = format!("{command}\n{}", lines.next().unwrap());
                }
                calls.push((command, 0));
            } else if let Some(outcome) = first.strip_prefix("→ ") {
                calls.last_mut().unwrap().1 = outcome.split(',').next().unwrap().parse().unwrap();
            }
        }
        calls
    }

    async fn count(&self) -> serde_json::Value {
        json_of(reqwest::Client::new().get(format!("{}/api/v1/records/flights/count", self.base)), 200).await
    }
}

#[tokio::test]
async fn the_demo_shows_every_call_serves_on_and_ends_on_ctrl_c() {
    let demo = Demo::start(&mut eider(&["demo", "--listen", "127.0.0.1:0"]));
    let text = demo.shown.join("\n");
    assert_eq!(text.matches("curl ").count(), 6, "{text}");
    for piece in ["→ 201, 2699 records", "→ 422", "\"created\": 2699", "→ 200, 2699 records"] {
        assert!(text.contains(piece), "{piece} is missing in {text}");
    }
    assert_eq!(demo.count().await, json!({"count": FLIGHTS.lines().count()}));
    let ends =
        |path: &str| demo.shown.iter().rev().take(2).any(|line| line.ends_with(&format!(" {}{path}", demo.base)));
    assert!(ends("/docs") && ends("/openapi.json"), "{text}");
    assert_eq!(demo.process.stop("INT"), Some(0));
}

/// The status of a call that a shell makes in a directory.
fn paste(command: &str, directory: &Path) -> u16 {
    let line = format!("{command} -o /dev/null -w '%{{http_code}}'");
    let mut shell = Command::new("sh");
    // Nobody's settings of curl.
    shell.args(["-c", &line]).current_dir(directory).env("HOME", directory).env("no_proxy", "*");
    let output = shell.output().unwrap();
    let status = String::from_utf8(output.stdout).unwrap();
    status.parse().unwrap_or_else(|_| panic!("{line}\n{status}\n{}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test]
async fn the_lines_of_the_demo_work_in_any_directory_and_again() {
    if Command::new("curl").arg("--version").output().is_err() {
        writeln!(stderr(), "skipped: curl is not installed (apt-get install curl)").unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (temporary, elsewhere) = (directory.path().join("it's $HOME"), directory.path().join("elsewhere"));
    fs::create_dir(&temporary).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    let mut command = eider(&["demo", "--listen", "127.0.0.1:0"]);
    let demo = Demo::start(command.current_dir(&elsewhere).env("TMPDIR", &temporary));
    let calls = demo.calls();
    assert_eq!(calls.iter().map(|(_, status)| *status).collect::<Vec<_>>(), [201, 201, 200, 200, 422, 200]);
    for round in ["first", "second"] {
        for (index, (command, shown)) in calls.iter().enumerate() {
            // The schema is there.
            let expected = if index == 0 { 409 } else { *shown };
            assert_eq!(paste(command, &elsewhere), expected, "{round} time: {command}");
        }
    }
    assert_eq!(demo.count().await, json!({"count": FLIGHTS.lines().count()}), "nothing was stored twice");
    assert!(fs::read_dir(&elsewhere).unwrap().next().is_none(), "nothing is left where it was run");
    assert_eq!(demo.process.stop("INT"), Some(0));
    assert!(fs::read_dir(&temporary).unwrap().next().is_none(), "the samples go with the demo");
}
