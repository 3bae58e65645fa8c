//! The use case that proposes a schema from the records of a body.

use std::path::PathBuf;

use bytes::Bytes;
use eider_formats::{ReadError, ReadLimits, Sample, Spooling};
use futures::Stream;
use tracing::instrument;

use super::body::Blocks;
use super::{BodyError, BodyFormat, IngestLimits, RecordService};
use crate::Error;
use crate::infer::{InferenceOptions, Proposal};
use crate::runtime::blocking;

impl RecordService {
    /// The schema that the records of a body lead to, or the first of them. The rest of the body is not read, but for
    /// a Parquet file, which waits on disk until it is whole.
    ///
    /// # Errors
    /// As [`infer_schema`].
    #[instrument(name = "schemas.infer", level = "debug", skip_all)]
    pub async fn infer<B>(&self, format: BodyFormat, options: &InferenceOptions, body: B) -> Result<Proposal, Error>
    where
        B: Stream<Item = Result<Bytes, BodyError>> + Unpin,
    {
        infer(format, options, self.limits.reading(), self.spooling.clone(), body).await
    }
}

/// The schema that the records of a body lead to, however many they are, in bounded memory. A format that is not read front to back
/// waits in a file without a name in `spool_directory`.
///
/// # Errors
/// [`Error::MalformedJson`] and [`Error::MalformedBody`] when the body is not of its format, or has columns that no
/// property takes, [`Error::SchemaInvalid`] when it has no columns or too many, what `body` yields, [`Error::Store`]
/// when a disk fails.
pub async fn infer_schema<B>(
    format: BodyFormat,
    options: &InferenceOptions,
    limits: IngestLimits,
    spool_directory: PathBuf,
    body: B,
) -> Result<Proposal, Error>
where
    B: Stream<Item = Result<Bytes, BodyError>> + Unpin,
{
    let spooling = Spooling { directory: spool_directory, ..Spooling::default() };
    infer(format, options, limits.reading(), spooling, body).await
}

async fn infer<B>(
    format: BodyFormat,
    options: &InferenceOptions,
    limits: ReadLimits,
    spooling: Spooling,
    body: B,
) -> Result<Proposal, Error>
where
    B: Stream<Item = Result<Bytes, BodyError>> + Unpin,
{
    let mut sample = Sample::new(format, options.reading.clone(), limits, spooling, options.sample);
    let mut blocks = Blocks::new(body);
    while !sample.is_full() {
        let block = blocks.next().await?;
        let is_ended = block.is_none();
        let read = move || {
            match block {
                Some(block) => sample.push(&block)?,
                None => sample.end()?,
            }
            Ok::<_, ReadError>(sample)
        };
        sample = blocking::run(read).await??;
        if is_ended {
            break;
        }
    }
    let (survey, reading, findings) = sample.into_parts();
    Proposal::of(&survey, &findings, reading, options)
}
