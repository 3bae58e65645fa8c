//! Layers of configuration: defaults, file, environment, flags. The later wins, key by key.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Value};
use figment::{Figment, Metadata, Provider, Source};

use super::Settings;
use super::reference::{REFERENCE, Setting};

/// What every variable of the environment begins with.
const PREFIX: &str = "EIDER_";
/// Names the configuration file; not a setting itself.
pub const CONFIG_VARIABLE: &str = "EIDER_CONFIG";
/// The layer of what nobody has set.
const DEFAULT: &str = "default";
/// How much a variable resembles the name of a setting (1 is the same) to be taken for a misspelt one.
const MISSPELT: f64 = 0.8;
/// Shorter names of the two settings that are set most.
const SHORT_VARIABLES: [(&str, &str); 2] = [("EIDER_LISTEN", "server.listen"), ("EIDER_DATA_DIR", "storage.data_dir")];

/// The keys of a table: `section.name`, or the name of what is no section.
fn keys_of(table: &toml::Table) -> Vec<String> {
    let keys = table.iter().flat_map(|(section, value)| match value {
        toml::Value::Table(keys) => keys.keys().map(|key| format!("{section}.{key}")).collect(),
        _ => vec![section.clone()],
    });
    keys.collect()
}

/// The variables that set a key: `EIDER_SECTION_KEY`, and a shorter name where there is one.
pub fn variables_of(key: &str) -> Vec<String> {
    let long = format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase());
    let short = SHORT_VARIABLES.iter().filter(|(_, short)| *short == key).map(|(name, _)| (*name).to_owned());
    [long].into_iter().chain(short).collect()
}

/// Reads the settings: `file` if there is one, then the environment, then `flags` (pairs of key and value).
///
/// # Errors
/// An unknown key in the file or the environment, with the nearest that there is; a value that a key cannot have.
pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Settings> {
    extract(&layers(file, flags)?)
}

/// Where settings come from beside the environment.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A file in TOML.
    pub file: Option<PathBuf>,
    /// Keys and values of the command line.
    pub flags: Vec<(&'static str, String)>,
}

impl Sources {
    /// Reads the settings.
    ///
    /// # Errors
    /// As [`load`].
    pub fn load(&self) -> Result<Settings> {
        load(self.file.as_deref(), &self.flags)
    }

    /// Reads the settings once more.
    ///
    /// # Errors
    /// As [`load`], and when they came from a pipe, which has nothing more to say.
    pub(crate) fn load_again(&self) -> Result<Settings> {
        if let Some(path) = &self.file {
            let metadata = fs::metadata(path).with_context(|| format!("cannot look at {}", path.display()))?;
            ensure!(metadata.is_file(), "{} is no file that can be read again", path.display());
        }
        self.load()
    }
}

/// A key, the value that is in force, and the layer that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// As `section.key`.
    pub key: String,
    /// As TOML; what is secret in it is masked.
    pub value: String,
    /// `default`, the path of the file, the name of the variable, or `command line`.
    pub source: String,
}

/// Every setting as it is in force, in the order of their definition.
///
/// # Errors
/// As [`load`].
pub fn effective(sources: &Sources) -> Result<Vec<Effective>> {
    let layers = layers(sources.file.as_deref(), &sources.flags)?;
    let mut values = extract(&layers)?.table().context("the settings cannot be written as TOML")?;
    let of = |Setting { key, .. }: &Setting| {
        let value = masked(values.remove(key)?).to_string();
        let source = layers.find_metadata(key).map_or_else(|| DEFAULT.to_owned(), |metadata| layer(metadata, key));
        Some(Effective { key: key.clone(), value, source })
    };
    Ok(REFERENCE.iter().filter_map(of).collect())
}

/// The layer that a value comes from, with the variable or the file.
fn layer(metadata: &Metadata, key: &str) -> String {
    match &metadata.source {
        Some(Source::File(path)) => path.display().to_string(),
        _ if metadata.name.starts_with("environment") => {
            let is_set = |name: &String| std::env::var_os(name).is_some();
            // The shorter name is merged last, and so wins.
            variables_of(key).into_iter().rfind(is_set).unwrap_or_else(|| "environment".to_owned())
        }
        _ if metadata.name == DEFAULT => DEFAULT.to_owned(),
        _ => "command line".to_owned(),
    }
}

/// The value without the credentials that a URL in it may have.
fn masked(value: toml::Value) -> toml::Value {
    match value {
        toml::Value::String(text) => toml::Value::String(masked_text(&text)),
        toml::Value::Array(values) => toml::Value::Array(values.into_iter().map(masked).collect()),
        other => other,
    }
}

