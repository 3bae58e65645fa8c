//! The statements of a profile.

use eider_application::ports::{PROFILE_QUANTILES, PROFILE_TEXT_CHARS, PROFILE_TOP, Statistic};
use eider_domain::{DataType, Family, Field, Filter};

use super::Statement;
use super::aggregate::{fast_mean, push_exact_mean};
use crate::ident;
use crate::relation::Relation;

/// Digits of a `decimal` up to which the engine sums as many as there can be without a carry into digits that it lacks.
pub(super) const SUMMED_DIGITS: u8 = 28;
/// Values that the engine names as likely to be the most frequent. More of them cost hardly more, and miss fewer.
const LIKELY_VALUES: usize = 100;

/// One row: how many records match, then the statistics of each field.
pub(crate) fn statistics(relation: &Relation, filter: &Filter, fields: &[Field]) -> Statement {
    let mut columns = vec!["count(*)".to_owned()];
    for field in fields {
        let statistics = Statistic::of(field.data_type()).into_iter();
        columns.extend(statistics.map(|statistic| expression(statistic, field)));
    }
    let mut statement = Statement::default();
    statement.push(&format!("SELECT {} FROM {}", columns.join(", "), relation.source()));
    statement.push_where(filter);
    statement
}

/// The exact mean of a field, of which the statistics have NaN where digits may be lost.
pub(crate) fn exact_mean(relation: &Relation, filter: &Filter, field: &Field) -> Statement {
    let mut statement = Statement::default();
    push_exact_mean(&mut statement, relation, filter, field);
    statement
}

/// The most frequent values of a field and their counts, after a count of all values, or of the likely ones alone; with each
/// how many values were counted, and how often they come together.
pub(crate) fn top(relation: &Relation, filter: &Filter, field: &Field, is_counted: bool) -> Statement {
    let (column, table) = (ident::column(field), relation.source());
    let mut statement = Statement::default();
    statement
        .push(&format!("SELECT {column}, count(*), count(*) OVER (), (sum(count(*)) OVER ())::BIGINT FROM {table}"));
    let joint = if filter.is_everything() { " WHERE " } else { " AND " };
    statement.push_where(filter);
    statement.push(joint);
    push_shown(&mut statement, field);
    if is_counted {
        statement.push(" GROUP BY 1");
    } else {
        statement
            .push(&format!(" AND {column} IN (SELECT unnest(approx_top_k({column}, {LIKELY_VALUES})) FROM {table}"));
        statement.push_where(filter);
        statement.push(joint);
        push_shown(&mut statement, field);
        statement.push(") GROUP BY 1 HAVING count(*) > 1");
    }
    statement.push(&format!(" ORDER BY 2 DESC, 1 LIMIT {PROFILE_TOP}"));
    statement
}

/// The values of fields, a column for each.
pub(crate) fn values_of(relation: &Relation, filter: &Filter, fields: &[&Field]) -> Statement {
    let columns: Vec<String> = fields.iter().map(|field| ident::column(field)).collect();
    let mut statement = Statement::default();
    statement.push(&format!("SELECT {} FROM {}", columns.join(", "), relation.source()));
    statement.push_where(filter);
    statement
}

/// Appends the condition that a value is one that may be shown.
fn push_shown(statement: &mut Statement, field: &Field) {
    let column = ident::column(field);
    match field.data_type().family() {
        Family::Text => statement.push(&format!("length({column}) <= {PROFILE_TEXT_CHARS}")),
        Family::Number | Family::Boolean | Family::Time | Family::Identifier | Family::Nested => {
            statement.push(&format!("{column} IS NOT NULL"));
        }
    }
}

fn expression(statistic: Statistic, field: &Field) -> String {
    let (column, data_type) = (ident::column(field), field.data_type());
    match statistic {
        Statistic::Count => format!("count({column})"),
        Statistic::Distinct => format!("least(approx_count_distinct({column}), count({column}))"),
        Statistic::Min => format!("min({})", shown(&column, data_type)),
        Statistic::Max => format!("max({})", shown(&column, data_type)),
        Statistic::Mean => match data_type {
            DataType::Decimal { precision, .. } if precision <= SUMMED_DIGITS => format!("avg({column})"),
            DataType::Number | DataType::Decimal { .. } => fast_mean(&column, "'NaN'::DOUBLE"),
            DataType::String
            | DataType::Integer
            | DataType::Boolean
            | DataType::Date
            | DataType::Time
            | DataType::Datetime
            | DataType::Uuid
            | DataType::Object
            | DataType::Array => format!("avg({column})"),
        },
        Statistic::Quantile(share) => quantile(&column, data_type, share),
        Statistic::MinLength => format!("min(length({column}))"),
        Statistic::MaxLength => format!("max(length({column}))"),
    }
}

/// The beginning of a text. The least of the beginnings is the beginning of the least.
fn shown(column: &str, data_type: DataType) -> String {
    match data_type.family() {
        Family::Text => format!("left({column}, {PROFILE_TEXT_CHARS})"),
        Family::Number | Family::Boolean | Family::Time | Family::Identifier | Family::Nested => column.to_owned(),
    }
}

/// One of the quantiles, all of which the engine makes together. Times are counted in doubles, which may lead beyond the
/// greatest of them.
fn quantile(column: &str, data_type: DataType, share: f64) -> String {
    let place = 1 + PROFILE_QUANTILES.iter().take_while(|of| **of < share).count();
    match data_type.family() {
        Family::Time => {
            let value = format!("approx_quantile({column}, {PROFILE_QUANTILES:?})[{place}]");
            format!("least(greatest({value}, min({column})), max({column}))")
        }
        Family::Text | Family::Number | Family::Boolean | Family::Identifier | Family::Nested => {
            format!("approx_quantile({column}::DOUBLE, {PROFILE_QUANTILES:?})[{place}]")
        }
    }
}
