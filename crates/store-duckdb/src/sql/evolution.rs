//! From one version of a schema to the next.

use eider_domain::{DataType, Evolution, Family, Field, Property, RECORD_FIELD_COUNT, Schema, Value};
use eider_engine_duckdb::ident;
use eider_engine_duckdb::sql::{column_type, key};

use crate::file::names;

/// The statements that make the table of `before` that of `after`, for one transaction.
pub(crate) fn alteration(before: &Schema, evolution: &Evolution, after: &Schema) -> Vec<String> {
    let successor = |index: usize| {
        let place = evolution.origins().iter().position(|origin| *origin == Some(index));
        place.map(|place| &after.properties()[place])
    };
    let kept: Vec<(&Property, &Property)> =
        before.properties().iter().enumerate().filter_map(|(index, was)| Some((was, successor(index)?))).collect();
    let on_table = |what: String| format!("ALTER TABLE {} {what}", names::table(before));
    let dropped = (0..before.properties().len()).filter(|index| successor(*index).is_none());
    let dropped = dropped.map(|index| ident::property(&before.properties()[index].name));
    let mut steps: Vec<String> = dropped.map(|column| on_table(format!("DROP COLUMN {column}"))).collect();
    steps.extend(
        renames(&kept)
            .into_iter()
            .map(|(from, to)| on_table(format!("RENAME COLUMN {} TO {}", ident::quoted(&from), ident::quoted(&to)))),
    );
    for (was, is) in &kept {
        let column = ident::property(&is.name);
        if was.data_type != is.data_type {
            let (data_type, converted) = (column_type(is.data_type), conversion(&column, was.data_type, is.data_type));
            steps.push(on_table(format!("ALTER COLUMN {column} SET DATA TYPE {data_type} USING {converted}")));
        }
        if was.is_required != is.is_required {
            let verb = if is.is_required { "SET" } else { "DROP" };
            steps.push(on_table(format!("ALTER COLUMN {column} {verb} NOT NULL")));
        }
    }
    for (property, _) in evolution.properties(before).filter(|(_, origin)| origin.is_none()) {
        steps.extend(addition(property).into_iter().map(on_table));
    }
    steps
}

/// What adds a property to a table.
fn addition(property: &Property) -> Vec<String> {
    let column = ident::property(&property.name);
    let data_type = column_type(property.data_type);
    let default = property.default.as_ref().map(|value| literal(property.data_type, value));
    // The default of later records is given to them before they come here.
    let mut steps = match default {
        // A default that is computed is an update of every record to the engine, which then refuses to say that none is
        // null in one transaction.
        Some(default) if property.is_required || is_computed(property) => vec![
            format!("ADD COLUMN {column} {data_type}"),
            format!("ALTER COLUMN {column} SET DATA TYPE {data_type} USING {default}"),
        ],
        Some(default) => vec![
            format!("ADD COLUMN {column} {data_type} DEFAULT {default}"),
            format!("ALTER COLUMN {column} DROP DEFAULT"),
        ],
        None => vec![format!("ADD COLUMN {column} {data_type}")],
    };
    if property.is_required {
        steps.push(format!("ALTER COLUMN {column} SET NOT NULL"));
    }
    steps
}

/// From which name to which, one after the other; by way of names that no property has where one is taken yet.
fn renames(kept: &[(&Property, &Property)]) -> Vec<(String, String)> {
    let renamed = || kept.iter().filter(|(was, is)| was.name.as_str() != is.name.as_str());
    let is_taken = renamed().any(|(_, is)| kept.iter().any(|(other, _)| other.name.key() == is.name.key()));
    let names = renamed().map(|(was, is)| (ident::property_name(&was.name), ident::property_name(&is.name)));
    if !is_taken {
        return names.collect();
    }
    let between = |index: usize| format!("$renamed{index}");
    let away = names.clone().enumerate().map(|(index, (was, _))| (was, between(index)));
    let there = names.enumerate().map(|(index, (_, is))| (between(index), is));
    away.chain(there).collect()
}

/// A value of a type as an expression; statements of this kind take no parameters.
fn literal(data_type: DataType, value: &Value) -> String {
    match value {
        Value::Datetime(micros) => {
            let text = Value::Datetime(*micros).text(data_type).unwrap_or_default();
            // In UTC, as the engine has no time zones.
            format!("CAST({} AS TIMESTAMP)", ident::literal(&text.replace('T', " ").replace('Z', "")))
        }
        Value::Null
        | Value::Text(_)
        | Value::Integer(_)
        | Value::Number(_)
        | Value::Decimal(_)
        | Value::Boolean(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::Uuid(_)
        | Value::Json(_) => {
            let text = value.text(data_type).unwrap_or_default();
            format!("CAST({} AS {})", ident::text(&text), column_type(data_type))
        }
    }
}

/// Whether the literal of a default is computed, and no constant to the engine.
fn is_computed(property: &Property) -> bool {
    matches!(&property.default, Some(Value::Text(text)) if text.contains('\0'))
}

/// A stored value of one type as one of another, as [`eider_domain::widened`] has it. The engine has texts of its own for
/// decimals without whole digits (`.5`) and for days of the year 0000 (`0001-01-01 (BC)`).
fn conversion(column: &str, from: DataType, to: DataType) -> String {
    match to.family() {
        Family::Text => text_of(column, from),
        Family::Number | Family::Boolean | Family::Time | Family::Identifier | Family::Nested => {
            format!("CAST({column} AS {})", column_type(to))
        }
    }
}

fn text_of(column: &str, from: DataType) -> String {
    match from {
        DataType::Date => format!("printf('%04d-%02d-%02d', year({column}), month({column}), day({column}))"),
        DataType::Decimal { precision, scale } if precision == scale => {
            format!("regexp_replace(CAST({column} AS VARCHAR), '^(-?)\\.', '\\10.')")
        }
        DataType::String
        | DataType::Integer
        | DataType::Number
        | DataType::Decimal { .. }
        | DataType::Boolean
        | DataType::Time
        | DataType::Datetime
        | DataType::Uuid
        | DataType::Object
        | DataType::Array => format!("CAST({column} AS VARCHAR)"),
    }
}

/// The ids of records that share the values of these properties with another; of none, all, if there are several.
pub(crate) fn duplicates(schema: &Schema, properties: &[usize]) -> String {
    let table = names::table(schema);
    let all = schema.fields();
    let fields: Vec<Field> = properties.iter().map(|place| all[RECORD_FIELD_COUNT + place].clone()).collect();
    if fields.is_empty() {
        return format!("SELECT id FROM {table} WHERE (SELECT count(*) FROM {table}) > 1");
    }
    let key = key(&fields);
    format!(
        "SELECT id FROM {table} WHERE {key} IN \
         (SELECT {key} FROM {table} WHERE {key} IS NOT NULL GROUP BY ALL HAVING count(*) > 1)"
    )
}
