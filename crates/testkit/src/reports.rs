//! Reports of failures in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use eider_application::ports::{FailureReport, FailureReports, KeyId, StoreError, StoreErrorKind, StoredReport};
use eider_domain::Timestamp;
use futures::{StreamExt, stream};
use uuid::Uuid;

type Finished = Arc<Mutex<HashMap<Uuid, (Option<KeyId>, Timestamp, Bytes)>>>;

/// Keeps reports in memory, as many lines as it has room for.
#[derive(Debug, Clone)]
pub struct MemoryReports {
    finished: Finished,
    room: usize,
}

impl MemoryReports {
    /// A place for reports of up to `room` bytes; the disk is full behind them.
    pub fn with_room(room: usize) -> Self {
        Self { finished: Finished::default(), room }
    }

    /// Whether nothing was ever reported.
    pub fn is_empty(&self) -> bool {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Default for MemoryReports {
    fn default() -> Self {
        Self::with_room(usize::MAX)
    }
}

#[async_trait]
impl FailureReports for MemoryReports {
    fn begin(&self, id: Uuid, owner: Option<KeyId>, now: Timestamp) -> Result<Box<dyn FailureReport>, StoreError> {
        let (finished, room) = (Arc::clone(&self.finished), self.room);
        Ok(Box::new(MemoryReport { finished, room, id, owner, now, lines: Vec::new() }))
    }

    async fn open(&self, id: Uuid, since: Timestamp) -> Result<Option<StoredReport>, StoreError> {
        let finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        let found = finished.get(&id).filter(|(_, at, _)| *at >= since).cloned();
        Ok(found.map(|(owner, _, lines)| StoredReport { owner, lines: stream::once(async { Ok(lines) }).boxed() }))
    }
}

#[derive(Debug)]
struct MemoryReport {
    finished: Finished,
    room: usize,
    id: Uuid,
    owner: Option<KeyId>,
    now: Timestamp,
    lines: Vec<u8>,
}

impl FailureReport for MemoryReport {
    fn write(&mut self, lines: &[u8]) -> Result<(), StoreError> {
        if self.lines.len() + lines.len() > self.room {
            return Err(StoreError::new(StoreErrorKind::StorageFull, "the disk is full"));
        }
        self.lines.extend_from_slice(lines);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        let Self { finished, id, owner, now, lines, .. } = *self;
        finished.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (owner, now, Bytes::from(lines)));
        Ok(())
    }
}
