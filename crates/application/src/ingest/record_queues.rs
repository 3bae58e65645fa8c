//! Changes of one record, one after the other.
//!
//! A store replaces a record if it still is what the replacement was made of. When many clients change one record,
//! all but one would find that it is not. So changes of a record wait in a queue of their own, and one task makes
//! them, each of what the one before left, and stores the last of them: many changes, one commit. A change that moves
//! a unique value ends a commit, since what it gives up or takes has to be seen by the store.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use bytes::Bytes;
use eider_domain::{Field, RecordId, Schema};
use tokio::sync::oneshot;
use tracing::Instrument;

use super::patch;
use super::read_only::GivenReadOnly;
use super::service::{INLINE_BYTES, RecordService, StoredRecord, key_conflict, version_of};
use crate::Error;
use crate::ports::{Change, ChangeOutcome, StoreError, StoreErrorKind};
use crate::records::{Preconditions, record_tag};
use crate::runtime::blocking;
use crate::runtime::timings::{Stage, timed};

/// Changes of one record that may wait at once.
const MAX_WAITING: usize = 1_024;
/// Changes that one commit takes.
const MAX_IN_A_COMMIT: usize = 256;
/// How long a change begins again after other writers, who do not wait here, were first.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a record is rewritten to.
#[derive(Debug, Clone)]
pub(super) enum Rewrite {
    /// It gets the properties of this record, if what was sent beside them is as it is stored.
    Replace(RecordBatch, Box<GivenReadOnly>),
    /// It is patched by this document (RFC 7396).
    Patch(Bytes),
}

/// A change and the caller that waits for it.
#[derive(Debug)]
struct Waiting {
    schema: Arc<Schema>,
    rewrite: Rewrite,
    preconditions: Preconditions,
    since: Instant,
    answer: oneshot::Sender<Result<StoredRecord, Error>>,
}

impl Waiting {
    fn answer(self, outcome: Result<StoredRecord, Error>) {
        // A caller that has gone needs no answer.
        let _ = self.answer.send(outcome);
    }
}

/// A record of a schema, by the key of the schema's name.
type QueueKey = (String, RecordId);

/// The queues of the records that are being changed.
#[derive(Debug, Clone, Default)]
pub(super) struct RecordQueues(Arc<Mutex<HashMap<QueueKey, VecDeque<Waiting>>>>);

impl RecordQueues {
    fn lock(&self) -> MutexGuard<'_, HashMap<QueueKey, VecDeque<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a change at the end of its record's queue; whether nobody serves the queue yet.
    fn push(&self, key: &QueueKey, waiting: Waiting) -> Result<bool, StoreError> {
        let mut queues = self.lock();
        match queues.get_mut(key) {
            Some(queue) if queue.len() >= MAX_WAITING => {
                Err(StoreError::unavailable("write_queue", "too many changes of one record wait"))
            }
            Some(queue) => {
                queue.push_back(waiting);
                Ok(false)
            }
            None => {
                queues.insert(key.clone(), VecDeque::from([waiting]));
                Ok(true)
            }
        }
    }
}

/// Serves a queue; dropped before the queue is empty, it lets go of those who wait, so that nobody waits for ever.
struct Served {
    queues: RecordQueues,
    key: QueueKey,
    /// Whether the queue is gone: one of its key is then another's.
    is_over: bool,
}

impl Served {
    fn new(queues: RecordQueues, key: QueueKey) -> Self {
        Self { queues, key, is_over: false }
    }

    /// What waits for the record and was decided under one version of its schema. The queue goes when it is empty.
    fn take(&mut self) -> Option<VecDeque<Waiting>> {
        let mut queues = self.queues.lock();
        let queue = queues.get_mut(&self.key)?;
        let Some(schema) = queue.front().map(|first| Arc::clone(&first.schema)) else {
            queues.remove(&self.key);
            self.is_over = true;
            return None;
        };
        let alike = queue.iter().take(MAX_IN_A_COMMIT).take_while(|one| Arc::ptr_eq(&one.schema, &schema)).count();
        Some(queue.drain(..alike).collect())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if !self.is_over {
            self.queues.lock().remove(&self.key);
        }
    }
}

