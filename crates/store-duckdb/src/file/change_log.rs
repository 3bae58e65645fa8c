//! The log of changes: single records that are durable and not in their table yet.
//!
//! A commit of the engine costs milliseconds, an entry here some microseconds. So a change of a single record is answered
//! once its entry is synced, and goes into its table later, with many others (`table::flush`). An entry is removed after
//! the engine has committed what it says; one that is left behind by a crash is told by its numbers, which the table has.
//!
//! The log is a SQLite database beside the file of the records. One thread writes it and takes whatever waits into one
//! transaction, so that all who wait share one sync of the disk.

mod damage;
mod entry;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use eider_application::ports::{StoreError, StoreErrorKind};
use eider_engine_duckdb::error::internal;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use tokio::sync::oneshot;
use uuid::Uuid;

pub(crate) use self::entry::{Batches, Entry, answers_text};
use self::writer::{Command, Writer};
use crate::file::disk::beside;
use crate::file::settings::StoreSettings;

/// Version of the layout of the log. A log with another is not opened.
const FORMAT_VERSION: i64 = 1;
/// What tells the log from other SQLite databases: `Eidr`.
const APPLICATION: i64 = 0x4569_6472;
/// Bytes above which an empty log is made small when it is closed.
const SHRINK_ABOVE: u64 = 1 << 20;

/// The open log. Dropped, it waits for its thread, and leaves what is in it to the next start.
#[derive(Debug)]
pub(crate) struct ChangeLog {
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

/// A log that is not written to yet, to be read first.
#[derive(Debug)]
pub(crate) struct ReadLog {
    connection: Connection,
    path: PathBuf,
}

/// The path of the log of a file.
pub(crate) fn path(settings: &StoreSettings) -> PathBuf {
    beside(&settings.path, ".changes")
}

/// The bytes of the log, with what SQLite keeps beside it.
pub(crate) fn bytes(settings: &StoreSettings) -> u64 {
    let path = path(settings);
    ["", "-wal"].iter().map(|ending| std::fs::metadata(beside(&path, ending)).map_or(0, |file| file.len())).sum()
}

impl ReadLog {
    /// Opens the log of a store, or makes an empty one. Blocks.
    ///
    /// # Errors
    /// `Corrupt` when it is no log or damaged, or has entries of another store; `Unsupported` when it is of another format.
    pub(crate) fn open(settings: &StoreSettings, identity: Uuid) -> Result<Self, StoreError> {
        Self::of(path(settings), |log| log.claim(identity))
    }

    fn of(path: PathBuf, claim: impl Fn(&Self) -> Result<(), Failure>) -> Result<Self, StoreError> {
        let is_new = !path.try_exists().map_err(StoreError::of_disk)?;
        if damage::look(&beside(&path, "-wal")).map_err(StoreError::of_disk)? == damage::End::Damaged {
            return Err(damaged(
                &path,
                "a part of it is not what was written, and changes are behind it; restore a copy",
            ));
        }
        let connection = Connection::open(&path).map_err(|error| log_error(&path, error))?;
        let log = Self { connection, path };
        log.prepare().and_then(|()| claim(&log)).map_err(|error| match error {
            Failure::Engine(error) => log_error(&log.path, error),
            Failure::Store(error) => error,
        })?;
        if is_new {
            sync_directory(&log.path).map_err(StoreError::of_disk)?;
        }
        Ok(log)
    }

