//! Bodies whose description is at their end: kept in a file without a name until they are whole, then read batch by batch.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::{Arrival, ColumnSource};
use crate::reader::{MemoryBudget, ReadError, Spooling};

/// The batches of a file that are still to be read.
pub(crate) trait Batches: Send {
    /// The next batch; `None` behind the last.
    fn next(&mut self) -> Result<Option<RecordBatch>, ReadError>;
}

/// The columns of a file that is whole, and what reads its batches.
pub(crate) type Opened = (SchemaRef, Box<dyn Batches>);
type Open = Box<dyn FnMut(File, &dyn MemoryBudget) -> Result<Opened, ReadError> + Send>;

/// A file that arrives in blocks.
pub(crate) struct SpooledFile {
    /// What the format is called: `Parquet`.
    name: &'static str,
    spooling: Spooling,
    open: Open,
    file: Option<File>,
    state: State,
}

enum State {
    Arriving,
    /// Ready to say which columns there are.
    Whole(Opened),
    Reading(Box<dyn Batches>),
}

impl SpooledFile {
    /// A file of the format of this name, which `open` opens once it is whole. A panic there is that of a damaged file.
    pub(crate) fn new(
        name: &'static str,
        spooling: Spooling,
        open: impl FnMut(File, &dyn MemoryBudget) -> Result<Opened, ReadError> + Send + 'static,
    ) -> Self {
        Self { name, spooling, open: Box::new(open), file: None, state: State::Arriving }
    }
}

impl ColumnSource for SpooledFile {
    fn push(&mut self, block: &[u8]) -> Result<(), ReadError> {
        if block.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.spooling.directory)?),
        };
        Ok(file.write_all(block)?)
    }

    /// Ends the body and opens it.
    fn end(&mut self) -> Result<(), ReadError> {
        let Self { name, open, spooling, .. } = self;
        let empty = || ReadError::malformed(format!("the body is empty; expected a {name} file"));
        let file = self.file.take().ok_or_else(empty)?;
        let opened = catch_unwind(AssertUnwindSafe(|| open(file, &*spooling.memory)));
        self.state = State::Whole(opened.unwrap_or_else(|_| Err(damaged(name)))?);
        Ok(())
    }

    /// The columns, or the next batch; `None` before the end of the body and behind the last batch.
    fn arrival(&mut self) -> Result<Option<Arrival>, ReadError> {
        match std::mem::replace(&mut self.state, State::Arriving) {
            State::Arriving => Ok(None),
            State::Whole((columns, batches)) => {
                self.state = State::Reading(batches);
                Ok(Some(Arrival::Columns(columns)))
            }
            State::Reading(mut batches) => {
                let batch = batches.next()?;
                if batch.is_some() {
                    self.state = State::Reading(batches);
                }
                Ok(batch.map(Arrival::Rows))
            }
        }
    }
}

/// What to say of a file of a format that cannot be read.
pub(crate) fn damaged(name: &str) -> ReadError {
    ReadError::malformed(format!("the {name} file is damaged"))
}

impl fmt::Debug for SpooledFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpooledFile").field("name", &self.name).finish_non_exhaustive()
    }
}
