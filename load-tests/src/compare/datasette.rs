//! Datasette over `SQLite`, from its Python package, over HTTP.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use reqwest::{Client, Response};
use serde_json::{Value, json};

use super::Store;
use super::process::{self, Process};
use crate::server::{checked, plain_client};

pub(crate) struct Datasette {
    process: Process,
    client: Client,
    host: String,
    version: String,
}

/// Rows of an insertion: many more and it holds the whole body several times.
const INSERT_ROWS: usize = 10_000;

impl Datasette {
    /// `DATASETTE_PYTHON` names the Python that has its package.
    pub(crate) async fn start(parent: &Path) -> Result<Self> {
        let directory = process::directory(parent, "datasette")?;
        let (database, port) = (directory.path().join("store.db"), process::free_port()?);
        let configuration = directory.path().join("datasette.json");
        let allowed = json!({"permissions": {"insert-row": true, "execute-sql": true, "view-instance": true}});
        fs::write(
            &configuration,
            json!({"permissions": allowed["permissions"], "databases": {"store": allowed}}).to_string(),
        )?;
        let python = process::program("DATASETTE_PYTHON", "python3");
        let sql = format!(
            "PRAGMA journal_mode=WAL; CREATE TABLE flights (id INTEGER PRIMARY KEY, {}); CREATE INDEX tailnums ON flights (tailnum);",
            super::columns("INTEGER", "TEXT", "TEXT")
        );
        let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])";
        let made = Command::new(&python).args(["-c", script]).arg(&database).arg(&sql).status()?;
        ensure!(made.success(), "the database of Datasette cannot be made");
        let mut command = Command::new(&python);
        command.args(["-m", "datasette", "serve"]).arg(&database).args([
            "-h",
            "127.0.0.1",
            "-p",
            &port.to_string(),
            "-c",
        ]);
        command.arg(&configuration);
        for (name, value) in [
            ("max_insert_rows", "10000"),
            ("max_returned_rows", "5000000"),
            ("sql_time_limit_ms", "600000"),
            ("max_post_body_bytes", "1000000000"),
        ] {
            command.args(["--setting", name, value]);
        }
        let process = Process::spawn(&mut command, directory)?;
        let (client, host) = (plain_client()?, format!("http://127.0.0.1:{port}"));
        let mut store = Self { process, client, host, version: String::new() };
        let versions: Value =
            process::ready("Datasette", || async { Ok(store.get("/-/versions.json").await?.json().await?) }).await?;
        versions["datasette"]["version"].as_str().unwrap_or("?").clone_into(&mut store.version);
        Ok(store)
    }

    async fn get(&self, path: &str) -> Result<Response> {
        checked(self.client.get(format!("{}{path}", self.host)).send().await?, "Datasette").await
    }

    async fn insert(&self, body: &Value) -> Result<()> {
        let request = self.client.post(format!("{}/store/flights/-/insert", self.host)).json(body);
        checked(request.send().await?, "Datasette").await?.bytes().await?;
        Ok(())
    }

    async fn read(&self, query: &str) -> Result<()> {
        self.get(&format!("/store/flights{query}")).await?.bytes().await?;
        Ok(())
    }
}

#[async_trait]
impl Store for Datasette {
    fn label(&self) -> String {
        format!("Datasette {}", self.version)
    }

    fn configuration(&self) -> String {
        "over HTTP; SQLite in WAL mode, which syncs at checkpoints and not at each commit. Insertions of 10,000 rows \
         (`max_insert_rows`), of one for single creations; everything comes as one JSON answer of lines (`_nl=on`), which it \
         makes in memory"
            .to_owned()
    }

    fn pid(&self) -> Option<u32> {
        Some(self.process.pid())
    }

    async fn load(&self, lines: Bytes) -> Result<()> {
        let rows: Vec<Value> = lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(serde_json::from_slice)
            .collect::<Result<_, _>>()?;
        for rows in rows.chunks(INSERT_ROWS) {
            self.insert(&json!({"rows": rows})).await?;
        }
        Ok(())
    }

    async fn create(&self, _: usize, flight: Bytes) -> Result<()> {
        self.insert(&json!({"row": serde_json::from_slice::<Value>(&flight)?})).await
    }

    async fn everything(&self) -> Result<(u64, u64)> {
        let path = "/store/flights.json?_shape=array&_nl=on&_size=5000000&_nocount=1&_nofacet=1";
        let (lines, bytes) = super::count_lines(self.get(path).await?).await?;
        // No line end behind the last line.
        Ok((lines + 1, bytes))
    }

    async fn ids(&self, count: usize) -> Result<Vec<String>> {
        let path = format!("/store/flights.json?_shape=array&_col=id&_size={count}&_nocount=1&_nofacet=1");
        let rows: Value = self.get(&path).await?.json().await?;
        let rows = rows.as_array().context("an array of rows")?;
        Ok(rows.iter().map(|row| row["id"].to_string()).collect())
    }

    async fn one(&self, _: usize, id: &str) -> Result<()> {
        self.read(&format!("/{id}.json?_shape=objects")).await
    }

    async fn page(&self, _: usize, origin: &str, delay: i32) -> Result<()> {
        let filter = format!("origin__exact={origin}&dep_delay__gt={delay}&_sort_desc=arr_delay");
        self.read(&format!(".json?{filter}&_size=100&_nocount=1&_nofacet=1&_shape=array")).await
    }

    async fn aircraft(&self, _: usize, tail_number: &str) -> Result<()> {
        self.read(&format!(".json?tailnum__exact={tail_number}&_size=100&_nocount=1&_nofacet=1&_shape=array")).await
    }

    async fn groups(&self, _: usize, flight: i32) -> Result<()> {
        let request = self.client.get(format!("{}/store/-/query.json", self.host));
        let request = request.query(&[("_shape", "array"), ("sql", &super::groups_sql(flight))]);
        checked(request.send().await?, "Datasette").await?.bytes().await?;
        Ok(())
    }
}
