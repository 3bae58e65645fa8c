//! `eider backup`: a copy of a store in a directory of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use eider_application::BackupService;
use eider_application::backup::BackupReceipt;
use eider_application::runtime::{DigestFile, SystemClock, UuidV7Generator, blocking};
use reqwest::{Client, Response};
use serde::{Deserialize, Serialize};

use super::files::{claim, remove_cut_off, sync_directory};
use crate::settings::{DATABASE, Settings};
use crate::store::{OpenStore, StoreSettings, contents};

/// What a backup holds. Written last: without it a backup is not whole.
pub(crate) const MANIFEST: &str = "backup.json";
/// The file of the records until it is whole.
const PARTIAL: &str = "eider.duckdb.partial";
/// What becomes `backup.json` once the file of the records has its name.
const MANIFEST_PARTIAL: &str = "backup.json.partial";
/// The header that has the id of a backup.
const ID: &str = "Eider-Backup-Id";
/// Characters of a refusal that are shown.
const SHOWN: usize = 500;

/// Where from, and where to.
#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    /// A new or empty directory for the copy, or that of a backup that was cut off.
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
    let directory = arguments.directory;
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let _claim = claim(&directory)?;
    prepare(&directory)?;
    let copied = match arguments.data_dir {
        Some(data_dir) => copy_closed(data_dir, &directory).await,
        None => download(&arguments.url, arguments.key.as_deref(), &directory).await,
    };
    if copied.is_err() {
        // What went wrong with the copy says more than what goes wrong with its rest, which the next backup removes.
        let _ = remove_cut_off(&directory.join(PARTIAL));
    }
    let receipt = copied?;
    let manifest = blocking::run(move || finish(&directory, receipt).map(|manifest| (manifest, directory))).await?;
    let (manifest, directory) = manifest?;
    let records: u64 = manifest.schemas.iter().map(|schema| schema.records).sum();
    writeln!(
        io::stdout(),
        "{}: {} bytes, {} schemas, {records} records; writes were held for {} ms",
        directory.display(),
        manifest.bytes,
        manifest.schemas.len(),
        manifest.writes_held_ms,
    )?;
    Ok(())
}

/// Removes what a backup that was cut off has left in a directory, which holds nothing else.
fn prepare(directory: &Path) -> Result<()> {
    let names =
        || fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<_>>();
    let names: BTreeSet<OsString> = names().with_context(|| format!("cannot read {}", directory.display()))?;
    let has = |name: &str| names.contains(OsStr::new(name));
    let (whole, manifest) = (directory.join(DATABASE), directory.join(MANIFEST_PARTIAL));
    let own: BTreeSet<OsString> = [PARTIAL, MANIFEST_PARTIAL, DATABASE].map(OsString::from).into();
    // Cut off between the names of the two files, a copy is told from data by the manifest that describes it.
    let is_own = names.is_subset(&own)
        && (!has(DATABASE) || has(MANIFEST_PARTIAL) && is_described(&whole, &manifest)?)
        && (!has(MANIFEST_PARTIAL) || is_begun(&manifest)?);
    ensure!(is_own, "{} is not empty; a backup wants a directory of its own", directory.display());
    for copy in [directory.join(PARTIAL), whole] {
        remove_cut_off(&copy)?;
    }
    if has(MANIFEST_PARTIAL) {
        fs::remove_file(&manifest).with_context(|| format!("cannot remove {}", manifest.display()))?;
    }
    Ok(())
}

