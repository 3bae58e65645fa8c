//! On a full disk the server refuses what it cannot store, keeps what it acknowledged, and goes on reading.

use std::process::Command;

use crate::process::{FLIGHTS, SCHEMA, Server, eider, json_of};

/// A command that sees a disk of 48 MiB at a directory, in a file system of its own; `None` where a process may not
/// have one.
fn on_small_disk(directory: &str, command: &Command) -> Option<Command> {
    let small = |inner: &[&str]| {
        let mut unshare = Command::new("unshare");
        let mount = "mount -t tmpfs -o size=48m none \"$0\" && exec \"$@\"";
        unshare.args(["--map-root-user", "--mount", "sh", "-c", mount, directory]).args(inner);
        unshare
    };
    if !small(&["true"]).output().is_ok_and(|output| output.status.success()) {
        return None;
    }
    let program = command.get_program().to_str().unwrap();
    let arguments = command.get_args().map(|argument| argument.to_str().unwrap());
    Some(small(&[program].into_iter().chain(arguments).collect::<Vec<_>>()))
}

#[expect(clippy::print_stderr, reason = "a test that does not try says so")]
#[tokio::test]
async fn a_full_disk_refuses_writes_and_goes_on_reading() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().to_str().unwrap();
    let serve = eider(&["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir, "--log-format", "json"]);
    let Some(mut serve) = on_small_disk(data_dir, &serve) else {
        eprintln!("not tried: this process may not mount a small disk");
        return;
    };
    let server = Server::start_as(&mut serve);
    json_of(server.post("/api/v1/schemas", "application/json", SCHEMA), 201).await;
    let many = FLIGHTS.repeat(8);
    let mut acknowledged = 0;
    let refused = loop {
        let call = server.post("/api/v1/records/flights/bulk", "application/x-ndjson", many.clone());
        let response = call.send().await.unwrap();
        if response.status() != 201 {
            break response;
        }
        acknowledged += many.lines().count();
        assert!(acknowledged < 10_000_000, "the disk is never full");
    };
    assert_eq!(refused.status(), 507, "after {acknowledged} records");
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert_eq!((&problem["code"], &problem["retryable"]), (&"storage_full".into(), &true.into()));

    assert!(acknowledged > 0);
    for _ in 0..3 {
        assert_eq!(server.count().await, acknowledged);
    }
    let stream = server.get("/api/v1/records/flights/stream").send().await.unwrap();
    assert_eq!(stream.text().await.unwrap().lines().count(), acknowledged);
    assert_eq!(server.stop("TERM"), Some(1), "there is no room for the last checkpoint");
}
