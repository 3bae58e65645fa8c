//! The first records of a body, read without a schema.

mod columns;
mod digits;
mod rows;

use std::path::PathBuf;

use bytes::Bytes;
use futures::Stream;
use tracing::instrument;

use self::columns::ColumnSample;
use self::rows::RowSample;
use super::body::Blocks;
use super::parquet::Spooling;
use super::{BodyError, BodyFormat, IngestLimits, IngestService};
use crate::infer::{InferenceOptions, Proposal, Survey};
use crate::{Error, blocking};

impl IngestService {
    /// The schema that the first records of a body lead to. The rest of the body is not read, but for a Parquet file, which
    /// waits on disk until it is whole.
    ///
    /// # Errors
    /// As [`infer_schema`].
    #[instrument(name = "schemas.infer", level = "debug", skip_all)]
    pub async fn infer<B>(&self, format: BodyFormat, options: &InferenceOptions, body: B) -> Result<Proposal, Error>
    where
        B: Stream<Item = Result<Bytes, BodyError>> + Unpin,
    {
        infer(format, options, self.limits, self.spooling.clone(), body).await
    }
}

/// The schema that the first records of a body lead to, in bounded memory. A format that is not read front to back waits in
/// a file without a name in `spool_directory`.
///
/// # Errors
/// [`Error::MalformedJson`] and [`Error::MalformedBody`] when the body is not of its format, or has columns that no property
/// takes, [`Error::SchemaInvalid`] when it has no columns or too many, what `body` yields, [`Error::Store`] when a disk
/// fails.
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
    infer(format, options, limits, spooling, body).await
}

async fn infer<B>(
    format: BodyFormat,
    options: &InferenceOptions,
    limits: IngestLimits,
    spooling: Spooling,
    body: B,
) -> Result<Proposal, Error>
where
    B: Stream<Item = Result<Bytes, BodyError>> + Unpin,
{
    let mut sample = Sample::new(format, limits, spooling, options.sample)?;
    let mut blocks = Blocks::new(body);
    while !sample.is_full() {
        let block = blocks.next().await?;
        let is_ended = block.is_none();
        let read = move || {
            match block {
                Some(block) => sample.push(&block)?,
                None => sample.end()?,
            }
            Ok::<_, Error>(sample)
        };
        sample = blocking::run(read).await??;
        if is_ended {
            break;
        }
    }
    sample.into_survey().propose(options)
}

/// A body of which a sample is read.
#[derive(Debug)]
enum Sample {
    Rows(RowSample),
    Columns(ColumnSample),
}

impl Sample {
    fn new(format: BodyFormat, limits: IngestLimits, spooling: Spooling, most: u64) -> Result<Self, Error> {
        Ok(match format {
            BodyFormat::JsonArray | BodyFormat::Ndjson | BodyFormat::Csv => {
                Self::Rows(RowSample::new(format, limits, most)?)
            }
            BodyFormat::ArrowStream => Self::Columns(ColumnSample::of_arrow_stream(limits, most)),
            BodyFormat::Parquet => Self::Columns(ColumnSample::of_parquet(limits, spooling, most)),
        })
    }

    fn is_full(&self) -> bool {
        match self {
            Self::Rows(rows) => rows.is_full(),
            Self::Columns(columns) => columns.is_full(),
        }
    }

    fn push(&mut self, block: &[u8]) -> Result<(), Error> {
        match self {
            Self::Rows(rows) => rows.push(block),
            Self::Columns(columns) => columns.push(block),
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        match self {
            Self::Rows(rows) => rows.end(),
            Self::Columns(columns) => columns.end(),
        }
    }

    fn into_survey(self) -> Survey {
        match self {
            Self::Rows(rows) => rows.survey,
            Self::Columns(columns) => columns.survey,
        }
    }
}

#[cfg(test)]
mod tests;
