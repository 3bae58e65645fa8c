//! What a reader asks for: which records, in which order, with which fields.

use arrow_schema::{Schema as ArrowSchema, SchemaRef};

use crate::{Field, Filter, QueryFingerprint, Schema};

/// Ascending or descending. Nulls come last in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Least first.
    Ascending,
    /// Greatest first.
    Descending,
}

/// One key of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// The field to order by; never an `object` or an `array`.
    pub field: Field,
    /// Which way.
    pub direction: Direction,
}

/// The fields that a reader wants, in the order in which they are shown; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection(Vec<Field>);

impl Projection {
    /// Every field, in record order.
    pub fn all(schema: &Schema) -> Self {
        Self(schema.fields())
    }

    /// These fields, each once; every field when the list is empty.
    pub fn of(schema: &Schema, fields: Vec<Field>) -> Self {
        if fields.is_empty() {
            return Self::all(schema);
        }
        let mut distinct = Vec::with_capacity(fields.len());
        for field in fields {
            if !distinct.contains(&field) {
                distinct.push(field);
            }
        }
        Self(distinct)
    }

    /// The fields.
    pub fn fields(&self) -> &[Field] {
        &self.0
    }

    /// The Arrow schema of batches with these fields.
    pub fn arrow(&self, schema: &Schema) -> SchemaRef {
        let fields = self.0.iter().map(|field| schema.arrow().field(field.column()).clone());
        ArrowSchema::new(fields.collect::<Vec<_>>()).into()
    }
}

/// A question about the records of one schema. Without sort keys, records come in the order of their commit.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordQuery {
    /// Which fields.
    pub projection: Projection,
    /// Which records.
    pub filter: Filter,
    /// In which order; ties, and everything when empty, are in the order of commit.
    pub sort: Vec<SortKey>,
}

impl RecordQuery {
    /// Every field of every record, in the order of commit.
    pub fn everything(schema: &Schema) -> Self {
        Self { projection: Projection::all(schema), filter: Filter::everything(), sort: Vec::new() }
    }

    /// What a cursor of this query is bound to: the schema's identity, the filter and the order.
    pub fn fingerprint(&self, schema: &Schema) -> QueryFingerprint {
        QueryFingerprint::of(schema, &self.filter, &self.sort)
    }
}
