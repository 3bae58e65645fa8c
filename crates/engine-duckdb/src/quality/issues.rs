//! The issues of a validation in a temporary file: for each rule a section of Arrow IPC, compressed.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use async_trait::async_trait;
use eider_application::ports::{RecordStream, StoreError, StoredIssues};
use eider_application::runtime::blocking;
use futures::{StreamExt, stream};

use crate::error::arrow_error;

/// Rows that are written as one batch. The engine's own batches may have few rows of many.
const BATCH_ROWS: usize = 8_192;

/// The issues of rules, one rule after the other, on their way into a file without a name.
#[derive(Debug)]
pub(crate) struct IssueWriter {
    directory: PathBuf,
    max_bytes: u64,
    file: Option<File>,
    sections: Vec<(SchemaRef, Range<u64>)>,
    rules: usize,
    is_truncated: bool,
}

impl IssueWriter {
    /// Nothing yet of so many rules; once the file in `directory` has a rule's share of `max_bytes` and what the rules before
    /// left of theirs, further issues of the rule are left out.
    pub(crate) fn new(directory: PathBuf, max_bytes: u64, rules: usize) -> Self {
        Self { directory, max_bytes, file: None, sections: Vec::new(), rules, is_truncated: false }
    }

    /// Begins the issues of the next rule. The file is made with the first of them.
    pub(crate) fn begin(&mut self, columns: SchemaRef) -> Section<'_> {
        let rule = self.sections.len() as u64 + 1;
        let room = u128::from(self.max_bytes) * u128::from(rule) / self.rules.max(1) as u128;
        let until = u64::try_from(room).unwrap_or(u64::MAX);
        Section { issues: self, columns, held: Vec::new(), held_rows: 0, until, is_truncated: false, output: None }
    }

    fn file(&mut self) -> Result<File, StoreError> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.directory).map_err(StoreError::of_disk)?),
        };
        file.try_clone().map_err(StoreError::of_disk)
    }

    /// Whether issues were left out.
    pub(crate) fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// The issues, to be read.
    pub(crate) fn finish(self) -> IssueFile {
        IssueFile { file: self.file.map(Arc::new), sections: self.sections }
    }
}

/// The issues of one rule on their way into the file.
pub(crate) struct Section<'w> {
    issues: &'w mut IssueWriter,
    columns: SchemaRef,
    held: Vec<RecordBatch>,
    held_rows: usize,
    /// How many bytes the file may have before the rest is left out.
    until: u64,
    is_truncated: bool,
    /// Where the section begins, and the end of it that is written to.
    output: Option<(u64, StreamWriter<BufWriter<File>>)>,
}

impl Section<'_> {
    /// Takes issues. Blocks on the disk.
    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<(), StoreError> {
        if self.is_truncated || batch.num_rows() == 0 {
            return Ok(());
        }
        self.held_rows += batch.num_rows();
        self.held.push(batch);
        if self.held_rows >= BATCH_ROWS { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), StoreError> {
        let batch = concat_batches(&self.columns, &self.held).map_err(arrow_error)?;
        self.held.clear();
        self.held_rows = 0;
        if self.output.is_none() {
            let mut file = self.issues.file()?;
            let from = file.stream_position().map_err(StoreError::of_disk)?;
            let options = IpcWriteOptions::default();
            let options = options.try_with_compression(Some(CompressionType::ZSTD)).map_err(arrow_error)?;
            let writer = StreamWriter::try_new_with_options(BufWriter::new(file), &self.columns, options);
            self.output = Some((from, writer.map_err(arrow_error)?));
        }
        let Some((_, output)) = &mut self.output else { return Ok(()) };
        let bytes = output.get_mut().stream_position().map_err(StoreError::of_disk)?;
        if bytes >= self.until {
            (self.is_truncated, self.issues.is_truncated) = (true, true);
            return Ok(());
        }
        output.write(&batch).map_err(arrow_error)
    }

    /// Ends the section; whether issues were left out.
    pub(crate) fn finish(mut self) -> Result<bool, StoreError> {
        if self.held_rows > 0 {
            self.write()?;
        }
        let mut range = 0..0;
        if let Some((from, output)) = self.output {
            let buffered = output.into_inner().map_err(arrow_error)?;
            let mut file = buffered.into_inner().map_err(|error| StoreError::of_disk(error.into_error()))?;
            range = from..file.stream_position().map_err(StoreError::of_disk)?;
        }
        self.issues.sections.push((self.columns, range));
        Ok(self.is_truncated)
    }
}

