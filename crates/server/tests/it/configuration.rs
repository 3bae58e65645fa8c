//! The files in `config/` and the table of settings in the documentation.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use eider::settings::{RELOADABLE, Settings, known_keys, load, variables_of};

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
    assert_eq!(keys, RELOADABLE);
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

/// Settings of which every text is a value, but for those that [`refused`] names.
const FREE: [&str; 4] = ["storage.temp_directory", "server.hosts", "telemetry.otlp_endpoint", "telemetry.service_name"];

/// Values in TOML that a setting with this default cannot have.
fn refused(key: &str, default: &toml::Value) -> Vec<&'static str> {
    let own: &[&str] = match key {
        "server.listen" => &["\"\"", "\"nowhere\"", "\"127.0.0.1:99999\"", "\"127.0.0.1\"", "8080"],
        "server.cors_origins" => &["[\"example.org\"]", "[\"https://example.org/\"]", "\"*\"", "[1]"],
        "server.tls_certificate" | "server.tls_key" => &["\"only-one.pem\"", "1"],
        "server.hosts" => &["\"localhost\"", "[1]"],
        "server.workers" | "storage.threads" => &["0", "513", "100000", "-1", "\"some\"", "1.5"],
        "server.max_connections" | "pool.size" | "commits.queue_length" | "limits.streams" | "limits.bulk_calls" => {
            &["0"]
        }
        "pool.max_overflow" => &["100000", "18446744073709551615"],
        "server.header_timeout"
        | "server.body_timeout"
        | "limits.query_timeout"
        | "limits.stream_idle"
        | "memory.check_every" => &["\"0s\""],
        "limits.url_size" | "limits.body_size" | "limits.bulk_size" => &["\"0 B\"", "0"],
        "storage.data_dir" => &["\"\"", "2024"],
        "storage.umask" => &["\"777\"", "\"77\"", "\"rw\"", "77"],
        "storage.memory_limit" => &["\"1 MiB\""],
        "memory.limit" => &["\"1 MiB\"", "\"200 MiB\"", "\"-1\""],
        "memory.soft_share" | "memory.critical_share" => &["0.0", "1.5", "2"],
        "limits.json_depth" => &["0", "100000"],
        "limits.default_page" => &["0", "10001"],
        "log.format" => &["\"xml\"", "1"],
        "log.filter" => &["\"warning\"", "\"verbose\"", "\"eider=loud\"", "\"info,warning\"", "\"\"", "1"],
        "telemetry.sample_ratio" => &["2.0", "-0.1"],
        _ => &[],
    };
    let text = default.as_str().unwrap_or_default();
    let of_kind: &[&str] = match default {
        toml::Value::Integer(_) => &["-1", "\"many\"", "1.5", "[]"],
        toml::Value::Float(_) => &["-0.5", "\"half\"", "nan"],
        toml::Value::String(_) if text.parse::<bytesize::ByteSize>().is_ok() => {
            &["\"99999999999999999999 TiB\"", "\"-1\"", "\"large\"", "[]"]
        }
        toml::Value::String(_) if humantime_serde::re::humantime::parse_duration(text).is_ok() => {
            &["\"5M\"", "\"1M 5s\"", "\"-1s\"", "\"soon\"", "5", "\"\""]
        }
        toml::Value::String(_) if text == "auto" && key != "storage.temp_directory" && key != "log.format" => {
            &["\"-1\"", "\"lots\"", "\"\"", "[]"]
        }
        _ => &["[[]]"],
    };
    [own, of_kind].concat()
}

#[test]
fn every_setting_refuses_what_it_cannot_work_with() {
    let defaults = toml::Table::try_from(Settings::default()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("eider.toml");
    for key in known_keys() {
        let (section, name) = key.split_once('.').unwrap();
        let values = refused(&key, &defaults[section][name]);
        assert!(values.len() > usize::from(!FREE.contains(&&*key)), "{key} has no values of its own");
        for value in values {
            fs::write(&file, format!("[{section}]\n{name} = {value}\n")).unwrap();
            let Err(error) = load(Some(&file), &[]) else { panic!("{key} = {value} is taken") };
            let message = format!("{error:#}");
            let named = ["server.tls_certificate", "server.tls_key"].contains(&&*key)
                || key.starts_with("memory.") && message.contains("`memory.")
                || key == "limits.default_page"
                || key == "pool.max_overflow";
            assert!(named || message.contains(&key) || message.contains(name), "{key} = {value}: {message}");
        }
    }
}

#[test]
fn text_that_looks_like_a_number_stays_text() {
    let show = |variables: &[(&str, &str)]| {
        let mut command = crate::process::eider(&["config", "show"]);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr))
    };
    let (is_shown, text) = show(&[
        ("EIDER_DATA_DIR", "2024"),
        ("EIDER_TELEMETRY_SERVICE_NAME", "123"),
        ("EIDER_LIMITS_CONDITIONS", "7"),
        ("EIDER_SERVER_WORKERS", "3"),
        ("EIDER_MEMORY_SOFT_SHARE", "0.5"),
        ("EIDER_SERVER_HOSTS", "[\"records.example\"]"),
        ("EIDER_LIMITS_BODY_SIZE", "1048576"),
    ]);
    assert!(is_shown, "{text}");
    for line in [
        "data_dir = \"2024\"",
        "service_name = \"123\"",
        "conditions = 7",
        "workers = \"3\"",
        "soft_share = 0.5",
        "hosts = [\"records.example\"]",
        "body_size = \"1.0 MiB\"",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let (is_shown, text) = show(&[("EIDER_DATA_DIR", "")]);
    assert!(!is_shown && text.contains("`storage.data_dir` is empty"), "{text}");
}