/// Whether a file is the one that a manifest describes.
fn is_described(file: &Path, manifest: &Path) -> Result<bool> {
    let text = fs::read(manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    let Ok(manifest) = serde_json::from_slice::<Manifest>(&text) else { return Ok(false) };
    let metadata = fs::symlink_metadata(file).with_context(|| format!("cannot look at {}", file.display()))?;
    Ok(metadata.is_file() && metadata.len() == manifest.bytes)
}

/// Whether a file is a manifest, as far as it goes.
fn is_begun(manifest: &Path) -> Result<bool> {
    let text = fs::read(manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    Ok(match serde_json::from_slice::<Manifest>(&text) {
        Ok(_) => true,
        Err(error) => error.is_eof(),
    })
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
    let store = OpenStore::open(settings).await.context("cannot open the store; of a running server ask with --url")?;
    if let Some(cut) = store.cut_log() {
        let copy = cut.copy.as_ref().map_or_else(String::new, |copy| format!(", and kept as {}", copy.display()));
        writeln!(io::stderr(), "eider: {}{copy}", cut.told())?;
    }
    let service = BackupService::new(Arc::new(store.clone()), Arc::new(SystemClock), Arc::new(UuidV7Generator));
    let receipt = service.write_to(directory.join(PARTIAL)).await?;
    store.close().await.context("the store did not close as it should")?;
    Ok(receipt)
}

/// The settings of a store in a data directory, all others as they are by default.
pub(crate) fn settings_in(data_dir: PathBuf) -> StoreSettings {
    let mut settings = Settings::default();
    settings.process.data_dir = data_dir;
    settings.for_store()
}

/// Opens the copy, checks what it holds, and makes it a backup.
fn finish(directory: &Path, receipt: BackupReceipt) -> Result<Manifest> {
    let (partial, whole) = (directory.join(PARTIAL), directory.join(DATABASE));
    // There is room for it where the copy is; the system may have no directory that can be written to.
    let temporary = tempfile::tempdir_in(directory).context("cannot create a temporary directory")?;
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
    let described = directory.join(MANIFEST_PARTIAL);
    let mut file = File::create_new(&described).context("cannot create the manifest")?;
    serde_json::to_writer_pretty(&mut file, &manifest).context("cannot write the manifest")?;
    file.sync_all().context("cannot write the manifest")?;
    fs::rename(&partial, &whole).context("cannot name the copy")?;
    fs::rename(&described, directory.join(MANIFEST)).context("cannot name the manifest")?;
    sync_directory(directory)?;
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COPY: &[u8] = b"checksumDUCK and more";

    fn manifest() -> Vec<u8> {
        let manifest = Manifest {
            version: "1".to_owned(),
            taken_at: "2026-01-31T00:00:00Z".to_owned(),
            bytes: COPY.len() as u64,
            sha256: String::new(),
            writes_held_ms: 0,
            schemas: vec![ManifestSchema { name: "s".to_owned(), commit_seq: 1, records: 1 }],
        };
        serde_json::to_vec_pretty(&manifest).unwrap()
    }

    fn directory_of(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(directory.path().join(name), bytes).unwrap();
        }
        directory
    }

    fn names(directory: &Path) -> usize {
        fs::read_dir(directory).unwrap().count()
    }

    #[test]
    fn a_backup_that_was_cut_off_at_any_moment_makes_way_for_the_next() {
        let manifest = manifest();
        let mut left: Vec<Vec<(&str, &[u8])>> = vec![vec![]];
        left.extend((0..=COPY.len()).map(|bytes| vec![(PARTIAL, &COPY[..bytes])]));
        left.extend((0..=manifest.len()).map(|bytes| vec![(PARTIAL, COPY), (MANIFEST_PARTIAL, &manifest[..bytes])]));
        left.push(vec![(DATABASE, COPY), (MANIFEST_PARTIAL, &manifest)]);
        for files in left {
            let directory = directory_of(&files);
            prepare(directory.path()).unwrap();
            assert_eq!(names(directory.path()), 0, "{files:?}");
        }
    }

    #[test]
    fn what_no_backup_has_left_stays() {
        let whole = manifest();
        for files in [
            &[("notes.txt", &b""[..])][..],
            &[(PARTIAL, COPY), ("notes.txt", b"")],
            &[(PARTIAL, b"what a person wrote")],
            &[(DATABASE, COPY)],
            &[(DATABASE, COPY), ("eider.duckdb.wal", b"x")],
            &[(DATABASE, COPY), (MANIFEST, &whole)],
            &[(DATABASE, b"checksumDUCK but longer than that"), (MANIFEST_PARTIAL, &whole)],
            &[(DATABASE, COPY), (MANIFEST_PARTIAL, &whole[..9])],
            &[(PARTIAL, COPY), (MANIFEST_PARTIAL, b"notes")],
            &[(MANIFEST_PARTIAL, b"{\"a\": 1}")],
        ] {
            let directory = directory_of(files);
            prepare(directory.path()).unwrap_err();
            for (name, bytes) in files {
                assert_eq!(fs::read(directory.path().join(name)).unwrap(), *bytes, "{files:?}");
            }
        }
    }
}
