//! Who may depend on whom: the table of `ARCHITECTURE.md`, checked against `cargo metadata`.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fmt, fs};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

use crate::rooms::{Files, Rooms, read_files};

/// The crates and the workspace crates that each depends on, no more and no fewer.
const EDGES: &[(&str, &[&str])] = &[
    ("eider-domain", &[]),
    ("eider-settings", &[]),
    ("eider-formats", &["eider-domain"]),
    ("eider-application", &["eider-domain", "eider-settings", "eider-formats"]),
    ("eider-engine-duckdb", &["eider-domain", "eider-settings", "eider-application"]),
    ("eider-store-duckdb", &["eider-domain", "eider-settings", "eider-application", "eider-engine-duckdb"]),
    ("eider-http-api", &["eider-domain", "eider-settings", "eider-formats", "eider-application"]),
    ("eider", &["eider-domain", "eider-settings", "eider-application", "eider-store-duckdb", "eider-http-api"]),
    ("eider-testkit", &["eider-domain", "eider-application"]),
];

/// The rooms of a crate, the modules at the top of its `src`, from the highest to the lowest: a room may import from those
/// behind it. Crates that are not named here are read and not judged; `cargo test -p eider-testkit rooms -- --nocapture`
/// prints what their rows would be.
const ROOMS: &[(&str, &[&str])] = &[
    ("eider-domain", &["access", "evolution", "quality", "query", "record", "schema", "types", "violation", "names"]),
    ("eider-settings", &["size", "period", "auto"]),
    (
        "eider-formats",
        &["format", "parquet", "ndjson", "json", "csv", "arrow", "writer", "reader", "options", "metadata", "column"],
    ),
    (
        "eider-application",
        &["schemas", "quality", "ingest", "records", "backup", "runtime", "infer", "error", "access", "ports"],
    ),
    (
        "eider-http-api",
        &[
            "server",
            "api",
            "request",
            "state",
            "telemetry",
            "response",
            "representation",
            "query_string",
            "limits",
            "settings",
            "transport",
            "error",
        ],
    ),
    ("eider-engine-duckdb", &["quality", "read", "sql", "relation", "connection", "columns", "ident", "error"]),
    ("eider-store-duckdb", &["store", "write", "read", "operate", "table", "catalog", "sql", "index", "file"]),
    (
        "eider-testkit",
        &["contract", "strategies", "reports", "memory", "reference", "query", "ids", "batch", "column", "clock"],
    ),
    ("eider", &["command", "wiring", "settings", "telemetry", "store", "memory"]),
];

/// Third-party crates that only some crates may use. A name that ends in `-` stands for all that begin with it.
const OWNERS: &[(&str, &[&str])] = &[
    ("duckdb", &["eider-engine-duckdb"]),
    ("deadpool", &["eider-engine-duckdb"]),
    ("actix-", &["eider-http-api"]),
    ("clap", &["eider"]),
    ("figment", &["eider"]),
    ("opentelemetry-otlp", &["eider"]),
    ("tracing-subscriber", &["eider"]),
    ("tracing-bunyan-formatter", &["eider"]),
];

/// Everything that the domain may use: nothing here is async, reads a clock or does I/O.
const DOMAIN_LIBRARIES: &[&str] = &[
    "arrow-schema",
    "base64",
    "chrono",
    "icu_casemap",
    "icu_normalizer",
    "jiff",
    "memchr",
    "regex",
    "serde",
    "serde_json",
    "sha2",
    "strsim",
    "strum",
    "thiserror",
    "uuid",
];

/// A dependency as a manifest states it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: String,
    to: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// What the crate itself is built with; build scripts count.
    Normal,
    /// What only its tests use.
    Dev,
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} ({:?})", self.from, self.to, self.kind)
    }
}

fn edge(from: &str, to: &str, kind: Kind) -> Edge {
    Edge { from: from.to_owned(), to: to.to_owned(), kind }
}

pub(crate) fn metadata() -> Metadata {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().expect("cargo reads the manifests")
}

/// The members of the workspace and every dependency that they state.
fn workspace() -> (BTreeSet<String>, Vec<Edge>) {
    let metadata = metadata();
    let members = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let edges = metadata.packages.iter().flat_map(|package| {
        package.dependencies.iter().map(|dependency| {
            let kind = if dependency.kind == DependencyKind::Development { Kind::Dev } else { Kind::Normal };
            edge(&package.name, &dependency.name, kind)
        })
    });
    (members, edges.collect())
}

