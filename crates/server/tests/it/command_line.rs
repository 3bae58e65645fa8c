//! What the program says about itself.

use eider::command::help_of;
use eider_store_duckdb::{EngineRelease, engine_linkage};
use regex::Regex;

use crate::process::{eider, fails};

#[test]
fn help_of_every_command() {
    let commands = ["serve", "health", "config", "keys", "demo", "import", "infer", "backup", "restore", "doctor"];
    for command in [None].into_iter().chain(commands.map(Some)) {
        insta::assert_snapshot!(format!("help_{}", command.unwrap_or("eider")), help_of(command));
    }
}

#[test]
fn help_and_version_are_answered() {
    for arguments in [&["--version"][..], &["-V"], &["serve", "--version"]] {
        let output = eider(arguments).output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        let (release, engine) = (env!("CARGO_PKG_VERSION"), EngineRelease::pinned());
        let commit = r"([0-9a-f]{10}|unknown)";
        let expected = format!(r"^eider {release} \({commit}\), DuckDB {engine}, {}\n$", engine_linkage());
        assert!(output.status.success() && Regex::new(&expected).unwrap().is_match(&shown), "{shown}");
    }
    assert!(eider(&["serve", "--help"]).output().unwrap().status.success());
    let unknown = eider(&["serv"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("'serve'"));
}

#[test]
fn a_configuration_that_is_wrong_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("eider.toml");
    std::fs::write(&file, "[pool]\nsize = 3\n[limits]\nmax_pages = 5\n").unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(
        fails(&["serve", "--config", file]),
        format!("eider: {file}:4: there is no setting `limits.max_pages`; did you mean `limits.max_page`?\n")
    );
    let missing = fails(&["serve", "--config", "/nowhere/eider.toml"]);
    assert!(missing.contains("/nowhere/eider.toml") && missing.contains("No such file"), "{missing}");
    let output = eider(&["serve"]).env("EIDER_LISTN", "127.0.0.1:0").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("EIDER_LISTN") && text.contains("did you mean `EIDER_LISTEN`"), "{text}");
}

#[test]
fn the_configuration_that_is_shown_is_one_that_can_be_given() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("eider.toml");
    let shown = eider(&["config", "show", "--listen", "127.0.0.1:7"]).env("EIDER_POOL_SIZE", "5").output().unwrap();
    assert!(shown.status.success(), "{shown:?}");
    let text = String::from_utf8(shown.stdout).unwrap();
    let line = |setting: &str| text.lines().find(|line| line.starts_with(setting)).unwrap().to_owned();
    assert!(line("listen = \"127.0.0.1:7\"").ends_with("# command line"));
    assert!(line("size = 5").ends_with("# EIDER_POOL_SIZE"));
    assert!(line("keep_alive = ").ends_with("# default"));
    std::fs::write(&file, &text).unwrap();
    let path = file.to_str().unwrap();
    let checked = eider(&["config", "check", path]).output().unwrap();
    assert_eq!(String::from_utf8(checked.stdout).unwrap(), format!("{path} is valid\n"));
    std::fs::write(&file, text.replace("size = 5", "sise = 5")).unwrap();
    let refused = fails(&["config", "check", path]);
    assert!(refused.contains("there is no setting `pool.sise`; did you mean `pool.size`?"), "{refused}");
}
