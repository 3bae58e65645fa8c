//! A body that is read without a schema: its first records, or all of them.

use super::reader::begin;
use super::{Format, foreign};
use crate::options::ReadOptions;
use crate::reader::sample::{ColumnSample, Finding, RowSample, Survey};
use crate::reader::{ReadError, ReadLimits, Reader, Spooling};

/// Bytes of a body that are gathered, so that they tell how it is written.
const PROBE_BYTES: usize = 256 << 10;

/// A body of which a sample is read.
#[derive(Debug)]
pub struct Sample {
    format: Format,
    options: ReadOptions,
    limits: ReadLimits,
    spooling: Spooling,
    most: u64,
    findings: Vec<Finding>,
    state: State,
}

/// How far a body has been read, and what reads it.
#[derive(Debug)]
enum State {
    /// Not far enough to tell how it is written: the bytes that have been met.
    Beginning(Vec<u8>),
    Rows(RowSample),
    Columns(ColumnSample),
}

impl Sample {
    /// A sample of `most` records, or of all, of a body that is written as `options` say, and for the rest as its
    /// beginning shows. Memory does not grow with its records. A format that is not read front to back waits where
    /// `spooling` says.
    pub fn new(
        format: Format,
        options: ReadOptions,
        limits: ReadLimits,
        spooling: Spooling,
        most: Option<u64>,
    ) -> Self {
        let (most, state) = (most.unwrap_or(u64::MAX), State::Beginning(Vec::new()));
        Self { format, options, limits, spooling, most, findings: Vec::new(), state }
    }

    /// Whether there are as many records as were asked for; the rest of the body need not be read.
    pub fn is_full(&self) -> bool {
        match &self.state {
            State::Beginning(_) => false,
            State::Rows(rows) => rows.is_full(),
            State::Columns(columns) => columns.is_full(),
        }
    }

    /// Takes the next block of the body. Blocks may end anywhere.
    ///
    /// # Errors
    /// [`ReadError::MalformedJson`] and [`ReadError::MalformedBody`] when the body is not of its format, or has columns
    /// that no property takes, [`ReadError::Disk`].
    pub fn push(&mut self, block: &[u8]) -> Result<(), ReadError> {
        let State::Beginning(held) = &mut self.state else { return self.push_on(block) };
        held.extend_from_slice(block);
        if held.len() < PROBE_BYTES {
            return Ok(());
        }
        let held = std::mem::take(held);
        self.begin(&held, false)?;
        self.push_on(&held)
    }

    /// Ends the body.
    ///
    /// # Errors
    /// As [`Sample::push`].
    pub fn end(&mut self) -> Result<(), ReadError> {
        if let State::Beginning(held) = &mut self.state {
            let held = std::mem::take(held);
            self.begin(&held, true)?;
            self.push_on(&held)?;
        }
        if self.is_full() {
            // What follows the sample was not looked at, and may be anything.
            return Ok(());
        }
        match &mut self.state {
            State::Beginning(_) => Ok(()),
            State::Rows(rows) => rows.end(),
            State::Columns(columns) => columns.end(),
        }
    }

    /// What was seen, the options that it was read with, and what speaks for those that were not given.
    pub fn into_parts(mut self) -> (Survey, ReadOptions, Vec<Finding>) {
        let is_whole = !self.is_full();
        let mut survey = match self.state {
            State::Beginning(_) => Survey::new(),
            State::Rows(rows) => {
                self.findings.extend(rows.sampler.find(&mut self.options));
                rows.survey.with_joined_spellings()
            }
            State::Columns(columns) => columns.survey.settled(),
        };
        survey.is_whole = is_whole;
        (survey, self.options, self.findings)
    }

    /// Chooses what reads a body that begins so.
    fn begin(&mut self, beginning: &[u8], is_whole: bool) -> Result<(), ReadError> {
        let Self { format, options, limits, findings, most, .. } = self;
        if format.is_delimited()
            && options.csv.encoding.is_none()
            && let Some(encoding) = foreign::utf16_of(beginning)
        {
            options.csv.encoding = Some(encoding);
            let value = encoding.name().to_ascii_lowercase();
            let detail = "its first characters have two bytes each".to_owned();
            findings.push(Finding { option: "csv.encoding", value, confidence: 0.95, detail });
        }
        self.state = match begin(*format, beginning, options)? {
            Reader::Rows(rows) => {
                findings.extend((rows.detect)(beginning, is_whole, options));
                let framer = (rows.framer)(limits.max_record_bytes, options);
                let sampler = (rows.sampler)(options);
                State::Rows(RowSample::new(framer, sampler, limits.max_json_depth, *most)?)
            }
            Reader::Columns(source) => {
                let source = source(beginning, self.spooling.clone(), limits.batch_rows);
                State::Columns(ColumnSample::new(source, *limits, *most)?)
            }
        };
        Ok(())
    }

    fn push_on(&mut self, block: &[u8]) -> Result<(), ReadError> {
        match &mut self.state {
            State::Beginning(_) => Ok(()),
            State::Rows(rows) => rows.push(block),
            State::Columns(columns) => columns.push(block),
        }
    }
}
