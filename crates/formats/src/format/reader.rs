//! The reader of one body in any format.

use std::sync::Arc;

use eider_domain::{Schema, SourceNames};

use super::{Format, foreign};
use crate::options::{ReadOptions, Values};
use crate::reader::columnar::ColumnCutter;
use crate::reader::rows::RowCutter;
use crate::reader::{Chunk, OPENING_BYTES, ReadContext, ReadError, ReadLimits, Reader, Spooling};

/// Cuts a body that arrives in blocks into chunks of whole records.
///
/// The work is in two steps: [`RecordReader::cut`] hands out chunks in the order of the body, without parsing them, and
/// [`Chunk::decode`] reads and checks their records on any thread. Between the steps a reader holds about one record of
/// JSON and CSV, and one batch of Arrow and Parquet.
///
/// ```
/// use std::sync::Arc;
///
/// use eider_domain::{Schema, SchemaDefinition, Timestamp};
/// use eider_formats::{Format, ReadLimits, RecordReader, Spooling};
/// use serde_json::json;
///
/// let document = json!({"name": "flights", "properties": [{"name": "delay", "type": "integer"}]});
/// let definition = SchemaDefinition::parse(&document).expect("a valid definition");
/// let schema = Arc::new(Schema::new(definition, 1, Timestamp::from_micros(0)));
///
/// let mut reader = RecordReader::new(Format::Ndjson, schema, ReadLimits::default(), Spooling::default());
/// // A block ends anywhere; a chunk holds whole records.
/// let mut chunks = reader.cut(b"{\"delay\": 1}\n{\"del")?;
/// chunks.extend(reader.cut(b"ay\": 2}\n")?);
/// chunks.extend(reader.end()?);
/// let lines = chunks.into_iter().map(|chunk| chunk.decode()).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(lines.iter().map(|decoded| decoded.lines.len()).sum::<usize>(), 2);
/// # Ok::<(), eider_formats::ReadError>(())
/// ```
#[derive(Debug)]
pub struct RecordReader {
    context: Arc<ReadContext>,
    format: Format,
    spooling: Spooling,
    state: State,
}

/// How far a body has been read, and what cuts it.
#[derive(Debug)]
enum State {
    /// Not far enough for the body to have said how it is written: the bytes that have been met.
    Beginning(Vec<u8>),
    Rows(RowCutter),
    Columns(ColumnCutter),
}

impl RecordReader {
    /// A reader of one body of records of `schema`. A format that is not read front to back waits where `spooling`
    /// says.
    pub fn new(format: Format, schema: Arc<Schema>, limits: ReadLimits, spooling: Spooling) -> Self {
        let names = Arc::clone(schema.source_names());
        let options = ReadOptions::default();
        let context = Arc::new(ReadContext { schema, names, limits, options, ignores_read_only: false });
        Self { context, format, spooling, state: State::Beginning(Vec::new()) }
    }

    /// The same reader of a body that is written so. Nothing may have been cut yet.
    #[must_use]
    pub fn with_options(mut self, options: ReadOptions) -> Self {
        Arc::make_mut(&mut self.context).options = options;
        self
    }

    /// The same reader, which passes over the fields that the server keeps. Nothing may have been cut yet.
    #[must_use]
    pub fn ignoring_read_only(mut self, ignores: bool) -> Self {
        Arc::make_mut(&mut self.context).ignores_read_only = ignores;
        self
    }

    /// The same reader, which keeps the fields that the server keeps: they are columns behind those of the properties, in
    /// the order of [`Schema::KEPT_FIELDS`], null where a record does not give them. Nothing may have been cut yet.
    #[must_use]
    pub fn keeping_read_only(mut self) -> Self {
        let context = Arc::make_mut(&mut self.context);
        context.schema = Arc::new(context.schema.with_kept_fields());
        self
    }

    /// The same reader, with what a call says of the names in its body. Nothing may have been cut yet.
    #[must_use]
    pub fn with_names(mut self, names: Arc<SourceNames>) -> Self {
        Arc::make_mut(&mut self.context).names = names;
        self
    }

    /// The same reader, which has the body wait elsewhere. Nothing may have been cut yet.
    #[must_use]
    pub fn with_spooling(mut self, spooling: Spooling) -> Self {
        self.spooling = spooling;
        self
    }

