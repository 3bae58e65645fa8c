//! Files as programs that people use write them: `tests/corpus/tables/make.py` of `eider-formats`. Each goes in by what
//! inference answers, with nothing set by hand, and has the values that its writer was given.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use eider_application::ingest::BodyFormat;
use serde_json::{Value as Json, json};

use crate::app::TestApp;

/// Files that hold no records, and what is said of them.
const WITHOUT_RECORDS: [(&str, &str); 1] = [
    // The values alone, without their names.
    ("pandas-values.json", "this one has 0"),
];

/// Files that are one object, which is one record: its members are not taken for records, since nothing says that they
/// are.
const ONE_OBJECT: [&str; 3] = ["pandas-split.json", "pandas-index.json", "pandas-columns.json"];

fn tables() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/corpus/tables")
}

/// The media type that a file is sent with.
fn media_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').unwrap().1;
    BodyFormat::of_ending(ending).unwrap().media_type().essence
}

/// Sends a file to inference.
async fn propose(app: &TestApp, name: &str) -> Json {
    let body = fs::read(tables().join(name)).unwrap();
    // Exports of mongoexport are called JSON, and are objects one behind the other.
    app.post_text("/api/v1/schemas/infer?name=s", media_type(name), body).await.json()
}

/// Whether a stored value is what its source had: numbers by what they are.
fn is_same(found: &Json, source: &Json) -> bool {
    match (found, source) {
        (Json::Number(found), Json::Number(source)) => found.as_f64() == source.as_f64(),
        // A decimal is text in JSON, a number in other formats.
        (Json::String(found), Json::Number(source)) => found.parse::<f64>().ok() == source.as_f64(),
        (found, source) => found == source,
    }
}

#[tokio::test]
async fn every_file_goes_in_by_what_is_proposed_with_the_values_of_its_source() {
    let expected: Json = serde_json::from_slice(&fs::read(tables().join("expected.json")).unwrap()).unwrap();
    let mut proposals = String::new();
    for (name, rows) in expected.as_object().unwrap() {
        let app = TestApp::start();
        let proposal = propose(&app, name).await;
        let created = app.post("/api/v1/schemas", &proposal["schema"]).await;
        assert_eq!(created.status, 201, "{name}: {proposal} {}", created.text);
        let query = proposal["query"].as_str().unwrap();
        let body = fs::read(tables().join(name)).unwrap();
        let answer = app.post_text(&format!("/api/v1/records/s/bulk?{query}"), media_type(name), body).await;
        assert_eq!(answer.status, 201, "{name}: {proposal} {}", answer.text);
        let stored = app.get("/api/v1/records/s/stream").await.text;
        let stored: Vec<Json> = stored.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let rows = rows.as_array().unwrap();
        assert_eq!(stored.len(), rows.len(), "{name}");
        let properties = proposal["schema"]["properties"].as_array().unwrap();
        for (found, row) in stored.iter().zip(rows) {
            for property in properties {
                let column = property["name"].as_str().unwrap();
                let source = row.get(column).unwrap_or(&Json::Null);
                assert!(is_same(&found[column], source), "{name}, `{column}`: {} for {source}", found[column]);
            }
            let columns = row.as_object().unwrap().keys();
            for column in columns {
                assert!(properties.iter().any(|property| property["name"] == **column), "{name} lacks `{column}`");
            }
        }
        let types = properties.iter().map(|property| {
            let has_dialect = ["formats", "null_tokens", "decimal_separator", "true_tokens", "trim"];
            let said: Vec<String> = has_dialect
                .iter()
                .filter(|option| !property[**option].is_null())
                .map(|option| format!(" {option}={}", property[*option]))
                .collect();
            format!("{}: {}{}", property["name"].as_str().unwrap(), property["type"].as_str().unwrap(), said.concat())
        });
        writeln!(proposals, "{name} {query}\n  {}", types.collect::<Vec<_>>().join(", ")).unwrap();
    }
    insta::assert_snapshot!("proposals", proposals);
}

#[tokio::test]
async fn what_is_no_table_of_records_is_not_made_one() {
    for (name, said) in WITHOUT_RECORDS {
        let app = TestApp::start();
        let proposal = propose(&app, name).await;
        assert!(proposal.to_string().contains(said), "{name}: {proposal}");
    }
    for name in ONE_OBJECT {
        let app = TestApp::start();
        let proposal = propose(&app, name).await;
        assert_eq!((&proposal["records"], &proposal["query"]), (&json!(1), &json!("")), "{name}: {proposal}");
    }
}

#[test]
fn every_file_of_the_folder_is_looked_at() {
    let expected: Json = serde_json::from_slice(&fs::read(tables().join("expected.json")).unwrap()).unwrap();
    let mut known: Vec<String> = expected.as_object().unwrap().keys().cloned().collect();
    known.extend(WITHOUT_RECORDS.iter().map(|(name, _)| (*name).to_owned()));
    known.extend(ONE_OBJECT.map(str::to_owned));
    known.sort_unstable();
    let mut found = Vec::new();
    for folder in ["", "spark.parquet/"] {
        for file in fs::read_dir(tables().join(folder)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_file() && !["make.py", "expected.json", "_SUCCESS"].contains(&name) {
                found.push(format!("{folder}{name}"));
            }
        }
    }
    found.sort_unstable();
    assert_eq!(found, known);
}
