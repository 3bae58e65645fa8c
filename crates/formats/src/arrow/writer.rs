//! The Arrow IPC streaming format: the columns as they are, extension types included.

use std::fmt;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Schema};

use crate::writer::{RecordWriter, Writer, append};

/// A schema message, a message for each batch, and the marker of the end, without which the stream has broken off.
struct ArrowStreamWriter {
    /// Writes into its vector, which is emptied after each call.
    writer: StreamWriter<Vec<u8>>,
}

impl ArrowStreamWriter {
    fn new(schema: &Schema) -> Result<Self, ArrowError> {
        Ok(Self { writer: StreamWriter::try_new(Vec::new(), schema)? })
    }

    fn hand_over(&mut self, out: &mut Vec<u8>) {
        append(self.writer.get_mut(), out);
    }
}

pub(crate) const WRITER: Writer = |schema| Ok(Box::new(ArrowStreamWriter::new(schema)?));

impl RecordWriter for ArrowStreamWriter {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.hand_over(out);
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        if batch.num_rows() > 0 {
            self.writer.write(batch)?;
            self.hand_over(out);
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.writer.finish()?;
        self.hand_over(out);
        Ok(())
    }
}

impl fmt::Debug for ArrowStreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArrowStreamWriter").finish_non_exhaustive()
    }
}
