//! Filters, orders and pages.

use std::sync::Arc;

use eider_application::ports::ScanRequest;
use eider_domain::{
    Condition, Direction, Field, Filter, OperandKind, Operator, Projection, RecordQuery, Schema, SortKey,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::value::value;

/// A filter over the fields of a schema: all operators, `and`, `or` and `not` a few levels deep.
pub fn filter(schema: &Schema) -> BoxedStrategy<Filter> {
    let leaf = proptest::sample::select(schema.fields()).prop_flat_map(condition).prop_map(Filter::from);
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Filter::And),
            vec(inner.clone(), 0..4).prop_map(Filter::Or),
            inner.prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
    .boxed()
}

fn condition(field: Field) -> BoxedStrategy<Condition> {
    let data_type = field.data_type();
    let operators: Vec<Operator> =
        Operator::ALL.into_iter().filter(|operator| operator.applies_to(data_type)).collect();
    let json = move || value(data_type).prop_map(move |value| value.to_json(data_type));
    proptest::sample::select(operators)
        .prop_flat_map(move |operator| {
            let operand = match operator.operand() {
                OperandKind::Nothing => Just(Json::Null).boxed(),
                OperandKind::List => vec(json(), 1..4).prop_map(Json::Array).boxed(),
                OperandKind::Pattern => pattern().prop_map(Json::from).boxed(),
                OperandKind::Value => json().boxed(),
            };
            (Just(operator), operand)
        })
        .prop_map(move |(operator, operand)| {
            Condition::from_json(field.clone(), operator, &operand).expect("the operator and the value fit the field")
        })
        .boxed()
}

/// Only characters whose lower case every version of Unicode agrees on.
fn pattern() -> impl Strategy<Value = String> {
    let parts = ["%", "_", "a", "A", "b", "é", "É", "🦆", "\0", "\\", "'", "\n"];
    vec(proptest::sample::select(parts.to_vec()), 0..5).prop_map(|parts| parts.concat())
}

/// An order of 0 to 3 keys.
pub fn sort(schema: &Schema) -> BoxedStrategy<Vec<SortKey>> {
    order_of(schema.fields().into_iter().filter(|field| field.data_type().is_comparable()).collect())
}

/// An order by 0 to 3 of some fields, of which there is at least one.
pub(super) fn order_of(fields: Vec<Field>) -> BoxedStrategy<Vec<SortKey>> {
    let direction = proptest::sample::select(vec![Direction::Ascending, Direction::Descending]);
    let key = (proptest::sample::select(fields), direction).prop_map(|(field, direction)| SortKey { field, direction });
    vec(key, 0..=3).boxed()
}

/// A query: some fields in any order, a filter or none, an order.
pub fn query(schema: &Arc<Schema>) -> BoxedStrategy<RecordQuery> {
    let fields = vec(proptest::sample::select(schema.fields()), 0..6);
    let filter = prop_oneof![1 => Just(Filter::everything()), 3 => filter(schema)];
    let sort = sort(schema);
    let schema = Arc::clone(schema);
    (fields, filter, sort)
        .prop_map(move |(fields, filter, sort)| RecordQuery {
            projection: Projection::of(&schema, fields),
            filter,
            sort,
        })
        .boxed()
}

/// A scan of a query from its first record or a few further, of a few records or all; without `after`.
pub fn scan_request(schema: &Arc<Schema>) -> BoxedStrategy<ScanRequest> {
    (query(schema), 0..4_u64, proptest::option::of(0..8_u64), any::<bool>())
        .prop_map(|(query, offset, limit, with_positions)| ScanRequest {
            offset,
            limit,
            with_positions,
            ..ScanRequest::new(query)
        })
        .boxed()
}
