//! The documents: every link leads somewhere, every page is in the book, and no line is too long to read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Longest line of prose; tables, code, and links that cannot be broken are longer where they must.
const MAX_CHARS: usize = 120;
/// Directories that hold no documents of the project.
const SKIPPED: [&str; 5] = ["target", ".git", ".venv", "node_modules", "data"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is there")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a directory whose names end with one of these.
fn files(directory: &Path, ends: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("the directory can be read") {
        let entry = entry.expect("the entry can be read");
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_str().expect("names are UTF-8");
        if entry.file_type().expect("the entry has a type").is_dir() {
            if !SKIPPED.contains(&name) {
                files(&path, ends, found);
            }
        } else if ends.iter().any(|end| name.ends_with(end)) {
            found.push(path);
        }
    }
}

fn documents() -> BTreeMap<PathBuf, String> {
    let mut found = Vec::new();
    files(&root(), &[".md"], &mut found);
    assert!(found.len() > 40, "the search finds the documents");
    found.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// The lines of a document outside of fenced blocks, with their numbers from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence = None;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            None if ticks >= 3 => fence = Some(ticks),
            None => return Some((index + 1, line)),
            Some(opened) if ticks >= opened && line.trim_end().len() == ticks => fence = None,
            Some(_) => {}
        }
        None
    })
}

/// A line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// The targets of the links of a line.
fn targets(line: &str) -> Vec<String> {
    let line = without_code(line);
    let parts = line.split("](").skip(1);
    parts.filter_map(|part| part.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// The anchors that the headings of a document have, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for (_, line) in prose(text) {
        let Some(heading) = line.strip_prefix('#') else { continue };
        let heading = heading.trim_start_matches('#').trim();
        let kept = |char: char| char.is_alphanumeric() || " _-".contains(char);
        let anchor: String = heading.to_lowercase().chars().filter(|char| kept(*char)).collect();
        let anchor = anchor.replace(' ', "-");
        let times = seen.entry(anchor.clone()).or_default();
        anchors.insert(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
        *times += 1;
    }
    anchors
}

/// What is wrong with a link of a document, if anything.
fn fault(from: &Path, target: &str, documents: &BTreeMap<PathBuf, String>) -> Option<&'static str> {
    if ["http:", "https:", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { from.to_owned() } else { from.parent()?.join(path) };
    let Ok(path) = path.canonicalize() else { return Some("leads nowhere") };
    let book = root().join("docs");
    if from.starts_with(&book) && !path.starts_with(&book) {
        return Some("leaves the book");
    }
    if anchor.is_empty() {
        return None;
    }
    let known = documents.get(&path).is_some_and(|text| anchors(text).contains(anchor));
    (!known).then_some("has no such heading")
}

#[test]
fn every_link_leads_somewhere() {
    let documents = documents();
    let mut broken = Vec::new();
    for (path, text) in &documents {
        // Parts of a document of another directory, which is checked itself.
        if path.starts_with(root().join("docs/benchmarks")) {
            continue;
        }
        for (number, line) in prose(text) {
            for target in targets(line) {
                if let Some(fault) = fault(path, &target, &documents) {
                    broken.push(format!("{}:{number}: {target} {fault}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The check above has teeth.
#[test]
fn a_broken_link_is_found() {
    let from = root().join("README.md");
    let text = "# A `head`, and more\n```sh\n# no heading [a](b)\n```\n# A head and more\n`[c](d)` [e](f.md) [g](#h)";
    let documents = BTreeMap::from([(from.clone(), text.to_owned())]);
    assert_eq!(anchors(text), BTreeSet::from(["a-head-and-more".to_owned(), "a-head-and-more-1".to_owned()]));
    let links: Vec<String> = prose(text).flat_map(|(_, line)| targets(line)).collect();
    assert_eq!(links, ["f.md", "#h"]);
    let faults = ["https://example.org", "LICENSE", "#a-head-and-more-1", "#h", "f.md", "LICENSE#h"]
        .map(|target| fault(&from, target, &documents));
    let nowhere = Some("leads nowhere");
    let no_heading = Some("has no such heading");
    assert_eq!(faults, [None, None, None, no_heading, nowhere, no_heading]);
    assert_eq!(fault(&root().join("docs/README.md"), "../LICENSE", &documents), Some("leaves the book"));
}

#[test]
fn every_page_is_in_the_book() {
    let docs = root().join("docs");
    let summary = docs.join("SUMMARY.md");
    let text = read(&summary);
    let listed: BTreeSet<PathBuf> = text.lines().flat_map(targets).map(|target| docs.join(target)).collect();
    // The benchmarks are one page, made of the parts in its directory.
    let is_page = |path: &Path| *path != summary && !path.starts_with(docs.join("benchmarks"));
    let pages: BTreeSet<PathBuf> =
        documents().into_keys().filter(|path| path.starts_with(&docs) && is_page(path)).collect();
    assert_eq!(listed, pages, "docs/SUMMARY.md lists what it should");
}

/// Comments and settings that name a page name one that there is.
#[test]
fn every_page_that_a_source_names_is_there() {
    let ends = [".rs", ".toml", ".yml", ".yaml", ".sh", ".py", ".json", ".service", "justfile", "dev", "run"];
    let mut sources = Vec::new();
    files(&root(), &ends, &mut sources);
    let mut missing = Vec::new();
    for path in sources {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for part in text.split("docs/").skip(1) {
            let name: String =
                part.chars().take_while(|char| char.is_alphanumeric() || "/-_.".contains(*char)).collect();
            let Some((page, _)) = name.split_once(".md") else { continue };
            let page = format!("docs/{page}.md");
            if !root().join(&page).try_exists().expect("the page can be looked for") {
                missing.push(format!("{}: {page}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn no_line_of_prose_is_too_long() {
    let mut long = Vec::new();
    let mut documents = documents();
    // Made from its parts, which are checked, and from reports.
    documents.remove(&root().join("docs/benchmarks.md"));
    for (path, text) in documents {
        for (number, line) in prose(&text) {
            // What cannot be broken: a row of a table, a heading, and a link with nothing else in its line.
            let item = line.trim_start().trim_start_matches("- ");
            let is_whole = line.starts_with('|') || line.starts_with('#') || item.starts_with('[');
            if line.chars().count() > MAX_CHARS && !is_whole {
                long.push(format!("{}:{number}", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "these have more than {MAX_CHARS} characters: {long:#?}");
}
