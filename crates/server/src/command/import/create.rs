//! The schema that inputs lead to. Each is looked at; a property that only one of them has is in it, too.

use std::fmt::Write as _;

use anyhow::{Context, Result, anyhow};
use eider_application::infer::{InferenceOptions, Proposal};
use eider_application::ingest::{IngestLimits, body_of, infer_schema};
use eider_domain::{DataType, DialectOption, SchemaDefinition};
use eider_http_api::inflated;
use serde_json::{Map, Value as Json, json};

use super::source::Source;

/// What the records of a source lead to.
pub(crate) async fn propose(source: &Source, options: &InferenceOptions) -> Result<Proposal> {
    let (format, limits, spool) = (source.format(), IngestLimits::default(), std::env::temp_dir());
    let body = body_of(source.sample()?);
    let proposal = match source.compression() {
        None => infer_schema(format, options, limits, spool, body).await,
        Some(compression) => {
            let body = Box::pin(inflated(body, compression, u64::MAX));
            infer_schema(format, options, limits, spool, body).await
        }
    };
    if let Some(failure) = source.failure() {
        return Err(anyhow!("no schema can be made of {failure}"));
    }
    proposal.with_context(|| format!("no schema can be made of {}", source.name()))
}

/// The schema of several sources.
#[derive(Debug)]
pub(crate) struct Union {
    schema: Option<Json>,
    /// What is said of properties in which sources differ.
    pub(crate) notes: Vec<String>,
    pub(crate) records: u64,
    /// Whether all records of all sources were looked at.
    pub(crate) is_whole: bool,
}

impl Default for Union {
    fn default() -> Self {
        Self { schema: None, notes: Vec::new(), records: 0, is_whole: true }
    }
}

impl Union {
    /// Takes in what one source leads to.
    pub(crate) fn add(&mut self, source: &str, proposal: &Proposal) {
        self.records += proposal.records;
        self.is_whole &= proposal.is_whole;
        let Some(schema) = &mut self.schema else {
            self.schema = Some(proposal.schema.clone());
            return;
        };
        let (Json::Array(known), Json::Array(added)) = (&mut schema["properties"], &proposal.schema["properties"])
        else {
            return;
        };
        for property in known.iter_mut() {
            match added.iter().find(|other| name_of(other).eq_ignore_ascii_case(name_of(property))) {
                Some(other) => join(property, other, source, &mut self.notes),
                None if property["required"] == true => {
                    property["required"] = false.into();
                    self.notes.push(format!("{} is not required: {source} does not have it", name_of(property)));
                }
                None => {}
            }
        }
        for other in added {
            if !known.iter().any(|property| name_of(property).eq_ignore_ascii_case(name_of(other))) {
                let mut other = other.clone();
                other["required"] = false.into();
                self.notes.push(format!("{} is in {source}, and not in those before it", name_of(&other)));
                known.push(other);
            }
        }
        // Where sources call another property the id of a record, which is meant is not for this program to say.
        if schema["id_from"] != proposal.schema["id_from"] && schema["id_from"].is_string() {
            self.notes.push(format!("ids are not made of {}: {source} does not suggest it", schema["id_from"]));
            schema.as_object_mut().map(|schema| schema.remove("id_from"));
        }
    }

    /// The schema.
    ///
    /// # Errors
    /// When there was no source, or no schema holds what they have together.
    pub(crate) fn schema(&self) -> Result<&Json> {
        let schema = self.schema.as_ref().context("there is nothing to make a schema of")?;
        if let Err(violations) = SchemaDefinition::parse(schema) {
            let mut text = "no schema can be made of all inputs together".to_owned();
            for violation in violations {
                write!(text, "; {} {}", violation.pointer, violation.detail)?;
            }
            return Err(anyhow!(text));
        }
        Ok(schema)
    }
}

/// Whether a schema that there is has the properties that were proposed, and no others.
pub(super) fn is_that(proposed: &Json, existing: &Json) -> bool {
    let parsed = |schema: &Json| {
        let alone = json!({"name": "alone", "properties": schema["properties"]});
        SchemaDefinition::parse(&alone).ok()
    };
    let (Some(proposed), Some(existing)) = (parsed(proposed), parsed(existing)) else { return false };
    let of = |definition: &SchemaDefinition| {
        let properties = definition.properties().iter();
        properties.map(|property| (property.name.key(), property.data_type)).collect::<Vec<_>>()
    };
    of(&proposed) == of(&existing)
}

fn name_of(property: &Json) -> &str {
    property["name"].as_str().unwrap_or_default()
}

/// Makes a property one that takes what two sources have for it.
fn join(property: &mut Json, other: &Json, source: &str, notes: &mut Vec<String>) {
    let name = name_of(property).to_owned();
    let aliases: Vec<Json> = other["aliases"].as_array().cloned().unwrap_or_default();
    let is_required = property["required"] == true && other["required"] == true;
    // That a value comes once in each of two files does not say that it comes once in both.
    let was_unique = property["is_unique"] == true;
    let (before, after) = (type_of(property), type_of(other));
    if describes(property) != describes(other) {
        let joined = wider(before, after, property, other);
        let Some(map) = property.as_object_mut() else { return };
        for option in DialectOption::ALL {
            map.remove(option.name());
        }
        for member in ["precision", "scale", "constraints"] {
            map.remove(member);
        }
        let chosen = joined.unwrap_or_else(|| Map::from_iter([("type".to_owned(), "string".into())]));
        let called = |found: Option<DataType>| found.map_or("unknown", DataType::name);
        let kept = chosen["type"].as_str().unwrap_or_default();
        notes.push(format!(
            "{name} is `{}`, and in {source} `{}` or written otherwise; `{kept}` was chosen",
            called(before),
            called(after)
        ));
        map.extend(chosen);
    }
    let Some(map) = property.as_object_mut() else { return };
    map.insert("required".to_owned(), is_required.into());
    if was_unique {
        map.remove("is_unique");
        notes.push(format!("{name} is not unique: whether a value comes twice in several inputs is not known"));
    }
    if let Json::Array(known) = map.entry("aliases").or_insert_with(|| Json::Array(Vec::new())) {
        let new: Vec<Json> = aliases.into_iter().filter(|alias| !known.contains(alias)).collect();
        known.extend(new);
        if known.is_empty() {
            map.remove("aliases");
        }
    }
}

fn type_of(property: &Json) -> Option<DataType> {
    let alone = json!({"name": "alone", "properties": [property]});
    SchemaDefinition::parse(&alone).ok()?.properties().first().map(|property| property.data_type)
}

/// What says which values a property takes.
fn describes(property: &Json) -> Map<String, Json> {
    let mut members = property.as_object().cloned().unwrap_or_default();
    for other in ["name", "aliases", "required", "is_unique"] {
        members.remove(other);
    }
    members
}

/// What takes the values of both properties, if one of the two does.
fn wider(left: Option<DataType>, right: Option<DataType>, property: &Json, other: &Json) -> Option<Map<String, Json>> {
    let says_how = |property: &Json| DialectOption::ALL.iter().any(|option| property.get(option.name()).is_some());
    if says_how(property) || says_how(other) {
        return None;
    }
    let (left, right) = (left?, right?);
    if left.widens_to(right) {
        Some(describes(other))
    } else if right.widens_to(left) {
        Some(describes(property))
    } else {
        None
    }
}
