//! The files of a store and the disk that they are on.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::file::settings::StoreSettings;

/// The path of the log of a file.
pub(crate) fn log_path(settings: &StoreSettings) -> PathBuf {
    beside(&settings.path, ".wal")
}

/// A path with something behind its name.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// The size of the write-ahead log.
pub(crate) fn log_bytes(settings: &StoreSettings) -> u64 {
    let path = log_path(settings);
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// What is free to this process on the disk that a path is on.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The bytes of the files in a directory. Files come and go meanwhile.
pub(crate) fn directory_bytes(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        match entry.and_then(|entry| entry.metadata()) {
            Ok(metadata) if metadata.is_file() => bytes += metadata.len(),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// Bytes on the disk of all files in a directory and those below it; none where there is no directory. Files that were made
/// longer than what was written to them take no more than that.
pub(crate) fn taken_bytes(directory: &Path) -> u64 {
    let (mut bytes, mut waiting) = (0, vec![directory.to_owned()]);
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => waiting.push(entry.path()),
                Ok(metadata) => bytes += metadata.blocks() * 512,
                // It has gone meanwhile.
                Err(_) => {}
            }
        }
    }
    bytes
}
