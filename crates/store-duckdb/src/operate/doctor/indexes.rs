//! Whether an index finds what a scan finds, and nothing else.

use eider_application::ports::StoreError;
use eider_domain::{DataType, Field, Index, Schema};
use eider_engine_duckdb::Connection;
use eider_engine_duckdb::connection::connect;
use eider_engine_duckdb::error::store_error;
use eider_engine_duckdb::ident;
use eider_engine_duckdb::sql;

use super::tables::Outcome;
use crate::file::names;

/// Keys of an index that are looked up when not all are.
const SAMPLE: u64 = 1_000;
const START: &str = "start the server: it makes indexes that are missing";
const REINDEX: &str = "make the index anew: PATCH the schema with is_indexed and is_unique false, and again with what it should \
                       be; writes that went by its answers may have changed other records";

/// Looks up the keys that records have, and keys near them that none has.
///
/// Nothing tells which keys records had that were deleted; those near others are looked up among the rest.
pub(super) fn index(
    connection: &Connection,
    schema: &Schema,
    index: &Index,
    all_keys: bool,
) -> Result<Outcome, StoreError> {
    let existing = "SELECT count(*) FROM duckdb_indexes() WHERE schema_name = ? AND index_name = ? AND is_unique = ?";
    let expected = (names::RECORDS, names::index_name(schema.name(), index), index.is_unique);
    let found: i64 = connection
        .query_row(existing, eider_engine_duckdb::params![expected.0, expected.1, expected.2], |row| row.get(0))
        .map_err(store_error)?;
    if found == 0 {
        return Ok(Err(("there is no such index".to_owned(), START)));
    }
    let [field] = index.fields.as_slice() else {
        return Ok(Ok("there; the engine looks nothing up in an index on several columns".to_owned()));
    };
    let (column, table) = (ident::column(field), names::table(schema));
    let place = ident::SEQUENCE;
    let sampled = |by: &str| if all_keys { String::new() } else { format!(" ORDER BY hash({by}) LIMIT {SAMPLE}") };
    let stored = format!(
        "SELECT k::VARCHAR, n, p FROM (SELECT {column} AS k, count(*) AS n, bit_xor(hash({place})) AS p FROM {table} \
         WHERE {column} IS NOT NULL GROUP BY ALL){}",
        sampled("k")
    );
    let (keys, differing) = compare(connection, schema, field, &stored)?;
    let absent = format!(
        "SELECT DISTINCT k::VARCHAR, 0::BIGINT, NULL::UBIGINT FROM (SELECT unnest({}) AS k FROM (SELECT DISTINCT {column} AS v FROM {table} \
         WHERE {column} IS NOT NULL{})) WHERE k IS NOT NULL AND k NOT IN \
         (SELECT {column} FROM {table} WHERE {column} IS NOT NULL)",
        neighbours(field.data_type()),
        sampled("v")
    );
    let (others, wrong) = compare(connection, schema, field, &absent)?;
    Ok(if differing + wrong == 0 {
        Ok(format!("{keys} keys looked up, each as a scan finds it, and {others} near them that no record has"))
    } else {
        let told = format!(
            "{differing} of {keys} keys are found otherwise than by a scan, and {wrong} of {others} near them that no \
             record has are found"
        );
        Err((told, REINDEX))
    })
}

