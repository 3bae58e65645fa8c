//! Columns of a body that are tried as properties, without a schema.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType as ArrowType, Field, Schema as ArrowSchema};
use eider_domain::{DataType, Schema, SchemaDefinition, Timestamp, Value};
use serde_json::json;

use super::convert::{Converted, convert};
use super::plan::ColumnPlan;
use super::size::{FIXED_BYTES, RowSizes};
use super::value::proposed;
use crate::column::value_at;
use crate::reader::{ReadError, ReadLimits};

/// Name of the only property of a trial.
const VALUE: &str = "value";

/// The types of which a property takes columns of an Arrow type, the strictest first; none when there is no such type.
pub(crate) fn candidates(arrow: &ArrowType) -> Vec<DataType> {
    DataType::STRICTEST_FIRST.into_iter().filter_map(|data_type| proposed(data_type, arrow)).collect()
}

/// The rows of a batch that are looked at together; 0 when the very first is larger than a record may be.
pub(crate) fn fitting_rows(batch: &RecordBatch, limits: &ReadLimits) -> usize {
    let sizes = RowSizes::of(batch, FIXED_BYTES * batch.num_columns());
    sizes.fitting(limits.batch_bytes, limits.max_record_bytes).rows
}

/// The only column of a trial.
fn columns(arrow: &ArrowType) -> ArrowSchema {
    ArrowSchema::new(vec![Field::new(VALUE, arrow.clone(), true)])
}

/// A property of a type that columns are tried as.
#[derive(Debug)]
pub(crate) struct Trial {
    schema: Schema,
    data_type: DataType,
    plan: ColumnPlan,
    json_depth: usize,
}

impl Trial {
    /// A trial of columns of an Arrow type that is a candidate for the property's.
    pub(crate) fn new(data_type: DataType, arrow: &ArrowType, json_depth: usize) -> Result<Self, ReadError> {
        let mut property = json!({"name": VALUE, "type": data_type.name()});
        if let DataType::Decimal { precision, scale } = data_type {
            property["precision"] = precision.into();
            property["scale"] = scale.into();
        }
        let definition = SchemaDefinition::parse(&json!({"name": "trial", "properties": [property]}));
        let schema = Schema::new(definition.map_err(ReadError::SchemaInvalid)?, 1, Timestamp::from_micros(0));
        let plan = ColumnPlan::new(&schema, schema.source_names(), &columns(arrow), false)
            .map_err(|detail| ReadError::MalformedBody { detail })?;
        Ok(Self { schema, data_type, plan, json_depth })
    }

    /// The value of each row; `None` where the property refuses it. Text may be of another Arrow type than was said.
    pub(crate) fn values(&self, column: &ArrayRef) -> Result<Vec<Option<Value>>, ReadError> {
        let columns = Arc::new(columns(column.data_type()));
        let batch = RecordBatch::try_new(columns, vec![Arc::clone(column)])?;
        let Converted { rows, report } = convert(&batch, &self.plan, &self.schema, self.json_depth, 0)?;
        let mut accepted = 0;
        let value = |is_bad: &bool| {
            let row = accepted;
            accepted += usize::from(!is_bad);
            (!is_bad).then(|| value_at(self.data_type, &rows.columns[0], row))
        };
        Ok(report.is_bad().iter().map(value).collect())
    }
}
