//! Looking whether a file holds what it should, without changing a byte of it.
//!
//! The file is opened read-only; a write-ahead log beside it is replayed in memory alone.

mod indexes;
mod nested;
mod tables;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use eider_application::ports::{StoreError, StoreErrorKind};
use eider_domain::DEFAULT_JSON_DEPTH;
use eider_engine_duckdb::Connection;
use eider_engine_duckdb::error::store_error;
use eider_engine_duckdb::ident;
use eider_engine_duckdb::sql;

use crate::catalog::{self, StoredSchema};
use crate::file::change_log;
use crate::file::disk::{self, log_bytes};
use crate::file::instance;
use crate::file::names;
use crate::file::settings::StoreSettings;
use crate::index::tree::Tree;
use crate::operate::checkpoint::SPARE_BYTES;
use crate::operate::wal;

/// A check and how it came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked, in a word.
    pub check: &'static str,
    /// The schema, or the schema and the property as `flights.callsign`; `None` for the file as a whole.
    pub subject: Option<String>,
    /// Whether it is as it should be.
    pub is_ok: bool,
    /// What was found.
    pub detail: String,
    /// What to do when it is not as it should be.
    pub advice: Option<&'static str>,
}

/// What a schema in a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its name.
    pub name: String,
    /// The number of its last commit.
    pub commit_seq: u64,
    /// How many records.
    pub records: u64,
}

const RESTORE: &str = "restore a backup";
const REBUILD: &str = "stream the schema into a file, remove it, create it anew and load the file";

impl Finding {
    fn of(check: &'static str, subject: Option<&str>, outcome: Result<String, (String, &'static str)>) -> Self {
        let subject = subject.map(str::to_owned);
        match outcome {
            Ok(detail) => Self { check, subject, is_ok: true, detail, advice: None },
            Err((detail, advice)) => Self { check, subject, is_ok: false, detail, advice: Some(advice) },
        }
    }
}

/// How closely a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thoroughness {
    /// Whether all records are looked up in each index, or a thousand.
    pub all_keys: bool,
    /// How deep objects and arrays may be nested in values.
    pub json_depth: usize,
}

impl Thoroughness {
    /// A thousand records in each index, and values nested as deep as where nothing else is configured.
    pub const QUICK: Self = Self { all_keys: false, json_depth: DEFAULT_JSON_DEPTH };
    /// All records, else as the quick one.
    pub const FULL: Self = Self { all_keys: true, ..Self::QUICK };
}

/// Checks the file of the settings, and every table of it.
/// What does not fit into memory goes to files in `scratch`.
///
/// Blocks: a pass over all records for each check, and a lookup for each key.
pub fn examine(settings: &StoreSettings, scratch: &Path, how: Thoroughness) -> Vec<Finding> {
    let mut findings = vec![file(&settings.path)];
    if findings.iter().any(|finding| !finding.is_ok) {
        return findings;
    }
    findings.push(disk(settings));
    findings.push(temporary(&settings.temp_directory));
    let reading = StoreSettings { temp_directory: scratch.to_owned(), ..settings.clone() };
    let connection = match open(&reading) {
        Ok(connection) => connection,
        Err(error) => {
            findings.push(Finding::of("open", None, Err((told(&error), advice(&error)))));
            return findings;
        }
    };
    findings.push(Finding::of("open", None, Ok("opened for reading".to_owned())));
    findings.push(Finding::of("log", None, log(settings).map_err(|error| (told(&error), advice(&error)))));
    let changes = changes(settings, scratch).map_err(|error| (told(&error), advice(&error)));
    findings.push(Finding::of("changes", None, changes));
    let schemas = match schemas(&connection) {
        Ok(schemas) => schemas,
        Err(error) => {
            findings.push(Finding::of("catalog", None, Err((told(&error), advice(&error)))));
            return findings;
        }
    };
    findings.push(Finding::of("catalog", None, catalog(&connection, &schemas)));
    let tree = Tree::existing(&names::index_directory(&settings.path));
    if tree.as_ref().is_some_and(|tree| !tree.is_usable()) {
        findings.push(Finding::of("indexes", None, Err(("they cannot be read".to_owned(), indexes::ANEW))));
    }
    for stored in &schemas {
        findings.extend(tables::examine(&connection, stored, tree.as_ref(), how));
    }
    findings
}

/// What every schema of a file holds. Blocks.
///
/// # Errors
/// As [`crate::store::DuckDbStore::open`]; nothing is made or changed.
pub fn contents(settings: &StoreSettings) -> Result<Vec<Content>, StoreError> {
    let connection = open(settings)?;
    let content = |stored: StoredSchema| {
        let count = format!("SELECT count(*) FROM {}", names::table(&stored.schema));
        let records: i64 = connection.query_row(&count, [], |row| row.get(0)).map_err(store_error)?;
        let commit_seq = catalog::counters(&connection, &stored)?.commit_seq();
        Ok(Content { name: stored.schema.name().to_string(), commit_seq, records: records.unsigned_abs() })
    };
    schemas(&connection)?.into_iter().map(content).collect()
}

/// Opens the file to look at it. Of a damaged log the engine replays what it can, and says nothing: it is refused.
fn open(settings: &StoreSettings) -> Result<Connection, StoreError> {
    let connection = instance::open_read_only(settings)?;
    wal::look(settings)?;
    Ok(connection)
}

fn schemas(connection: &Connection) -> Result<Vec<StoredSchema>, StoreError> {
    if !catalog::is_there(connection)? {
        return Err(StoreError::new(StoreErrorKind::Corrupt, "the file has no catalog"));
    }
    catalog::stored(connection)
}

/// An error with what the engine said.
fn told(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {}", source.to_string().lines().next().unwrap_or_default()),
        None => error.to_string(),
    }
}

