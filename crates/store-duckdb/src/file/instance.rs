//! Opening the instance.

use std::fs;
use std::path::Path;

use eider_application::ports::{StoreError, StoreErrorKind};
use eider_engine_duckdb::connection::{check_release, register_functions};
use eider_engine_duckdb::{AccessMode, Config, Connection};
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::file::disk;
use crate::file::settings::StoreSettings;

/// Opens the file, or creates it, and puts the settings in force.
///
/// # Errors
/// `Unavailable` when another process has the file, `Corrupt` when it is no store; it is never made anew. `Unsupported`
/// when the engine is not of the pinned release.
pub(crate) fn open(settings: &StoreSettings) -> Result<Connection, StoreError> {
    check_release()?;
    refuse_a_log_without_its_file(settings)?;
    fs::create_dir_all(&settings.temp_directory).map_err(StoreError::of_disk)?;
    let connection = Connection::open(&settings.path).map_err(|error| open_error(&settings.path, error))?;
    register_functions(&connection)?;
    settings.of_instance().apply(&connection)?;
    Ok(connection)
}

/// Opens the file to look at it: nothing is changed, and a log beside it is replayed in memory.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_read_only(settings: &StoreSettings) -> Result<Connection, StoreError> {
    check_release()?;
    let failed = |error| open_error(&settings.path, error);
    let config = Config::default().access_mode(AccessMode::ReadOnly).map_err(failed)?;
    let connection = Connection::open_with_flags(&settings.path, config).map_err(failed)?;
    settings.of_instance().apply(&connection)?;
    Ok(connection)
}

/// The engine would begin a new file, and remove the log with what was acknowledged.
fn refuse_a_log_without_its_file(settings: &StoreSettings) -> Result<(), StoreError> {
    let bytes = disk::log_bytes(settings);
    let is_there = settings.path.try_exists().map_err(StoreError::of_disk)?;
    if is_there || bytes == 0 {
        return Ok(());
    }
    let path = settings.path.display();
    let message = format!(
        "{path} is gone, and its log of {bytes} bytes is there; put the file back or restore a copy, or move the log away to \
         begin anew"
    );
    Err(StoreError::new(StoreErrorKind::Corrupt, message))
}

/// Keeps every process from opening a file as a store, until it is dropped. A file that is not there needs none.
#[derive(Debug)]
pub struct FileHold {
    _file: Option<fs::File>,
}

impl FileHold {
    /// Takes a file that no other process has open as a store.
    ///
    /// # Errors
    /// `Unavailable` when another process has it; when it cannot be opened.
    pub fn take(path: &Path) -> Result<Self, StoreError> {
        let file = match fs::OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self { _file: None }),
            file => file.map_err(StoreError::of_disk)?,
        };
        match rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(Errno::AGAIN | Errno::ACCESS) => {
                let message = format!("a server has {} open; stop it first", path.display());
                Err(StoreError::new(StoreErrorKind::Unavailable, message))
            }
            Err(error) => Err(StoreError::of_disk(error.into())),
        }
    }
}

