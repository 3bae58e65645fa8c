//! Aggregations as SQL.

use eider_domain::{Aggregate, Aggregation, DataType, Field, Function, GroupKey, Schema};

use super::order::push_keys;
use super::profile::SUMMED_DIGITS;
use super::select::push_where;
use super::{Statement, column_type};
use crate::ident;

/// 2^400: neither a sum of smaller doubles nor one of their squares is beyond a double.
const LARGE: &str = "2.5822498780869086e120";
/// 2^-400.
const SMALL: &str = "3.8725919148493183e-121";
/// 2^600.
const SCALE: &str = "4.149515568880993e180";

/// The groups of an aggregation, in its order. The query within names its columns by their places, so that no name that
/// a client gives is one of the table's; `GROUP BY` goes by place too.
pub(crate) fn aggregate(schema: &Schema, aggregation: &Aggregation, limit: Option<u64>) -> Statement {
    let keys = aggregation.keys().map(key_expression);
    let expressions = keys.chain(aggregation.aggregates().map(figure_expression));
    let columns = expressions.zip(aggregation.fields());
    let columns = columns.map(|(expression, field)| format!("{expression} AS {}", ident::column(&field)));
    let mut statement = Statement::default();
    let columns = columns.collect::<Vec<_>>().join(", ");
    statement.push(&format!("SELECT * FROM (SELECT {columns} FROM {}", ident::table(schema)));
    push_where(&mut statement, &aggregation.filter);
    let places: Vec<String> = (1..=aggregation.keys().len()).map(|place| place.to_string()).collect();
    if !places.is_empty() {
        statement.push(&format!(" GROUP BY {}", places.join(", ")));
    }
    statement.push(")");
    push_where(&mut statement, &aggregation.having);
    let order = aggregation.order();
    if !order.is_empty() {
        statement.push(" ORDER BY ");
        push_keys(&mut statement, &order);
    }
    if let Some(limit) = limit {
        statement.push(&format!(" LIMIT {limit}"));
    }
    statement
}

fn key_expression(key: &GroupKey) -> String {
    let column = ident::column(key.field());
    match key {
        GroupKey::Field(_) => column,
        GroupKey::Truncated { field, unit } => {
            let data_type = column_type(field.data_type());
            format!("date_trunc({}, {column})::{data_type}", ident::literal(unit.name()))
        }
    }
}

fn figure_expression(aggregate: &Aggregate) -> String {
    let Some(column) = aggregate.field().map(ident::column) else { return "count(*)".to_owned() };
    match aggregate.function() {
        Function::Count => format!("count({column})"),
        // The engine sums integers in 128 bits; the conversion is what refuses those that do not fit.
        Function::Sum => format!("sum({column})::{}", column_type(aggregate.data_type())),
        Function::Avg => mean(&column, aggregate),
        Function::Min => format!("min({column})"),
        Function::Max => format!("max({column})"),
        Function::Stddev => deviation(&column, aggregate),
        Function::CountDistinct => format!("count(DISTINCT {column})"),
        Function::ApproxCountDistinct => format!("approx_count_distinct({column})"),
        Function::Quantile => quantile(&column, aggregate),
    }
}

/// The mean. Of doubles the sum may be beyond a double where the mean is not, and of decimals with all of their digits beyond
/// those that the engine sums in.
///
/// Each part is made of every group, and none may fail: the engine refuses a query for a figure that is not used, too.
fn mean(column: &str, aggregate: &Aggregate) -> String {
    match aggregate.field().map(Field::data_type) {
        Some(DataType::Number) => format!(
            "CASE WHEN max(abs({column})) < {LARGE} THEN avg({column}) FILTER (abs({column}) < {LARGE}) \
             ELSE avg({column} / {SCALE}) * {SCALE} END"
        ),
        Some(DataType::Decimal { precision, .. }) if precision > SUMMED_DIGITS => format!("avg({column}::DOUBLE)"),
        _ => format!("avg({column})"),
    }
}

/// The deviation of a sample. Of doubles the squares may be beyond a double, or nothing, where it is not.
fn deviation(column: &str, aggregate: &Aggregate) -> String {
    match aggregate.field().map(Field::data_type) {
        Some(DataType::Number) => format!(
            "CASE WHEN max(abs({column})) >= {LARGE} THEN stddev_samp({column} / {SCALE}) * {SCALE} \
             WHEN max(abs({column})) < {SMALL} THEN stddev_samp({column} * {SCALE}) FILTER (abs({column}) < {SMALL}) / {SCALE} \
             ELSE stddev_samp({column}) FILTER (abs({column}) < {LARGE}) END"
        ),
        _ => format!("stddev_samp({column})"),
    }
}

/// The share is written out: the engine takes no parameter for it, and a number from 0 to 1 needs no quoting.
fn quantile(column: &str, aggregate: &Aggregate) -> String {
    let share = aggregate.quantile().unwrap_or_default();
    match aggregate.field().map(Field::data_type) {
        Some(DataType::Date | DataType::Time | DataType::Datetime) => format!("quantile_disc({column}, {share})"),
        _ => format!("quantile_cont({column}::DOUBLE, {share})"),
    }
}