/// Everything that differs from the tables. Members that the tables do not name are leaves: they may depend on
/// anything, and nothing may depend on them.
fn differences(members: &BTreeSet<String>, edges: &[Edge]) -> Vec<String> {
    let is_member = |name: &str| members.contains(name);
    let allowed = |from: &str| EDGES.iter().find(|(name, _)| *name == from).map(|(_, to)| *to);
    let mut differences = Vec::new();
    for (from, targets) in EDGES {
        let is_stated = |to: &&&str| edges.contains(&edge(from, to, Kind::Normal));
        let missing = targets.iter().filter(|to| !is_stated(to));
        differences.extend(missing.map(|to| format!("{from} -> {to} is in the table but in no manifest")));
    }
    for edge in edges {
        let Some(targets) = allowed(&edge.from) else { continue };
        let to = edge.to.as_str();
        let is_allowed = match (is_member(to), edge.kind) {
            (true, Kind::Normal) => targets.contains(&to),
            (true, Kind::Dev) => targets.contains(&to) || (to == "eider-testkit" && edge.from != "eider-domain"),
            (false, kind) => may_use(&edge.from, to, kind),
        };
        if !is_allowed {
            differences.push(format!("{edge} is not allowed"));
        }
    }
    differences
}

/// Whether a crate may use a third-party crate.
fn may_use(from: &str, library: &str, kind: Kind) -> bool {
    let is_reserved = |name: &str| name == library || (name.ends_with('-') && library.starts_with(name));
    let owns = OWNERS.iter().filter(|(name, _)| is_reserved(name)).all(|(_, owners)| owners.contains(&from));
    let is_pure = from != "eider-domain" || DOMAIN_LIBRARIES.contains(&library);
    let is_generator = library == "proptest" && from != "eider-testkit";
    match kind {
        Kind::Normal => owns && is_pure && !is_generator,
        Kind::Dev => owns,
    }
}

#[test]
fn workspace_edges_are_exactly_those_allowed() {
    let (members, edges) = workspace();
    assert!(EDGES.iter().all(|(name, _)| members.contains(*name)), "the table names a crate that does not exist");
    let differences = differences(&members, &edges);
    assert!(differences.is_empty(), "{differences:#?}");
}

/// The same table for people: a row per crate, `crate`, what it depends on, what it owns.
#[test]
fn the_architecture_page_shows_the_same_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ARCHITECTURE.md");
    let page = fs::read_to_string(path).expect("the page can be read");
    for (name, targets) in EDGES {
        let short: Vec<&str> = targets.iter().map(|to| to.trim_start_matches("eider-")).collect();
        let short = if short.is_empty() { "–".to_owned() } else { short.join(", ") };
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` | {short} |")));
        let row = row.unwrap_or_else(|| panic!("`{name}` has no row that says it depends on {short}"));
        for (library, owners) in OWNERS {
            assert_eq!(row.contains(&format!("`{library}")), owners.contains(name), "`{name}` and `{library}`");
        }
    }
}

/// The same order for people: an item per crate, which names its rooms.
#[test]
fn the_architecture_page_shows_the_same_rooms() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ARCHITECTURE.md");
    let page = fs::read_to_string(path).expect("the page can be read");
    for (name, stated) in ROOMS {
        let start = format!("- **{}**", name.trim_start_matches("eider-"));
        let item = page.split_once(&start).unwrap_or_else(|| panic!("`{name}` has no item")).1;
        let item = item.split("\n\n").next().unwrap_or_default().split("\n- ").next().unwrap_or_default();
        let shown: Vec<&str> = item.split('`').skip(1).step_by(2).filter(|word| stated.contains(word)).collect();
        assert_eq!(shown, *stated, "`{name}`");
    }
}

/// The lowest room, made to import the highest.
#[test]
fn the_checker_refuses_an_import_that_points_up() {
    let libraries = libraries();
    for (name, stated) in ROOMS {
        let (_, files) = libraries.iter().find(|(library, _)| library == name).expect("the table names crates");
        let (highest, lowest) = (stated[0], stated[stated.len() - 1]);
        let mut doctored = files.clone();
        let is_of_room = |file: &str| file == format!("{lowest}.rs") || file == format!("{lowest}/mod.rs");
        let (_, file) = doctored.iter_mut().find(|(file, _)| is_of_room(file)).expect("a room has a file");
        *file += &["use crate::", highest, "::Thing;"].concat();
        let differences = Rooms::of(&doctored).differences(stated);
        assert_eq!(differences.len(), 1, "{differences:#?}");
        assert!(differences[0].starts_with(&format!("`{lowest}` imports `{highest}`")), "{differences:#?}");
    }
}

