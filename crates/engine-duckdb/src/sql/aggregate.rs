//! Aggregations as SQL.

use eider_domain::{Aggregate, Aggregation, DataType, Field, Filter, Function, GroupKey};

use super::order::push_keys;
use super::profile::SUMMED_DIGITS;
use super::{Statement, column_type};
use crate::connection::functions::EXACT_QUOTIENT;
use crate::error::UNSURE;
use crate::ident;
use crate::relation::Relation;

/// 2^400: neither a sum of smaller doubles nor one of their squares is beyond a double.
const LARGE: &str = "2.5822498780869086e120";
/// 2^-400.
const SMALL: &str = "3.8725919148493183e-121";
/// 2^600.
const SCALE: &str = "4.149515568880993e180";

/// 2^-64: that many times less, no sum of doubles is beyond a double.
const DOWN: &str = "5.421010862427522e-20";
/// How many times the sum of all magnitudes may be that of the sum: then Kahan's sum is off by less than 10^-12 of itself.
const CANCELLED: u32 = 1_024;
/// Below this times [`DOWN`], digits of a sum may be lost.
const TINY: &str = "1e-270";
/// Beyond this, a sum may be beyond a double when it is that many times more again.
const HUGE: &str = "9e288";

/// How sums of doubles are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Summation {
    /// In one pass; fails with [`UNSURE`] where so much cancels out that digits may be lost.
    Fast,
    /// In one pass, whatever is lost: for plans.
    Any,
    /// Exactly: a pass for each, over groups that are told apart by the powers of two, too.
    Exact,
}

/// The groups of an aggregation, in its order. The query within names its columns by their places, so that no name that
/// a client gives is one of the table's; `GROUP BY` goes by place too.
pub(crate) fn aggregate(
    relation: &Relation,
    aggregation: &Aggregation,
    limit: Option<u64>,
    summation: Summation,
) -> Statement {
    let names: Vec<String> = aggregation.fields().iter().map(ident::column).collect();
    let keys = aggregation.keys().zip(&names).map(|(key, name)| format!("{} AS {name}", key_expression(key)));
    let groups = Groups { relation, aggregation, keys: keys.collect(), names: &names };
    let mut statement = Statement::default();
    statement.push("SELECT * FROM (");
    match summation {
        Summation::Exact => groups.push_exact(&mut statement),
        Summation::Fast | Summation::Any => groups.push(&mut statement, summation),
    }
    statement.push(")");
    statement.push_where(&aggregation.having);
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

/// The groups of an aggregation, in any order.
struct Groups<'a> {
    relation: &'a Relation,
    aggregation: &'a Aggregation,
    /// The expressions of the keys, with their names.
    keys: Vec<String>,
    /// The names of the keys, then those of the figures.
    names: &'a [String],
}

