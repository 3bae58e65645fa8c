//! `eider backup`: a copy of a store in a directory of its own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use eider_application::{BackupReceipt, BackupService, DigestFile, SystemClock, UuidV7Generator, blocking};
use eider_store_duckdb::{DuckDbStore, StoreSettings, contents};
use reqwest::{Client, Response};
use serde::{Deserialize, Serialize};

use crate::settings::{DATABASE, Settings};

/// What a backup holds. Written last: without it a backup is not whole.
pub(crate) const MANIFEST: &str = "backup.json";
/// The file of the records until it is whole.
const PARTIAL: &str = "eider.duckdb.partial";
/// The header that has the id of a backup.
const ID: &str = "Eider-Backup-Id";
/// Characters of a refusal that are shown.
const SHOWN: usize = 500;

/// Where from, and where to.
#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    /// A new or empty directory for the copy.
    directory: PathBuf,
    /// The running server that is asked for it.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A key of that server with the right `admin`.
    #[arg(long, value_name = "KEY", env = "EIDER_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Copies the data of this directory instead, which no server may have open.
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data_dir: Option<PathBuf>,
}

/// What a backup holds, as `backup.json` says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Version of the program that wrote the copy.
    pub(crate) version: String,
    /// When the copy was begun (RFC 3339).
    pub(crate) taken_at: String,
    /// Bytes of the file.
    pub(crate) bytes: u64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub(crate) sha256: String,
    /// Milliseconds for which no write could begin.
    pub(crate) writes_held_ms: u64,
    /// Every schema.
    pub(crate) schemas: Vec<ManifestSchema>,
}

/// A schema in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManifestSchema {
    pub(crate) name: String,
    /// The number of its last commit.
    pub(crate) commit_seq: u64,
    pub(crate) records: u64,
}

/// Takes a backup and says what it holds.
pub(crate) async fn run(arguments: BackupArguments) -> Result<()> {
    let directory = prepare(arguments.directory)?;
    let receipt = match arguments.data_dir {
        Some(data_dir) => copy_closed(data_dir, &directory).await?,
        None => download(&arguments.url, arguments.key.as_deref(), &directory).await?,
    };
    let manifest = blocking::run(move || finish(&directory, receipt).map(|manifest| (manifest, directory))).await?;
    let (manifest, directory) = manifest?;
    let records: u64 = manifest.schemas.iter().map(|schema| schema.records).sum();
    writeln!(
        std::io::stdout(),
        "{}: {} bytes, {} schemas, {records} records; writes were held for {} ms",
        directory.display(),
        manifest.bytes,
        manifest.schemas.len(),
        manifest.writes_held_ms,
    )?;
    Ok(())
}

fn prepare(directory: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let mut entries = fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))?;
    ensure!(entries.next().is_none(), "{} is not empty; a backup wants a directory of its own", directory.display());
    Ok(directory)
}

/// The copy that a running server sends.
async fn download(url: &str, key: Option<&str>, directory: &Path) -> Result<BackupReceipt> {
    let base = format!("{}/api/v1/backup", url.trim_end_matches('/'));
    let client = Client::new();
    let get = async |url: &str| -> Result<Response> {
        let request = client.get(url);
        let request = if let Some(key) = key { request.bearer_auth(key) } else { request };
        let response = request.send().await.with_context(|| {
            format!("{url} does not answer; when no server runs, copy its directory with --data-dir")
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let refusal: String = response.text().await.unwrap_or_default().chars().take(SHOWN).collect();
        bail!("{url} answered {status}: {refusal}");
    };
    let mut response = get(&base).await?;
    let id = response.headers().get(ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    let id = id.context("the server did not say which backup it sends")?;
    let path = directory.join(PARTIAL);
    let mut file = blocking::run(move || DigestFile::create(&path)).await?.context("cannot create the copy")?;
    while let Some(piece) = response.chunk().await.context("the backup broke off")? {
        let append = move || file.write_all(&piece).map(|()| file);
        file = blocking::run(append).await?.context("cannot write the copy")?;
    }
    let written = blocking::run(|| file.finish()).await?.context("cannot write the copy")?;
    let receipt = get(&format!("{base}/{id}")).await?.json::<BackupReceipt>().await;
    let receipt = receipt.context("the server did not say what the backup holds")?;
    ensure!(written == (receipt.bytes, receipt.sha256.clone()), "the copy is not what the server sent");
    Ok(receipt)
}

/// A copy of data that no server has open, taken as a server takes it.
async fn copy_closed(data_dir: PathBuf, directory: &Path) -> Result<BackupReceipt> {
    let settings = settings_in(data_dir);
    let is_there = settings.path.try_exists().with_context(|| format!("cannot look at {}", settings.path.display()))?;
    ensure!(is_there, "there is no {}", settings.path.display());
    let store =
        DuckDbStore::open(settings).await.context("cannot open the store; of a running server ask with --url")?;
    let service = BackupService::new(Arc::new(store.clone()), Arc::new(SystemClock), Arc::new(UuidV7Generator));
    let receipt = service.write_to(directory.join(PARTIAL)).await?;
    store.close().await.context("the store did not close as it should")?;
    Ok(receipt)
}

/// The settings of a store in a data directory, all others as they are by default.
pub(crate) fn settings_in(data_dir: PathBuf) -> StoreSettings {
    let mut settings = Settings::default();
    settings.storage.data_dir = data_dir;
    settings.store()
}

/// Opens the copy, checks what it holds, and makes it a backup.
fn finish(directory: &Path, receipt: BackupReceipt) -> Result<Manifest> {
    let (partial, whole) = (directory.join(PARTIAL), directory.join(DATABASE));
    let temporary = tempfile::tempdir().context("cannot create a temporary directory")?;
    let held = contents(&StoreSettings::new(&partial, temporary.path())).context("the copy does not open")?;
    let sent: BTreeMap<_, _> = receipt.schemas.iter().map(|schema| (schema.name.as_str(), schema.commit_seq)).collect();
    let found: BTreeMap<_, _> = held.iter().map(|content| (content.name.as_str(), content.commit_seq)).collect();
    ensure!(found == sent, "the copy does not hold the commits that it should");
    let schemas = held.into_iter().map(|content| ManifestSchema {
        name: content.name,
        commit_seq: content.commit_seq,
        records: content.records,
    });
    let manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        taken_at: receipt.taken_at,
        bytes: receipt.bytes,
        sha256: receipt.sha256,
        writes_held_ms: receipt.writes_held_ms,
        schemas: schemas.collect(),
    };
    fs::rename(&partial, &whole).context("cannot name the copy")?;
    let mut file = tempfile::NamedTempFile::new_in(directory).context("cannot create the manifest")?;
    serde_json::to_writer_pretty(&mut file, &manifest).context("cannot write the manifest")?;
    file.as_file().sync_all().context("cannot write the manifest")?;
    file.persist(directory.join(MANIFEST)).context("cannot write the manifest")?;
    sync_directory(directory)?;
    Ok(manifest)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<()> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.with_context(|| format!("cannot write {}", directory.display()))
}
