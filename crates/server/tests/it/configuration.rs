//! The files in `config/` and the table of settings in the documentation.

use std::fs;
use std::path::{Path, PathBuf};

use eider::settings::reference::{REFERENCE, Setting};
use eider::settings::{Settings, load, reference};

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

/// Where the table of settings stands in a page of the documentation.
const TABLE: (&str, &str) = ("<!-- settings: begin -->\n", "<!-- settings: end -->");

/// Whether the files that are made of the settings are to be made again.
fn is_update() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

#[test]
fn the_default_file_is_made_of_the_settings() {
    let file = reference::default_file();
    let given: toml::Table = toml::from_str(&file).unwrap();
    let keys: Vec<String> = REFERENCE.iter().map(|setting| setting.key.clone()).collect();
    let flat = given.iter().flat_map(|(section, names)| {
        names.as_table().unwrap().iter().map(move |(name, value)| (format!("{section}.{name}"), value.clone()))
    });
    assert_eq!(flat.collect::<toml::Table>(), Settings::default().table().unwrap(), "{keys:?}");
    if is_update() {
        fs::write(root().join("config/default.toml"), file).unwrap();
        return;
    }
    assert_eq!(read("config/default.toml"), file, "UPDATE_DOCS=1 writes config/default.toml");
}

/// The page with the table of settings, wherever it stands in the documentation.
fn page_with_the_table(directory: &Path) -> Option<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).find_map(|path| {
        if path.is_dir() {
            return page_with_the_table(&path);
        }
        let is_page = path.extension().is_some_and(|extension| extension == "md");
        (is_page && fs::read_to_string(&path).unwrap().contains(TABLE.0)).then_some(path)
    })
}

#[test]
fn the_documentation_has_the_table_of_settings() {
    let page = page_with_the_table(&root().join("docs")).expect("a page has the mark of the table");
    let text = fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(TABLE.0).unwrap();
    let (table, after) = rest.split_once(TABLE.1).expect("the table ends");
    if is_update() {
        fs::write(&page, [before, TABLE.0, &reference::table(), TABLE.1, after].concat()).unwrap();
        return;
    }
    assert_eq!(table, reference::table(), "UPDATE_DOCS=1 writes {}", page.display());
}

#[test]
fn the_schema_describes_every_file_in_config() {
    let output = crate::process::eider(&["config", "schema"]).output().unwrap();
    assert!(output.status.success());
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema, reference::json_schema());
    let default: toml::Table = toml::from_str(&read("config/default.toml")).unwrap();
    for (section, names) in &default {
        for (name, value) in names.as_table().unwrap() {
            let described = &schema["properties"][section]["properties"][name]["default"];
            assert_eq!(*described, serde_json::to_value(value).unwrap(), "{section}.{name}");
        }
    }
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
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("eider.toml");
    for setting in REFERENCE.iter() {
        let (Setting { key, default, .. }, section, name) = (setting, setting.section(), setting.name());
        let values = refused(key, default);
        assert!(values.len() > usize::from(!FREE.contains(&key.as_str())), "{key} has no values of its own");
        for value in values {
            fs::write(&file, format!("[{section}]\n{name} = {value}\n")).unwrap();
            let Err(error) = load(Some(&file), &[]) else { panic!("{key} = {value} is taken") };
            let message = format!("{error:#}");
            let named = ["server.tls_certificate", "server.tls_key"].contains(&key.as_str())
                || key.starts_with("memory.") && message.contains("`memory.")
                || key == "limits.default_page"
                || key == "pool.max_overflow";
            assert!(named || message.contains(key.as_str()) || message.contains(name), "{key} = {value}: {message}");
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