impl Groups<'_> {
    /// Groups with their figures, in one pass. Sums that are to be exact are null.
    fn push(&self, statement: &mut Statement, summation: Summation) {
        let Self { relation, aggregation, keys, names } = self;
        let figures = aggregation.aggregates().zip(&names[keys.len()..]).map(|(figure, name)| match summation {
            Summation::Exact if sums_doubles(figure) => format!("NULL AS {name}"),
            Summation::Fast | Summation::Any | Summation::Exact => {
                format!("{} AS {name}", figure_expression(figure, &unsure(summation)))
            }
        });
        let columns = keys.iter().cloned().chain(figures).collect::<Vec<_>>().join(", ");
        statement.push(&format!("SELECT {columns} FROM {}", relation.source()));
        statement.push_where(&aggregation.filter);
        if !keys.is_empty() {
            let places: Vec<String> = (1..=keys.len()).map(|place| place.to_string()).collect();
            statement.push(&format!(" GROUP BY {}", places.join(", ")));
        }
    }

    /// The same, with the exact sums from passes of their own: `e3` has that in the place 3.
    fn push_exact(&self, statement: &mut Statement) {
        let places = self.keys.len()..;
        let exact = places.zip(self.aggregation.aggregates()).filter(|(_, figure)| sums_doubles(figure));
        let exact: Vec<(usize, &Aggregate)> = exact.collect();
        if exact.is_empty() {
            return self.push(statement, Summation::Exact);
        }
        let shown = self.names.iter().enumerate().map(|(place, name)| {
            let is_exact = exact.iter().any(|(other, _)| *other == place);
            if is_exact { format!("e{place}.{name}") } else { format!("g.{name}") }
        });
        statement.push(&format!("SELECT {} FROM (", shown.collect::<Vec<_>>().join(", ")));
        self.push(statement, Summation::Exact);
        statement.push(") g");
        for (place, figure) in exact {
            statement.push(" LEFT JOIN (");
            self.push_exact_sum(statement, place, figure);
            let keys = &self.names[..self.keys.len()];
            let same = keys.iter().map(|key| format!("g.{key} IS NOT DISTINCT FROM e{place}.{key}"));
            let same: Vec<String> = same.collect();
            let same = if same.is_empty() { "TRUE".to_owned() } else { same.join(" AND ") };
            statement.push(&format!(") e{place} ON {same}"));
        }
    }

    /// Each group with one figure: its parts are summed for each power of two, and those sums together.
    fn push_exact_sum(&self, statement: &mut Statement, place: usize, figure: &Aggregate) {
        let Self { relation, aggregation, keys, names } = self;
        let count = if figure.function() == Function::Avg { "sum(n)::BIGINT" } else { "1" };
        let column = figure.field().map(ident::column).unwrap_or_default();
        let listed = |of: &[String]| of.iter().flat_map(|part| [part.as_str(), ", "]).collect::<String>();
        statement.push(&format!(
            "SELECT {}{EXACT_QUOTIENT}({count}, string_agg(b || ':' || s, ' ')) AS {} FROM (\
             SELECT {}{} AS b, sum({}) AS s, count(*) AS n FROM {}",
            listed(&names[..keys.len()]),
            names[place],
            listed(keys),
            power(&column),
            multiple(&column),
            relation.source()
        ));
        statement.push_where(&aggregation.filter);
        let joint = if aggregation.filter.is_everything() { " WHERE " } else { " AND " };
        let grouped = if keys.is_empty() { "" } else { "GROUP BY ALL" };
        statement.push(&format!("{joint}{column} IS NOT NULL GROUP BY ALL) {grouped}"));
    }
}

/// One row with the exact mean of a field of doubles.
pub(super) fn push_exact_mean(statement: &mut Statement, relation: &Relation, filter: &Filter, field: &Field) {
    let column = ident::column(field);
    statement.push(&format!(
        "SELECT {EXACT_QUOTIENT}(sum(n)::BIGINT, string_agg(b || ':' || s, ' ')) FROM (SELECT {} AS b, sum({}) AS s, \
         count(*) AS n FROM {}",
        power(&column),
        multiple(&column),
        relation.source()
    ));
    statement.push_where(filter);
    let joint = if filter.is_everything() { " WHERE " } else { " AND " };
    statement.push(&format!("{joint}{column} IS NOT NULL GROUP BY 1)"));
}

/// Whether a figure adds doubles up.
fn sums_doubles(figure: &Aggregate) -> bool {
    let is_mean = match figure.function() {
        Function::Sum => false,
        Function::Avg => true,
        Function::Count
        | Function::Min
        | Function::Max
        | Function::Stddev
        | Function::CountDistinct
        | Function::ApproxCountDistinct
        | Function::Quantile => return false,
    };
    figure.field().is_some_and(|field| match field.data_type() {
        DataType::Number => true,
        DataType::Decimal { precision, .. } => is_mean && precision > SUMMED_DIGITS,
        DataType::String
        | DataType::Integer
        | DataType::Boolean
        | DataType::Date
        | DataType::Time
        | DataType::Datetime
        | DataType::Uuid
        | DataType::Object
        | DataType::Array => false,
    })
}

/// The power of two of a double, in steps of 32. The logarithm may be off by one step at its border, for which there is room.
fn power(column: &str) -> String {
    format!("coalesce(floor(log2(abs(nullif({column}::DOUBLE, 0))) / 32)::INTEGER, 0)")
}

/// A double as a whole multiple of 2 to the power of 32 b - 54, where b is its [`power`]: exact, and by two steps, as one may
/// be beyond a double. So many bits are left that 2^39 of them have an exact sum.
fn multiple(column: &str) -> String {
    let by = format!("(54 - 32 * {})", power(column));
    format!("({column}::DOUBLE * pow(2.0::DOUBLE, {by} // 2) * pow(2.0::DOUBLE, {by} - {by} // 2))::HUGEINT")
}

