//! Eider itself.

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use bytes::Bytes;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::Store;
use crate::command_line::Common;
use crate::flights::schema;
use crate::server::Server;

const RECORDS: &str = "/api/v1/records/flights";
/// Every query is one that no answer is kept of, as it is of the others.
const SETTINGS: &[(&str, &str)] = &[("EIDER_LIMITS_ANSWER_CACHE", "0B"), ("EIDER_STORAGE_RECORD_CACHE", "0B")];

pub(crate) struct Eider {
    server: Server,
}

impl Eider {
    pub(crate) async fn start(common: &Common) -> Result<Self> {
        let server = common.server(SETTINGS)?;
        server.create_schema(&schema("flights", &["tailnum"])).await?;
        Ok(Self { server })
    }

    async fn get(&self, path: &str) -> Result<Response> {
        self.server.call(Method::GET, path, "", Bytes::new()).await
    }
}

#[async_trait]
impl Store for Eider {
    fn label(&self) -> String {
        concat!("Eider ", env!("CARGO_PKG_VERSION")).to_owned()
    }

    fn configuration(&self) -> String {
        "over HTTP; every record is checked against its schema; fsync before a write is acknowledged; no answers and no \
         records kept in memory"
            .to_owned()
    }

    fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    async fn load(&self, lines: Bytes) -> Result<()> {
        self.server.load("flights", lines).await
    }

    async fn create(&self, _: usize, flight: Bytes) -> Result<()> {
        self.server.call(Method::POST, RECORDS, "application/json", flight).await?.bytes().await?;
        Ok(())
    }

    async fn everything(&self) -> Result<(u64, u64)> {
        super::count_lines(self.get(&format!("{RECORDS}/stream?format=ndjson")).await?).await
    }

    async fn ids(&self, count: usize) -> Result<Vec<String>> {
        let page: Value = self.get(&format!("{RECORDS}?fields=id&limit={count}")).await?.json().await?;
        let records = page["data"].as_array().context("a page has records")?;
        Ok(records.iter().filter_map(|record| record["id"].as_str()).map(str::to_owned).collect())
    }

    async fn one(&self, _: usize, id: &str) -> Result<()> {
        self.get(&format!("{RECORDS}/{id}")).await?.bytes().await?;
        Ok(())
    }

    async fn page(&self, _: usize, origin: &str, delay: i32) -> Result<()> {
        let path = format!("{RECORDS}?origin.eq={origin}&dep_delay.gt={delay}&sort=-arr_delay&limit=100");
        self.get(&path).await?.bytes().await?;
        Ok(())
    }

    async fn aircraft(&self, _: usize, tail_number: &str) -> Result<()> {
        self.get(&format!("{RECORDS}?tailnum.eq={tail_number}&limit=100")).await?.bytes().await?;
        Ok(())
    }

    async fn groups(&self, _: usize, flight: i32) -> Result<()> {
        let query = json!({
            "where": {"field": "flight", "op": "gt", "value": flight},
            "group_by": ["carrier"],
            "aggregate": [{"fn": "count", "as": "n"}, {"fn": "avg", "field": "dep_delay", "as": "mean"},
                          {"fn": "max", "field": "arr_delay", "as": "most"}]
        });
        let path = format!("{RECORDS}/query");
        self.server.call(Method::POST, &path, "application/json", query.to_string().into()).await?.bytes().await?;
        Ok(())
    }
}