/// The issues of a validation. The file goes with this.
pub(crate) struct IssueFile {
    /// `None` when there are no issues.
    file: Option<Arc<File>>,
    /// The columns of each rule's issues, and where they are.
    sections: Vec<(SchemaRef, Range<u64>)>,
}

#[async_trait]
impl StoredIssues for IssueFile {
    async fn of_rule(&self, rule: usize) -> Result<RecordStream, StoreError> {
        let Some((columns, range)) = self.sections.get(rule).cloned() else {
            return Err(crate::error::internal("the validation has no such rule"));
        };
        let Some(file) = self.file.clone().filter(|_| !range.is_empty()) else {
            return Ok(RecordStream::new(columns, stream::empty().boxed()));
        };
        let open = move || StreamReader::try_new(BufReader::new(FilePart { file, range }), None).map_err(arrow_error);
        let reader = blocking::run(open).await??;
        let batches = stream::try_unfold(reader, async |mut reader| {
            let (batch, reader) = blocking::run(move || (reader.next(), reader)).await?;
            let batch = batch.transpose().map_err(arrow_error)?;
            Ok(batch.map(|batch| (batch, reader)))
        });
        Ok(RecordStream::new(columns, batches.boxed()))
    }
}

impl fmt::Debug for IssueFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssueFile").field("rules", &self.sections.len()).finish_non_exhaustive()
    }
}

/// A part of a file that others read at the same time.
struct FilePart {
    file: Arc<File>,
    range: Range<u64>,
}

impl Read for FilePart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        let read = self.file.read_at(&mut buffer[..most], self.range.start)?;
        self.range.start += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_schema::{DataType, Field, Schema};
    use futures::TryStreamExt;

    use super::*;

    fn columns() -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]))
    }

    fn batch(from: i64, rows: i64) -> RecordBatch {
        RecordBatch::try_new(columns(), vec![Arc::new(Int64Array::from_iter_values(from..from + rows))]).unwrap()
    }

    fn written(directory: &std::path::Path, max_bytes: u64, rules: &[i64]) -> IssueWriter {
        let mut writer = IssueWriter::new(directory.to_owned(), max_bytes, rules.len());
        for rows in rules {
            let mut section = writer.begin(columns());
            for from in (0..*rows).step_by(100) {
                section.push(batch(from, 100.min(rows - from))).unwrap();
            }
            section.finish().unwrap();
        }
        writer
    }

    async fn read(file: &IssueFile, rule: usize) -> Vec<i64> {
        let batches: Vec<RecordBatch> = file.of_rule(rule).await.unwrap().try_collect().await.unwrap();
        batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
    }

    #[tokio::test]
    async fn the_issues_of_each_rule_come_back_as_often_as_they_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let writer = written(directory.path(), u64::MAX, &[30_000, 0, 5]);
        assert!(!writer.is_truncated());
        let file = writer.finish();
        for _ in 0..2 {
            for (rule, rows) in [(2, 5), (1, 0), (0, 30_000)] {
                assert_eq!(read(&file, rule).await, (0..rows).collect::<Vec<_>>());
            }
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "the file has no name");
    }

    #[tokio::test]
    async fn issues_beyond_the_room_are_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let writer = written(directory.path(), 40_000, &[30_000, 5, 200_000, 5]);
        assert!(writer.is_truncated());
        let file = writer.finish();
        for (rule, rows, is_whole) in [(0, 30_000, false), (1, 5, true), (2, 200_000, false), (3, 5, true)] {
            let kept = read(&file, rule).await;
            assert!(kept.iter().copied().eq(0..kept.len().try_into().unwrap()));
            assert_eq!(kept.len() == rows, is_whole, "rule {rule} kept {}", kept.len());
            assert!(!kept.is_empty());
        }
    }
}