/// The sum of doubles in one pass, made `of` what Kahan's algorithm finds; `otherwise` where digits may be lost.
pub(super) fn fast_sum(column: &str, of: &str, otherwise: &str) -> String {
    let (sum, all) = (format!("fsum({column}::DOUBLE * {DOWN})"), format!("sum(abs({column}::DOUBLE) * {DOWN})"));
    format!(
        "CASE WHEN count({column}) = 0 THEN NULL WHEN NOT bool_or({column} <> 0) THEN 0.0::DOUBLE \
         WHEN abs({sum}) * {CANCELLED} >= {all} AND abs({sum}) BETWEEN {TINY} AND {HUGE} THEN {sum}{of} ELSE {otherwise} END"
    )
}

/// The mean by [`fast_sum`].
pub(super) fn fast_mean(column: &str, otherwise: &str) -> String {
    fast_sum(column, &format!(" / count({column}) / {DOWN}"), otherwise)
}

/// What becomes of a sum that is not sure: it fails the statement, where the sum is to be right.
fn unsure(summation: Summation) -> String {
    match summation {
        Summation::Any => "0.0::DOUBLE".to_owned(),
        Summation::Fast | Summation::Exact => format!("error({})::DOUBLE", ident::literal(UNSURE)),
    }
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

fn figure_expression(aggregate: &Aggregate, unsure: &str) -> String {
    let Some(field) = aggregate.field() else { return "count(*)".to_owned() };
    let (column, data_type) = (ident::column(field), field.data_type());
    match aggregate.function() {
        Function::Count => format!("count({column})"),
        // The engine sums integers in 128 bits; the conversion is what refuses those that do not fit.
        Function::Sum if sums_doubles(aggregate) => fast_sum(&column, &format!(" / {DOWN}"), unsure),
        Function::Sum => format!("sum({column})::{}", column_type(aggregate.data_type())),
        Function::Avg => mean(&column, aggregate, unsure),
        Function::Min => format!("min({column})"),
        Function::Max => format!("max({column})"),
        Function::Stddev => deviation(&column, data_type),
        Function::CountDistinct => format!("count(DISTINCT {column})"),
        // The estimate may be beyond what there is.
        Function::ApproxCountDistinct => format!("least(approx_count_distinct({column}), count({column}))"),
        Function::Quantile => quantile(&column, data_type, aggregate.quantile().unwrap_or_default()),
    }
}

/// The mean. Doubles are not summed where digits may be lost; decimals with more digits than the engine sums in count as the
/// nearest doubles.
fn mean(column: &str, aggregate: &Aggregate, unsure: &str) -> String {
    if sums_doubles(aggregate) { fast_mean(column, unsure) } else { format!("avg({column})") }
}

/// The deviation of a sample. Of doubles the squares may be beyond a double, or nothing, where it is not.
fn deviation(column: &str, data_type: DataType) -> String {
    match data_type {
        DataType::Number => format!(
            "CASE WHEN max(abs({column})) >= {LARGE} THEN stddev_samp({column} / {SCALE}) * {SCALE} \
             WHEN max(abs({column})) < {SMALL} THEN stddev_samp({column} * {SCALE}) FILTER (abs({column}) < {SMALL}) / {SCALE} \
             ELSE stddev_samp({column}) FILTER (abs({column}) < {LARGE}) END"
        ),
        DataType::String
        | DataType::Integer
        | DataType::Decimal { .. }
        | DataType::Boolean
        | DataType::Date
        | DataType::Time
        | DataType::Datetime
        | DataType::Uuid
        | DataType::Object
        | DataType::Array => format!("stddev_samp({column})"),
    }
}

/// The share is written out: the engine takes no parameter for it, and a number from 0 to 1 needs no quoting.
fn quantile(column: &str, data_type: DataType, share: f64) -> String {
    match data_type {
        DataType::Date | DataType::Time | DataType::Datetime => format!("quantile_disc({column}, {share})"),
        DataType::String
        | DataType::Integer
        | DataType::Number
        | DataType::Decimal { .. }
        | DataType::Boolean
        | DataType::Uuid
        | DataType::Object
        | DataType::Array => format!("quantile_cont({column}::DOUBLE, {share})"),
    }
}
