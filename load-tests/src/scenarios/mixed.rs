//! Users who read, write and consume streams at once. Ends with goose's own tables and its page.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use goose::config::GooseConfiguration;
use goose::goose::GooseResponse;
use goose::metrics::GooseCoordinatedOmissionMitigation;
use goose::prelude::*;
use serde_json::Value;

use crate::command_line::{Common, time};
use crate::flights::{SAMPLE as FLIGHTS, schema};

const SCHEMA: &str = "mixed";
const RECORDS: &str = "/api/v1/records/mixed";

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Users at once.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// How long they ask.
    #[arg(long, value_parser = time, default_value = "30s")]
    time: Duration,
}

/// Lets the users loose on a schema that holds the sample. Goose writes `mixed.html` and `mixed.json`.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let Options { common, clients, time } = options;
    let mut server = common.server(&[])?;
    server.create_schema(&schema(SCHEMA, &["carrier", "tailnum"])).await?;
    server.load(SCHEMA, FLIGHTS.into()).await?;
    std::fs::create_dir_all(&common.out)?;
    let page = |end| common.out.join(format!("mixed.{end}")).display().to_string();
    // Some of its fields are private.
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(server.host.clone());
    configuration.users = Some(*clients);
    configuration.increase_rate = Some(clients.to_string());
    configuration.run_time = Some(format!("{}s", time.as_secs().max(1)));
    configuration.co_mitigation = Some(GooseCoordinatedOmissionMitigation::Average);
    configuration.report_file = vec![page("html"), page("json")];
    configuration.no_telnet = true;
    let attack = GooseAttack::initialize_with_config(configuration)?
        .register_scenario(
            scenario!("Reader")
                .set_weight(6)?
                .register_transaction(transaction!(page_of_hundred).set_name("page of 100, filtered and sorted"))
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
    server.stop()
}

async fn page_of_hundred(user: &mut GooseUser) -> TransactionResult {
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