    /// Cuts the next block of the body into chunks. Blocks may end anywhere.
    ///
    /// When [`RecordReader::has_more`] says so afterwards, call again with an empty block before the next one.
    ///
    /// # Errors
    /// [`ReadError::MalformedJson`] when the body cannot be cut into records, [`ReadError::MalformedBody`] when it is
    /// not of its format, is written otherwise than the options say, or its columns are not the schema's,
    /// [`ReadError::Disk`], [`ReadError::MemoryShort`].
    pub fn cut(&mut self, block: &[u8]) -> Result<Vec<Chunk>, ReadError> {
        let State::Beginning(held) = &mut self.state else { return self.cut_on(block) };
        if held.is_empty() && block.len() >= OPENING_BYTES {
            self.begin(block)?;
            return self.cut_on(block);
        }
        held.extend_from_slice(block);
        if held.len() < OPENING_BYTES {
            return Ok(Vec::new());
        }
        let held = std::mem::take(held);
        self.begin(&held)?;
        self.cut_on(&held)
    }

    /// Ends the body and hands out the last chunks; call again while [`RecordReader::has_more`].
    ///
    /// # Errors
    /// As [`RecordReader::cut`].
    pub fn end(&mut self) -> Result<Vec<Chunk>, ReadError> {
        let mut chunks = Vec::new();
        if let State::Beginning(held) = &mut self.state {
            let held = std::mem::take(held);
            self.begin(&held)?;
            chunks = self.cut_on(&held)?;
        }
        let last = match &mut self.state {
            State::Rows(rows) => rows.end(&self.context),
            State::Columns(columns) => columns.end(&self.context),
            State::Beginning(_) => Ok(Vec::new()),
        };
        chunks.extend(last?);
        Ok(chunks)
    }

    /// Whether the last call kept something back, because a few bytes of a body may stand for much.
    pub fn has_more(&self) -> bool {
        match &self.state {
            State::Columns(columns) => columns.has_more(),
            State::Rows(_) | State::Beginning(_) => false,
        }
    }

    /// Chooses what cuts a body that begins so.
    fn begin(&mut self, beginning: &[u8]) -> Result<(), ReadError> {
        let context = Arc::make_mut(&mut self.context);
        if context.options.values == Some(Values::Canonical) {
            context.schema = Arc::new(context.schema.without_dialects());
        }
        self.state = match begin(self.format, beginning, &mut context.options)? {
            Reader::Rows(rows) => {
                let framer = (rows.framer)(context.limits.max_record_bytes, &context.options);
                State::Rows(RowCutter::new(framer, &rows.records, context)?)
            }
            Reader::Columns(source) => {
                let source = source(beginning, self.spooling.clone(), context.limits.batch_rows);
                State::Columns(ColumnCutter::new(source))
            }
        };
        Ok(())
    }

    fn cut_on(&mut self, block: &[u8]) -> Result<Vec<Chunk>, ReadError> {
        match &mut self.state {
            State::Rows(rows) => rows.cut(block, &self.context),
            State::Columns(columns) => columns.cut(block, &self.context),
            State::Beginning(_) => Ok(Vec::new()),
        }
    }
}

/// What reads a body that begins so, with the options that hold once the beginning was asked.
///
/// # Errors
/// [`ReadError::MalformedBody`] when the format is not read, the body is plainly of another, or it says otherwise than
/// the options.
pub(super) fn begin(format: Format, beginning: &[u8], options: &mut ReadOptions) -> Result<&'static Reader, ReadError> {
    format.check_options(options).map_err(|error| ReadError::malformed(error.to_string()))?;
    let reader = format.row().reader.as_ref();
    let reader =
        reader.ok_or_else(|| ReadError::malformed(format!("records in the format {format} are not read here")))?;
    if let Reader::Rows(rows) = reader {
        (rows.opening)(beginning, options).map_err(ReadError::malformed)?;
    }
    if options.csv.encoding.is_none()
        && let Some(detail) = foreign::said_of(beginning, format)
    {
        return Err(ReadError::malformed(detail));
    }
    Ok(reader)
}
