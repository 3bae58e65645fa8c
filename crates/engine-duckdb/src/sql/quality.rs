//! Rules on quality as SQL: the values that break a rule, and what rules suggest for them.

use eider_domain::{Check, DataType, Field, Rule, SystemField, Timestamp, Value};

use super::{Statement, column_type, engine_value, key};
use crate::connection::functions::{self, CHANGED_BY, IS_BROKEN, MENDED};
use crate::ident::{self, SEQUENCE};
use crate::relation::Relation;

/// The temporary table of records as suggestions have them.
pub const SUGGESTED: &str = "\"$suggested\"";
/// Its column of the place that the record had.
pub const PLACE: &str = "\"$place\"";
/// A value that is looked at.
const VALUE: &str = "\"$value\"";
/// What is suggested for it.
const SUGGESTION: &str = "\"$suggestion\"";
/// The values of a list.
const ALLOWED: &str = "\"$allowed\"";

/// The values that break a rule: the record's id, the values of the rule's fields, and of a rule that suggests what it
/// suggests, or null. The rule is [called](crate::connection::functions::CalledRules) by its number.
pub(crate) fn issues(relation: &Relation, rule: &Rule, number: i64, now: Timestamp) -> Statement {
    let table = relation.source();
    let id = ident::column(&Field::System(SystemField::Id));
    let columns: Vec<String> = rule.fields().iter().map(ident::column).collect();
    let column = columns.join(", ");
    let values = format!("SELECT {id}, {column} FROM {table} WHERE");
    let mut statement = Statement::default();
    match rule.check() {
        Check::Duplicate => push_duplicates(&mut statement, table, &columns),
        Check::Standardize(_) => statement.push(&format!(
            "SELECT * FROM (SELECT {id}, {column} AS {VALUE}, {}({number}, {column}) AS {SUGGESTION} FROM {table}) \
             WHERE {SUGGESTION} IS NOT NULL",
            functions::SUGGESTION
        )),
        Check::Values(allowed) => {
            let data_type = data_type_of(rule);
            statement.push(&format!("WITH {ALLOWED}(v) AS ("));
            push_values(&mut statement, allowed.iter().map(|value| (data_type, value)));
            let suggestion = if rule.suggests() {
                format!(", {}({number}, {column})", functions::SUGGESTION)
            } else {
                String::new()
            };
            statement.push(&format!(
                ") SELECT {id}, {column}{suggestion} FROM {table} WHERE {column} NOT IN (SELECT v FROM {ALLOWED})"
            ));
        }
        Check::Required => statement.push(&format!("{values} {column} IS NULL")),
        Check::Characters(_) | Check::Pattern(_) => {
            statement.push(&format!("{values} {IS_BROKEN}({number}, {column})"));
        }
        Check::Length { min, max } => {
            let limit = |length: Option<u64>| length.map(|length| Value::Integer(length.cast_signed()));
            let (least, most) = (limit(*min), limit(*max));
            let limits = (least.as_ref(), most.as_ref());
            statement.push(&format!("{values} "));
            push_outside(&mut statement, &format!("length({column})"), DataType::Integer, limits);
        }
        Check::Range { minimum, maximum } => {
            statement.push(&format!("{values} "));
            push_outside(&mut statement, &column, data_type_of(rule), (minimum.as_ref(), maximum.as_ref()));
        }
        Check::Freshness(_) => {
            statement.push(&format!("{values} "));
            push_outside(&mut statement, &column, data_type_of(rule), (rule.oldest(now).as_ref(), None));
        }
    }
    statement
}

/// Appends the condition that a value is less than one limit or greater than another.
fn push_outside(
    statement: &mut Statement,
    value: &str,
    data_type: DataType,
    (least, most): (Option<&Value>, Option<&Value>),
) {
    let limits = [(" < ", least), (" > ", most)];
    let limits = limits.into_iter().filter_map(|(comparison, limit)| Some((comparison, limit?)));
    for (index, (comparison, limit)) in limits.enumerate() {
        statement.push(if index > 0 { " OR " } else { "" });
        statement.push(&format!("{value}{comparison}"));
        statement.bind(data_type, limit);
    }
}

/// Appends the records whose values an earlier record has: all but the first of each group.
fn push_duplicates(statement: &mut Statement, table: &str, columns: &[String]) {
    let listed = columns.join(", ");
    let all = |part: &dyn Fn(&String) -> String| columns.iter().map(part).collect::<Vec<_>>().join(" AND ");
    let present = all(&|column| format!("{column} IS NOT NULL"));
    let equal = all(&|column| format!("r.{column} = f.{column}"));
    let shown: Vec<String> = columns.iter().map(|column| format!("r.{column}")).collect();
    statement.push(&format!(
        "SELECT r.id, {} FROM {table} r JOIN (SELECT {listed}, min({SEQUENCE}) AS {PLACE} FROM {table} WHERE {present} \
         GROUP BY {listed} HAVING count(*) > 1) f ON {equal} WHERE r.{SEQUENCE} > f.{PLACE}",
        shown.join(", ")
    ));
}

