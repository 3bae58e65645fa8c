//! The sample, in and out again.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::process::{FLIGHTS, Server, json_of};

/// What the server adds to each record.
const OWN_FIELDS: [&str; 4] = ["id", "created_at", "updated_at", "version"];

fn flights() -> Vec<Json> {
    FLIGHTS.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A streamed line as its source had it: without the server's fields, and with whole seconds.
fn as_sent(line: &str) -> Json {
    let mut record: serde_json::Map<String, Json> = serde_json::from_str(line).unwrap();
    for field in OWN_FIELDS {
        assert!(record.remove(field).is_some(), "{field} is missing in {line}");
    }
    let time_hour = record["time_hour"].as_str().unwrap().replace(".000000Z", "Z");
    record["time_hour"] = time_hour.into();
    Json::Object(record)
}

#[tokio::test]
async fn a_stream_gives_back_every_record_in_the_order_it_came() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with_flights(directory.path()).await;
    let text = server.get("/api/v1/records/flights/stream").send().await.unwrap().text().await.unwrap();
    let streamed: Vec<Json> = text.lines().map(as_sent).collect();
    assert_eq!(streamed, flights());
}

#[tokio::test]
async fn counts_by_carrier_are_those_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with_flights(directory.path()).await;
    let mut counts = BTreeMap::<String, u64>::new();
    for flight in flights() {
        *counts.entry(flight["carrier"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(counts.len() > 10);
    for (carrier, count) in counts {
        let path = format!("/api/v1/records/flights/count?carrier.eq={carrier}");
        assert_eq!(json_of(server.get(&path), 200).await["count"], count, "{carrier}");
    }
}

#[tokio::test]
async fn cursors_lead_through_every_record_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with_flights(directory.path()).await;
    let mut expected: Vec<Json> =
        flights().iter().map(|flight| flight["dep_delay"].clone()).filter(|delay| !delay.is_null()).collect();
    expected.sort_by(|a, b| b.as_f64().unwrap().total_cmp(&a.as_f64().unwrap()));
    let first = "/api/v1/records/flights?dep_delay.is_null=false&sort=-dep_delay&limit=500&fields=id,dep_delay";
    let (mut path, mut delays, mut ids) = (first.to_owned(), Vec::new(), std::collections::BTreeSet::new());
    loop {
        let page = json_of(server.get(&path), 200).await;
        for record in page["data"].as_array().unwrap() {
            delays.push(record["dep_delay"].clone());
            assert!(ids.insert(record["id"].as_str().unwrap().to_owned()), "{record} came twice");
        }
        match page["page"]["next"].as_str() {
            Some(cursor) => path = format!("{first}&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(delays, expected);
}
