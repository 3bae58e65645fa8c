//! `DuckDB` alone, in the client's process.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use async_trait::async_trait;
use bytes::Bytes;
use duckdb::{Connection, params};
use tempfile::TempDir;

use super::{Store, process};

pub(crate) struct DuckDb {
    /// One for each client, and one for the rest.
    connections: Vec<Arc<Mutex<Connection>>>,
    directory: Arc<TempDir>,
    version: String,
}

impl DuckDb {
    pub(crate) fn open(parent: &Path, clients: usize) -> Result<Self> {
        let directory = process::directory(parent, "duckdb")?;
        let connection = Connection::open(directory.path().join("flights.duckdb"))?;
        connection.execute_batch(&format!(
            "CREATE SEQUENCE ids; CREATE TABLE flights (id BIGINT PRIMARY KEY DEFAULT nextval('ids'), {});
             CREATE INDEX tailnums ON flights (tailnum);",
            super::columns("BIGINT", "VARCHAR", "TIMESTAMPTZ")
        ))?;
        let version = connection.query_row("SELECT version()", [], |row| row.get(0))?;
        let connections: Vec<_> = (0..clients)
            .map(|_| Ok(Arc::new(Mutex::new(connection.try_clone()?))))
            .chain([Ok(Arc::new(Mutex::new(connection.try_clone()?)))])
            .collect::<Result<_>>()?;
        Ok(Self { connections, directory: Arc::new(directory), version })
    }

    /// Runs a task with a client's connection, beside the tasks that wait for others.
    #[expect(clippy::disallowed_methods, reason = "the port of the server is not for a client")]
    async fn with<T: Send + 'static>(
        &self,
        client: usize,
        task: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = Arc::clone(&self.connections[client]);
        tokio::task::spawn_blocking(move || task(&connection.lock().unwrap_or_else(PoisonError::into_inner))).await?
    }

    /// The records of a query as lines of JSON, in memory.
    async fn rows(&self, client: usize, sql: String) -> Result<()> {
        self.with(client, move |connection| {
            let mut statement = connection.prepare(&format!("SELECT to_json(r)::VARCHAR FROM ({sql}) r"))?;
            let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
            std::hint::black_box(lines.collect::<Result<Vec<_>, _>>()?);
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Store for DuckDb {
    fn label(&self) -> String {
        format!("DuckDB {}", self.version)
    }

    fn configuration(&self) -> String {
        "in the client's process, without a network; a connection for each client; primary key from a sequence; \
         `read_json` and `COPY … (FORMAT json)` through files; answers as JSON text; fsync at commit. Its memory is not told \
         from the client's"
            .to_owned()
    }

    fn pid(&self) -> Option<u32> {
        None
    }

    async fn load(&self, lines: Bytes) -> Result<()> {
        let directory = Arc::clone(&self.directory);
        self.with(self.connections.len() - 1, move |connection| {
            let path = directory.path().join("in.ndjson");
            fs::write(&path, &lines)?;
            let columns = super::COLUMNS.map(|(name, _)| name).join(", ");
            let sql = format!(
                "INSERT INTO flights ({columns}) SELECT {columns} FROM read_json('{}', format = 'newline_delimited',
                 columns = {{{}}})",
                path.display(),
                super::COLUMNS
                    .map(|(name, kind)| format!("{name}: '{}'", kind.name("BIGINT", "VARCHAR", "TIMESTAMPTZ")))
                    .join(", ")
            );
            connection.execute_batch(&sql)?;
            Ok(())
        })
        .await
    }

    async fn create(&self, client: usize, flight: Bytes) -> Result<()> {
        self.with(client, move |connection| {
            let columns = super::COLUMNS.map(|(name, _)| name).join(", ");
            let values = super::COLUMNS
                .map(|(name, kind)| format!("(r->>'{name}')::{}", kind.name("BIGINT", "VARCHAR", "TIMESTAMPTZ")));
            let sql =
                format!("INSERT INTO flights ({columns}) SELECT {} FROM (SELECT ?::JSON AS r)", values.join(", "));
            connection.prepare_cached(&sql)?.execute(params![std::str::from_utf8(&flight)?])?;
            Ok(())
        })
        .await
    }

    async fn everything(&self) -> Result<(u64, u64)> {
        let directory = Arc::clone(&self.directory);
        self.with(self.connections.len() - 1, move |connection| {
            let path = directory.path().join("out.ndjson");
            let sql = format!("COPY flights TO '{}' (FORMAT json)", path.display());
            let records = connection.execute(&sql, [])?;
            Ok((u64::try_from(records)?, fs::metadata(&path)?.len()))
        })
        .await
    }

    async fn ids(&self, count: usize) -> Result<Vec<String>> {
        self.with(0, move |connection| {
            let mut statement = connection.prepare("SELECT id::VARCHAR FROM flights LIMIT ?")?;
            let ids = statement.query_map([i64::try_from(count)?], |row| row.get(0))?;
            Ok(ids.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn one(&self, client: usize, id: &str) -> Result<()> {
        self.rows(client, format!("SELECT * FROM flights WHERE id = {id}")).await
    }

    async fn page(&self, client: usize, origin: &str, delay: i32) -> Result<()> {
        self.rows(client, super::page_sql(origin, delay)).await
    }

    async fn aircraft(&self, client: usize, tail_number: &str) -> Result<()> {
        self.rows(client, super::aircraft_sql(tail_number)).await
    }

    async fn groups(&self, client: usize, flight: i32) -> Result<()> {
        self.rows(client, super::groups_sql(flight)).await
    }
}
