//! Directories that a command works in, and what a command that was cut off has left in them.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// Where the engine's mark stands in its files, and the mark.
const ENGINE_MARK: (usize, &[u8]) = (8, b"DUCK");

/// Keeps other backups and restores out of a directory until it is dropped.
///
/// # Errors
/// When one of them runs in it.
pub(crate) fn claim(directory: &Path) -> Result<File> {
    let handle = File::open(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    match handle.try_lock() {
        Err(TryLockError::WouldBlock) => bail!("a backup or a restore runs in {}", directory.display()),
        // Some file systems of networks lock no directories.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(handle),
    }
}

/// Removes a copy of the engine's file that was cut off, if there is one.
///
/// # Errors
/// When something else has its name.
pub(crate) fn remove_cut_off(path: &Path) -> Result<()> {
    let shown = path.display();
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata.with_context(|| format!("cannot look at {shown}"))?,
    };
    let is_ours =
        metadata.is_file() && begins_as_the_engine_writes(path).with_context(|| format!("cannot read {shown}"))?;
    ensure!(is_ours, "{shown} is no copy that was cut off; move it away");
    fs::remove_file(path).with_context(|| format!("cannot remove {shown}"))
}

/// Whether a file is one of the engine, as far as it goes.
fn begins_as_the_engine_writes(path: &Path) -> io::Result<bool> {
    let (at, mark) = ENGINE_MARK;
    let mut head = Vec::new();
    File::open(path)?.take((at + mark.len()) as u64).read_to_end(&mut head)?;
    Ok(mark.starts_with(head.get(at..).unwrap_or_default()))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<()> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.with_context(|| format!("cannot write {}", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_cut_off_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("copy");
        let whole = b"checksumDUCK and more";
        for bytes in 0..=whole.len() {
            fs::write(&path, &whole[..bytes]).unwrap();
            remove_cut_off(&path).unwrap();
            assert!(!path.try_exists().unwrap(), "{bytes}");
            remove_cut_off(&path).unwrap();
        }
        for foreign in [&b"what a person wrote"[..], b"checksumD\0"] {
            fs::write(&path, foreign).unwrap();
            assert!(remove_cut_off(&path).unwrap_err().to_string().contains("move it away"));
            assert_eq!(fs::read(&path).unwrap(), foreign);
        }
        let elsewhere = directory.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        remove_cut_off(&path).unwrap_err();
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        remove_cut_off(&path).unwrap_err();
    }

    #[test]
    fn a_directory_is_claimed_once() {
        let directory = tempfile::tempdir().unwrap();
        let claimed = claim(directory.path()).unwrap();
        claim(directory.path()).unwrap_err();
        drop(claimed);
        claim(directory.path()).unwrap();
    }
}