/// Makes the table of the records that rules change, as they are to be: the columns of the schema, the place that the
/// record had, and for each field which rules changed it. A field comes with the number by which its rules are
/// [called](crate::connection::functions::CalledRules).
pub(crate) fn make_suggested(relation: &Relation, changed: &[(Field, i64)], at: Timestamp) -> Statement {
    let table = relation.source();
    let value = |index: usize| format!("\"$value{index}\"");
    let mut statement = Statement::default();
    let (mut columns, mut conditions, mut by) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (field, number)) in changed.iter().enumerate() {
        let (column, changed_by) = (ident::column(field), changed_by_column(index));
        let places = format!("{CHANGED_BY}({number}, {column})");
        columns.push(format!(", {MENDED}({number}, {column}) AS {}, {places} AS {changed_by}", value(index)));
        conditions.push(format!("{places} IS NOT NULL"));
        by.push(format!(", n.{changed_by}"));
    }
    let (columns, conditions, by) = (columns.concat(), conditions.join(" OR "), by.concat());
    statement.push(&format!(
        "CREATE TEMP TABLE {SUGGESTED} AS WITH \"$changed\" AS MATERIALIZED (SELECT {SEQUENCE} AS {PLACE}{columns} FROM {table} \
         WHERE {conditions}) SELECT "
    ));
    for field in relation.schema().fields() {
        let column = ident::column(&field);
        match (&field, changed.iter().position(|(other, _)| *other == field)) {
            (_, Some(index)) => statement.push(&format!("coalesce(n.{}, r.{column}) AS {column}, ", value(index))),
            (Field::System(SystemField::UpdatedAt), None) => {
                push_cast(&mut statement, DataType::Datetime, &Value::Datetime(at.as_micros()));
                statement.push(&format!(" AS {column}, "));
            }
            (Field::System(SystemField::Version), None) => statement.push(&format!("r.{column} + 1 AS {column}, ")),
            (
                Field::System(SystemField::Id | SystemField::CreatedAt)
                | Field::Property { .. }
                | Field::Computed { .. },
                None,
            ) => statement.push(&format!("r.{column}, ")),
        }
    }
    statement.push(&format!("n.{PLACE}{by} FROM \"$changed\" n JOIN {table} r ON r.{SEQUENCE} = n.{PLACE}"));
    statement
}

/// How many records are suggested.
pub(crate) fn count_suggested() -> String {
    format!("SELECT count(*) FROM {SUGGESTED}")
}

/// Which rules changed the field at a place among those that are changed, and in how many records.
pub(crate) fn changes_of(index: usize) -> String {
    let by = changed_by_column(index);
    format!("SELECT {by}, count(*) FROM {SUGGESTED} WHERE {by} IS NOT NULL GROUP BY 1")
}

/// The values that rules suggest for the field at a place, each once.
pub(crate) fn suggested_values(index: usize, field: &Field) -> String {
    let by = changed_by_column(index);
    format!("SELECT DISTINCT {} FROM {SUGGESTED} WHERE {by} IS NOT NULL", ident::column(field))
}

/// Whether two records would have the same key in these fields.
pub(crate) fn is_shared(relation: &Relation, fields: &[Field]) -> String {
    let (table, key) = (relation.source(), key(fields));
    format!(
        "SELECT EXISTS (SELECT 1 FROM (SELECT {key} AS {VALUE} FROM {SUGGESTED} UNION ALL SELECT {key} FROM {table} \
         WHERE {SEQUENCE} NOT IN (SELECT {PLACE} FROM {SUGGESTED})) WHERE {VALUE} IS NOT NULL \
         GROUP BY {VALUE} HAVING count(*) > 1)"
    )
}

/// The column that says which rules changed the field at a place.
fn changed_by_column(index: usize) -> String {
    format!("\"$changed{index}\"")
}

/// Appends `VALUES (…), (…)`; there is at least one row.
fn push_values<'v>(statement: &mut Statement, values: impl Iterator<Item = (DataType, &'v Value)>) {
    for (index, (data_type, value)) in values.enumerate() {
        statement.push(if index > 0 { ", (" } else { "VALUES (" });
        push_cast(statement, data_type, value);
        statement.push(")");
    }
}

/// Appends a parameter whose type no column tells.
fn push_cast(statement: &mut Statement, data_type: DataType, value: &Value) {
    statement.push(&format!("?::{}", column_type(data_type)));
    statement.values.push(engine_value(data_type, value));
}

fn data_type_of(rule: &Rule) -> DataType {
    rule.fields().first().map_or(DataType::String, Field::data_type)
}

#[cfg(test)]
mod tests;