impl RecordService {
    /// Makes a change of a record in its turn, and waits for its commit.
    pub(super) async fn rewrite(
        &self,
        schema: &Arc<Schema>,
        id: RecordId,
        rewrite: Rewrite,
        preconditions: &Preconditions,
    ) -> Result<StoredRecord, Error> {
        let (answer, outcome) = oneshot::channel();
        let key = (schema.name().key(), id);
        let (schema, preconditions) = (Arc::clone(schema), preconditions.clone());
        let waiting = Waiting { schema, rewrite, preconditions, since: Instant::now(), answer };
        if self.queues.push(&key, waiting)? {
            // Not the caller's own task: who goes away must not leave the others waiting.
            tokio::spawn(self.clone().serve(Served::new(self.queues.clone(), key)).in_current_span());
        }
        let lost = || StoreError::new(StoreErrorKind::Cancelled, "the changes of a record were cut short");
        timed(Stage::Store, outcome).await.unwrap_or_else(|_| Err(lost().into()))
    }

    async fn serve(self, mut served: Served) {
        while let Some(waiting) = served.take() {
            self.make_all(served.key.1, waiting).await;
        }
    }

    /// Makes changes of one record, in their order, in as few commits as can be.
    async fn make_all(&self, id: RecordId, mut waiting: VecDeque<Waiting>) {
        let mut at_once = MAX_IN_A_COMMIT;
        while let Some(first) = waiting.front() {
            let schema = Arc::clone(&first.schema);
            let current = match self.query.get(&schema, id).await {
                Ok(current) => current,
                Err(error) => {
                    // The others find out by themselves.
                    if let Some(first) = waiting.pop_front() {
                        first.answer(Err(error));
                    }
                    continue;
                }
            };
            let expected = version_of(&current);
            let made = self.make_some(&schema, id, current, &mut waiting, at_once).await;
            let Some((_, last)) = made.last() else { continue };
            let change = Change::Replace { record: last.clone(), expected };
            match self.store.change(&schema, change).await {
                Ok(ChangeOutcome::Committed { commit_seq, shared }) => {
                    for (one, record) in made {
                        one.answer(Ok(StoredRecord::new(&schema, record, commit_seq, &shared)));
                    }
                    at_once = MAX_IN_A_COMMIT;
                }
                Ok(ChangeOutcome::Stale) => put_back(&mut waiting, made),
                // Which of them it was is found by making each alone.
                Ok(ChangeOutcome::Conflict(_) | ChangeOutcome::Missing) | Err(_) if made.len() > 1 => {
                    put_back(&mut waiting, made);
                    at_once = 1;
                }
                Ok(ChangeOutcome::Conflict(conflicts)) => answer_all(made, || key_conflict(&conflicts)),
                Ok(ChangeOutcome::Missing) => answer_all(made, || Error::RecordNotFound { id }),
                Err(error) => {
                    let mut error = Some(error);
                    answer_all(made, || error.take().map_or(Error::StaleVersion, Error::Store));
                }
            }
        }
    }

    /// Makes the next changes, each of what the one before made: the changes and their records. Those that cannot be
    /// made are answered.
    async fn make_some(
        &self,
        schema: &Arc<Schema>,
        id: RecordId,
        mut current: RecordBatch,
        waiting: &mut VecDeque<Waiting>,
        at_most: usize,
    ) -> Vec<(Waiting, RecordBatch)> {
        let mut made = Vec::new();
        while made.len() < at_most
            && let Some(one) = waiting.pop_front()
        {
            if !one.preconditions.allow(|| record_tag(schema, &current)) {
                one.answer(Err(Error::StaleVersion));
                continue;
            }
            if one.since.elapsed() > PATIENCE {
                let message = "other writers of the record were first all the time";
                one.answer(Err(StoreError::unavailable("write_queue", message).into()));
                continue;
            }
            match self.make(schema, id, &current, &one.rewrite).await {
                Ok(record) => {
                    let moves_keys = !has_same_keys(schema, &current, &record);
                    current = record.clone();
                    made.push((one, record));
                    if moves_keys {
                        break;
                    }
                }
                Err(error) => one.answer(Err(error)),
            }
        }
        made
    }

