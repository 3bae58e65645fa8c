//! `eider demo`, as a newcomer runs it.

use std::process::Stdio;

use serde_json::json;

use crate::process::{FLIGHTS, Process, eider, json_of};

#[tokio::test]
async fn the_demo_shows_every_call_serves_on_and_ends_on_ctrl_c() {
    let mut demo = Process::start(eider(&["demo", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()));
    let lines = demo.output();
    let mut shown = Vec::new();
    let base = loop {
        let line = lines.recv().unwrap_or_else(|_| panic!("it ended early: {shown:#?}"));
        match line.strip_prefix("Serving on ").and_then(|rest| rest.split_once(' ')) {
            Some((base, _)) => break base.to_owned(),
            None => shown.push(line),
        }
    };
    let text = shown.join("\n");
    assert_eq!(text.matches("curl ").count(), 6, "{text}");
    for piece in ["→ 201, 2699 records", "→ 422", "\"created\": 2699", "→ 200, 2699 records"] {
        assert!(text.contains(piece), "{piece} is missing in {text}");
    }
    let client = reqwest::Client::new();
    let count = json_of(client.get(format!("{base}/api/v1/records/flights/count")), 200).await;
    assert_eq!(count, json!({"count": FLIGHTS.lines().count()}));
    assert_eq!(demo.stop("INT"), Some(0));
}
