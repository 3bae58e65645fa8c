//! `PostgreSQL`, as Debian packages it, over its own protocol.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, os::unix};

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{SinkExt as _, TryStreamExt as _, pin_mut};
use serde_json::Value;
use tokio_postgres::{Client, NoTls};

use super::Store;
use super::process::{self, Process};

pub(crate) struct Postgres {
    process: Process,
    /// One for each client, and one for the rest.
    clients: Vec<Client>,
    version: String,
}

impl Postgres {
    pub(crate) async fn start(parent: &Path, clients: usize) -> Result<Self> {
        let directory = process::directory(parent, "postgres")?;
        let (binaries, data, port) = (binaries()?, directory.path().join("data"), process::free_port()?);
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        fs::create_dir(&data)?;
        // It does not run as root.
        let is_root = fs::metadata("/proc/self")?.uid() == 0;
        let user = if is_root { Some(owner()?) } else { None };
        if let Some((_, uid, gid)) = &user {
            unix::fs::chown(&data, Some(*uid), Some(*gid))?;
        }
        let command = |program: &str| {
            let program = binaries.join(program);
            match &user {
                None => Command::new(program),
                Some((name, ..)) => {
                    let mut command = Command::new("setpriv");
                    command.args([&format!("--reuid={name}"), "--regid=postgres", "--clear-groups"]).arg(program);
                    command
                }
            }
        };
        let made = command("initdb").args(["-A", "trust", "-U", "postgres", "-D"]).arg(&data).output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let settings =
            ["shared_buffers=1GB", "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_wal_size=4GB"];
        let mut server = command("postgres");
        server.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        for setting in settings {
            server.args(["-c", setting]);
        }
        let process = Process::spawn(&mut server, directory)?;
        let place = format!("host=127.0.0.1 port={port} user=postgres dbname=postgres");
        let mut all = vec![process::ready("PostgreSQL", || connect(&place)).await?];
        for _ in 0..clients {
            all.push(connect(&place).await?);
        }
        let first = &all[0];
        first
            .batch_execute(&format!(
                "CREATE TABLE flights (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {});
                 CREATE INDEX tailnums ON flights (tailnum)",
                super::columns("BIGINT", "TEXT", "TIMESTAMPTZ")
            ))
            .await?;
        let version: String = first.query_one("SHOW server_version", &[]).await?.get(0);
        Ok(Self { process, clients: all, version })
    }

    async fn rows(&self, client: usize, sql: &str) -> Result<()> {
        // Prepared anew each time, as a client that makes its queries from what is asked does.
        std::hint::black_box(self.clients[client].query(sql, &[]).await?);
        Ok(())
    }

    /// The last connection is nobody's.
    fn any(&self) -> &Client {
        &self.clients[self.clients.len() - 1]
    }
}

async fn connect(place: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(place, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The newest installed one: Debian keeps its programs out of the path.
fn binaries() -> Result<PathBuf> {
    let versions =
        fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is not installed: apt-get install postgresql")?;
    let newest = versions.flatten().map(|version| version.path().join("bin")).max();
    newest.context("/usr/lib/postgresql is empty")
}

/// The user whom its package made.
fn owner() -> Result<(String, u32, u32)> {
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find(|line| line.starts_with("postgres:")).context("there is no user postgres")?;
    let fields: Vec<&str> = line.split(':').collect();
    Ok((fields[0].to_owned(), fields[2].parse()?, fields[3].parse()?))
}

#[async_trait]
impl Store for Postgres {
    fn label(&self) -> String {
        format!("PostgreSQL {}", self.version.split_whitespace().next().unwrap_or_default())
    }

    fn configuration(&self) -> String {
        "its own protocol, no HTTP; a connection for each client; `shared_buffers` 1 GB, `max_wal_size` 4 GB, else defaults, \
         fsync on. Loads by `COPY` of CSV, which the client makes of the lines in the time that is measured; rows in its own \
         format, `row_to_json` for everything"
            .to_owned()
    }

    fn pid(&self) -> Option<u32> {
        Some(self.process.pid())
    }

    async fn load(&self, lines: Bytes) -> Result<()> {
        let columns = super::COLUMNS.map(|(name, _)| name).join(", ");
        let sink = self.any().copy_in(&format!("COPY flights ({columns}) FROM STDIN (FORMAT csv)")).await?;
        pin_mut!(sink);
        for part in lines.split_inclusive(|byte| *byte == b'\n').collect::<Vec<_>>().chunks(1_000) {
            let mut rows = String::new();
            for line in part {
                let flight: Value = serde_json::from_slice(line)?;
                let values = super::COLUMNS.map(|(name, _)| match &flight[name] {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                rows.push_str(&values.join(","));
                rows.push('\n');
            }
            sink.send(Bytes::from(rows)).await?;
        }
        sink.finish().await?;
        Ok(())
    }

    async fn create(&self, client: usize, flight: Bytes) -> Result<()> {
        let columns = super::COLUMNS.map(|(name, _)| name).join(", ");
        let text = std::str::from_utf8(&flight)?.replace('\'', "''");
        let sql = format!(
            "INSERT INTO flights ({columns}) SELECT {columns} FROM json_populate_record(NULL::flights, '{text}')"
        );
        self.clients[client].batch_execute(&sql).await?;
        Ok(())
    }

    async fn everything(&self) -> Result<(u64, u64)> {
        let stream = self.any().copy_out("COPY (SELECT row_to_json(f) FROM flights f) TO STDOUT").await?;
        pin_mut!(stream);
        let (mut lines, mut bytes) = (0, 0);
        while let Some(part) = stream.try_next().await? {
            lines += super::lines_in(&part);
            bytes += u64::try_from(part.len())?;
        }
        Ok((lines, bytes))
    }

    async fn ids(&self, count: usize) -> Result<Vec<String>> {
        let rows = self.any().query(&format!("SELECT id::TEXT FROM flights LIMIT {count}"), &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn one(&self, client: usize, id: &str) -> Result<()> {
        self.rows(client, &format!("SELECT * FROM flights WHERE id = {id}")).await
    }

    async fn page(&self, client: usize, origin: &str, delay: i32) -> Result<()> {
        self.rows(client, &super::page_sql(origin, delay)).await
    }

    async fn aircraft(&self, client: usize, tail_number: &str) -> Result<()> {
        self.rows(client, &super::aircraft_sql(tail_number)).await
    }

    async fn groups(&self, client: usize, flight: i32) -> Result<()> {
        self.rows(client, &super::groups_sql(flight)).await
    }
}
