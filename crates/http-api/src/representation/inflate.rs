//! Compressed bodies, inflated while they arrive: away from the event loop and never much at a time, since a few
//! bytes may stand for gigabytes.

use std::fmt;
use std::io::{self, Write};

use async_stream::try_stream;
use bytes::{Buf, Bytes};
use eider_application::ingest::BodyError;
use eider_application::runtime::blocking;
use flate2::write::MultiGzDecoder;
use futures::{Stream, StreamExt};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

/// Bytes that one step inflates at most, roughly.
const STEP_BYTES: usize = 1 << 20;

/// The greatest window of a zstd frame, as its logarithm: 8 MiB, the most that RFC 9659 lets a client use.
const MAX_WINDOW_LOG: u32 = 23;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 8878, any number of frames.
    Zstd,
}

impl Compression {
    /// Its name in `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// The inflated pieces of a body; ends after the first `Err`, which comes when there are more than `limit_bytes`.
pub fn inflated(
    pieces: impl Stream<Item = Result<Bytes, BodyError>>,
    compression: Compression,
    limit_bytes: u64,
) -> impl Stream<Item = Result<Bytes, BodyError>> {
    try_stream! {
        let mut pieces = std::pin::pin!(pieces);
        let mut inflater = Inflater::new(compression).map_err(|_| BodyError::Unreadable)?;
        let mut total: u64 = 0;
        let mut is_ended = false;
        while !is_ended {
            let mut piece = match pieces.next().await.transpose()? {
                // A decoder that is given no bytes waits for a frame, behind the last one too.
                Some(piece) if piece.is_empty() => continue,
                Some(piece) => piece,
                None => {
                    is_ended = true;
                    Bytes::new()
                }
            };
            loop {
                let output;
                (inflater, piece, output) = run_step(inflater, piece, is_ended, compression).await?;
                total += output.len() as u64;
                if total > limit_bytes {
                    Err(BodyError::TooLarge { limit_bytes })?;
                }
                if !output.is_empty() {
                    yield Bytes::from(output);
                }
                if is_ended || (piece.is_empty() && !inflater.holds_output()) {
                    break;
                }
            }
        }
    }
}

/// Inflates the beginning of a piece, or what is left when the body has ended; with what it gives, what goes on.
async fn run_step(
    mut inflater: Inflater,
    mut piece: Bytes,
    is_ended: bool,
    compression: Compression,
) -> Result<(Inflater, Bytes, Vec<u8>), BodyError> {
    let work = move || {
        let output = if is_ended { inflater.finish() } else { inflater.step(&mut piece) };
        output.map(|output| (inflater, piece, output))
    };
    let stepped = blocking::run(work).await.map_err(|_| BodyError::Unreadable)?;
    stepped.map_err(|error| {
        if error.to_string().contains("requires too much memory") {
            BodyError::WideWindow { max_mib: (1 << MAX_WINDOW_LOG) >> 20 }
        } else {
            BodyError::Damaged { encoding: compression.name() }
        }
    })
}

/// Inflates a body piece by piece.
enum Inflater {
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd {
        decoder: Decoder<'static>,
        /// A frame has begun or none has; else the body may end here.
        is_within_frame: bool,
        holds_output: bool,
    },
}

impl Inflater {
    fn new(compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Compression::Zstd => {
                let mut decoder = Decoder::new()?;
                decoder.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))?;
                Self::Zstd { decoder, is_within_frame: true, holds_output: false }
            }
        })
    }

    /// Inflates the beginning of a piece and takes it off; returns about [`STEP_BYTES`] at most.
    fn step(&mut self, piece: &mut Bytes) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(decoder) => {
                // Each `write` inflates a few dozen kilobytes at most.
                while !piece.is_empty() && decoder.get_ref().len() < STEP_BYTES {
                    let taken = decoder.write(piece)?;
                    if taken == 0 {
                        return Err(io::ErrorKind::InvalidData.into());
                    }
                    piece.advance(taken);
                }
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Zstd { decoder, is_within_frame, holds_output } => {
                let mut output: Vec<u8> = Vec::with_capacity(STEP_BYTES);
                loop {
                    let mut input = InBuffer::around(piece);
                    let filled = output.len();
                    let mut buffer = OutBuffer::around_pos(&mut output, filled);
                    let wanted = decoder.run(&mut input, &mut buffer)?;
                    let taken = input.pos();
                    piece.advance(taken);
                    *is_within_frame = wanted != 0;
                    *holds_output = *is_within_frame && output.len() == output.capacity();
                    if piece.is_empty() || output.len() == output.capacity() {
                        return Ok(output);
                    }
                }
            }
        }
    }

    /// Whether a step without further input gives output.
    fn holds_output(&self) -> bool {
        matches!(self, Self::Zstd { holds_output: true, .. })
    }

    /// Ends the body and returns the little that is left.
    fn finish(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(decoder) => {
                decoder.try_finish()?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Zstd { is_within_frame: true, .. } => Err(io::ErrorKind::UnexpectedEof.into()),
            Self::Zstd { .. } => Ok(Vec::new()),
        }
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip(_) => "Inflater::Gzip",
            Self::Zstd { .. } => "Inflater::Zstd",
        })
    }
}

#[cfg(test)]
mod tests;
