//! Scans: what was found, handed out in small batches.

use std::sync::Arc;

use arrow_array::RecordBatch;
use eider_application::ports::{RecordStream, ScanRequest, StoreError};
use eider_domain::Schema;
use futures::{StreamExt, stream};
use tokio::sync::watch;

use super::faults::ScanFault;
use crate::reference::{FoundRecord, Shape};

/// Counts a scan as open until it is dropped.
#[derive(Debug)]
pub(super) struct OpenScan(Arc<watch::Sender<usize>>);

impl OpenScan {
    pub(super) fn new(open_scans: &Arc<watch::Sender<usize>>) -> Self {
        open_scans.send_modify(|count| *count += 1);
        Self(Arc::clone(open_scans))
    }
}

impl Drop for OpenScan {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// A scan under way.
#[derive(Debug)]
pub(super) struct Scan {
    shape: Shape,
    found: std::vec::IntoIter<FoundRecord>,
    batch_rows: usize,
    yielded: usize,
    fault: Option<ScanFault>,
    has_failed: bool,
    _open: OpenScan,
}

impl Scan {
    pub(super) fn new(
        schema: &Schema,
        request: &ScanRequest,
        found: Vec<FoundRecord>,
        batch_rows: usize,
        fault: Option<ScanFault>,
        open: OpenScan,
    ) -> Self {
        let shape = Shape::new(schema, request);
        Self { shape, found: found.into_iter(), batch_rows, yielded: 0, fault, has_failed: false, _open: open }
    }

    /// The scan as a stream whose first batch has been read.
    pub(super) async fn into_stream(mut self) -> Result<RecordStream, StoreError> {
        let schema = Arc::clone(&self.shape.schema);
        let Some(first) = self.next().await.transpose()? else {
            return Ok(RecordStream::new(schema, stream::empty().boxed()));
        };
        let rest = stream::unfold(self, |mut scan| async move {
            let item = scan.next().await?;
            Some((item, scan))
        });
        Ok(RecordStream::new(schema, stream::iter([Ok(first)]).chain(rest).boxed()))
    }

    async fn next(&mut self) -> Option<Result<RecordBatch, StoreError>> {
        if self.has_failed {
            return None;
        }
        let is_due = self.fault.as_ref().is_some_and(|f| f.after_rows <= self.yielded || self.found.len() == 0);
        let due = if is_due { self.fault.take() } else { None };
        if let Some(fault) = due
            && let Err(error) = fault.strike().await
        {
            self.has_failed = true;
            return Some(Err(error));
        }
        let until_fault = self.fault.as_ref().map_or(usize::MAX, |fault| fault.after_rows - self.yielded);
        let wanted = self.batch_rows.min(until_fault);
        let found: Vec<FoundRecord> = self.found.by_ref().take(wanted).collect();
        self.yielded += found.len();
        if found.is_empty() { None } else { Some(Ok(self.shape.batch(&found))) }
    }
}
