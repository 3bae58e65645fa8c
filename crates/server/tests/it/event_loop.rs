//! Engine work, decoding and encoding stay off the threads that serve connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::process::{FLIGHTS, Server};

/// `/health/live` needs an event loop and nothing else: it is late only when the loop is busy with something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_event_loop_is_never_blocked() {
    let directory = tempfile::tempdir().unwrap();
    let server = Arc::new(Server::with_flights(directory.path()).await);
    let body = FLIGHTS.repeat(10);
    let is_done = Arc::new(AtomicBool::new(false));
    let finished = Arc::new(AtomicUsize::new(0));
    let mut load = Vec::new();
    for work in ["bulk", "stream", "stream?sort=-dep_delay,tailnum"] {
        let (server, is_done, finished, body) =
            (Arc::clone(&server), Arc::clone(&is_done), Arc::clone(&finished), body.clone());
        load.push(tokio::spawn(async move {
            while !is_done.load(Ordering::Relaxed) {
                let path = format!("/api/v1/records/flights/{work}");
                let request = match work {
                    "bulk" => server.post(&path, "application/x-ndjson", body.clone()),
                    _ => server.get(&path),
                };
                let response = request.send().await.unwrap();
                assert!(response.status().is_success(), "{}", response.status());
                response.bytes().await.unwrap();
                finished.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }

    let mut delays = Vec::new();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(6) {
        let asked = Instant::now();
        let answer = server.get("/health/live").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        delays.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    is_done.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }

    delays.sort();
    let p99 = delays[delays.len() * 99 / 100];
    assert!(finished.load(Ordering::Relaxed) >= 6, "the load was too light to tell");
    assert!(delays.len() >= 300, "only {} answers", delays.len());
    assert!(p99 < Duration::from_millis(50), "p99 of {} answers: {p99:?}", delays.len());
}
