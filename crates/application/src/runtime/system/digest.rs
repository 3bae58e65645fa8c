//! Files that are written and digested at once.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::ports::key_id::hexadecimal;

/// A new file, and the digest of what was written to it.
#[derive(Debug)]
pub struct DigestFile {
    file: File,
    digest: Sha256,
    bytes: u64,
}

impl DigestFile {
    /// Creates the file, which must not exist.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create_new(path)?, digest: Sha256::new(), bytes: 0 })
    }

    /// Makes the file durable; its bytes and their SHA-256 in hexadecimal digits.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn finish(self) -> io::Result<(u64, String)> {
        self.file.sync_all()?;
        Ok((self.bytes, hexadecimal(&self.digest.finalize())))
    }
}

impl Write for DigestFile {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let written = self.file.write(piece)?;
        self.digest.update(piece.get(..written).unwrap_or(piece));
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
