//! Changes of single records that are committed in the log of changes.
//!
//! A group is checked by what is known of its records: what is pending, the records in memory, and where the indexes lead
//! to. It is then one entry of the log, and answered once that is on the disk. As long as the indexes of a schema with unique
//! values are behind, its changes are committed in the table.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use eider_application::ports::{Change, ChangeOutcome, StoreError};
use eider_domain::{Schema, Version};
use eider_engine_duckdb::connection::worker;
use uuid::Uuid;

use crate::catalog::Counters;
use crate::file::change_log::{Batches, Entry, answers_text};
use crate::read::fetch::{Looked, look};
use crate::table::change_queue::Waiting;
use crate::table::flush;
use crate::table::pending::{Committed, version_of};
use crate::table::seeking::Sought;
use crate::table::{Shared, WriteLock};
use crate::write::changes::{self, id_of, names_record, refusal, versions_of};
use crate::write::group::answer_all;
use crate::write::unique_values::{Claims, claims};

/// Whether the changes of a schema may be committed in the log. Which records share keys that they should not, only the
/// table knows.
pub(crate) fn is_for(schema: &Schema) -> bool {
    schema.soft_unique_keys().is_empty()
}

/// Commits a group, or hands it back, with nothing done, when only the table can tell whether unique values are taken.
/// `batches` writes the records of the schema, and is made when it is needed first.
pub(crate) async fn commit(
    shared: &Arc<Shared>,
    batches: &mut Option<Batches>,
    waiting: Vec<Waiting>,
    lock: WriteLock,
) -> Option<(Vec<Waiting>, WriteLock)> {
    let started = Instant::now();
    let (mut changes, mut callers) = (Vec::with_capacity(waiting.len()), Vec::with_capacity(waiting.len()));
    for Waiting { change, since, answer } in waiting {
        changes.push(change);
        callers.push((since, answer));
    }
    let outcomes = match log(shared, batches, &changes, lock).await {
        Ok(Logged::Ended(outcomes)) => outcomes,
        Ok(Logged::Unknown(lock)) => {
            let callers = callers.into_iter().zip(changes);
            let waiting = callers.map(|((since, answer), change)| Waiting { change, since, answer });
            return Some((waiting.collect(), lock));
        }
        Err(error) => {
            answer_all(callers.into_iter().map(|(_, answer)| answer), &error);
            return None;
        }
    };
    let is_committed = |outcome: &&ChangeOutcome| matches!(outcome, ChangeOutcome::Committed { .. });
    let committed = outcomes.iter().filter(is_committed).count();
    if committed > 0 {
        shared.commits.single_seconds.record(started.elapsed().as_secs_f64());
        shared.commits.group_changes.record(f64::from(u32::try_from(committed).unwrap_or(u32::MAX)));
    }
    for ((_, caller), outcome) in callers.into_iter().zip(outcomes) {
        // A caller that has gone needs no answer.
        let _ = caller.send(Ok(outcome));
    }
    tracing::debug!(group.changes = changes.len(), duration_ms = started.elapsed().as_secs_f64() * 1e3, "log changes");
    None
}

/// What came of a group.
enum Logged {
    /// How each change ended.
    Ended(Vec<ChangeOutcome>),
    /// Only the table can tell. Nothing was done.
    Unknown(WriteLock),
}

/// How each change ended, once those that were accepted are on the disk.
async fn log(
    shared: &Arc<Shared>,
    batches: &mut Option<Batches>,
    changes: &[Change],
    lock: WriteLock,
) -> Result<Logged, StoreError> {
    if lock.table().contents.pending.size().1 >= shared.settings.group.pending_bytes {
        flush::settle(shared, lock.table()).await?;
    }
    let (versions, mut lock) = versions(shared, changes, lock).await?;
    let refusals = changes.iter().map(|change| refusal(change, versions.get(&id_of(change)).copied())).collect();
    let Some(Claims { refusals, keys }) = claims(shared, changes, refusals, &lock).await? else {
        return Ok(Logged::Unknown(lock));
    };
    let accepted = changes.iter().zip(&refusals).filter(|(_, refusal)| refusal.is_none()).map(|(change, _)| change);
    let Some(committed) = changes::committed(&lock.table().schema, accepted, lock.counters())? else {
        return Ok(Logged::Ended(refusals.into_iter().flatten().collect()));
    };
    let after = append(shared, batches, Committed { keys, ..committed }, &mut lock).await?;
    if lock.table().contents.pending.size().1 >= shared.settings.group.pending_bytes {
        // Before the answer: until then the calls have memory set aside for what they sent. What cannot be stored now is
        // durable all the same, and keeps the next group waiting.
        if let Err(error) = flush::settle(shared, lock.table()).await {
            tracing::debug!(%error, "changes stay in the log");
        }
    }
    let done = ChangeOutcome::Committed { commit_seq: after.commit_seq(), shared: Vec::new() };
    Ok(Logged::Ended(refusals.into_iter().map(|refusal| refusal.unwrap_or_else(|| done.clone())).collect()))
}

/// Puts changes into the log and, once they are on the disk, among what is pending. The counters afterwards.
async fn append(
    shared: &Arc<Shared>,
    batches: &mut Option<Batches>,
    committed: Committed,
    lock: &mut WriteLock,
) -> Result<Counters, StoreError> {
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
    lock.table().contents.pending.push(committed, number);
    lock.advance_logged(after);
    Ok(after)
}

/// The versions of the records that there are, of those that changes name.
async fn versions(
    shared: &Arc<Shared>,
    changes: &[Change],
    mut lock: WriteLock,
) -> Result<(HashMap<Uuid, Version>, WriteLock), StoreError> {
    let (mut versions, mut unknown) = (HashMap::new(), Vec::new());
    for id in changes.iter().filter(|change| names_record(change)).map(id_of) {
        match lock.table().contents.recall(id)? {
            Sought::Record(record) => {
                versions.insert(id, version_of(&record)?);
            }
            Sought::Nothing => {}
            Sought::At(_) | Sought::Unknown if lock.ids().excludes(id.as_bytes()) => {}
            Sought::At(_) | Sought::Unknown => unknown.push(id),
        }
    }
    if unknown.is_empty() {
        return Ok((versions, lock));
    }
    // Of these nothing is pending, and nothing will be while the lock is held: the table has what there is of them.
    let table = lock.table().clone();
    let (found, asked_for) = worker::write(&shared.pool, move |connection| {
        let Looked { found, elsewhere, asked_for } = look(connection, &table.relation, &table.contents, &unknown)?;
        let mut versions = HashMap::with_capacity(found.len());
        for (id, record) in &found {
            versions.insert(*id, version_of(record)?);
        }
        if !elsewhere.is_empty() {
            versions.extend(versions_of(connection, &table.schema, &elsewhere)?);
        }
        Ok((versions, asked_for))
    })
    .await?;
    lock.ids().count_lookups(asked_for);
    versions.extend(found);
    Ok((versions, lock))
}