    /// The record that a change makes of the current one.
    async fn make(
        &self,
        schema: &Arc<Schema>,
        id: RecordId,
        current: &RecordBatch,
        rewrite: &Rewrite,
    ) -> Result<RecordBatch, Error> {
        let now = self.clock.now();
        match rewrite {
            Rewrite::Replace(record, given) => {
                let differences = given.differences(current);
                if !differences.is_empty() {
                    return Err(Error::RecordInvalid(differences));
                }
                Ok(patch::successor(record, current, now)?)
            }
            Rewrite::Patch(body) => {
                let is_short = body.len() < INLINE_BYTES && current.get_array_memory_size() < INLINE_BYTES;
                let (schema, current, body) = (Arc::clone(schema), current.clone(), body.clone());
                let (ids, limits) = (Arc::clone(&self.ids), self.limits);
                let apply = move || -> Result<RecordBatch, Error> {
                    let patched = patch::apply(&schema, id, &current, &body, &limits, &*ids)?;
                    Ok(patch::successor(&patched, &current, now)?)
                };
                if is_short { apply() } else { blocking::run(apply).await? }
            }
        }
    }
}

fn put_back(waiting: &mut VecDeque<Waiting>, made: Vec<(Waiting, RecordBatch)>) {
    for (one, _) in made.into_iter().rev() {
        waiting.push_front(one);
    }
}

fn answer_all(made: Vec<(Waiting, RecordBatch)>, mut error: impl FnMut() -> Error) {
    for (one, _) in made {
        one.answer(Err(error()));
    }
}

/// Whether two records have the same values for everything that is unique, or softly so.
fn has_same_keys(schema: &Schema, one: &RecordBatch, other: &RecordBatch) -> bool {
    let unique = schema.indexes().into_iter().filter(|index| index.is_unique).flat_map(|index| index.fields);
    let mut fields = unique.chain(schema.soft_unique_keys().into_iter().flatten());
    fields.all(|field: Field| one.column(field.column()) == other.column(field.column()))
}

#[cfg(test)]
mod tests {
    use eider_domain::{SchemaDefinition, Timestamp};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn waiting() -> (Waiting, oneshot::Receiver<Result<StoredRecord, Error>>) {
        let document = json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]});
        let schema = Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0));
        let (answer, outcome) = oneshot::channel();
        let rewrite = Rewrite::Patch(Bytes::new());
        let preconditions = Preconditions::default();
        (Waiting { schema: Arc::new(schema), rewrite, preconditions, since: Instant::now(), answer }, outcome)
    }

    fn key() -> QueueKey {
        ("s".to_owned(), RecordId::new(Uuid::nil()))
    }

    #[test]
    fn the_end_of_a_queue_takes_nothing_of_the_next_one() {
        let queues = RecordQueues::default();
        assert!(queues.push(&key(), waiting().0).unwrap());
        let mut served = Served::new(queues.clone(), key());
        assert_eq!(served.take().unwrap().len(), 1);
        assert!(served.take().is_none());
        // Another change comes before the task has ended that served the first.
        let (next, mut outcome) = waiting();
        assert!(queues.push(&key(), next).unwrap());
        drop(served);
        assert_eq!(outcome.try_recv().unwrap_err(), oneshot::error::TryRecvError::Empty, "it still waits");
        assert_eq!(Served::new(queues, key()).take().unwrap().len(), 1);
    }

    #[test]
    fn who_waits_is_let_go_when_a_queue_is_served_no_more() {
        let queues = RecordQueues::default();
        let (first, mut outcome) = waiting();
        assert!(queues.push(&key(), first).unwrap());
        drop(Served::new(queues.clone(), key()));
        assert_eq!(outcome.try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
        assert!(queues.push(&key(), waiting().0).unwrap());
    }
}