#[test]
fn nothing_depends_on_a_leaf() {
    let (members, edges) = workspace();
    let leaves: Vec<&String> =
        members.iter().filter(|name| EDGES.iter().all(|(known, _)| known != &name.as_str())).collect();
    assert!(!leaves.is_empty(), "benches and load-tests are leaves");
    let dependants: Vec<&Edge> = edges.iter().filter(|edge| leaves.contains(&&edge.to)).collect();
    assert!(dependants.is_empty(), "{dependants:?}");
}

#[test]
fn the_checker_refuses_what_the_architecture_forbids() {
    let (members, edges) = workspace();
    for forbidden in [
        edge("eider-domain", "eider-application", Kind::Normal),
        edge("eider-application", "eider-store-duckdb", Kind::Normal),
        edge("eider-http-api", "eider-store-duckdb", Kind::Normal),
        edge("eider-http-api", "eider-store-duckdb", Kind::Dev),
        edge("eider", "eider-testkit", Kind::Normal),
        edge("eider-domain", "eider-testkit", Kind::Dev),
        edge("eider-testkit", "eider-store-duckdb", Kind::Normal),
        edge("eider-application", "duckdb", Kind::Normal),
        edge("eider-http-api", "duckdb", Kind::Dev),
        edge("eider-application", "actix-web", Kind::Normal),
        edge("eider", "actix-http", Kind::Normal),
        edge("eider-http-api", "tracing-subscriber", Kind::Normal),
        edge("eider-store-duckdb", "clap", Kind::Normal),
        edge("eider-engine-duckdb", "eider-store-duckdb", Kind::Normal),
        edge("eider-store-duckdb", "duckdb", Kind::Normal),
        edge("eider-application", "proptest", Kind::Normal),
        edge("eider-domain", "tokio", Kind::Normal),
    ] {
        let doctored = [edges.as_slice(), std::slice::from_ref(&forbidden)].concat();
        assert!(!differences(&members, &doctored).is_empty(), "{forbidden} should be refused");
    }
}

#[test]
fn the_checker_notices_a_stale_row_of_the_table() {
    let (members, edges) = workspace();
    let gone = edge("eider-http-api", "eider-application", Kind::Normal);
    let without: Vec<Edge> = edges.into_iter().filter(|edge| *edge != gone).collect();
    assert!(!differences(&members, &without).is_empty());
}

/// The files of the crates that have a `lib.rs`, by the name of the crate.
fn libraries() -> Vec<(String, Files)> {
    let packages = metadata().packages.into_iter().filter(|package| package.name.starts_with("eider"));
    let files = packages.map(|package| {
        let directory = package.manifest_path.parent().expect("a manifest has a directory").join("src");
        (package.name.to_string(), read_files(directory.as_std_path()))
    });
    files.filter(|(_, files)| files.contains_key("lib.rs")).collect()
}

#[test]
fn layers_inside_a_crate_point_down() {
    for (name, files) in libraries() {
        let rooms = Rooms::of(&files);
        match ROOMS.iter().find(|(known, _)| *known == name) {
            Some((_, stated)) => {
                let differences = rooms.differences(stated);
                assert!(differences.is_empty(), "the rooms of {name}: {differences:#?}");
            }
            // Leaves may lie as they like.
            None if EDGES.iter().all(|(known, _)| *known != name) => {}
            None => panic!("{name} needs a row in ROOMS: (\"{name}\", {}", rooms.proposal()),
        }
    }
    let known: BTreeSet<String> = libraries().into_iter().map(|(name, _)| name).collect();
    for (name, _) in ROOMS {
        assert!(known.contains(*name), "there is no library {name}");
    }
}

/// Another store is another crate and a change of one file.
#[test]
fn the_program_names_its_store_in_one_file() {
    let libraries = libraries();
    let (_, files) = libraries.iter().find(|(name, _)| name == "eider").expect("the program has a library");
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let names = |text: &str| text.lines().filter(is_code).any(|line| line.contains("eider_store_duckdb"));
    let naming: Vec<&String> = files.iter().filter(|(_, text)| names(text)).map(|(file, _)| file).collect();
    assert_eq!(naming, ["store.rs"]);
}
