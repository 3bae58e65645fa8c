//! The shape of a query: everything but its values, for the log.

use std::fmt::{self, Write};
use std::sync::Arc;

use eider_domain::{Aggregation, Direction, Filter, RecordQuery, Schema, SortKey, spelled};

/// What a request asks the store for, without any value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// `page`, `stream`, `groups`, …
    pub(crate) kind: &'static str,
    pub(crate) schema: String,
    /// Properties and operators.
    pub(crate) filter: String,
    pub(crate) sort: String,
    /// Records or groups at most.
    pub(crate) limit: Option<u64>,
}

impl Shape {
    /// Of work on a whole schema.
    pub(crate) fn new(kind: &'static str, schema: &Arc<Schema>) -> Self {
        let (filter, sort) = (String::new(), String::new());
        Self { kind, schema: schema.name().to_string(), filter, sort, limit: None }
    }

    pub(crate) fn of_query(kind: &'static str, schema: &Arc<Schema>, query: &RecordQuery, limit: Option<u64>) -> Self {
        Self { sort: sort_of(&query.sort), limit, ..Self::of_filter(kind, schema, &query.filter) }
    }

    pub(crate) fn of_filter(kind: &'static str, schema: &Arc<Schema>, filter: &Filter) -> Self {
        Self { filter: FilterShape(filter).to_string(), ..Self::new(kind, schema) }
    }

    pub(crate) fn of_groups(schema: &Arc<Schema>, aggregation: &Aggregation, limit: Option<u64>) -> Self {
        let sort = sort_of(&aggregation.sort);
        Self { sort, limit, ..Self::of_filter("groups", schema, &aggregation.filter) }
    }
}

fn sort_of(keys: &[SortKey]) -> String {
    let mut text = String::new();
    for key in keys {
        let separator = if text.is_empty() { "" } else { "," };
        let sign = if key.direction == Direction::Ascending { "" } else { "-" };
        // Writing to a string does not fail.
        let _ = write!(text, "{separator}{sign}{}", spelled(key.field.name()));
    }
    text
}

struct FilterShape<'f>(&'f Filter);

impl fmt::Display for FilterShape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, name: &str, parts: &[Filter]| {
            for (index, part) in parts.iter().enumerate() {
                let is_nested = parts.len() > 1 && matches!(part, Filter::And(_) | Filter::Or(_));
                let (open, close) = if is_nested { ("(", ")") } else { ("", "") };
                let separator = if index > 0 { name } else { "" };
                write!(f, "{separator}{open}{}{close}", FilterShape(part))?;
            }
            Ok(())
        };
        match self.0 {
            Filter::And(parts) => joined(f, " and ", parts),
            Filter::Or(parts) => joined(f, " or ", parts),
            Filter::Not(part) => write!(f, "not({})", FilterShape(part)),
            Filter::Condition(condition) => {
                write!(f, "{}.{}", spelled(condition.field().name()), condition.operator().name())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use eider_domain::{Condition, Operator, Projection, SchemaDefinition, Timestamp};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shape_has_every_property_and_no_value() {
        let document = json!({"name": "flights", "properties": [
            {"name": "carrier", "type": "string"}, {"name": "delay", "type": "number"}]});
        let schema = Arc::new(Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0)));
        let condition = |name: &str, operator, text: &str| {
            Filter::from(Condition::from_text(schema.field(name).unwrap(), operator, text).unwrap())
        };
        let late = Filter::Or(vec![
            condition("delay", Operator::Gt, "123456"),
            Filter::Not(Box::new(condition("delay", Operator::IsNull, "true"))),
        ]);
        let filter = Filter::And(vec![condition("carrier", Operator::In, "SECRET,HIDDEN"), late]);
        let key = |name: &str, direction| SortKey { field: schema.field(name).unwrap(), direction };
        let sort = vec![key("delay", Direction::Descending), key("carrier", Direction::Ascending)];
        let query = RecordQuery { projection: Projection::all(&schema), filter, sort };
        let shape = Shape::of_query("page", &schema, &query, Some(7));
        assert_eq!(shape.filter, "carrier.in and (delay.gt or not(delay.is_null))");
        assert_eq!((shape.sort.as_str(), shape.limit, shape.schema.as_str()), ("-delay,carrier", Some(7), "flights"));
    }
}