    fn prepare(&self) -> Result<(), Failure> {
        // A log that is refused stays as it is, byte by byte.
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        // Nobody else opens it, so it needs no shared memory. Synced at each commit, not at checkpoints alone.
        self.connection.execute_batch(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096; PRAGMA journal_size_limit = 4194304;",
        )?;
        let pragma = |name: &str| self.connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
        match (pragma("application_id")?, pragma("user_version")?) {
            (0, 0) => self.connection.execute_batch(&format!(
                "BEGIN;
                 CREATE TABLE store (identity TEXT NOT NULL);
                 CREATE TABLE entries (id INTEGER PRIMARY KEY, schema TEXT NOT NULL, first INTEGER NOT NULL,
                     last INTEGER NOT NULL, gone BLOB NOT NULL, records BLOB NOT NULL, answers TEXT NOT NULL,
                     checksum INTEGER NOT NULL);
                 PRAGMA application_id = {APPLICATION};
                 PRAGMA user_version = {FORMAT_VERSION};
                 COMMIT;"
            ))?,
            (APPLICATION, FORMAT_VERSION) => {}
            (APPLICATION, version) => {
                let message = format!(
                    "{} has format {version}, this version reads format {FORMAT_VERSION}: start the version that wrote it, \
                     and stop it in good order",
                    self.path.display()
                );
                return Err(Failure::Store(StoreError::new(StoreErrorKind::Unsupported, message)));
            }
            _ => return Err(Failure::Store(damaged(&self.path, "it is a database of another program"))),
        }
        // Entries have checksums of their own; this finds pages that say there are fewer.
        let check: String = self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if check != "ok" {
            return Err(Failure::Store(damaged(&self.path, &check)));
        }
        Ok(())
    }

    /// Makes the log that of a store.
    fn claim(&self, identity: Uuid) -> Result<(), Failure> {
        let of: Option<String> =
            self.connection.query_row("SELECT identity FROM store", [], |row| row.get(0)).optional()?;
        let identity = identity.to_string();
        if of.as_ref() == Some(&identity) {
            return Ok(());
        }
        if self.connection.query_row("SELECT count(*) FROM entries", [], |row| row.get::<_, i64>(0))? > 0 {
            let message = "its changes are of another store: put back the file that it belongs to, or move it away to go on \
                           without them";
            return Err(Failure::Store(damaged(&self.path, message)));
        }
        self.connection.execute("DELETE FROM store", [])?;
        self.connection.execute("INSERT INTO store VALUES (?)", [identity])?;
        Ok(())
    }

    /// The entries of a schema behind a commit, in the order of their commits.
    ///
    /// # Errors
    /// `Corrupt` when an entry is damaged or missing.
    pub(crate) fn entries_after(&self, schema_key: &str, commit: i64) -> Result<Vec<Entry>, StoreError> {
        let failed = |error| log_error(&self.path, error);
        let sql = "SELECT first, last, gone, records, answers, checksum FROM entries WHERE schema = ? AND last > ? ORDER BY id";
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let mut rows = statement.query(params![schema_key, commit]).map_err(failed)?;
        let (mut entries, mut reached) = (Vec::new(), commit);
        while let Some(row) = rows.next().map_err(failed)? {
            let read = || {
                let entry = Entry {
                    schema_key: schema_key.to_owned(),
                    first: row.get(0)?,
                    last: row.get(1)?,
                    gone: row.get(2)?,
                    records: row.get(3)?,
                    answers: row.get(4)?,
                };
                Ok((entry, row.get::<_, i64>(5)?))
            };
            let (entry, checksum) = read().map_err(failed)?;
            if entry.checksum() != checksum {
                let message = format!("the change {} of `{schema_key}` is not what was written", entry.last);
                return Err(damaged(&self.path, &message));
            }
            if entry.first != reached + 1 || entry.last < entry.first {
                let message = format!("`{schema_key}` is stored up to {reached}, and goes on at {}", entry.first);
                return Err(damaged(&self.path, &message));
            }
            reached = entry.last;
            entries.push(entry);
        }
        Ok(entries)
    }

    /// The first place that an entry of a schema takes.
    fn first(&self, schema_key: &str) -> Result<i64, StoreError> {
        let sql = "SELECT min(first) FROM entries WHERE schema = ?";
        self.connection.query_row(sql, [schema_key], |row| row.get(0)).map_err(|error| log_error(&self.path, error))
    }

    /// The schemas that have entries.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) fn schema_keys(&self) -> Result<Vec<String>, StoreError> {
        let read = || {
            let mut statement = self.connection.prepare("SELECT DISTINCT schema FROM entries")?;
            statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()
        };
        read().map_err(|error| log_error(&self.path, error))
    }