fn open_error(path: &Path, error: eider_engine_duckdb::Error) -> StoreError {
    let text = error.to_string();
    let path = path.display();
    if text.contains("Could not set lock on file") {
        let message = format!("{path} is in use by another process; stop it, or choose another data directory");
        return StoreError::new(StoreErrorKind::Unavailable, message).with_source(error);
    }
    let is_of = |part: &str| text.contains(part);
    if ["Permission denied", "Is a directory", "No space left", "Out of Memory"].into_iter().any(is_of) {
        return StoreError::new(StoreErrorKind::Internal, format!("{path} cannot be opened")).with_source(error);
    }
    let message = if is_of("WAL was created for") || is_of("WAL does not match") {
        format!(
            "the log beside {path} belongs to another file, or to another state of it; both were left as they are: put back \
             the file that it belongs to, or move the log away to go on without it"
        )
    } else if is_of("replaying WAL") {
        format!("the log beside {path} cannot be replayed; both were left as they are: restore a copy")
    } else {
        format!(
            "{path} is damaged, or was not written by this version; it was left as it is: move it away to begin anew, or \
             restore a copy"
        )
    };
    StoreError::new(StoreErrorKind::Corrupt, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use eider_engine_duckdb::connection::connect;

    use super::*;

    fn setting(connection: &Connection, name: &str) -> String {
        connection.query_row("SELECT value FROM duckdb_settings() WHERE name = ?", [name], |row| row.get(0)).unwrap()
    }

    fn settings_in(directory: &Path) -> StoreSettings {
        let mut settings = StoreSettings::new(directory.join("eider.duckdb"), directory.join("tmp"));
        settings.memory_limit_bytes = 300 << 20;
        settings.threads = Some(3);
        settings
    }

    #[test]
    fn settings_are_in_force_on_every_connection() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings_in(directory.path());
        let instance = open(&settings).unwrap();
        let clone = connect(&instance).unwrap();
        for (name, value) in [
            ("memory_limit", "300.0 MiB"),
            ("threads", "3"),
            ("checkpoint_threshold", "1.0 TiB"),
            ("temp_directory", settings.temp_directory.to_str().unwrap()),
            ("preserve_insertion_order", "true"),
            ("late_materialization_max_rows", "128"),
            ("streaming_buffer_size", "1.0 MiB"),
            ("enable_external_access", "false"),
            ("autoinstall_known_extensions", "false"),
            ("autoload_known_extensions", "false"),
            ("lock_configuration", "true"),
        ] {
            assert_eq!(setting(&clone, name), value, "{name}");
        }
    }

    #[test]
    fn no_statement_reaches_beyond_the_store() {
        let directory = tempfile::tempdir().unwrap();
        let connection = open(&settings_in(directory.path())).unwrap();
        let elsewhere = directory.path().join("elsewhere");
        fs::write(&elsewhere, "a\n1\n").unwrap();
        let elsewhere = elsewhere.display();
        for sql in [
            format!("COPY (SELECT 1) TO '{elsewhere}.csv'"),
            format!("SELECT * FROM read_csv('{elsewhere}')"),
            format!("SELECT * FROM read_json('{elsewhere}')"),
            format!("SELECT * FROM '{elsewhere}.csv'"),
            format!("ATTACH '{elsewhere}.duckdb'"),
            "INSTALL httpfs".to_owned(),
            "LOAD httpfs".to_owned(),
            "SET threads = 1".to_owned(),
            "SET enable_external_access = true".to_owned(),
        ] {
            connection.execute_batch(&sql).expect_err(&sql);
        }
    }

    #[test]
    fn a_log_without_its_file_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings_in(directory.path());
        let log = directory.path().join("eider.duckdb.wal");
        fs::write(&log, b"what was acknowledged").unwrap();
        let error = open(&settings).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        assert!(error.to_string().contains("its log of 21 bytes"), "{error}");
        assert_eq!(fs::read(&log).unwrap(), b"what was acknowledged");
        assert!(!settings.path.try_exists().unwrap());
        // An empty log has nothing to lose.
        fs::write(&log, b"").unwrap();
        open(&settings).unwrap();
    }

    #[test]
    fn damage_is_not_taken_for_another_process() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings_in(directory.path());
        drop(open(&settings).unwrap());
        let whole = fs::read(&settings.path).unwrap();
        for at in [0, 8, 12, 4_096, 4_100, 4_110, 8_192, 8_200, 8_210] {
            let mut damaged = whole.clone();
            damaged[at] ^= 2;
            fs::write(&settings.path, damaged).unwrap();
            if let Err(error) = open(&settings) {
                assert!(!error.to_string().contains("in use"), "byte {at}: {error}");
            }
        }
    }

    #[test]
    fn a_file_that_is_no_store_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings_in(directory.path());
        let content = b"this is not a database";
        fs::write(&settings.path, content).unwrap();
        let error = open(&settings).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        assert!(error.to_string().contains("move it away"), "{error}");
        assert_eq!(fs::read(&settings.path).unwrap(), content);
    }
}