/// However the URL is spelt: without a scheme, with `@` or `/` in the password.
fn masked_text(text: &str) -> String {
    let (scheme, rest) = match text.find(":/") {
        Some(end) => {
            text.split_at(end + text[end..].chars().skip(1).take_while(|character| *character == '/').count() + 1)
        }
        None => ("", text),
    };
    match rest.rsplit_once('@') {
        Some((credentials, host)) if !scheme.is_empty() || credentials.contains(':') => format!("{scheme}***@{host}"),
        _ => text.to_owned(),
    }
}

fn layers(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Figment> {
    let mut layers = Figment::new();
    for Setting { key, default, .. } in REFERENCE.iter() {
        layers = layers.merge(Named(DEFAULT, Serialized::default(key, default)));
    }
    if let Some(path) = file {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
        check_file(path, &text)?;
        layers = layers.merge(FileText { path, text: &text });
    }
    check_environment(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
    for Setting { key, default, .. } in REFERENCE.iter() {
        for variable in variables_of(key) {
            if let Some(text) = variable_text(&variable)? {
                layers = layers.merge(Variable { key, value: value_of(text, default) });
            }
        }
    }
    for (key, value) in flags {
        layers = layers.merge(Serialized::default(key, value));
    }
    Ok(layers)
}

/// Takes each value by itself first, so that a bad one is named with its key and its layer.
fn extract(layers: &Figment) -> Result<Settings> {
    let mut values = Dict::new();
    let mut faults = Vec::new();
    for Setting { key, .. } in REFERENCE.iter() {
        let Ok(value) = layers.find_value(key) else { continue };
        match settings_of(Dict::from([(key.clone(), value.clone())])) {
            Ok(_) => drop(values.insert(key.clone(), value)),
            Err(error) => faults.push(explain(key, &error, layers.find_metadata(key))),
        }
    }
    ensure!(faults.is_empty(), "the configuration is not valid: {}", faults.join("; "));
    let settings = settings_of(values).map_err(|error| anyhow::anyhow!("the configuration is not valid: {error}"))?;
    settings.check().context("the configuration is not valid")?;
    Ok(settings)
}

/// The settings of some values by their keys; all others have their defaults.
fn settings_of(values: Dict) -> Result<Settings, Box<figment::Error>> {
    Value::from(values).deserialize().map_err(Box::new)
}

/// What a variable of the environment says, if it is set.
fn variable_text(name: &str) -> Result<Option<String>> {
    let text = std::env::var_os(name).map(OsString::into_string);
    text.transpose().map_err(|_| anyhow::anyhow!("the environment variable {name} is not UTF-8"))
}

/// The value that a text stands for where a setting has this default. Where that is text, so is every value: a directory may be
/// called `2024`.
fn value_of(text: String, default: &toml::Value) -> Value {
    match default {
        toml::Value::String(_) => Value::from(text),
        _ => text.parse().unwrap_or_else(|never| match never {}),
    }
}

/// A setting of the environment.
struct Variable<'k> {
    key: &'k str,
    value: Value,
}

impl Provider for Variable<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment variable")
    }

    fn data(&self) -> Result<figment::value::Map<figment::Profile, Dict>, figment::Error> {
        Ok(figment::util::nest(self.key, self.value.clone())
            .into_dict()
            .map(|dict| figment::Profile::Default.collect(dict))
            .unwrap_or_default())
    }
}

/// A layer under a name of its own.
struct Named<P>(&'static str, P);

impl<P: Provider> Provider for Named<P> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0)
    }

    fn data(&self) -> Result<figment::value::Map<figment::Profile, Dict>, figment::Error> {
        self.1.data()
    }
}

/// A file that was read already: a pipe gives what it has once.
struct FileText<'f> {
    path: &'f Path,
    text: &'f str,
}

impl Provider for FileText<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::from("TOML file", self.path)
    }

    fn data(&self) -> Result<figment::value::Map<figment::Profile, Dict>, figment::Error> {
        Toml::string(self.text).data()
    }
}

/// One bad value: its key, what is wrong with it, and the layer that it comes from.
fn explain(key: &str, error: &figment::Error, metadata: Option<&Metadata>) -> String {
    let layer = metadata.map(|metadata| match &metadata.source {
        Some(Source::File(path)) => path.display().to_string(),
        _ if metadata.name.starts_with("environment") => {
            format!("the environment, as {}", variables_of(key).join(" or "))
        }
        _ => "the command line".to_owned(),
    });
    layer.map_or_else(
        || format!("`{key}`: {}", error.kind),
        |layer| format!("`{key}`: {} (given by {layer})", error.kind),
    )
}