fn advice(error: &StoreError) -> &'static str {
    match error.kind() {
        StoreErrorKind::Unavailable => "stop the server, or examine a backup",
        StoreErrorKind::Unsupported => "use the version that wrote the file",
        _ => RESTORE,
    }
}

fn file(path: &Path) -> Finding {
    let look = || -> io::Result<(u64, u32)> {
        let metadata = fs::metadata(path)?;
        Ok((metadata.len(), metadata.permissions().mode() & 0o777))
    };
    let shown = path.display();
    let outcome = match look() {
        Ok((_, mode)) if mode & 0o002 != 0 => {
            Err((format!("{shown} may be written by everyone (mode {mode:o})"), "chmod o-w"))
        }
        Ok((_, mode)) if mode & 0o600 != 0o600 => {
            Err((format!("{shown} cannot be read and written by its owner (mode {mode:o})"), "chmod u+rw"))
        }
        Ok((bytes, mode)) => Ok(format!("{shown}, {bytes} bytes, mode {mode:o}")),
        Err(error) => Err((format!("{shown}: {error}"), "name the directory of the data with --data-dir")),
    };
    Finding::of("file", None, outcome)
}

/// What the log holds. One that ends within a commit is what a server leaves that was killed.
fn log(settings: &StoreSettings) -> Result<String, StoreError> {
    let path = disk::log_path(settings);
    let mut said = match (wal::look(settings)?, wal::read(&path).map_err(StoreError::of_disk)?) {
        (Some(cut), _) => format!("{} at the next start, which keeps a copy", cut.told()),
        (None, Some(log)) => format!("{} bytes with {} commits, all whole", log.bytes, log.commits),
        (None, None) if wal::is_empty(&path).map_err(StoreError::of_disk)? => wal::EMPTY.to_owned(),
        (None, None) => "no log".to_owned(),
    };
    for copy in wal::copies(&path).map_err(StoreError::of_disk)? {
        let name = copy.file_name().unwrap_or_default().to_string_lossy();
        let of = match wal::read(&copy).map_err(StoreError::of_disk)? {
            Some(wal::Log { bytes, commits, whole_bytes, .. }) if commits > 0 => {
                format!("{commits} whole commits, and {} bytes that were cut off", bytes - whole_bytes)
            }
            _ => "bytes that were cut off".to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = write!(said, "; {name} of an earlier start: {of}");
    }
    Ok(said)
}

/// What the log of changes holds. Entries are what a server leaves that was killed.
fn changes(settings: &StoreSettings, scratch: &Path) -> Result<String, StoreError> {
    let schemas = change_log::look(settings, scratch)?;
    if schemas.is_empty() {
        return Ok("no changes beside the tables".to_owned());
    }
    let of = |(key, commits, last): &(String, usize, i64)| format!("{commits} commits of `{key}` up to {last}");
    let schemas: Vec<String> = schemas.iter().map(of).collect();
    Ok(format!("{}, all whole, which the next start stores", schemas.join(", ")))
}

fn disk(settings: &StoreSettings) -> Finding {
    let needed = log_bytes(settings).saturating_mul(2).saturating_add(SPARE_BYTES);
    let outcome = match disk::free_bytes(&settings.path) {
        Ok(free) if free < needed => {
            Err((format!("{free} bytes are free, and a checkpoint needs {needed}"), "make room on the disk"))
        }
        Ok(free) => Ok(format!("{free} bytes are free")),
        Err(error) => Err((format!("the disk does not say what is free: {error}"), "look at the disk")),
    };
    Finding::of("disk", None, outcome)
}

fn temporary(directory: &Path) -> Finding {
    let files = || -> io::Result<Vec<PathBuf>> {
        fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    let outcome = match files() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok("no directory of temporary files".to_owned()),
        Err(error) => Err((format!("{}: {error}", directory.display()), "look at its permissions")),
        Ok(files) if files.is_empty() => Ok("no temporary files".to_owned()),
        Ok(files) => Ok(format!("{} temporary files in {}, which may be removed", files.len(), directory.display())),
    };
    Finding::of("temporary", None, outcome)
}

/// Whether every table belongs to a schema. That every schema has its table is found table by table.
fn catalog(connection: &Connection, schemas: &[StoredSchema]) -> Result<String, (String, &'static str)> {
    let tables = || -> Result<Vec<String>, StoreError> {
        let mut statement = connection
            .prepare("SELECT table_name FROM duckdb_tables() WHERE schema_name = ? ORDER BY ALL")
            .map_err(store_error)?;
        let rows = statement.query_map([names::RECORDS], |row| row.get(0)).map_err(store_error)?;
        rows.collect::<Result<_, _>>().map_err(store_error)
    };
    let tables = tables().map_err(|error| (told(&error), RESTORE))?;
    let is_known = |table: &&String| schemas.iter().any(|stored| &names::table_name(stored.schema.name()) == *table);
    if let Some(table) = tables.iter().find(|table| !is_known(table)) {
        return Err((format!("the table `{table}` belongs to no schema"), RESTORE));
    }
    Ok(format!("{} schemas, format {}", schemas.len(), catalog::FORMAT_VERSION))
}

/// The columns that the table of a schema should have: name, type, whether it may be null.
fn columns(schema: &eider_domain::Schema) -> Vec<(String, String, bool)> {
    let system = eider_domain::SystemField::ALL
        .map(|field| (field.name().to_owned(), sql::column_type(field.data_type()), false));
    let properties = schema.properties().iter().map(|property| {
        (ident::property_name(&property.name), sql::column_type(property.data_type), !property.is_required)
    });
    let sequence = (ident::SEQUENCE.trim_matches('"').to_owned(), "BIGINT".to_owned(), false);
    [sequence].into_iter().chain(system).chain(properties).collect()
}
