//! Copies of logs that were cut, beside the file.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// What is put behind the name of a log that was cut.
const TORN: &str = ".torn";
/// Copies that are kept; a server that is killed again and again does not fill the disk.
const MOST: usize = 8;

/// Keeps a copy of a log, or the one that there is of it already; on a disk without room for it, of what is behind
/// `whole_bytes`. Where it is.
///
/// # Errors
/// Those of the disk.
pub(super) fn keep(log: &Path, whole_bytes: u64) -> io::Result<PathBuf> {
    let there = copies(log)?;
    for copy in &there {
        if is_same(log, copy)? {
            return Ok(copy.clone());
        }
    }
    make_room(there)?;
    let to = free_name(log)?;
    match copy_from(log, 0, &to) {
        Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            copy_from(log, whole_bytes, &to)?;
        }
        copied => copied?,
    }
    if let Some(directory) = log.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(to)
}

/// The copies of logs of a file, oldest first.
///
/// # Errors
/// Those of the disk.
pub(crate) fn copies(log: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(directory), Some(name)) = (log.parent(), log.file_name()) else { return Ok(Vec::new()) };
    let begins = format!("{}{TORN}", name.to_string_lossy());
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&begins) {
            found.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Removes the oldest copies, so that there may be one more.
fn make_room(copies: Vec<PathBuf>) -> io::Result<()> {
    let surplus = (copies.len() + 1).saturating_sub(MOST);
    for oldest in copies.into_iter().take(surplus) {
        tracing::warn!(wal.copy = %oldest.display(), "the oldest of {MOST} copies of logs that were cut is removed");
        fs::remove_file(oldest)?;
    }
    Ok(())
}

fn free_name(log: &Path) -> io::Result<PathBuf> {
    for number in 1_u64.. {
        let mut name = OsString::from(log);
        name.push(TORN);
        if number > 1 {
            name.push(format!("-{number}"));
        }
        let path = PathBuf::from(name);
        if !path.try_exists()? {
            return Ok(path);
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Copies a log from a place on, durably; what is begun and not ended is removed.
fn copy_from(log: &Path, at: u64, to: &Path) -> io::Result<()> {
    let mut source = File::open(log)?;
    source.seek(SeekFrom::Start(at))?;
    let mut copy = File::create_new(to)?;
    let copied = io::copy(&mut source, &mut copy).and_then(|_| copy.sync_all());
    if copied.is_err() {
        fs::remove_file(to)?;
    }
    copied
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    let (mut of_one, mut of_other) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = one.read(&mut of_one)?;
        if read == 0 {
            return Ok(true);
        }
        other.read_exact(&mut of_other[..read])?;
        if of_one[..read] != of_other[..read] {
            return Ok(false);
        }
    }
}
