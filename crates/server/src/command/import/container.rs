//! Files that have to be read here and there, not front to back: archives, workbooks, databases.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use tempfile::{NamedTempFile, TempPath};

use super::input::{Input, Stamp};
use super::packing::Packing;

/// A file that can be opened any number of times.
#[derive(Debug, Clone)]
pub(super) struct Container {
    path: PathBuf,
    stamp: Stamp,
    /// Removes the file when it is a copy.
    copy: Option<Arc<TempPath>>,
}

impl Container {
    /// Takes a file as it is. A pipe, and what is compressed, is copied into a temporary file first.
    ///
    /// # Errors
    /// When it cannot be read, or the disk has no room for the copy.
    pub(super) fn of(input: &Input, packing: Option<Packing>) -> Result<Self> {
        if let (Some((path, _)), None) = (input.file(), packing) {
            return Self::at(path.to_owned(), None);
        }
        let mut copy = NamedTempFile::new().context("cannot create a temporary file")?;
        let whole = input.whole()?;
        let copied = match packing {
            None => io::copy(&mut { whole }, &mut copy),
            Some(packing) => packing.unpacked(whole).and_then(|mut whole| io::copy(&mut whole, &mut copy)),
        };
        copied.with_context(|| format!("cannot copy {} into a temporary file", input.name()))?;
        let copy = copy.into_temp_path();
        Self::at(copy.to_path_buf(), Some(Arc::new(copy)))
    }

    fn at(path: PathBuf, copy: Option<Arc<TempPath>>) -> Result<Self> {
        let metadata = path.metadata().with_context(|| format!("cannot look at {}", path.display()))?;
        Ok(Self { stamp: Stamp::of(&metadata), path, copy })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether nobody else knows of the file.
    pub(super) fn is_copy(&self) -> bool {
        self.copy.is_some()
    }

    /// Opens the file.
    pub(super) fn open(&self) -> Result<Positioned> {
        let file = File::open(&self.path).with_context(|| format!("cannot open {}", self.path.display()))?;
        let bytes = file.metadata().with_context(|| format!("cannot look at {}", self.path.display()))?.len();
        Ok(Positioned { file: Arc::new(file), position: 0, bytes })
    }

    /// Refuses a file that was written to since it was first opened.
    pub(super) fn ensure_unchanged(&self) -> Result<()> {
        let metadata = self.path.metadata().with_context(|| format!("cannot look at {}", self.path.display()))?;
        ensure!(Stamp::of(&metadata) == self.stamp, "it was written to while it was read");
        Ok(())
    }
}

/// Reads an open file from a position of its own.
#[derive(Debug, Clone)]
pub(super) struct Positioned {
    file: Arc<File>,
    position: u64,
    bytes: u64,
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Positioned {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.bytes.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        let before = || io::Error::new(io::ErrorKind::InvalidInput, "there is nothing before the beginning of a file");
        self.position = position.ok_or_else(before)?;
        Ok(self.position)
    }
}
