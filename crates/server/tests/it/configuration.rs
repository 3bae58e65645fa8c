//! The files in `config/` and the table of settings in the documentation.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use eider::configuration::{known_keys, load, variables_of};
use eider::settings::Settings;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn every_file_in_config_is_valid() {
    let mut files = 0;
    for entry in fs::read_dir(root().join("config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        load(Some(&path), &[]).unwrap_or_else(|error| panic!("{}: {error:#}", path.display()));
        files += 1;
    }
    assert!(files >= 2);
}

#[test]
fn the_default_file_says_every_default_with_what_it_is_for() {
    let text = read("config/default.toml");
    let given: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(given, toml::Table::try_from(Settings::default()).unwrap());
    let keys: Vec<String> = settings_of(&text).into_iter().map(|setting| setting.key).collect();
    let (mut documented, mut known) = (keys, known_keys());
    documented.sort();
    known.sort();
    assert_eq!(documented, known);
}

struct Setting {
    key: String,
    default: String,
    comment: String,
}

/// The settings of a commented file; panics where a key has no comment.
fn settings_of(text: &str) -> Vec<Setting> {
    let (mut section, mut comment, mut settings) = (String::new(), Vec::new(), Vec::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut section);
        } else if let Some(words) = line.strip_prefix('#') {
            comment.push(words.trim());
            continue;
        } else if let Some((key, default)) = line.split_once(" = ") {
            let key = format!("{section}.{key}");
            assert!(!comment.is_empty(), "{key} has no comment");
            settings.push(Setting { key, default: default.to_owned(), comment: comment.join(" ") });
        }
        comment.clear();
    }
    settings
}

#[test]
fn the_operations_guide_names_what_a_reload_changes() {
    let guide = read("docs/operations.md").replace('\n', " ");
    let named = guide.split("These can change: ").nth(1).unwrap().split(". ").next().unwrap();
    let keys: Vec<&str> = named.split(", ").map(|key| key.trim_matches('`')).collect();
    assert_eq!(keys, eider::reload::RELOADABLE);
}

#[test]
fn the_operations_guide_lists_every_setting() {
    let mut table = String::from("| key | environment | default | |\n|---|---|---|---|\n");
    for Setting { key, default, comment } in settings_of(&read("config/default.toml")) {
        let variables: Vec<String> = variables_of(&key).iter().map(|name| format!("`{name}`")).collect();
        writeln!(table, "| `{key}` | {} | `{default}` | {comment} |", variables.join(", ")).unwrap();
    }
    let guide = read("docs/operations.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let (before, rest) = guide.split_once("| key | environment |").unwrap();
        let after = rest.split_once("\n\n").map_or(String::new(), |(_, after)| format!("\n{after}"));
        fs::write(root().join("docs/operations.md"), format!("{before}{table}{after}")).unwrap();
        return;
    }
    assert!(guide.contains(&table), "docs/operations.md lacks this table (UPDATE_DOCS=1 writes it):\n{table}");
}
