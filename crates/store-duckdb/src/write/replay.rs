//! What a log of changes holds when a file is opened, put into the tables.

use std::sync::Arc;
use std::time::Instant;

use eider_application::ports::{StoreError, StoreErrorKind};
use eider_engine_duckdb::Connection;

use crate::catalog::{Catalog, Counters, LoadedSchema};
use crate::file::change_log::{Batches, ChangeLog, Entry, ReadLog};
use crate::file::settings::StoreSettings;
use crate::operate::checkpoint::SPARE_BYTES;
use crate::table::flush;
use crate::table::pending::{Committed, Part};

/// Opens the log of a file, and stores what its tables lack.
///
/// # Errors
/// As [`ReadLog::open`]; `Corrupt` when an entry is of no schema, is damaged, or does not follow what is stored.
pub(crate) fn open(
    connection: &Connection,
    catalog: &mut Catalog,
    settings: &StoreSettings,
) -> Result<ChangeLog, StoreError> {
    let started = Instant::now();
    let log = ReadLog::open(settings, catalog.identity)?;
    let (mut commits, mut schemas) = (0, 0);
    for key in log.schema_keys()? {
        let Some(loaded) = catalog.schemas.iter_mut().find(|loaded| loaded.schema.name().key() == key) else {
            let message = format!("the log of changes has some of `{key}`, which is no schema");
            return Err(StoreError::new(StoreErrorKind::Corrupt, message));
        };
        let entries = log.entries_after(&key, loaded.counters.commit_seq().cast_signed())?;
        if !entries.is_empty() {
            commits += entries.len();
            schemas += 1;
            store(connection, loaded, entries)?;
        }
    }
    if commits > 0 {
        let duration_ms = started.elapsed().as_secs_f64() * 1e3;
        tracing::info!(commits, schemas, duration_ms, "changes of the log stored");
    }
    let pending = u64::try_from(settings.group.pending_bytes).unwrap_or(u64::MAX);
    log.start(pending.saturating_mul(2).saturating_add(SPARE_BYTES))
}

fn store(connection: &Connection, loaded: &mut LoadedSchema, entries: Vec<Entry>) -> Result<(), StoreError> {
    let batches = Batches::new(Arc::clone(loaded.schema.arrow()))?;
    let mut part = Part::default();
    for entry in entries {
        let after = Counters::at(entry.last);
        let records = batches.read(&entry)?;
        let committed = Committed {
            records,
            gone: entry.gone_ids().collect(),
            answers: entry.kept_answers()?,
            keys: Vec::new(),
            first: entry.first,
            after,
        };
        part.push(committed, 0);
        loaded.counters = after;
    }
    flush::store(connection, &loaded.schema, &part)
}