    /// Empties the log, everything in it being stored, and begins to write it.
    ///
    /// # Errors
    /// When the log cannot be written or no thread be started.
    pub(crate) fn start(self, least_free_bytes: u64) -> Result<ChangeLog, StoreError> {
        let emptied = self
            .connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
            .and_then(|_| self.connection.execute_batch("DELETE FROM entries; PRAGMA wal_checkpoint(TRUNCATE)"));
        emptied.map_err(|error| log_error(&self.path, error))?;
        let (commands, waiting) = mpsc::channel();
        let writer = Writer::new(self.connection, self.path, least_free_bytes);
        let thread = thread::Builder::new().name("change-log".to_owned()).spawn(move || writer.run(&waiting));
        let thread = thread.map_err(|error| internal("the thread of the log cannot be started").with_source(error))?;
        Ok(ChangeLog { commands: Some(commands), thread: Some(thread) })
    }
}

/// What a log holds that nobody has open: the schemas with their commits and the last of these. It is looked at in a copy
/// below `scratch`, since SQLite would put its own log in order. Blocks.
///
/// # Errors
/// As [`ReadLog::open`], but for entries of another store.
pub(crate) fn look(settings: &StoreSettings, scratch: &Path) -> Result<Vec<(String, usize, i64)>, StoreError> {
    let original = path(settings);
    if !original.try_exists().map_err(StoreError::of_disk)? {
        return Ok(Vec::new());
    }
    let directory = tempfile::tempdir_in(scratch).map_err(StoreError::of_disk)?;
    let copied = directory.path().join("changes");
    for ending in ["", "-wal"] {
        match std::fs::copy(beside(&original, ending), beside(&copied, ending)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            copied => copied.map(drop).map_err(StoreError::of_disk)?,
        }
    }
    let log = ReadLog::of(copied, |_| Ok(()))?;
    let look = |key: String| {
        let first = log.first(&key)?;
        let entries = log.entries_after(&key, first - 1)?;
        let last = entries.last().map_or(0, |entry| entry.last);
        Ok((key, entries.len(), last))
    };
    log.schema_keys()?.into_iter().map(look).collect()
}

impl ChangeLog {
    /// Writes an entry, and waits until it is on the disk. Its number in the log.
    ///
    /// # Errors
    /// `StorageFull`, or `Internal` when the disk fails: the entry is not there then.
    pub(crate) async fn append(&self, entry: Entry) -> Result<i64, StoreError> {
        let (done, outcome) = oneshot::channel();
        self.send(Command::Append { entry, done })?;
        outcome.await.map_err(|_| stopped())?
    }

    /// Removes the entries of a schema up to a number in the log, after everything that was asked for before.
    pub(crate) fn remove(&self, schema_key: &str, through: i64) {
        // A log that has stopped is read at the next start, and the table has what the entries say.
        let _ = self.send(Command::Remove { schema_key: schema_key.to_owned(), through, done: None });
    }

    /// Removes all entries of a schema, and waits until they are gone for good.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) async fn clear(&self, schema_key: &str) -> Result<(), StoreError> {
        let (done, outcome) = oneshot::channel();
        self.send(Command::Remove { schema_key: schema_key.to_owned(), through: i64::MAX, done: Some(done) })?;
        outcome.await.map_err(|_| stopped())?
    }

    fn send(&self, command: Command) -> Result<(), StoreError> {
        let commands = self.commands.as_ref().ok_or_else(stopped)?;
        commands.send(command).map_err(|_| stopped())
    }
}

impl Drop for ChangeLog {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // It has no more to do than what was asked for. A panic there was told when it happened.
            let _ = thread.join();
        }
    }
}

fn stopped() -> StoreError {
    internal("the log of changes has stopped")
}

enum Failure {
    Engine(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

fn log_error(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            StoreError::new(StoreErrorKind::StorageFull, "the disk is full").with_source(error)
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            damaged(path, "it cannot be read").with_source(error)
        }
        _ => internal("the log of changes cannot be written or read").with_source(error),
    }
}

fn damaged(path: &Path, what: &str) -> StoreError {
    let message = format!("the log of changes {} cannot be used, and was left as it is: {what}", path.display());
    StoreError::new(StoreErrorKind::Corrupt, message)
}

fn sync_directory(path: &Path) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}
