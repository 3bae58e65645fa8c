//! Compressed answers, in pieces that a client can inflate as they arrive.
//!
//! Not the framework's own compression, which holds small pieces back until there are enough of them.

use std::fmt;
use std::io::{self, Write};

use flate2::write::GzEncoder;
use zstd::stream::write::Encoder as ZstdEncoder;

use crate::representation::inflate::Compression;

/// Compresses an answer piece by piece.
pub(crate) enum Compressor {
    /// Leaves it as it is.
    Identity,
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Zstd(Box<ZstdEncoder<'static, Vec<u8>>>),
}

impl Compressor {
    /// Of a coding, or of none.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(crate) fn new(compression: Option<Compression>) -> io::Result<Self> {
        Ok(match compression {
            None => Self::Identity,
            Some(Compression::Gzip) => Self::Gzip(Box::new(GzEncoder::new(Vec::new(), flate2::Compression::default()))),
            // Its windows stay below the 8 MiB that RFC 9659 lets a client expect.
            Some(Compression::Zstd) => {
                Self::Zstd(Box::new(ZstdEncoder::new(Vec::new(), zstd::DEFAULT_COMPRESSION_LEVEL)?))
            }
        })
    }

    /// What a piece comes to: with it, a client has all that it needs to inflate the piece.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(crate) fn piece(&mut self, plain: Vec<u8>) -> io::Result<Vec<u8>> {
        if plain.is_empty() { Ok(plain) } else { self.compress(plain, false) }
    }

    /// What the last piece comes to, with the end of the gzip member or zstd frame.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(crate) fn last_piece(&mut self, plain: Vec<u8>) -> io::Result<Vec<u8>> {
        self.compress(plain, true)
    }

    fn compress(&mut self, plain: Vec<u8>, is_last: bool) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(plain),
            Self::Gzip(encoder) => {
                encoder.write_all(&plain)?;
                if is_last { encoder.try_finish() } else { encoder.flush() }?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Self::Zstd(encoder) => {
                encoder.write_all(&plain)?;
                if is_last { encoder.do_finish() } else { encoder.flush() }?;
                Ok(std::mem::take(encoder.get_mut()))
            }
        }
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "Compressor::Identity",
            Self::Gzip(_) => "Compressor::Gzip",
            Self::Zstd(_) => "Compressor::Zstd",
        })
    }
}
