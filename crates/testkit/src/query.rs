//! Short forms of filters, orders, projections and aggregations.

use eider_domain::{
    Aggregate, Aggregation, ColumnName, Condition, DateUnit, Direction, Field, Filter, Function, GroupKey, Operator,
    Projection, Schema, SortKey,
};
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

/// An order, written as on the query string: `-delay,carrier`; empty for commit order.
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

/// An aggregation of keys (`carrier`, `month(at)`) and figures (`count`, `sum(fare)`, `quantile(fare;0.5)`), each
/// with a name before it where it needs one: `p95=quantile(fare;0.95)`.
///
/// # Panics
/// When there is no such aggregation.
pub fn aggregation(schema: &Schema, keys: &[&str], figures: &[&str]) -> Aggregation {
    let key = |text: &&str| {
        let (name, expression) = named(text);
        let key = match call(expression) {
            (_, None, _) => GroupKey::of(field(schema, expression)),
            (unit, Some(name), _) => {
                GroupKey::truncated(field(schema, name), DateUnit::parse(unit).expect("a unit of time"))
            }
        };
        (name, key.expect("a key that fits the field"))
    };
    let figure = |text: &&str| {
        let (name, expression) = named(text);
        let (function, of, share) = call(expression);
        let function = Function::parse(function).expect("a function");
        let share = share.map(|share| share.parse().expect("a share"));
        let figure = Aggregate::new(function, of.map(|name| field(schema, name)), share);
        (name, figure.expect("a function that fits the field"))
    };
    let (keys, figures) = (keys.iter().map(key).collect(), figures.iter().map(figure).collect());
    Aggregation::new(keys, figures).expect("an aggregation")
}

fn named(text: &str) -> (Option<ColumnName>, &str) {
    match text.split_once('=') {
        Some((name, expression)) => (Some(ColumnName::parse(name).expect("a name")), expression),
        None => (None, text),
    }
}

/// `function(field;share)`, taken apart.
fn call(text: &str) -> (&str, Option<&str>, Option<&str>) {
    let Some((function, rest)) = text.split_once('(') else { return (text, None, None) };
    let arguments = rest.strip_suffix(')').expect("a closing parenthesis");
    match arguments.split_once(';') {
        Some((field, share)) => (function, Some(field), Some(share)),
        None => (function, Some(arguments), None),
    }
}