/// Keys near a key `v`, as a list; null where there is none.
fn neighbours(data_type: DataType) -> String {
    let near = match data_type {
        // A step beyond the greatest is none.
        DataType::Integer => ["try_cast(v::HUGEINT - 1 AS BIGINT)", "try_cast(v::HUGEINT + 1 AS BIGINT)"],
        DataType::Number => ["v - 1", "v + 1"],
        DataType::Boolean => ["NOT v", "NULL"],
        DataType::Date => {
            ["CASE WHEN v > DATE '0001-01-01' THEN v - 1 END", "CASE WHEN v < DATE '9999-12-31' THEN v + 1 END"]
        }
        DataType::Time => [
            "CASE WHEN v > TIME '00:00:00' THEN v - INTERVAL 1 MICROSECOND END",
            "CASE WHEN v < TIME '23:59:59.999999' THEN v + INTERVAL 1 MICROSECOND END",
        ],
        DataType::Datetime => ["v - INTERVAL 1 MICROSECOND", "v + INTERVAL 1 MICROSECOND"],
        DataType::Uuid => ["uuid()", "NULL"],
        DataType::Decimal { precision, scale } => {
            let unit = format!("power(10::DOUBLE, -{scale})::DECIMAL({precision},{scale})");
            let column = format!("DECIMAL({precision},{scale})");
            // In a type with room for the step.
            let step = |sign: char| format!("try_cast(v::DECIMAL(38,{scale}) {sign} {unit} AS {column})");
            return format!("[{}, {}]", step('-'), step('+'));
        }
        DataType::String | DataType::Object | DataType::Array => ["v[:-2]", "v || '~'"],
    };
    format!("[{}, {}]", near[0], near[1])
}

/// How many keys a statement gives, each with the number of its records and what their places make, and how many of them
/// the index finds otherwise.
fn compare(connection: &Connection, schema: &Schema, field: &Field, keys: &str) -> Result<(u64, u64), StoreError> {
    // Lookups run while the keys are read.
    let lookups = connect(connection)?;
    let mut lookup = lookups.prepare(&lookup(schema, field)).map_err(store_error)?;
    let mut statement = connection.prepare(keys).map_err(store_error)?;
    let mut rows = statement.query([]).map_err(store_error)?;
    let (mut looked_up, mut differing) = (0, 0);
    while let Some(row) = rows.next().map_err(store_error)? {
        let key: String = row.get(0).map_err(store_error)?;
        let expected: (i64, Option<u64>) = row.get(1).and_then(|n| row.get(2).map(|p| (n, p))).map_err(store_error)?;
        let found = lookup.query_row([key], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<u64>>(1)?)));
        looked_up += 1;
        differing += u64::from(found.map_err(store_error)? != expected);
    }
    Ok((looked_up, differing))
}

/// How many records have a key, which is bound as text, and what their places make.
fn lookup(schema: &Schema, field: &Field) -> String {
    let (column, place) = (ident::column(field), ident::SEQUENCE);
    format!(
        "SELECT count(*), bit_xor(hash({place})) FROM {} WHERE {column} = ?::{}",
        names::table(schema),
        sql::column_type(field.data_type())
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog;
    use crate::file::instance;
    use crate::file::settings::StoreSettings;

    #[test]
    fn a_lookup_goes_through_the_index_also_when_many_records_have_the_key() {
        let directory = tempfile::tempdir().unwrap();
        let settings = StoreSettings::new(directory.path().join("eider.duckdb"), directory.path().join("tmp"));
        let properties = json!([
            {"name": "bucket", "type": "integer", "is_indexed": true},
            {"name": "price", "type": "decimal", "precision": 10, "scale": 2, "is_indexed": true}]);
        let schema = eider_testkit::schema(json!({"name": "numbers", "properties": properties}));
        let connection = instance::open(&settings).unwrap();
        catalog::load(&connection).unwrap();
        catalog::insert(&connection, &schema).unwrap();
        let rows = format!(
            "INSERT INTO {} SELECT range + 1, uuid(), now()::TIMESTAMP, now()::TIMESTAMP, 1, range % 2, range % 3 FROM range(50000)",
            names::table(&schema)
        );
        connection.execute_batch(&rows).unwrap();
        drop(connection);
        let connection = instance::open_read_only(&settings).unwrap();
        for index in schema.indexes() {
            let explained = format!("EXPLAIN (ANALYZE, FORMAT JSON) {}", lookup(&schema, &index.fields[0]));
            let plan: String = connection.query_row(&explained, ["1"], |row| row.get(1)).unwrap();
            assert!(plan.contains("Index Scan"), "{plan}");
        }
    }
}