fn check_file(path: &Path, text: &str) -> Result<()> {
    let table: toml::Table = toml::from_str(text).with_context(|| format!("{} is not valid TOML", path.display()))?;
    let known = || REFERENCE.iter().map(|setting| setting.key.as_str());
    for key in keys_of(&table) {
        if known().all(|name| name != key) {
            let line = line_of(text, key.rsplit('.').next().unwrap_or(&key));
            bail!("{}{line}: there is no setting `{key}`{}", path.display(), hint(&key, known()));
        }
    }
    Ok(())
}

/// `:n` for the first line that begins with a key, or nothing.
fn line_of(text: &str, key: &str) -> String {
    let begins = |line: &&str| line.trim_start().trim_start_matches(['[', '"']).starts_with(key);
    let number = text.lines().collect::<Vec<_>>().iter().position(begins);
    number.map_or_else(String::new, |index| format!(":{}", index + 1))
}

fn check_environment(names: impl Iterator<Item = String>) -> Result<()> {
    let variables: Vec<String> = REFERENCE.iter().flat_map(|setting| variables_of(&setting.key)).collect();
    for name in names.filter(|name| name.starts_with(PREFIX) && name != CONFIG_VARIABLE) {
        let Some((similarity, nearest)) = nearest(&name, variables.iter().map(String::as_str)) else { return Ok(()) };
        let names_section = REFERENCE.iter().any(|setting| {
            name.strip_prefix(PREFIX)
                .is_some_and(|rest| rest.starts_with(&format!("{}_", setting.section().to_ascii_uppercase())))
        });
        // Other programs have variables that begin so: a path to this one, say.
        if nearest != name && (names_section || similarity >= MISSPELT) {
            bail!("the environment variable {name} sets nothing; did you mean `{nearest}`?");
        }
    }
    Ok(())
}

/// The known name that is most like an unknown one, and how like it is, from 0 to 1.
fn nearest<'k>(unknown: &str, known: impl Iterator<Item = &'k str>) -> Option<(f64, &'k str)> {
    let similarity = |name: &'k str| (strsim::normalized_damerau_levenshtein(unknown, name), name);
    known.map(similarity).max_by(|(one, _), (other, _)| one.total_cmp(other))
}

fn hint<'k>(unknown: &str, known: impl Iterator<Item = &'k str>) -> String {
    nearest(unknown, known).map_or_else(String::new, |(_, key)| format!("; did you mean `{key}`?"))
}

#[cfg(test)]
#[expect(clippy::result_large_err, reason = "figment's jail wants its own error")]
mod tests {
    use figment::Jail;

    use super::*;

    #[test]
    fn later_layers_win_key_by_key() {
        Jail::expect_with(|jail| {
            jail.create_file("eider.toml", "[pool]\nsize = 3\nwait_timeout = \"7s\"\n[limits]\nmax_page = 500\n")?;
            jail.set_env("EIDER_POOL_SIZE", "4");
            jail.set_env("EIDER_STORAGE_MEMORY_LIMIT", "300MiB");
            jail.set_env("EIDER_LISTEN", "127.0.0.1:1");
            let flags = [("server.listen", "127.0.0.1:2".to_owned())];
            let settings = load(Some(Path::new("eider.toml")), &flags).unwrap();
            assert_eq!(settings.store.pool.size, 4);
            assert_eq!(settings.store.pool.wait_timeout.as_secs(), 7);
            assert_eq!(settings.http.max_page_limit, 500);
            assert_eq!(settings.for_store().memory_limit_bytes, 300 << 20);
            assert_eq!(settings.process.listen.port(), 2);
            assert_eq!(settings.http.max_conditions, Settings::default().http.max_conditions);
            Ok(())
        });
    }

