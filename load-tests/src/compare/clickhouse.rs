//! `ClickHouse`, as Debian packages it, over HTTP.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use async_trait::async_trait;
use bytes::Bytes;
use reqwest::{Client, Response};

use super::Store;
use super::process::{self, Process};
use crate::server::{checked, plain_client};

pub(crate) struct ClickHouse {
    process: Process,
    client: Client,
    host: String,
    version: String,
}

impl ClickHouse {
    /// `CLICKHOUSE_BIN` and `CLICKHOUSE_LIBS` name its program and the libraries that it needs, where it is not installed.
    pub(crate) async fn start(parent: &Path) -> Result<Self> {
        let directory = process::directory(parent, "clickhouse")?;
        let (root, port) = (directory.path().display().to_string(), process::free_port()?);
        for part in ["data", "tmp", "formats"] {
            fs::create_dir(directory.path().join(part))?;
        }
        fs::write(
            directory.path().join("config.xml"),
            format!(
                "<yandex><logger><level>warning</level><console>1</console></logger><http_port>{port}</http_port>\
                 <tcp_port>{}</tcp_port><listen_host>127.0.0.1</listen_host><path>{root}/data/</path>\
                 <tmp_path>{root}/tmp/</tmp_path><format_schema_path>{root}/formats/</format_schema_path>\
                 <mark_cache_size>1073741824</mark_cache_size><keep_alive_timeout>600</keep_alive_timeout>\
                 <users_config>{root}/users.xml</users_config><default_profile>default</default_profile>\
                 <default_database>default</default_database></yandex>",
                process::free_port()?
            ),
        )?;
        fs::write(
            directory.path().join("users.xml"),
            "<yandex><profiles><default></default></profiles><users><default><password></password><networks><ip>::/0</ip>\
             </networks><profile>default</profile><quota>default</quota></default></users><quotas><default></default></quotas>\
             </yandex>",
        )?;
        let mut command = Command::new(process::program("CLICKHOUSE_BIN", "clickhouse-server"));
        command.arg(format!("--config-file={root}/config.xml"));
        command.env("LD_LIBRARY_PATH", std::env::var_os("CLICKHOUSE_LIBS").unwrap_or_default());
        let process = Process::spawn(&mut command, directory)?;
        let (client, host) = (plain_client()?, format!("http://127.0.0.1:{port}/"));
        let mut store = Self { process, client, host, version: String::new() };
        store.version =
            process::ready("ClickHouse", || async { Ok(store.ask("SELECT version()").await?.text().await?) }).await?;
        let table = format!(
            "CREATE TABLE flights (id UUID DEFAULT generateUUIDv4(), {}) ENGINE = MergeTree ORDER BY id",
            super::columns("Nullable(Int64)", "Nullable(String)", "String")
        );
        checked(store.client.post(&store.host).body(table).send().await?, "ClickHouse").await?;
        Ok(store)
    }

    async fn ask(&self, sql: &str) -> Result<Response> {
        checked(self.client.get(&self.host).query(&[("query", sql)]).send().await?, "ClickHouse").await
    }

    async fn send(&self, sql: &str, body: Bytes) -> Result<()> {
        checked(self.client.post(&self.host).query(&[("query", sql)]).body(body).send().await?, "ClickHouse")
            .await?
            .bytes()
            .await?;
        Ok(())
    }

    async fn rows(&self, sql: &str) -> Result<()> {
        self.ask(&format!("{sql} FORMAT JSONEachRow")).await?.bytes().await?;
        Ok(())
    }
}

#[async_trait]
impl Store for ClickHouse {
    fn label(&self) -> String {
        format!("ClickHouse {}", self.version.trim())
    }

    fn configuration(&self) -> String {
        "over HTTP; defaults; a MergeTree ordered by `id`, a random UUID; no index on `tailnum`, since it has none of that \
         kind. Inserts are not fsynced, so its writes promise less; instants are kept as text, since Debian's release has no \
         type for them"
            .to_owned()
    }

    fn pid(&self) -> Option<u32> {
        Some(self.process.pid())
    }

    async fn load(&self, lines: Bytes) -> Result<()> {
        self.send("INSERT INTO flights FORMAT JSONEachRow", lines).await
    }

    async fn create(&self, _: usize, flight: Bytes) -> Result<()> {
        self.send("INSERT INTO flights FORMAT JSONEachRow", flight).await
    }

    async fn everything(&self) -> Result<(u64, u64)> {
        super::count_lines(self.ask("SELECT * FROM flights FORMAT JSONEachRow").await?).await
    }

    async fn ids(&self, count: usize) -> Result<Vec<String>> {
        let text = self.ask(&format!("SELECT id FROM flights LIMIT {count} FORMAT TSV")).await?.text().await?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    async fn one(&self, _: usize, id: &str) -> Result<()> {
        self.rows(&format!("SELECT * FROM flights WHERE id = '{id}'")).await
    }

    async fn page(&self, _: usize, origin: &str, delay: i32) -> Result<()> {
        self.rows(&super::page_sql(origin, delay)).await
    }

    async fn aircraft(&self, _: usize, tail_number: &str) -> Result<()> {
        self.rows(&super::aircraft_sql(tail_number)).await
    }

    async fn groups(&self, _: usize, flight: i32) -> Result<()> {
        self.rows(&super::groups_sql(flight)).await
    }
}
