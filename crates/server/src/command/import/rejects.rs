//! The file of refused records: as they were in the input, with the reasons, so that they can be mended and loaded again.

use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eider_application::ingest::{BodyFormat, ReadOptions};
use serde::Serialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;
use tempfile::{NamedTempFile, SpooledTempFile};

use super::columns::each_row;
use super::cut::{Records, What};

/// A line of the file.
#[derive(Debug, Serialize)]
struct Reject<'r> {
    file: &'r str,
    /// As the receipt names it: a line, a row, or the place of the record.
    line: &'r Json,
    failures: Vec<Json>,
    /// The record, where it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<Box<RawValue>>,
    /// The record, where it is other text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'r str>,
    /// The record in base64, where it is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
}

/// A file of refused records while it is written. It takes its name when it is whole.
#[derive(Debug)]
pub(super) struct Rejects {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
    pub(super) records: u64,
}

impl Rejects {
    /// Begins a file beside its place, readable for its owner alone.
    ///
    /// # Errors
    /// When it cannot be written there, or there is a directory.
    pub(super) fn begin(path: &Path) -> Result<Self> {
        let name = || format!("cannot write {}", path.display());
        ensure!(!path.is_dir(), "{} is a directory", path.display());
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let file = NamedTempFile::new_in(directory.unwrap_or(Path::new("."))).with_context(name)?;
        Ok(Self { file: BufWriter::new(file), path: path.to_owned(), records: 0 })
    }

    /// Ends the file, which replaces one of its name.
    pub(super) fn end(self) -> Result<()> {
        let name = || format!("cannot write {}", self.path.display());
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error).with_context(name)?;
        file.as_file().sync_all().with_context(name)?;
        file.persist(&self.path).with_context(name)?;
        Ok(())
    }

    /// Adds the refused records of an input, which is read once more; those without a line by their reasons alone.
    ///
    /// # Errors
    /// When the input or the disk fails.
    pub(super) fn add(
        &mut self,
        name: &str,
        log: &mut FailureLog,
        input: impl Read,
        format: BodyFormat,
        reading: &ReadOptions,
        line_of: impl Fn(u64) -> u64,
    ) -> Result<()> {
        log.sort();
        let mut next = 0;
        if matches!(format, BodyFormat::ArrowStream | BodyFormat::Parquet) {
            let mut rows: Vec<u64> = log.entries.iter().map(|entry| entry.line).collect();
            rows.dedup();
            let given = each_row(input, format, &rows, |_, record| {
                next = self.add_one(name, log, next, Some(record), &line_of)?;
                Ok(())
            });
            if let Err(error) = given {
                tracing::debug!(%error, "refused rows are named by their reasons alone");
            }
            return self.add_reasons(name, log, next, &line_of);
        }
        let records = Records::new(input, format, reading);
        // What cannot be cut is named without its text.
        if let Ok(mut records) = records {
            while next < log.entries.len() {
                let Some(stretch) = records.next()? else { break };
                if stretch.what != What::Record {
                    continue;
                }
                while next < log.entries.len() && log.entries[next].line < stretch.line {
                    next = self.add_one(name, log, next, None, &line_of)?;
                }
                if next < log.entries.len() && log.entries[next].line == stretch.line {
                    next = self.add_one(name, log, next, Some(stretch.bytes), &line_of)?;
                }
            }
        }
        self.add_reasons(name, log, next, &line_of)
    }

    /// Writes what is left of the failures, without the records.
    fn add_reasons(
        &mut self,
        name: &str,
        log: &mut FailureLog,
        first: usize,
        line_of: &impl Fn(u64) -> u64,
    ) -> Result<()> {
        let mut next = first;
        while next < log.entries.len() {
            next = self.add_one(name, log, next, None, line_of)?;
        }
        Ok(())
    }

    /// Writes a line for all failures of one record; the first of the next.
    fn add_one(
        &mut self,
        name: &str,
        log: &mut FailureLog,
        first: usize,
        record: Option<&[u8]>,
        line_of: &impl Fn(u64) -> u64,
    ) -> Result<usize> {
        let line = log.entries[first].line;
        let mut failures = Vec::new();
        let mut next = first;
        while let Some(entry) = log.entries.get(next).filter(|entry| entry.line == line) {
            failures.push(log.read(*entry)?);
            next += 1;
        }
        let record = record.map(trimmed);
        let text = record.and_then(|record| std::str::from_utf8(record).ok());
        let json = text.and_then(json_of);
        let line = if line == NO_LINE { Json::Null } else { line_of(line).into() };
        let reject = Reject {
            file: name,
            line: &line,
            failures,
            text: text.filter(|_| json.is_none()),
            record: json,
            bytes: record.filter(|_| text.is_none()).map(|record| STANDARD.encode(record)),
        };
        serde_json::to_writer(&mut self.file, &reject)?;
        self.file.write_all(b"\n")?;
        self.records += 1;
        Ok(next)
    }
}

/// A record without the end of its line.
fn trimmed(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

/// A text that is an object, on one line.
fn json_of(text: &str) -> Option<Box<RawValue>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    // Within strings JSON has no ends of lines, so these stand between tokens.
    RawValue::from_string(text.replace(['\n', '\r'], " ")).ok()
}

/// The line of a failure that has none.
const NO_LINE: u64 = u64::MAX;

/// Bytes of failures that are kept in memory.
const IN_MEMORY: usize = 1 << 20;

/// Failures of one call, on the disk where they are many: memory has 24 bytes of each then. An import without any needs no
/// directory of temporary files.
#[derive(Debug)]
pub(super) struct FailureLog {
    file: SpooledTempFile,
    bytes: u64,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    line: u64,
    at: u64,
    bytes: usize,
}

impl FailureLog {
    pub(super) fn new() -> Self {
        Self { file: SpooledTempFile::new(IN_MEMORY), bytes: 0, entries: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes note of a failure.
    pub(super) fn add(&mut self, failure: &Json) -> Result<()> {
        let line = failure["line"].as_u64().unwrap_or(NO_LINE);
        let mut failure = failure.clone();
        if let Some(members) = failure.as_object_mut() {
            members.remove("line");
        }
        let text = serde_json::to_vec(&failure)?;
        self.file.write_all(&text).context("cannot write a temporary file")?;
        self.entries.push(Entry { line, at: self.bytes, bytes: text.len() });
        self.bytes += text.len() as u64;
        Ok(())
    }

    /// Reports name failures of keys behind the others.
    fn sort(&mut self) {
        self.entries.sort_unstable();
    }

    fn read(&mut self, entry: Entry) -> Result<Json> {
        let mut text = vec![0; entry.bytes];
        self.file.seek(SeekFrom::Start(entry.at))?;
        self.file.read_exact(&mut text).context("cannot read a temporary file")?;
        Ok(serde_json::from_slice(&text)?)
    }
}
