//! Changes of single records that are committed in the log of changes.
//!
//! A group is checked by what is known of its records: what is pending, the filter over ids, the records in memory, and
//! only for the rest by a query. It is then one entry of the log, and answered once that is on the disk. Schemas whose
//! values have to be unique are not served here: whether a value is taken, only the table knows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use eider_application::ports::{Change, ChangeOutcome, IdOrigin, StoreError};
use eider_domain::{Schema, Version};
use eider_engine_duckdb::connection::worker;
use uuid::Uuid;

use crate::file::change_log::{Batches, Entry, answers_text};
use crate::table::change_queue::Waiting;
use crate::table::flush;
use crate::table::pending::{Found, version_of};
use crate::table::{Shared, WriteLock};
use crate::write::changes::{self, id_of, names_record, refusal, versions_of};
use crate::write::group::answer_all;

/// Whether the changes of a schema are committed in the log.
pub(crate) fn is_for(schema: &Schema) -> bool {
    schema.definition().unique_keys().is_empty() && schema.properties().iter().all(|property| !property.is_unique)
}

/// Commits a group. `batches` writes the records of the schema, and is made when it is needed first.
pub(crate) async fn commit(
    shared: &Arc<Shared>,
    batches: &mut Option<Batches>,
    waiting: Vec<Waiting>,
    lock: WriteLock,
) {
    let started = Instant::now();
    let (changes, callers): (Vec<Change>, Vec<_>) =
        waiting.into_iter().map(|waiting| (waiting.change, waiting.answer)).unzip();
    let outcomes = match log(shared, batches, &changes, lock).await {
        Ok(outcomes) => outcomes,
        Err(error) => return answer_all(callers, &error),
    };
    let is_committed = |outcome: &&ChangeOutcome| matches!(outcome, ChangeOutcome::Committed { .. });
    let committed = outcomes.iter().filter(is_committed).count();
    if committed > 0 {
        shared.commits.single_seconds.record(started.elapsed().as_secs_f64());
        shared.commits.group_changes.record(f64::from(u32::try_from(committed).unwrap_or(u32::MAX)));
    }
    for (caller, outcome) in callers.into_iter().zip(outcomes) {
        // A caller that has gone needs no answer.
        let _ = caller.send(Ok(outcome));
    }
    tracing::debug!(group.changes = changes.len(), duration_ms = started.elapsed().as_secs_f64() * 1e3, "log changes");
}

/// How each change ended, once those that were accepted are on the disk.
async fn log(
    shared: &Arc<Shared>,
    batches: &mut Option<Batches>,
    changes: &[Change],
    lock: WriteLock,
) -> Result<Vec<ChangeOutcome>, StoreError> {
    if lock.table().pending.size().1 >= shared.settings.group.pending_bytes {
        flush::settle(shared, lock.table()).await?;
    }
    let (versions, mut lock) = versions(shared, changes, lock).await?;
    let refusals: Vec<Option<ChangeOutcome>> =
        changes.iter().map(|change| refusal(change, versions.get(&id_of(change)).copied())).collect();
    let accepted = changes.iter().zip(&refusals).filter(|(_, refusal)| refusal.is_none()).map(|(change, _)| change);
    let Some(committed) = changes::committed(&lock.table().schema, accepted, lock.counters())? else {
        return Ok(refusals.into_iter().flatten().collect());
    };
    if let Some(records) = &committed.records {
        // Before they can be stored: an id that the filter lacks counts as new.
        lock.ids().note(records);
    }
    let schema = &lock.table().schema;
    let batches = match batches {
        Some(batches) if batches.is_of(schema.arrow()) => batches,
        _ => batches.insert(Batches::new(Arc::clone(schema.arrow()))?),
    };
    let entry = Entry {
        schema_key: schema.name().key(),
        first: committed.first,
        last: committed.after.commit_seq().cast_signed(),
        gone: committed.gone.iter().flat_map(|id| *id.as_bytes()).collect(),
        records: committed.records.as_ref().map_or_else(|| Ok(Vec::new()), |records| batches.write(records))?,
        answers: answers_text(&committed.answers)?,
    };
    let number = shared.change_log.append(entry).await?;
    let after = committed.after;
    lock.table().pending.push(committed, number);
    lock.advance_logged(after);
    if lock.table().pending.size().1 >= shared.settings.group.pending_bytes {
        // Before the answer: until then the calls have memory set aside for what they sent. What cannot be stored now is
        // durable all the same, and keeps the next group waiting.
        if let Err(error) = flush::settle(shared, lock.table()).await {
            tracing::debug!(%error, "changes stay in the log");
        }
    }
    let done = ChangeOutcome::Committed { commit_seq: after.commit_seq(), shared: Vec::new() };
    Ok(refusals.into_iter().map(|refusal| refusal.unwrap_or_else(|| done.clone())).collect())
}

/// The versions of the records that there are, of those that changes name.
async fn versions(
    shared: &Arc<Shared>,
    changes: &[Change],
    mut lock: WriteLock,
) -> Result<(HashMap<Uuid, Version>, WriteLock), StoreError> {
    let is_of_client = |change: &Change| matches!(change, Change::Create { ids: IdOrigin::Client, .. });
    if lock.ids().is_unread() && changes.iter().any(is_of_client) {
        // The filter is read from the table, and told of what is committed from then on.
        flush::settle(shared, lock.table()).await?;
        lock = worker::write(&shared.pool, move |connection| {
            let schema = Arc::clone(&lock.table().schema);
            let rows = lock.counters().commit_seq();
            lock.ids().want(connection, &schema, rows)?;
            Ok(lock)
        })
        .await?;
    }
    let (mut versions, mut unknown) = (HashMap::new(), Vec::new());
    for id in changes.iter().filter(|change| names_record(change)).map(id_of) {
        match lock.table().pending.find(id) {
            Found::Record(record) => {
                versions.insert(id, version_of(&record)?);
            }
            Found::Gone => {}
            Found::Elsewhere if lock.ids().excludes(id.as_bytes()) => {}
            Found::Elsewhere => match lock.records().get(id)? {
                Some(record) => {
                    versions.insert(id, version_of(&record)?);
                }
                None => unknown.push(id),
            },
        }
    }
    if unknown.is_empty() {
        return Ok((versions, lock));
    }
    lock.ids().count_lookups(unknown.len());
    // Of these nothing is pending, and nothing will be while the lock is held: the table has what there is of them.
    let schema = Arc::clone(&lock.table().schema);
    let found = worker::write(&shared.pool, move |connection| versions_of(connection, &schema, &unknown)).await?;
    versions.extend(found);
    Ok((versions, lock))
}
