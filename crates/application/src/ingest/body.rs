//! A body while it arrives.

use std::io::Read;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};

use crate::Error;
use crate::runtime::blocking;

/// Bytes that are gathered before they are worked on away from the event loop; a few milliseconds of work.
const BLOCK_BYTES: usize = 512 << 10;

/// Bytes that are read from a file at a time.
const PIECE_BYTES: u64 = 64 << 10;

/// Why the rest of a body cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is larger than it may be.
    #[error("it is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit that holds.
        limit_bytes: u64,
    },
    /// It stopped arriving.
    #[error("it stopped arriving")]
    Timeout,
    /// The client went away, or the body is not what its headers said.
    #[error("it cannot be read to its end")]
    Unreadable,
    /// It is zstd with more of the data to be remembered than is done here.
    #[error("its zstd data has a window of more than {max_mib} MiB")]
    WideWindow {
        /// The widest that is read, in MiB.
        max_mib: u32,
    },
    /// It is the file of a form that does not end with it.
    #[error("something stands behind the file of the form")]
    BehindFile,
    /// It is compressed, and damaged or cut off.
    #[error("its {encoding} data is damaged or cut off")]
    Damaged {
        /// How it is compressed.
        encoding: &'static str,
    },
}

impl From<BodyError> for Error {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit_bytes } => Self::BodyTooLarge { limit_bytes },
            BodyError::Timeout => Self::BodyTimeout,
            BodyError::Unreadable => Self::BodyUnreadable,
            BodyError::WideWindow { max_mib } => Self::MalformedBody {
                detail: format!(
                    "the zstd data of the body has a window of more than {max_mib} MiB; compress it without `--long` and `--ultra`"
                ),
            },
            BodyError::BehindFile => {
                let detail = "a form ends with its file; put the fields in front of it";
                Self::MalformedBody { detail: detail.to_owned() }
            }
            BodyError::Damaged { encoding } => {
                Self::MalformedBody { detail: format!("the {encoding} data of the body is damaged or cut off") }
            }
        }
    }
}

/// What a file or a pipe holds as a body, read away from the event loop. Ends with `Unreadable` when reading fails.
pub fn body_of<R: Read + Send + 'static>(reader: R) -> BoxStream<'static, Result<Bytes, BodyError>> {
    let next = |reader: Option<R>| async move {
        let mut reader = reader?;
        let read = move || {
            let mut piece = Vec::new();
            let outcome = Read::by_ref(&mut reader).take(PIECE_BYTES).read_to_end(&mut piece);
            (reader, outcome.map(|_| piece))
        };
        match blocking::run(read).await {
            Ok((_, Ok(piece))) if piece.is_empty() => None,
            Ok((reader, Ok(piece))) => Some((Ok(Bytes::from(piece)), Some(reader))),
            Ok((_, Err(_))) | Err(_) => Some((Err(BodyError::Unreadable), None)),
        }
    };
    stream::unfold(Some(reader), next).fuse().boxed()
}

/// A body in blocks of about [`BLOCK_BYTES`].
pub(super) struct Blocks<B> {
    body: B,
    /// What has been gathered, so that giving up waiting loses nothing.
    gathered: Vec<u8>,
}

impl<B> Blocks<B>
where
    B: Stream<Item = Result<Bytes, BodyError>> + Unpin,
{
    pub(super) fn new(body: B) -> Self {
        Self { body, gathered: Vec::new() }
    }

    /// The next block; `None` at the end. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, BodyError> {
        while self.gathered.len() < BLOCK_BYTES {
            match self.body.next().await {
                Some(piece) => self.gathered.extend_from_slice(&piece?),
                None => break,
            }
        }
        Ok(Some(std::mem::take(&mut self.gathered)).filter(|block| !block.is_empty()))
    }
}
