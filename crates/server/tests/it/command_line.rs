//! What the program says about itself.

use eider::command_line::help_of;

use crate::process::{eider, fails};

#[test]
fn help_of_every_command() {
    for command in [None, Some("serve"), Some("demo"), Some("keys")] {
        insta::assert_snapshot!(format!("help_{}", command.unwrap_or("eider")), help_of(command));
    }
}

#[test]
fn help_and_version_are_answered() {
    let output = eider(&["--version"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("eider {}\n", env!("CARGO_PKG_VERSION")));
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
