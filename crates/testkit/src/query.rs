//! Short forms of filters, orders and projections.

use eider_domain::{Condition, Direction, Field, Filter, Operator, Projection, Schema, SortKey};
use serde_json::Value as Json;

fn field(schema: &Schema, name: &str) -> Field {
    schema.field(name).expect("a field of the schema")
}

/// The filter `field operator value`, with the value as a query body writes it; null for the null tests.
///
/// # Panics
/// When the condition cannot be built.
#[expect(clippy::needless_pass_by_value, reason = "callers write `condition(&schema, …, json!(…))`")]
pub fn condition(schema: &Schema, name: &str, operator: &str, value: Json) -> Filter {
    let operator = Operator::parse(operator).expect("an operator");
    Condition::from_json(field(schema, name), operator, &value).expect("a condition that fits the field").into()
}

/// All of these filters.
pub fn all_of(parts: impl IntoIterator<Item = Filter>) -> Filter {
    Filter::And(parts.into_iter().collect())
}

/// At least one of these filters.
pub fn any_of(parts: impl IntoIterator<Item = Filter>) -> Filter {
    Filter::Or(parts.into_iter().collect())
}

/// Not this filter.
pub fn not(part: Filter) -> Filter {
    Filter::Not(Box::new(part))
}

/// An order, written as on the query string: `-delay,carrier`; empty for the order of commit.
///
/// # Panics
/// When there is no such field.
pub fn sort(schema: &Schema, text: &str) -> Vec<SortKey> {
    let key = |name: &str| match name.strip_prefix('-') {
        Some(name) => SortKey { field: field(schema, name), direction: Direction::Descending },
        None => SortKey { field: field(schema, name), direction: Direction::Ascending },
    };
    text.split(',').filter(|name| !name.is_empty()).map(key).collect()
}

/// A projection of fields by name.
///
/// # Panics
/// When there is no such field.
pub fn projection(schema: &Schema, names: &[&str]) -> Projection {
    Projection::of(schema, names.iter().map(|name| field(schema, name)).collect())
}
