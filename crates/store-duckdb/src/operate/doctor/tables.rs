//! The table of a schema: its columns, its rows, its indexes.

use eider_application::ports::StoreError;
use eider_domain::{Field, Schema, SystemField};
use eider_engine_duckdb::Connection;
use eider_engine_duckdb::error::store_error;
use eider_engine_duckdb::ident;
use eider_engine_duckdb::sql;

use super::indexes::{index, indexes_of};
use super::nested::{nested, opening};
use super::{Finding, REBUILD, RESTORE, Thoroughness, columns, told};
use crate::catalog::{self, StoredSchema};
use crate::file::names;
use crate::index::tree::Tree;

pub(super) type Outcome = Result<String, (String, &'static str)>;

/// The findings of one schema. After a table that is not as it should be nothing else of it is looked at.
pub(super) fn examine(
    connection: &Connection,
    stored: &StoredSchema,
    tree: Option<&Tree>,
    how: Thoroughness,
) -> Vec<Finding> {
    let schema = &stored.schema;
    let name = schema.name().to_string();
    let told_as = |error: &StoreError| (told(error), RESTORE);
    let mut findings = Vec::new();
    let mut check = |check: &'static str, subject: &str, outcome: Result<Outcome, StoreError>| {
        let outcome = outcome.unwrap_or_else(|error| Err(told_as(&error)));
        let is_ok = outcome.is_ok();
        findings.push(Finding::of(check, Some(subject), outcome));
        is_ok
    };
    if !check("table", &name, table(connection, schema)) || !check("rows", &name, rows(connection, schema)) {
        return findings;
    }
    check("ids", &name, unique(connection, schema, &[Field::System(SystemField::Id)]));
    check("sequence", &name, sequence(connection, stored));
    check("versions", &name, versions(connection, schema));
    for asked in schema.indexes() {
        if asked.is_unique {
            check("unique", &subject_of(&name, &asked.fields), unique(connection, schema, &asked.fields));
        }
    }
    if let Some(tree) = tree {
        match indexes_of(connection, stored, tree) {
            Ok((schema, indexes)) => {
                for asked in indexes {
                    let subject =
                        if asked.fields.is_empty() { format!("{name}.id") } else { subject_of(&name, &asked.fields) };
                    check("index", &subject, index(connection, &schema, tree, &asked, how.all_keys));
                }
            }
            Err(error) => {
                check("index", &name, Err(error));
            }
        }
    }
    for property in schema.properties() {
        if let Some(opening) = opening(property.data_type) {
            let subject = format!("{name}.{}", property.name.as_str());
            check("nested", &subject, nested(connection, schema, (property, opening), how.json_depth));
        }
    }
    findings
}

fn subject_of(schema: &str, fields: &[Field]) -> String {
    fields.iter().fold(schema.to_owned(), |subject, field| format!("{subject}.{field}"))
}

/// Whether the table has the columns of the schema.
fn table(connection: &Connection, schema: &Schema) -> Result<Outcome, StoreError> {
    let mut statement = connection
        .prepare(
            "SELECT column_name, data_type, is_nullable FROM duckdb_columns() \
             WHERE schema_name = ? AND table_name = ? ORDER BY column_index",
        )
        .map_err(store_error)?;
    let rows = statement
        .query_map([names::RECORDS, &names::table_name(schema.name())], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?))
        })
        .map_err(store_error)?;
    let found: Vec<(String, String, bool)> = rows.collect::<Result<_, _>>().map_err(store_error)?;
    if found.is_empty() {
        return Ok(Err(("there is no table of the schema".to_owned(), RESTORE)));
    }
    let expected = columns(schema);
    let differing = expected.iter().find(|column| !found.contains(column));
    Ok(match differing {
        Some((name, data_type, _)) => {
            Err((format!("the table has no column `{name}` of the type {data_type} as the schema says"), RESTORE))
        }
        None if found.len() != expected.len() => {
            Err(("the table has more columns than the schema".to_owned(), RESTORE))
        }
        None => Ok(format!("{} columns as the schema says", found.len())),
    })
}

/// Reads every value: a block that is damaged does not have its checksum.
fn rows(connection: &Connection, schema: &Schema) -> Result<Outcome, StoreError> {
    let columns = columns(schema);
    let names: Vec<String> = columns.iter().map(|(name, _, _)| ident::quoted(name)).collect();
    let missing = columns.iter().filter(|(_, _, is_nullable)| !is_nullable);
    let missing: Vec<String> = missing.map(|(name, _, _)| format!("{} IS NULL", ident::quoted(name))).collect();
    let statement = format!(
        "SELECT count(*), bit_xor(hash({})), count(*) FILTER ({}) FROM {}",
        names.join(", "),
        missing.join(" OR "),
        names::table(schema)
    );
    let read = connection.query_row(&statement, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(2)?)));
    let (rows, missing) = read.map_err(store_error)?;
    Ok(match missing {
        0 => Ok(format!("{rows} records, every value read")),
        _ => Err((format!("{missing} of {rows} records lack a value that the schema requires"), REBUILD)),
    })
}

/// Whether no key comes twice, by a scan.
fn unique(connection: &Connection, schema: &Schema, fields: &[Field]) -> Result<Outcome, StoreError> {
    let key = sql::key(fields);
    let twice = count(
        connection,
        &format!(
            "SELECT count(*) FROM (SELECT {key} FROM {} WHERE {key} IS NOT NULL GROUP BY ALL HAVING count(*) > 1)",
            names::table(schema)
        ),
    )?;
    Ok(match twice {
        0 => Ok("no value comes twice".to_owned()),
        _ => Err((format!("{twice} values come more than once"), "remove the records that are too many")),
    })
}

/// Whether the places ascend as the records stand, from 1 on.
fn sequence(connection: &Connection, stored: &StoredSchema) -> Result<Outcome, StoreError> {
    let (column, table) = (ident::SEQUENCE, names::table(&stored.schema));
    let disorder = count(
        connection,
        &format!(
            // `rowid` may be a property.
            "SELECT count(*) FROM (SELECT place, lag(place, 1, 0) OVER (ORDER BY row) AS before FROM \
             (SELECT {column} AS place, row_number() OVER () AS row FROM {table})) WHERE place <= before"
        ),
    )?;
    let last = catalog::counters(connection, stored)?.commit_seq();
    Ok(match disorder {
        0 => Ok(format!("places ascend, the last commit is {last}")),
        _ => Err((format!("{disorder} records do not come after those before them"), REBUILD)),
    })
}

fn versions(connection: &Connection, schema: &Schema) -> Result<Outcome, StoreError> {
    let wrong = count(connection, &format!("SELECT count(*) FROM {} WHERE version < 1", names::table(schema)))?;
    Ok(match wrong {
        0 => Ok("every version is 1 or more".to_owned()),
        _ => Err((format!("{wrong} records have a version below 1"), REBUILD)),
    })
}

pub(super) fn count(connection: &Connection, statement: &str) -> Result<i64, StoreError> {
    connection.query_row(statement, [], |row| row.get(0)).map_err(store_error)
}
