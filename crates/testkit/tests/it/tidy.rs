//! What every file of the workspace looks like.

use std::fs;
use std::path::{Path, PathBuf};

use eider_application::ErrorCode;
use eider_domain::ViolationCode;

use crate::architecture::metadata;

/// Most lines of a file, its tests not counted.
const MAX_LINES: usize = 500;

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn member_directories() -> Vec<PathBuf> {
    let packages = metadata().packages;
    packages.iter().filter_map(|package| package.manifest_path.parent().map(Into::into)).collect()
}

/// The Rust files below a directory that are no tests: neither in `tests/` nor called `tests.rs`.
fn source_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("the directory can be read") {
        let path = entry.expect("the entry can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !["tests", "target"].contains(&name) {
                source_files(&path, files);
            }
        } else if name != "tests.rs" && path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn all_source_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for directory in member_directories() {
        source_files(&directory, &mut files);
    }
    assert!(files.len() > 20, "the search finds the sources");
    files
}

/// The part of a file that stands before its tests.
fn without_tests(source: &str) -> &str {
    source.split_once("\n#[cfg(test)]\nmod tests {").map_or(source, |(before, _)| before)
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    for directory in member_directories() {
        let manifest = read(&directory.join("Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", directory.display());
    }
}

#[test]
fn every_source_file_begins_with_its_purpose() {
    let without: Vec<PathBuf> = all_source_files().into_iter().filter(|path| !read(path).starts_with("//! ")).collect();
    assert!(without.is_empty(), "these begin without `//!`: {without:#?}");
}

#[test]
fn no_source_file_is_longer_than_a_reader_can_hold() {
    let lines = |path: &PathBuf| without_tests(&read(path)).lines().count();
    let long: Vec<PathBuf> = all_source_files().into_iter().filter(|path| lines(path) > MAX_LINES).collect();
    assert!(long.is_empty(), "these have more than {MAX_LINES} lines: {long:#?}");
}

#[test]
fn every_code_has_its_entry_in_the_documentation() {
    let page = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/errors.md"));
    // `/errors/<code>` leads to the heading of a problem's code; violations are rows of tables.
    let headings = ErrorCode::ALL.iter().map(|code| format!("\n### {code}\n"));
    let rows = ViolationCode::ALL.iter().map(|code| format!("\n| `{code}` | {} |\n", code.meaning()));
    let missing: Vec<String> = headings.chain(rows).filter(|entry| !page.contains(entry)).collect();
    assert!(missing.is_empty(), "docs/reference/errors.md does not have {missing:#?}");
}

/// A case that no test runs would prove nothing.
#[test]
fn every_case_of_the_contract_is_run() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let list = read(&sources.join("contract.rs"));
    let mut files = Vec::new();
    source_files(&sources.join("contract"), &mut files);
    files.retain(|path| !path.ends_with("fixture.rs"));
    let mut cases = 0;
    for path in files {
        let source = read(&path);
        for case in source.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split_once('(')) {
            assert!(list.contains(&format!("\n                {}\n", case.0)), "{} is not in the list", case.0);
            cases += 1;
        }
    }
    assert!(cases > 50, "the search finds the cases");
}
