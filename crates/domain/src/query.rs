//! What a reader asks for: which records, in which order, with which fields.

mod aggregation;
mod cursor;
mod filter;

use std::fmt;

use arrow_schema::{Schema as ArrowSchema, SchemaRef};

pub use aggregation::{Aggregate, Aggregation, AggregationError, DateUnit, Function, GroupKey};
pub use cursor::{Cursor, CursorError, Position, QueryFingerprint};
pub use filter::{Condition, Filter, FilterError, Operand, OperandKind, Operator};

use crate::{Field, Schema, spelled};

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

/// A question about the records of one schema. Without sort keys, records come in commit order.
///
/// ```
/// use eider_domain::{Direction, Projection, RecordQuery, Schema, SchemaDefinition, SortKey, Timestamp};
/// use serde_json::json;
///
/// let document = json!({"name": "flights", "properties": [{"name": "delay", "type": "integer"}]});
/// let definition = SchemaDefinition::parse(&document).expect("a valid definition");
/// let schema = Schema::new(definition, 1, Timestamp::from_micros(0));
/// let delay = schema.field("delay").expect("a property");
///
/// let query = RecordQuery {
///     projection: Projection::of(&schema, vec![delay.clone()]),
///     sort: vec![SortKey { field: delay, direction: Direction::Descending }],
///     ..RecordQuery::everything(&schema)
/// };
/// assert_eq!(query.projection.arrow(&schema).fields().len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RecordQuery {
    /// Which fields.
    pub projection: Projection,
    /// Which records.
    pub filter: Filter,
    /// In which order; ties, and everything when empty, are in commit order.
    pub sort: Vec<SortKey>,
}

impl RecordQuery {
    /// Every field of every record, in commit order.
    pub fn everything(schema: &Schema) -> Self {
        Self { projection: Projection::all(schema), filter: Filter::everything(), sort: Vec::new() }
    }

    /// What a cursor of this query is bound to: the schema's identity, the filter and the order.
    pub fn fingerprint(&self, schema: &Schema) -> QueryFingerprint {
        QueryFingerprint::of(schema, &self.filter, &self.sort)
    }
}

/// A form in which two queries are the same text exactly when they are the same query; holds values, so never log it.
impl fmt::Display for RecordQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for field in self.projection.fields() {
            write!(f, "{},", spelled(field.name()))?;
        }
        for key in &self.sort {
            let sign = if key.direction == Direction::Ascending { '+' } else { '-' };
            write!(f, " {sign}{}", spelled(key.field.name()))?;
        }
        write!(f, " {}", self.filter)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Condition, Operator, SchemaDefinition, Timestamp};

    #[test]
    fn different_queries_have_different_texts() {
        let document =
            json!({"name": "s", "properties": [{"name": "a", "type": "string"}, {"name": "b", "type": "number"}]});
        let schema = Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0));
        let field = |name: &str| schema.field(name).unwrap();
        let query = |fields: &[&str], sort: &[(&str, Direction)], values: &[&str]| {
            let fields = fields.iter().map(|name| field(name)).collect();
            let sort = sort.iter().map(|(name, direction)| SortKey { field: field(name), direction: *direction });
            let condition = |text: &&str| Condition::from_text(field("a"), Operator::Eq, text).unwrap().into();
            let filter = Filter::And(values.iter().map(condition).collect());
            RecordQuery { projection: Projection::of(&schema, fields), filter, sort: sort.collect() }.to_string()
        };
        let (up, down) = (Direction::Ascending, Direction::Descending);
        let texts = [
            query(&[], &[], &[]),
            query(&["a"], &[], &[]),
            query(&["b"], &[], &[]),
            query(&["a", "b"], &[], &[]),
            query(&["b", "a"], &[], &[]),
            query(&["a"], &[("b", up)], &[]),
            query(&["a"], &[("b", down)], &[]),
            query(&["a"], &[("a", up), ("b", up)], &[]),
            query(&["a"], &[("b", up), ("a", up)], &[]),
            query(&["a"], &[], &["x", "y"]),
            query(&["a"], &[], &["x\"),a.eq=Some(\"y"]),
            query(&["a"], &[], &["x,y"]),
            query(&["a"], &[("b", up)], &["x"]),
        ];
        for (index, text) in texts.iter().enumerate() {
            assert!(!texts[..index].contains(text), "{text}");
        }
        assert_eq!(query(&["A"], &[("B", up)], &["x"]), query(&["a"], &[("b", up)], &["x"]), "names in any case");
    }
}
