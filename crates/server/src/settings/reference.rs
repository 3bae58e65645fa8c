//! What there is to set: made of the fields of the settings, and made into the default file, a table and a JSON Schema.

use std::fmt::Write as _;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use super::{Settings, variables_of};

/// The sections, in their order, and what each is about.
const SECTIONS: [(&str, &str); 8] = [
    ("server", "Connections."),
    ("storage", "The file and the engine."),
    ("pool", "Connections to the engine."),
    ("commits", "How changes of single records share commits."),
    ("limits", "What a request may ask for."),
    ("memory", "When requests are refused for want of memory."),
    ("log", "What is logged, and how."),
    ("telemetry", "Where traces go."),
];
/// Marks a field that a running server takes over.
const RELOAD_MARK: &str = "x-reload";
/// Longest line of the default file.
const LINE_CHARS: usize = 120;
/// What the default file begins with.
const HEADER: &str = "\
# Every setting with its default. A file needs only what differs.
# Made from the settings in the code; `eider config schema` describes the same for editors.
#
# An environment variable sets a key too, EIDER_SECTION_KEY (server.listen: EIDER_SERVER_LISTEN); a few have a flag.
# Flags win over the environment, the environment over the file.
# Sizes are written \"256 MiB\", durations \"30s\". \"auto\" is found out when the server starts.
";

/// One setting, as operators know it.
#[derive(Debug, Clone)]
pub struct Setting {
    /// As `section.name`.
    pub key: String,
    /// What it is unless it is set.
    pub default: toml::Value,
    /// What it is for, in Markdown.
    pub description: String,
    /// Whether a running server takes it over when the configuration is read again.
    pub is_reloaded: bool,
    /// Its values, in JSON Schema.
    schema: Json,
}

impl Setting {
    /// The part of the key before the point.
    pub fn section(&self) -> &str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }

    /// The part of the key behind the point.
    pub fn name(&self) -> &str {
        self.key.split_once('.').map_or(&self.key, |(_, name)| name)
    }
}

/// All settings, section by section.
pub static REFERENCE: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    let schema = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = schema.into_generator().into_root_schema_for::<Settings>();
    let fields = schema.get("properties").and_then(Json::as_object).cloned().unwrap_or_default();
    let mut defaults = Settings::default().table().unwrap_or_default();
    let setting = |(key, mut schema): (String, Json)| {
        let default = defaults.remove(&key)?;
        let description = schema.get("description").and_then(Json::as_str).unwrap_or_default().replace('\n', " ");
        let is_reloaded = schema.get(RELOAD_MARK) == Some(&Json::Bool(true));
        let properties = schema.as_object_mut()?;
        properties.insert("description".to_owned(), description.clone().into());
        properties.insert("default".to_owned(), json!(default));
        Some(Setting { key, default, description, is_reloaded, schema })
    };
    let mut settings: Vec<Setting> = fields.into_iter().filter_map(setting).collect();
    settings.sort_by_key(|setting| SECTIONS.iter().position(|(section, _)| *section == setting.section()));
    settings
});

/// The settings of a section.
fn settings_in(section: &str) -> impl Iterator<Item = &'static Setting> {
    REFERENCE.iter().filter(move |setting| setting.section() == section)
}

/// `config/default.toml`: every setting with what it is for.
pub fn default_file() -> String {
    let mut file = HEADER.to_owned();
    for (section, about) in SECTIONS {
        // Writing to a string cannot fail.
        let _ = writeln!(file, "\n# {about}\n[{section}]");
        for setting in settings_in(section) {
            for line in wrapped(&setting.description, LINE_CHARS - "# ".len()) {
                let _ = writeln!(file, "# {line}");
            }
            let _ = writeln!(file, "{} = {}", setting.name(), setting.default);
        }
    }
    file
}

/// The table of the documentation, in Markdown.
pub fn table() -> String {
    let mut table = String::from("| key | environment | default | reload | |\n|---|---|---|---|---|\n");
    for Setting { key, default, description, is_reloaded, .. } in REFERENCE.iter() {
        let variables: Vec<String> = variables_of(key).iter().map(|name| format!("`{name}`")).collect();
        let reload = if *is_reloaded { "yes" } else { "" };
        let _ = writeln!(table, "| `{key}` | {} | `{default}` | {reload} | {description} |", variables.join(", "));
    }
    table
}

/// The JSON Schema of a configuration file.
pub fn json_schema() -> Json {
    let section = |(section, about): (&str, &str)| {
        let settings = settings_in(section).map(|setting| (setting.name().to_owned(), setting.schema.clone()));
        let properties: Map<String, Json> = settings.collect();
        let schema = json!({
            "description": about, "type": "object", "properties": properties, "additionalProperties": false,
        });
        (section.to_owned(), schema)
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of eider",
        "type": "object",
        "properties": SECTIONS.into_iter().map(section).collect::<Map<_, _>>(),
        "additionalProperties": false,
    })
}

/// The lines of a text, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().filter(|line| line.is_empty() || line.len() + 1 + word.len() <= width);
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => *line = format!("{line} {word}"),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_section_a_description_and_a_default() {
        let defaults = Settings::default().table().unwrap();
        assert_eq!(REFERENCE.len(), defaults.len());
        for setting in REFERENCE.iter() {
            let key = &setting.key;
            assert!(SECTIONS.iter().any(|(section, _)| *section == setting.section()), "{key} is in no section");
            assert!(setting.description.ends_with(['.', ')']), "{key} has no description");
            assert_eq!(defaults.get(key), Some(&setting.default), "{key}");
        }
    }

    #[test]
    fn the_json_schema_has_every_setting() {
        let schema = json_schema();
        for setting in REFERENCE.iter() {
            let field = &schema["properties"][setting.section()]["properties"][setting.name()];
            assert!(field["type"].is_string() || field["type"].is_array() || field["oneOf"].is_array(), "{field}");
            assert_eq!(field["description"], setting.description.as_str());
        }
        assert_eq!(schema["properties"]["limits"]["properties"]["bulk_size"]["default"], "1.0 GiB");
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable word", 4), ["unbreakable", "word"]);
    }
}