    #[test]
    fn a_file_that_can_be_read_once_only_is_read_once() {
        Jail::expect_with(|jail| {
            let pipe = jail.directory().join("eider.toml");
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            let sources = Sources { file: Some(pipe.clone()), flags: Vec::new() };
            let writer = std::thread::spawn(move || fs::write(pipe, "[pool]\nsize = 3\n").unwrap());
            assert_eq!(sources.load().unwrap().store.pool.size, 3);
            writer.join().unwrap();
            assert!(sources.load_again().unwrap_err().to_string().contains("no file that can be read again"));
            Ok(())
        });
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        Jail::expect_with(|jail| {
            jail.create_file("eider.toml", "[pool]\nsize = 3\nwait_timout = \"7s\"\n")?;
            let error = load(Some(Path::new("eider.toml")), &[]).unwrap_err();
            assert_eq!(
                error.to_string(),
                "eider.toml:3: there is no setting `pool.wait_timout`; did you mean `pool.wait_timeout`?"
            );
            jail.create_file("eider.toml", "[pol]\nsize = 3\n")?;
            let error = load(Some(Path::new("eider.toml")), &[]).unwrap_err();
            assert_eq!(error.to_string(), "eider.toml:2: there is no setting `pol.size`; did you mean `pool.size`?");
            jail.set_env("EIDER_LISTN", "127.0.0.1:1");
            let error = load(None, &[]).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the environment variable EIDER_LISTN sets nothing; did you mean `EIDER_LISTEN`?"
            );
            Ok(())
        });
    }

    #[test]
    fn variables_of_other_programs_are_left_alone() {
        Jail::expect_with(|jail| {
            jail.set_env("EIDER_BIN", "/usr/bin/eider");
            load(None, &[]).unwrap();
            jail.set_env("EIDER_POOL_MAXIMUM_NUMBER", "3");
            let error = load(None, &[]).unwrap_err().to_string();
            assert!(error.contains("EIDER_POOL_MAXIMUM_NUMBER"), "{error}");
            Ok(())
        });
    }

    #[test]
    fn a_bad_value_names_its_key_and_where_it_stands() {
        Jail::expect_with(|jail| {
            jail.set_env("EIDER_STORAGE_THREADS", "many");
            let error = load(None, &[]).unwrap_err().to_string();
            assert_eq!(
                error,
                "the configuration is not valid: `storage.threads`: `many` is neither `auto` nor valid: invalid digit \
                 found in string (given by the environment, as EIDER_STORAGE_THREADS)"
            );
            jail.create_file("eider.toml", "[pool]\nsize = \"few\"\n")?;
            jail.set_env("EIDER_STORAGE_THREADS", "1");
            let error = load(Some(Path::new("eider.toml")), &[]).unwrap_err().to_string();
            assert!(error.contains("`pool.size`") && error.contains("eider.toml"), "{error}");
            Ok(())
        });
    }

    #[test]
    fn each_value_in_force_says_where_it_comes_from() {
        Jail::expect_with(|jail| {
            jail.create_file("eider.toml", "[pool]\nsize = 3\nwait_timeout = \"7s\"\n")?;
            jail.set_env("EIDER_POOL_SIZE", "4");
            jail.set_env("EIDER_LOG_FILTER", "debug");
            jail.set_env("EIDER_DATA_DIR", "/srv");
            let flags = vec![("server.listen", "127.0.0.1:2".to_owned())];
            let all = effective(&Sources { file: Some("eider.toml".into()), flags }).unwrap();
            assert!(all.iter().map(|setting| &setting.key).eq(REFERENCE.iter().map(|setting| &setting.key)));
            let of = |key: &str| {
                let setting = all.iter().find(|setting| setting.key == key).unwrap();
                (setting.value.as_str(), setting.source.rsplit('/').next().unwrap())
            };
            assert_eq!(of("pool.size"), ("4", "EIDER_POOL_SIZE"));
            assert_eq!(of("pool.wait_timeout"), ("\"7s\"", "eider.toml"));
            assert_eq!(of("storage.data_dir"), ("\"/srv\"", "EIDER_DATA_DIR"));
            assert_eq!(of("server.listen"), ("\"127.0.0.1:2\"", "command line"));
            assert_eq!(of("pool.check_after_idle"), ("\"1m\"", "default"));
            Ok(())
        });
    }

    #[test]
    fn credentials_in_a_url_are_masked() {
        let shown = |text: &str| masked(toml::Value::String(text.to_owned())).to_string();
        assert_eq!(shown("https://me:secret@host/v1"), "\"https://***@host/v1\"");
        assert_eq!(shown("https://host/v1"), "\"https://host/v1\"");
        assert_eq!(shown("me@host"), "\"me@host\"");
    }

    #[test]
    fn values_that_do_not_go_together_are_refused() {
        Jail::expect_with(|jail| {
            jail.set_env("EIDER_MEMORY_SOFT_SHARE", "0.95");
            let error = format!("{:#}", load(None, &[]).unwrap_err());
            assert!(error.contains("`memory.soft_share` (0.95)"), "{error}");
            Ok(())
        });
    }

    #[test]
    fn too_little_memory_for_the_engine_is_refused() {
        Jail::expect_with(|jail| {
            jail.set_env("EIDER_STORAGE_MEMORY_LIMIT", "255 MiB");
            let error = format!("{:#}", load(None, &[]).unwrap_err());
            assert!(error.contains("`storage.memory_limit`") && error.contains("256.0 MiB"), "{error}");
            jail.set_env("EIDER_STORAGE_MEMORY_LIMIT", "256 MiB");
            load(None, &[]).unwrap();
            Ok(())
        });
    }

    #[test]
    fn every_key_has_a_variable_of_its_own() {
        let mut variables: Vec<String> = REFERENCE.iter().flat_map(|setting| variables_of(&setting.key)).collect();
        let all = variables.len();
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), all);
    }
}
