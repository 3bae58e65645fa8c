//! Aggregations.

use std::sync::Arc;

use eider_domain::{
    Aggregate, Aggregation, ColumnName, Condition, DateUnit, Field, Function, GroupKey, Operator, Schema,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

use super::query::{filter, order_of};

/// An aggregation of up to 3 keys and up to 4 figures over the fields of a schema, with a filter, a condition on a
/// count and an order, each or not.
///
/// # Panics
/// Never: everything that is generated fits.
pub fn aggregation(schema: &Arc<Schema>) -> BoxedStrategy<Aggregation> {
    let keys: Vec<GroupKey> = schema.fields().into_iter().flat_map(|field| keys_of(&field)).collect();
    let figures: Vec<Aggregate> = schema.fields().into_iter().flat_map(|field| figures_of(&field)).collect();
    let (keys, figures) = (vec(proptest::sample::select(keys), 0..=3), vec(proptest::sample::select(figures), 1..=4));
    let filter = option::of(filter(schema));
    let parts = (keys, figures, filter, option::of(0..4_i64));
    parts
        .prop_flat_map(|(keys, figures, filter, least)| {
            let name = |kind: &str, index: usize| ColumnName::parse(&format!("{kind}{index}")).ok();
            let keys = keys.into_iter().enumerate().map(|(index, key)| (name("k", index), key)).collect();
            let mut figures: Vec<_> =
                figures.into_iter().enumerate().map(|(index, figure)| (name("f", index), figure)).collect();
            figures.push((ColumnName::parse("n").ok(), Aggregate::new(Function::Count, None, None).expect("a count")));
            let mut aggregation = Aggregation::new(keys, figures).expect("the names differ");
            if let Some(filter) = filter {
                aggregation.filter = filter;
            }
            if let Some(least) = least {
                let count = aggregation.field("n").expect("the count is there");
                let condition = Condition::from_json(count, Operator::Gte, &json!(least)).expect("a count is a number");
                aggregation.having = condition.into();
            }
            let order = order_of(aggregation.fields().into_iter().filter(is_exact).collect());
            order.prop_map(move |sort| {
                let mut sorted = aggregation.clone();
                sorted.sort = sort;
                sorted
            })
        })
        .boxed()
}

/// Whether two stores agree on the order of a column: doubles may differ in their last bits.
fn is_exact(field: &Field) -> bool {
    field.data_type() != eider_domain::DataType::Number
}

fn keys_of(field: &Field) -> Vec<GroupKey> {
    let units = DateUnit::ALL.into_iter().filter_map(|unit| GroupKey::truncated(field.clone(), unit).ok());
    GroupKey::of(field.clone()).ok().into_iter().chain(units).collect()
}

fn figures_of(field: &Field) -> Vec<Aggregate> {
    let shares = |function| match function {
        Function::Quantile => vec![Some(0.0), Some(0.3), Some(0.5), Some(1.0)],
        _ => vec![None],
    };
    // How far an approximate count is off is up to the store.
    let functions = Function::ALL.into_iter().filter(|function| *function != Function::ApproxCountDistinct);
    let figures = functions.flat_map(|function| shares(function).into_iter().map(move |share| (function, share)));
    figures.filter_map(|(function, share)| Aggregate::new(function, Some(field.clone()), share).ok()).collect()
}
