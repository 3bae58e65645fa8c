//! Reports of failures in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use eider_application::{FailureReport, FailureReports, ReportStream, StoreError, StoreErrorKind};
use eider_domain::Timestamp;
use futures::{StreamExt, stream};
use uuid::Uuid;

type Finished = Arc<Mutex<HashMap<Uuid, (Timestamp, Bytes)>>>;

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
    fn begin(&self, id: Uuid, now: Timestamp) -> Result<Box<dyn FailureReport>, StoreError> {
        let (finished, room) = (Arc::clone(&self.finished), self.room);
        Ok(Box::new(MemoryReport { finished, room, id, now, lines: Vec::new() }))
    }

    async fn open(&self, id: Uuid, since: Timestamp) -> Result<Option<ReportStream>, StoreError> {
        let finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = finished.get(&id).filter(|(at, _)| *at >= since).map(|(_, lines)| lines.clone());
        Ok(lines.map(|lines| stream::once(async { Ok(lines) }).boxed()))
    }
}

#[derive(Debug)]
struct MemoryReport {
    finished: Finished,
    room: usize,
    id: Uuid,
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
        let Self { finished, id, now, lines, .. } = *self;
        finished.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (now, Bytes::from(lines)));
        Ok(())
    }
}
