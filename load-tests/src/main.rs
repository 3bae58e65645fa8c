//! Users of a running server: some read, some write, some stream. Ends with goose's own report.
//!
//! Makes the schema `flights` from the sample when the server has none, and fills it once.

use anyhow::Result;
use goose::goose::GooseResponse;
use goose::prelude::*;
use serde_json::Value;

/// The sample that the repository carries, and its schema.
const FLIGHTS: &str = include_str!("../../samples/flights.ndjson");
const SCHEMA: &str = include_str!("../../samples/flights.schema.json");

/// Where `eider serve` listens when nothing is configured.
const DEFAULT_HOST: &str = "http://127.0.0.1:8080";
const RECORDS: &str = "/api/v1/records/flights";

#[tokio::main]
async fn main() -> Result<()> {
    let attack = GooseAttack::initialize()?
        .set_default(GooseDefault::Host, DEFAULT_HOST)?
        .test_start(transaction!(fill))
        .register_scenario(
            scenario!("Reader")
                .set_weight(6)?
                .register_transaction(transaction!(page).set_name("page of 100, filtered and sorted"))
                .register_transaction(transaction!(next_page).set_name("page and its next"))
                .register_transaction(transaction!(count).set_name("count")),
        )
        .register_scenario(
            scenario!("Writer")
                .set_weight(3)?
                .register_transaction(transaction!(create).set_weight(20)?.set_name("create a record"))
                .register_transaction(transaction!(bulk).set_name("bulk call")),
        )
        .register_scenario(
            scenario!("Consumer").register_transaction(transaction!(stream).set_name("stream of one day")),
        );
    Box::pin(attack.execute()).await?;
    Ok(())
}

/// The schema and the sample, unless they are there.
async fn fill(user: &mut GooseUser) -> TransactionResult {
    if user.get("/api/v1/schemas/flights").await?.response?.status() == 200 {
        return Ok(());
    }
    post(user, "create the schema", "/api/v1/schemas", "application/json", SCHEMA).await?;
    bulk(user).await
}

async fn page(user: &mut GooseUser) -> TransactionResult {
    let path = format!("{RECORDS}?carrier.eq=UA&dep_delay.gte=15&sort=-dep_delay&limit=100");
    get(user, "sorted page", &path).await?;
    Ok(())
}

async fn next_page(user: &mut GooseUser) -> TransactionResult {
    let first = get(user, "page", &format!("{RECORDS}?limit=50")).await?;
    let page: Value = first.response?.json().await?;
    if let Some(cursor) = page["page"]["next"].as_str() {
        get(user, "next page", &format!("{RECORDS}?limit=50&cursor={cursor}")).await?;
    }
    Ok(())
}

async fn count(user: &mut GooseUser) -> TransactionResult {
    get(user, "count", &format!("{RECORDS}/count?origin.eq=JFK&dep_time.is_null=true")).await?;
    Ok(())
}

async fn create(user: &mut GooseUser) -> TransactionResult {
    let record = FLIGHTS.lines().next().unwrap_or_default();
    post(user, "create", RECORDS, "application/json", record).await
}

async fn bulk(user: &mut GooseUser) -> TransactionResult {
    post(user, "bulk", &format!("{RECORDS}/bulk"), "application/x-ndjson", FLIGHTS).await
}

async fn stream(user: &mut GooseUser) -> TransactionResult {
    let answer = get(user, "stream", &format!("{RECORDS}/stream?day.eq=2&limit=5000")).await?;
    answer.response?.bytes().await?;
    Ok(())
}

async fn get(user: &mut GooseUser, name: &str, path: &str) -> Result<GooseResponse, Box<TransactionError>> {
    user.request(GooseRequest::builder().path(path).name(name).build()).await
}

async fn post(
    user: &mut GooseUser,
    name: &str,
    path: &str,
    media_type: &'static str,
    body: &'static str,
) -> TransactionResult {
    let request = user.get_request_builder(&GooseMethod::Post, path)?.header("Content-Type", media_type).body(body);
    let request = GooseRequest::builder().set_request_builder(request).name(name).expect_status_code(201).build();
    user.request(request).await?;
    Ok(())
}
