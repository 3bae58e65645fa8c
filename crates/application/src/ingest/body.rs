//! A body while it arrives.

use bytes::Bytes;
use futures::{Stream, StreamExt};

use crate::Error;

/// Bytes that are gathered before they are worked on away from the event loop; a few milliseconds of work.
const BLOCK_BYTES: usize = 512 << 10;

/// Why the rest of a body cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than it may be.
    TooLarge {
        /// The limit that holds.
        limit_bytes: u64,
    },
    /// It stopped arriving.
    Timeout,
    /// The client went away, or the body is not what its headers said.
    Unreadable,
    /// It is compressed, and damaged or cut off.
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
            BodyError::Damaged { encoding } => {
                Self::MalformedBody { detail: format!("the {encoding} data of the body is damaged or cut off") }
            }
        }
    }
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
