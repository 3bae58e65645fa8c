//! Columns of a body that are tried as properties, without a schema.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType as ArrowType, Field, Schema as ArrowSchema, SchemaRef};
use eider_domain::{DataType, Schema, SchemaDefinition, Timestamp, Value, abbreviate};
use serde_json::json;

use super::accepted::proposed;
use super::convert::{Converted, convert};
use super::plan::ColumnPlan;
use super::shape::{Extension, carried, check_json, is_binary};
use super::size::{FIXED_BYTES, RowSizes};
use crate::column::value_at;
use crate::metadata::schema_in;
use crate::reader::{ReadError, ReadLimits};

/// Name of the only property of a trial.
const VALUE: &str = "value";

/// The types of which a property takes a column, the strictest first; none when there is no such type.
pub(crate) fn candidates(field: &Field) -> Vec<DataType> {
    let (arrow, extension) = carried(field.data_type(), Extension::of(field));
    DataType::STRICTEST_FIRST.into_iter().filter_map(|data_type| proposed(data_type, arrow, extension)).collect()
}

/// Why there is no type for a column, for a person.
pub(crate) fn unfit(field: &Field) -> String {
    let (name, found) = (abbreviate(field.name()), abbreviate(&field.data_type().to_string()));
    let (arrow, extension) = carried(field.data_type(), Extension::of(field));
    match check_json(arrow, extension) {
        Err(reason) if arrow.is_nested() => format!("the column `{name}` {reason}"),
        _ => format!("the column `{name}` is of the Arrow type {found}, which no property can hold"),
    }
}

/// What becomes of the values of a column whose type is none of a property, for a person.
pub(crate) fn form_of(field: &Field) -> Option<String> {
    let (arrow, _) = carried(field.data_type(), Extension::of(field));
    let form = match arrow {
        ArrowType::Duration(_) => "which become counts of that unit",
        ArrowType::Interval(_) => "which become texts of ISO 8601",
        ArrowType::FixedSizeBinary(16) => return None,
        bytes if is_binary(bytes) => "which become base64",
        nested if nested.is_nested() => "which become JSON",
        _ => return None,
    };
    Some(format!("the values are of the type {} in the source, {form}", abbreviate(&arrow.to_string())))
}

/// The schema that columns say they are of, if it is one that they fit.
pub(crate) fn carried_schema(columns: &ArrowSchema) -> Option<Result<SchemaDefinition, String>> {
    let fits = |definition: SchemaDefinition| {
        let schema = Schema::new(definition.clone(), 1, Timestamp::from_micros(0));
        let plan = ColumnPlan::new(&schema, schema.source_names(), columns, true)?;
        let missing = schema.properties().iter().zip(plan.properties()).find(|(_, column)| column.is_none());
        match missing {
            Some((property, _)) => Err(format!("there is no column for its property `{}`", property.name)),
            None => Ok(definition),
        }
    };
    Some(schema_in(columns.metadata())?.and_then(fits))
}

/// The rows of a batch that are looked at together; 0 when the very first is larger than a record may be.
pub(crate) fn fitting_rows(batch: &RecordBatch, limits: &ReadLimits) -> usize {
    let sizes = RowSizes::of(batch, FIXED_BYTES * batch.num_columns(), limits.max_record_bytes);
    sizes.fitting(limits.batch_bytes, limits.max_record_bytes).rows
}

/// A property of a type that columns are tried as.
#[derive(Debug)]
pub(crate) struct Trial {
    schema: Schema,
    data_type: DataType,
    plan: ColumnPlan,
    columns: SchemaRef,
    limits: ReadLimits,
}

impl Trial {
    /// A trial of a column whose type is a candidate for the property's.
    pub(crate) fn new(data_type: DataType, field: &Field, limits: ReadLimits) -> Result<Self, ReadError> {
        let mut property = json!({"name": VALUE, "type": data_type.name()});
        if let DataType::Decimal { precision, scale } = data_type {
            property["precision"] = precision.into();
            property["scale"] = scale.into();
        }
        let definition = SchemaDefinition::parse(&json!({"name": "trial", "properties": [property]}));
        let schema = Schema::new(definition.map_err(ReadError::SchemaInvalid)?, 1, Timestamp::from_micros(0));
        let columns = Arc::new(ArrowSchema::new(vec![field.clone().with_name(VALUE).with_nullable(true)]));
        let plan = ColumnPlan::new(&schema, schema.source_names(), &columns, false)
            .map_err(|detail| ReadError::MalformedBody { detail })?;
        Ok(Self { schema, data_type, plan, columns, limits })
    }

    /// The value of each row; `None` where the property refuses it. Text may be of another Arrow type than was said.
    pub(crate) fn values(&self, column: &ArrayRef) -> Result<Vec<Option<Value>>, ReadError> {
        let field = self.columns.field(0).clone().with_data_type(column.data_type().clone());
        let batch = RecordBatch::try_new(Arc::new(ArrowSchema::new(vec![field])), vec![Arc::clone(column)])?;
        let Converted { rows, report } = convert(&batch, &self.plan, &self.schema, &self.limits, 0)?;
        let mut accepted = 0;
        let value = |is_bad: &bool| {
            let row = accepted;
            accepted += usize::from(!is_bad);
            (!is_bad).then(|| value_at(self.data_type, &rows.columns[0], row))
        };
        Ok(report.is_bad().iter().map(value).collect())
    }
}
