//! The reader of one body in any format.

use std::sync::Arc;

use eider_domain::{Schema, SourceNames};

use super::{Format, foreign};
use crate::options::ReadOptions;
use crate::reader::columnar::ColumnCutter;
use crate::reader::rows::RowCutter;
use crate::reader::{Chunk, ReadContext, ReadError, ReadLimits, Reader, Spooling};

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
    has_begun: bool,
    /// `None` of a format that is not read.
    cutter: Option<Cutter>,
}

/// How the format of a body is cut.
#[derive(Debug)]
enum Cutter {
    Rows(RowCutter),
    Columns(ColumnCutter),
}

impl RecordReader {
    /// A reader of one body of records of `schema`. A format that is not read front to back waits where `spooling`
    /// says.
    pub fn new(format: Format, schema: Arc<Schema>, limits: ReadLimits, spooling: Spooling) -> Self {
        let cutter = Cutter::new(format, &limits, spooling);
        let names = Arc::clone(schema.source_names());
        let options = ReadOptions::default();
        let context = Arc::new(ReadContext { schema, names, limits, options, ignores_read_only: false });
        Self { context, format, has_begun: false, cutter }
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

    /// The same reader, with what a call says of the names in its body. Nothing may have been cut yet.
    #[must_use]
    pub fn with_names(mut self, names: Arc<SourceNames>) -> Self {
        Arc::make_mut(&mut self.context).names = names;
        self
    }

    /// The same reader, which has the body wait elsewhere. Nothing may have been cut yet.
    #[must_use]
    pub fn with_spooling(mut self, spooling: Spooling) -> Self {
        self.cutter = Cutter::new(self.format, &self.context.limits, spooling);
        self
    }

    /// Cuts the next block of the body into chunks. Blocks may end anywhere.
    ///
    /// When [`RecordReader::has_more`] says so afterwards, call again with an empty block before the next one.
    ///
    /// # Errors
    /// [`ReadError::MalformedJson`] when the body cannot be cut into records, [`ReadError::MalformedBody`] when it is
    /// not of its format or its columns are not the schema's, [`ReadError::Disk`], [`ReadError::MemoryShort`].
    pub fn cut(&mut self, block: &[u8]) -> Result<Vec<Chunk>, ReadError> {
        if !self.has_begun && !block.is_empty() {
            self.has_begun = true;
            self.format
                .check_options(&self.context.options)
                .map_err(|error| ReadError::malformed(error.to_string()))?;
            if let Some(detail) = foreign::said_of(block, self.format) {
                return Err(ReadError::malformed(detail));
            }
        }
        match &mut self.cutter {
            Some(Cutter::Rows(rows)) => rows.cut(block, &self.context),
            Some(Cutter::Columns(columns)) => columns.cut(block, &self.context),
            None => Err(not_read(self.format)),
        }
    }

    /// Ends the body and hands out the last chunks; call again while [`RecordReader::has_more`].
    ///
    /// # Errors
    /// As [`RecordReader::cut`].
    pub fn end(&mut self) -> Result<Vec<Chunk>, ReadError> {
        match &mut self.cutter {
            Some(Cutter::Rows(rows)) => rows.end(&self.context),
            Some(Cutter::Columns(columns)) => columns.end(&self.context),
            None => Err(not_read(self.format)),
        }
    }

    /// Whether the last call kept something back, because a few bytes of a body may stand for much.
    pub fn has_more(&self) -> bool {
        match &self.cutter {
            Some(Cutter::Columns(columns)) => columns.has_more(),
            Some(Cutter::Rows(_)) | None => false,
        }
    }
}

impl Cutter {
    fn new(format: Format, limits: &ReadLimits, spooling: Spooling) -> Option<Self> {
        Some(match format.row().reader.as_ref()? {
            Reader::Rows(rows) => Self::Rows(RowCutter::new((rows.framer)(limits.max_record_bytes), &rows.records)),
            Reader::Columns(source) => Self::Columns(ColumnCutter::new(source(spooling, limits.batch_rows))),
        })
    }
}

/// Of a format that is only written.
pub(super) fn not_read(format: Format) -> ReadError {
    ReadError::malformed(format!("records in the format {format} are not read here"))
}
