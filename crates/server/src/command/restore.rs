//! `eider restore`: a backup made a data directory.

use std::fs::{self, File};
use std::io::{self, Write, copy};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use eider_application::ports::Clock;
use eider_application::runtime::{DigestFile, SystemClock};

use super::backup::{MANIFEST, Manifest};
use super::files::{claim, remove_cut_off, sync_directory};
use crate::settings::DATABASE;
use crate::store::{FileHold, begin_anew};

/// The logs that belong to the file of the records. The second and the third are there when a checkpoint was cut off, the
/// last when a server was killed.
const LOGS: [&str; 5] = [
    "eider.duckdb.wal",
    "eider.duckdb.wal.checkpoint",
    "eider.duckdb.wal.recovery",
    "eider.duckdb.changes",
    "eider.duckdb.changes-wal",
];
/// The file of the records until it is whole.
const PARTIAL: &str = "eider.duckdb.restoring";
/// The log of that file while it is made another store's.
const PARTIAL_LOG: &str = "eider.duckdb.restoring.wal";
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
    /// Replaces data that is there; it is kept beside, as `eider.duckdb.replaced`, `.replaced-2` and so on.
    #[arg(long)]
    force: bool,
}

/// Restores a backup and says what it holds.
pub(crate) fn run(arguments: &RestoreArguments) -> Result<()> {
    let RestoreArguments { directory, data_dir, force } = arguments;
    let manifest = manifest_of(directory)?;
    fs::create_dir_all(data_dir).with_context(|| format!("cannot create {}", data_dir.display()))?;
    let _claim = claim(data_dir)?;
    let database = data_dir.join(DATABASE);
    let mut there = Vec::new();
    for name in [DATABASE].into_iter().chain(LOGS) {
        if is_there(&data_dir.join(name))? {
            there.push(name);
        }
    }
    ensure!(there.is_empty() || *force, "{} holds data; --force replaces it", data_dir.display());
    let _hold = FileHold::take(&database)?;
    let partial = data_dir.join(PARTIAL);
    remove_cut_off(&partial)?;
    let kept = place(&directory.join(DATABASE), data_dir, &there, &manifest);
    if kept.is_err() {
        // What went wrong says more than what goes wrong with the rest of it, which the next restore removes.
        let _ = remove_cut_off(&partial);
    }
    let kept = kept?;
    let records: u64 = manifest.schemas.iter().map(|schema| schema.records).sum();
    let mut out = io::stdout();
    writeln!(
        out,
        "{}: {} schemas, {records} records, as of {}",
        data_dir.display(),
        manifest.schemas.len(),
        manifest.taken_at
    )?;
    if !kept.is_empty() {
        writeln!(out, "what was there is kept as {}", kept.join(", "))?;
    }
    Ok(())
}

fn is_there(path: &Path) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        looked => looked.map(|_| true).with_context(|| format!("cannot look at {}", path.display())),
    }
}

/// Copies a file into the place of those that are there, which are kept; the names that they have now.
///
/// At every moment in between the directory holds the data that was there, or what is refused, or the restored file;
/// never the old file without its log.
fn place(from: &Path, data_dir: &Path, there: &[&str], manifest: &Manifest) -> Result<Vec<String>> {
    let (partial, database) = (data_dir.join(PARTIAL), data_dir.join(DATABASE));
    // Of a restore that was cut off: it belongs to no copy but its own.
    match fs::remove_file(data_dir.join(PARTIAL_LOG)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        removed => removed.with_context(|| format!("cannot remove {PARTIAL_LOG}"))?,
    }
    copy_verified(from, &partial, manifest)?;
    // The records go on as of the backup, and nothing that was said of what came after it holds for what comes now.
    begin_anew(&partial, SystemClock.now())?;
    let _hold = FileHold::take(&partial)?;
    let mut kept = Vec::new();
    if !there.is_empty() {
        let suffix = free_suffix(data_dir)?;
        for name in there {
            let beside = format!("{name}{suffix}");
            // Never in the place of another file.
            fs::hard_link(data_dir.join(name), data_dir.join(&beside))
                .with_context(|| format!("cannot keep {name}, which would be replaced"))?;
            kept.push(beside);
        }
        sync_directory(data_dir)?;
    }
    fs::rename(&partial, &database).context("cannot name the restored file")?;
    sync_directory(data_dir)?;
    for log in there.iter().filter(|name| LOGS.contains(name)) {
        fs::remove_file(data_dir.join(log)).with_context(|| format!("cannot remove {log}, which was replaced"))?;
    }
    sync_directory(data_dir)?;
    Ok(kept)
}

/// What is put behind the names of files that are replaced: one that no file has, so that what belongs together has the
/// same.
fn free_suffix(data_dir: &Path) -> Result<String> {
    for number in 1_u64.. {
        let suffix = if number == 1 { REPLACED.to_owned() } else { format!("{REPLACED}-{number}") };
        let mut is_free = true;
        for name in [DATABASE].into_iter().chain(LOGS) {
            is_free &= !is_there(&data_dir.join(format!("{name}{suffix}")))?;
        }
        if is_free {
            return Ok(suffix);
        }
    }
    bail!("{} keeps too much that was replaced", data_dir.display())
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
