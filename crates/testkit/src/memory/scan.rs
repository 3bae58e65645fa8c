//! Scans: what was found, handed out in small batches.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Schema as ArrowSchema, SchemaRef};
use eider_application::{POSITION_SEQUENCE, RecordStream, ScanRequest, StoreError, position_key};
use eider_domain::{DataType, Field, Schema, SortKey, Value};
use futures::{StreamExt, stream};
use tokio::sync::watch;

use super::faults::ScanFault;
use super::table::FoundRecord;
use crate::column::column_of;

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
        request: ScanRequest,
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

/// What a scan found, as one batch.
pub(super) fn whole(schema: &Schema, request: ScanRequest, found: &[FoundRecord]) -> RecordBatch {
    Shape::new(schema, request).batch(found)
}

/// The columns that a scan was asked for.
#[derive(Debug)]
struct Shape {
    schema: SchemaRef,
    fields: Vec<Field>,
    /// The sort keys, when the positions are wanted too.
    keys: Option<Vec<SortKey>>,
}

impl Shape {
    fn new(schema: &Schema, request: ScanRequest) -> Self {
        let mut columns = request.query.projection.arrow(schema).fields().to_vec();
        let keys = request.with_positions.then_some(request.query.sort);
        if let Some(keys) = &keys {
            let keys = keys.iter().enumerate();
            columns.extend(
                keys.map(|(index, key)| Arc::new(key.field.data_type().arrow_field(&position_key(index), true))),
            );
            columns.push(Arc::new(DataType::Integer.arrow_field(POSITION_SEQUENCE, false)));
        }
        let fields = request.query.projection.fields().to_vec();
        Self { schema: Arc::new(ArrowSchema::new(columns)), fields, keys }
    }

    fn batch(&self, found: &[FoundRecord]) -> RecordBatch {
        let column = |field: &Field| {
            let values: Vec<&Value> = found.iter().map(|found| &found.record.values[field.column()]).collect();
            column_of(field.data_type(), &values)
        };
        let mut columns: Vec<ArrayRef> = self.fields.iter().map(column).collect();
        if let Some(keys) = &self.keys {
            columns.extend(keys.iter().enumerate().map(|(index, key)| {
                let values: Vec<&Value> = found.iter().map(|found| &found.position.keys[index]).collect();
                column_of(key.field.data_type(), &values)
            }));
            let sequences: Vec<Value> = found.iter().map(|found| Value::Integer(found.position.sequence)).collect();
            columns.push(column_of(DataType::Integer, &sequences.iter().collect::<Vec<_>>()));
        }
        RecordBatch::try_new(Arc::clone(&self.schema), columns).expect("the columns are those of the scan")
    }
}
