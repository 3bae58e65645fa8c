//! Batches of a write that waits for its commit: in memory up to a bound, beyond it in a temporary file.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::SchemaRef;
use eider_application::ports::{IdOrigin, StoreError};
use eider_engine_duckdb::error::arrow_error;

/// The batches of one write, in the order in which they were appended.
pub(crate) struct Staging {
    memory_bytes: usize,
    directory: PathBuf,
    /// Where the ids of each batch came from.
    origins: Vec<IdOrigin>,
    held: Vec<RecordBatch>,
    held_bytes: usize,
    spill: Option<StreamWriter<std::io::BufWriter<File>>>,
    rows: u64,
}

impl Staging {
    /// Nothing staged yet; at most about `memory_bytes` will be held, the rest goes to a file without a name in `directory`.
    pub(crate) fn new(memory_bytes: usize, directory: PathBuf) -> Self {
        Self { memory_bytes, directory, origins: Vec::new(), held: Vec::new(), held_bytes: 0, spill: None, rows: 0 }
    }

    /// Whether staging a batch touches no file.
    pub(crate) fn holds(&self, batch: &RecordBatch) -> bool {
        self.spill.is_none() && self.held_bytes + batch.get_array_memory_size() <= self.memory_bytes
    }

    /// Stages a batch. Blocks on the disk unless [`Staging::holds`] says otherwise.
    pub(crate) fn push(&mut self, batch: RecordBatch, ids: IdOrigin) -> Result<(), StoreError> {
        self.origins.push(ids);
        self.rows += batch.num_rows() as u64;
        if self.holds(&batch) {
            self.held_bytes += batch.get_array_memory_size();
            self.held.push(batch);
            return Ok(());
        }
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(new_spill(&self.directory, &batch.schema())?),
        };
        for held in self.held.drain(..) {
            spill.write(&held).map_err(arrow_error)?;
        }
        self.held_bytes = 0;
        spill.write(&batch).map_err(arrow_error)
    }

    /// Whether the batches are in a file.
    pub(crate) fn is_spilled(&self) -> bool {
        self.spill.is_some()
    }

    /// Where its files are.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Rows staged.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Where the ids of the batches came from.
    pub(crate) fn origins(&self) -> &[IdOrigin] {
        &self.origins
    }

    /// Ends the staging; the batches can then be read as often as needed.
    pub(crate) fn seal(self) -> Result<Sealed, StoreError> {
        let batches = match self.spill {
            None => Batches::Held(self.held),
            Some(mut spill) => {
                spill.finish().map_err(arrow_error)?;
                let buffered = spill.into_inner().map_err(arrow_error)?;
                Batches::Spilled(buffered.into_inner().map_err(|error| StoreError::of_disk(error.into_error()))?)
            }
        };
        Ok(Sealed { origins: self.origins, batches })
    }
}

fn new_spill(directory: &Path, schema: &SchemaRef) -> Result<StreamWriter<std::io::BufWriter<File>>, StoreError> {
    let file = tempfile::tempfile_in(directory).map_err(StoreError::of_disk)?;
    StreamWriter::try_new_buffered(file, schema).map_err(arrow_error)
}

impl fmt::Debug for Staging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staging")
            .field("rows", &self.rows)
            .field("is_spilled", &self.is_spilled())
            .finish_non_exhaustive()
    }
}

/// The batches of a write whose staging has ended.
#[derive(Debug)]
pub(crate) struct Sealed {
    origins: Vec<IdOrigin>,
    batches: Batches,
}

#[derive(Debug)]
enum Batches {
    Held(Vec<RecordBatch>),
    Spilled(File),
}

impl Sealed {
    /// Hands out every batch in order.
    pub(crate) fn for_each(
        &mut self,
        mut visit: impl FnMut(RecordBatch, &IdOrigin) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match &mut self.batches {
            Batches::Held(batches) => {
                batches.iter().zip(&self.origins).try_for_each(|(batch, ids)| visit(batch.clone(), ids))
            }
            Batches::Spilled(file) => {
                file.rewind().map_err(StoreError::of_disk)?;
                let reader = StreamReader::try_new(BufReader::new(file), None).map_err(arrow_error)?;
                for (batch, ids) in reader.zip(&self.origins) {
                    visit(batch.map_err(arrow_error)?, ids)?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::Int64Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_schema::{DataType, Field, Schema};

    use super::*;

    fn batch(value: i64) -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![value; 100]))]).unwrap()
    }

    fn staged(memory_bytes: usize, directory: &Path) -> Sealed {
        let mut staging = Staging::new(memory_bytes, directory.to_owned());
        for value in 0..10 {
            let ids = if value % 2 == 0 { IdOrigin::Generated } else { IdOrigin::Client };
            staging.push(batch(value), ids).unwrap();
        }
        assert_eq!(staging.rows(), 1_000);
        staging.seal().unwrap()
    }

    fn read(sealed: &mut Sealed) -> Vec<(i64, IdOrigin)> {
        let mut read = Vec::new();
        let visit = |batch: RecordBatch, ids: &IdOrigin| {
            read.push((batch.column(0).as_primitive::<Int64Type>().value(0), ids.clone()));
            Ok(())
        };
        sealed.for_each(visit).unwrap();
        read
    }

    #[test]
    fn batches_come_back_in_order_from_memory_and_from_disk() {
        let directory = tempfile::tempdir().unwrap();
        let mut held = staged(1 << 20, directory.path());
        let mut spilled = staged(3_000, directory.path());
        assert!(matches!((&held.batches, &spilled.batches), (Batches::Held(_), Batches::Spilled(_))));
        let expected = read(&mut held);
        assert_eq!(expected.len(), 10);
        assert_eq!(read(&mut spilled), expected);
        assert_eq!(read(&mut spilled), expected, "a second time");
    }

    #[test]
    fn a_spilled_write_has_no_name_on_disk() {
        let directory = tempfile::tempdir().unwrap();
        let _spilled = staged(0, directory.path());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
