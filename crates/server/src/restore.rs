//! `eider restore`: a backup made a data directory.

use std::fs::{self, File};
use std::io::{Write, copy};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use eider_application::DigestFile;
use eider_store_duckdb::{begin_anew, is_in_use};

use crate::backup::{MANIFEST, Manifest, sync_directory};
use crate::settings::DATABASE;

/// The log that belongs to the file of the records.
const LOG: &str = "eider.duckdb.wal";
/// The file of the records until it is whole.
const PARTIAL: &str = "eider.duckdb.restoring";
/// What is put behind the names of files that were replaced.
const REPLACED: &str = ".replaced";

/// Where from, and where to.
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The directory of the backup.
    directory: PathBuf,
    /// The directory of the data, which no server may have open.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Replaces data that is there; it is kept beside, as `eider.duckdb.replaced`.
    #[arg(long)]
    force: bool,
}

/// Restores a backup and says what it holds.
pub(crate) fn run(arguments: &RestoreArguments) -> Result<()> {
    let RestoreArguments { directory, data_dir, force } = arguments;
    let manifest = manifest_of(directory)?;
    fs::create_dir_all(data_dir).with_context(|| format!("cannot create {}", data_dir.display()))?;
    let (database, log) = (data_dir.join(DATABASE), data_dir.join(LOG));
    let is_there = |path: &Path| path.try_exists().with_context(|| format!("cannot look at {}", path.display()));
    let has_data = is_there(&database)? || is_there(&log)?;
    if has_data {
        ensure!(*force, "{} holds data; --force replaces it", data_dir.display());
        ensure!(!is_in_use(&database)?, "a server has {} open; stop it first", database.display());
    }
    let partial = data_dir.join(PARTIAL);
    remove(&partial)?;
    let copied = copy_verified(&directory.join(DATABASE), &partial, &manifest);
    if copied.is_err() {
        remove(&partial)?;
    }
    copied?;
    // The records go on as of the backup, and nothing that was said of what came after it holds for what comes now.
    begin_anew(&partial)?;
    if has_data {
        set_aside(&database, &log)?;
    }
    fs::rename(&partial, &database).context("cannot name the restored file")?;
    sync_directory(data_dir)?;
    let records: u64 = manifest.schemas.iter().map(|schema| schema.records).sum();
    writeln!(
        std::io::stdout(),
        "{}: {} schemas, {records} records, as of {}",
        data_dir.display(),
        manifest.schemas.len(),
        manifest.taken_at
    )?;
    Ok(())
}

fn manifest_of(directory: &Path) -> Result<Manifest> {
    let path = directory.join(MANIFEST);
    let text = fs::read(&path).with_context(|| format!("{} is no whole backup", directory.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} cannot be read", path.display()))
}

fn copy_verified(from: &Path, to: &Path, manifest: &Manifest) -> Result<()> {
    let mut source = File::open(from).with_context(|| format!("cannot read {}", from.display()))?;
    let mut file = DigestFile::create(to).with_context(|| format!("cannot create {}", to.display()))?;
    copy(&mut source, &mut file).with_context(|| format!("cannot copy {}", from.display()))?;
    let (bytes, sha256) = file.finish().with_context(|| format!("cannot write {}", to.display()))?;
    if (bytes, &sha256) != (manifest.bytes, &manifest.sha256) {
        bail!("{} is damaged: it is not the file that its {MANIFEST} describes", from.display());
    }
    Ok(())
}

/// Keeps the files that are replaced under other names. The file of the records stays where it is until the new one
/// takes its place, so that there is always one.
fn set_aside(database: &Path, log: &Path) -> Result<()> {
    let beside = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(REPLACED);
        PathBuf::from(name)
    };
    for path in [database, log] {
        remove(&beside(path))?;
    }
    if database.try_exists().context("cannot look at the data")? {
        fs::hard_link(database, beside(database)).context("cannot keep the data that is replaced")?;
    }
    if log.try_exists().context("cannot look at the data")? {
        fs::rename(log, beside(log)).context("cannot keep the log that is replaced")?;
    }
    Ok(())
}

/// Removes a file that need not be there.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.with_context(|| format!("cannot remove {}", path.display())),
    }
}
