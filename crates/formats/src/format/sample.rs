//! The first records of a body, read without a schema.

use super::Format;
use super::reader::not_read;
use crate::options::ReadOptions;
use crate::reader::sample::{ColumnSample, RowSample, Survey};
use crate::reader::{ReadError, ReadLimits, Reader, Spooling};

/// A body of which a sample is read.
#[derive(Debug)]
pub struct Sample(Kind);

#[derive(Debug)]
enum Kind {
    Rows(RowSample),
    Columns(ColumnSample),
}

impl Sample {
    /// A sample of `most` records of a body that is written as `options` say. A format that is not read front to back
    /// waits where `spooling` says.
    ///
    /// # Errors
    /// [`ReadError::MalformedBody`] of a format that is not read, or has not these options.
    pub fn new(
        format: Format,
        options: &ReadOptions,
        limits: ReadLimits,
        spooling: Spooling,
        most: u64,
    ) -> Result<Self, ReadError> {
        format.check_options(options).map_err(|error| ReadError::malformed(error.to_string()))?;
        Ok(Self(match format.row().reader.as_ref().ok_or_else(|| not_read(format))? {
            Reader::Rows(rows) => {
                let framer = (rows.framer)(limits.max_record_bytes);
                Kind::Rows(RowSample::new(framer, (rows.sampler)(), limits.max_json_depth, most)?)
            }
            Reader::Columns(source) => {
                Kind::Columns(ColumnSample::new(source(spooling, limits.batch_rows), limits, most)?)
            }
        }))
    }

    /// Whether there are as many records as were asked for; the rest of the body need not be read.
    pub fn is_full(&self) -> bool {
        match &self.0 {
            Kind::Rows(rows) => rows.is_full(),
            Kind::Columns(columns) => columns.is_full(),
        }
    }

    /// Takes the next block of the body. Blocks may end anywhere.
    ///
    /// # Errors
    /// [`ReadError::MalformedJson`] and [`ReadError::MalformedBody`] when the body is not of its format, or has columns
    /// that no property takes, [`ReadError::Disk`].
    pub fn push(&mut self, block: &[u8]) -> Result<(), ReadError> {
        match &mut self.0 {
            Kind::Rows(rows) => rows.push(block),
            Kind::Columns(columns) => columns.push(block),
        }
    }

    /// Ends the body.
    ///
    /// # Errors
    /// As [`Sample::push`].
    pub fn end(&mut self) -> Result<(), ReadError> {
        match &mut self.0 {
            Kind::Rows(rows) => rows.end(),
            Kind::Columns(columns) => columns.end(),
        }
    }

    /// What was seen.
    pub fn into_survey(self) -> Survey {
        match self.0 {
            Kind::Rows(rows) => {
                let mut survey = rows.survey;
                survey.join_spellings();
                survey
            }
            Kind::Columns(columns) => columns.survey,
        }
    }
}
