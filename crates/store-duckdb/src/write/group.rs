//! Changes of single records that wait at the same time, committed together.
//!
//! Each schema has a queue and one task that takes whatever waits, commits it in one transaction, and answers each
//! caller. Nobody is waited for: a change that comes alone is committed alone.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Instant;

use eider_application::ports::{Change, ChangeOutcome, StoreError};
use eider_domain::Schema;
use eider_engine_duckdb::Connection;
use eider_engine_duckdb::connection::{TableVersion, worker};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::catalog::Counters;
use crate::file::settings::GroupSettings;
use crate::table::change_queue::{self, Waiting};
use crate::table::flush;
use crate::table::places::Emptied;
use crate::table::{Shared, WriteLock};
use crate::write::changes::{apply, bytes_of, id_of};
use crate::write::logged;

/// Commits what waits until the schema is removed or the store is dropped.
pub(crate) async fn run(
    shared: Weak<Shared>,
    schema: Weak<Schema>,
    version: TableVersion,
    mut queue: mpsc::Receiver<Waiting>,
) {
    let (mut held_back, mut logged) = (None, None);
    loop {
        let first = match held_back.take() {
            Some(waiting) => waiting,
            None => match queue.recv().await {
                Some(waiting) => waiting,
                None => return,
            },
        };
        let (Some(shared), Some(schema)) = (shared.upgrade(), schema.upgrade()) else {
            answer(first, Err(eider_engine_duckdb::error::schema_removed()));
            continue;
        };
        let (lock, schema) = match shared.write_lock_to_store(&schema, &version).await {
            Ok(lock) => lock,
            Err(error) => {
                answer(first, Err(error));
                continue;
            }
        };
        let mut group = Group::new(shared.settings.group);
        held_back = group.push(first);
        while held_back.is_none() && group.has_room() {
            match queue.try_recv() {
                Ok(waiting) => held_back = group.push(waiting),
                Err(_) => break,
            }
        }
        if group.waiting.is_empty() {
            continue;
        }
        let left = if logged::is_for(&schema) {
            logged::commit(&shared, &mut logged, group.waiting, lock).await
        } else {
            Some((group.waiting, lock))
        };
        let Some((waiting, lock)) = left else { continue };
        match flush::with_table(&shared, lock).await {
            Ok(lock) => commit(&shared, &schema, waiting, lock).await,
            Err(error) => answer_all(waiting.into_iter().map(|waiting| waiting.answer), &error),
        }
    }
}

/// Changes that go into one transaction: of any record at most one.
struct Group {
    settings: GroupSettings,
    ids: HashSet<Uuid>,
    waiting: Vec<Waiting>,
    /// Memory of the records.
    bytes: usize,
}

impl Group {
    fn new(settings: GroupSettings) -> Self {
        Self { settings, ids: HashSet::new(), waiting: Vec::new(), bytes: 0 }
    }

    fn has_room(&self) -> bool {
        self.waiting.len() < self.settings.max_changes.max(1) && self.bytes < self.settings.pending_bytes
    }

    /// Takes a change, or hands it back when the group has one of its record already.
    fn push(&mut self, waiting: Waiting) -> Option<Waiting> {
        if waiting.since.elapsed() > self.settings.max_wait {
            answer(waiting, Err(StoreError::unavailable("write_queue", "the change waited too long")));
            return None;
        }
        if !self.ids.insert(id_of(&waiting.change)) {
            return Some(waiting);
        }
        self.bytes += bytes_of(&waiting.change);
        self.waiting.push(waiting);
        None
    }
}

fn answer(waiting: Waiting, outcome: Result<ChangeOutcome, StoreError>) {
    // A caller that has gone needs no answer.
    let _ = waiting.answer.send(outcome);
}

/// Answers callers none of whose changes were begun.
pub(crate) fn answer_all(callers: impl IntoIterator<Item = change_queue::Caller>, error: &StoreError) {
    for caller in callers {
        let error = match error.budget() {
            Some(budget) => StoreError::unavailable(budget, "the change could not begin"),
            None => StoreError::new(error.kind(), "the change could not begin"),
        };
        let _ = caller.send(Err(error));
    }
}

/// Commits a group; when it fails as a whole, each change by itself, so that none fails for another.
async fn commit(shared: &Arc<Shared>, schema: &Arc<Schema>, waiting: Vec<Waiting>, lock: WriteLock) {
    let started = Instant::now();
    let (changes, callers): (Vec<Change>, Vec<_>) =
        waiting.into_iter().map(|waiting| (waiting.change, waiting.answer)).unzip();
    let size = changes.len();
    let schema = Arc::clone(schema);
    let outcomes = worker::write(&shared.pool, move |connection| Ok(commit_on(connection, &schema, &changes, lock)));
    match outcomes.await {
        Ok(outcomes) => {
            for outcome in &outcomes {
                shared.pool.observe(outcome);
            }
            let is_committed = |outcome: &Result<_, _>| matches!(outcome, Ok(ChangeOutcome::Committed { .. }));
            let committed = outcomes.iter().filter(|outcome| is_committed(outcome)).count();
            if committed > 0 {
                shared.commits.single_seconds.record(started.elapsed().as_secs_f64());
                shared.commits.group_changes.record(f64::from(u32::try_from(committed).unwrap_or(u32::MAX)));
            }
            for (caller, outcome) in callers.into_iter().zip(outcomes) {
                let _ = caller.send(outcome);
            }
        }
        Err(error) => {
            // Without a connection nothing was begun.
            answer_all(callers, &error);
        }
    }
    tracing::debug!(group.changes = size, duration_ms = started.elapsed().as_secs_f64() * 1e3, "store changes");
}

fn commit_on(
    connection: &Connection,
    schema: &Schema,
    changes: &[Change],
    mut lock: WriteLock,
) -> Vec<Result<ChangeOutcome, StoreError>> {
    let has_deletions = changes.iter().any(|change| !matches!(change, Change::Create { .. }));
    let table = lock.table().clone();
    let _change = table.contents.places.begin_change();
    let mut run = |changes: &[Change]| -> Result<Vec<ChangeOutcome>, StoreError> {
        let (outcomes, next): (_, Option<Counters>) = apply(connection, schema, changes, lock.counters(), lock.ids())?;
        if let Some(next) = next {
            table.tell_of(connection, next, if has_deletions { Emptied::Unknown } else { Emptied::Places(Vec::new()) });
            if has_deletions { lock.advance_deleted(next) } else { lock.advance_appended(next) }
        }
        Ok(outcomes)
    };
    match run(changes) {
        Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
        Err(error) if changes.len() == 1 => vec![Err(error)],
        Err(_) => {
            let alone = |change: &Change| run(std::slice::from_ref(change)).map(|mut outcomes| outcomes.remove(0));
            changes.iter().map(alone).collect()
        }
    }
}
