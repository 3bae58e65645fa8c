//! Files as the default writers of pyarrow, pandas, polars and DuckDB make them: `tests/corpus/make.py`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use eider_domain::Schema;
use eider_formats::{CheckedRows, Format, ReadLimits, RecordReader, Spooling, value_at};
use serde_json::{Value as Json, json};

/// The files that are read, and the properties that they have no column for.
const FILES: [(&str, &[&str]); 14] = [
    ("pyarrow.parquet", &[]),
    ("pyarrow-old.parquet", &[]),
    ("pyarrow.feather", &[]),
    ("pyarrow.arrows", &[]),
    ("pandas.parquet", &["n", "code"]),
    ("pandas.feather", &["n", "code"]),
    ("polars.parquet", &[]),
    ("polars.arrow", &[]),
    ("polars-lz4.arrow", &[]),
    ("polars-zstd.arrow", &[]),
    ("pyarrow-zstd.feather", &[]),
    ("polars.arrows", &[]),
    ("duckdb.parquet", &[]),
    ("duckdb.arrows", &[]),
];

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn schema() -> Arc<Schema> {
    Arc::new(eider_testkit::schema(json!({"name": "s", "properties": [
        {"name": "n", "type": "integer"},
        {"name": "x", "type": "number"},
        {"name": "flag", "type": "boolean"},
        {"name": "text", "type": "string"},
        {"name": "day", "type": "date"},
        {"name": "at", "type": "datetime"},
        {"name": "money", "type": "decimal", "precision": 10, "scale": 2},
        {"name": "code", "type": "uuid"},
        {"name": "bytes", "type": "string"},
        {"name": "tags", "type": "array"},
        {"name": "place", "type": "object"},
        {"name": "kind", "type": "string"}]})))
}

fn read(schema: &Arc<Schema>, format: Format, body: &[u8]) -> Vec<CheckedRows> {
    let mut reader = RecordReader::new(format, Arc::clone(schema), ReadLimits::default(), Spooling::default());
    let mut chunks = reader.cut(body).unwrap();
    chunks.extend(reader.end().unwrap());
    assert!(!reader.has_more());
    let decoded = chunks.into_iter().map(|chunk| chunk.decode().unwrap());
    decoded
        .filter_map(|decoded| {
            assert_eq!(decoded.failures, []);
            decoded.rows
        })
        .collect()
}

fn rows_of(column: &ArrayRef) -> std::ops::Range<usize> {
    0..column.len()
}

#[test]
fn files_of_common_writers_have_the_values_that_went_in() {
    let expected = fs::read_to_string(corpus().join("records.ndjson")).unwrap();
    let expected: Vec<Json> = expected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let schema = schema();
    for (name, absent) in FILES {
        let format = name.rsplit_once('.').and_then(|(_, ending)| Format::of_ending(ending)).unwrap();
        let batches = read(&schema, format, &fs::read(corpus().join(name)).unwrap());
        for (index, property) in schema.properties().iter().enumerate() {
            let columns = batches.iter().map(|rows| &rows.columns[index]);
            let data_type = property.data_type;
            let of_column =
                |column| rows_of(column).map(move |row| value_at(data_type, column, row).to_json(data_type));
            let found: Vec<Json> = columns.flat_map(of_column).collect();
            let is_absent = absent.contains(&property.name.as_str());
            let value = |record: &Json| if is_absent { Json::Null } else { record[property.name.as_str()].clone() };
            assert_eq!(found, expected.iter().map(value).collect::<Vec<_>>(), "`{}` of {name}", property.name);
        }
    }
}

#[test]
fn every_file_of_the_corpus_is_looked_at() {
    let is_data =
        |path: &PathBuf| path.is_file() && path.extension().is_none_or(|ending| ending != "py" && ending != "ndjson");
    let paths = fs::read_dir(corpus()).unwrap().map(|file| file.unwrap().path()).filter(is_data);
    let mut names: Vec<String> = paths.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    let mut known: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    assert_eq!(names, known);
}
