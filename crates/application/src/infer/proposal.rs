//! What a sample leads to: a schema, and why it is as it is.

use eider_domain::{DataType, DialectOption, Family, NameRuleError, SchemaDefinition, SchemaName, abbreviate};
use eider_formats::ReadOptions;
use eider_formats::options::Values;
use eider_formats::sample::{Candidate, Column, Finding, Noted, Survey, VALUES_A_REPETITION};
use serde_json::{Map, Value as Json, json};

use super::dialect::{Reading, reading_of};
use super::names::{Named, names_of};
use crate::Error;

/// Name of the schema unless another is given.
const DEFAULT_NAME: &str = "records";
/// How often each text of an enumeration comes on average, at least.
const REPETITIONS_OF_ENUM: u64 = 5;
/// The field that every record has of its own, and that a record may come with.
const ID: &str = "id";
/// What sources call the id of a record.
const IDS_OF_SOURCES: [&str; 2] = [ID, "_id"];

/// How a schema is to be proposed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InferenceOptions {
    /// The name of the schema; `records` without one.
    pub name: Option<SchemaName>,
    /// How the body is to be read, beside its format.
    pub reading: ReadOptions,
    /// Records looked at, from the first; all of them without a number.
    pub sample: Option<u64>,
    /// The name in the source of the property that ids are made of.
    pub id_from: Option<String>,
    /// Whether texts that come again and again are all that the schema allows.
    pub sets_enums: bool,
}

/// What was chosen, or could have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// How the body is read.
    Option,
    /// Records that can be read.
    Readable,
    /// The schema that the source says it is of.
    Carried,
    /// Another name than that in the source, which is an alias.
    Renamed,
    /// The source's `id` is the record's own.
    RecordId,
    /// Another form than the source has.
    Converted,
    /// A type.
    Type(DataType),
    /// `required`
    Required,
    /// `is_unique`
    Unique,
    /// `id_from`
    IdFrom,
    /// `enum`
    Enum,
    /// A member of the property that says how its values are written.
    Dialect(DialectOption),
}

impl Choice {
    /// The choice as it stands on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Option => "option",
            Self::Readable => "readable",
            Self::Carried => "carried",
            Self::Renamed => "renamed",
            Self::RecordId => "record_id",
            Self::Converted => "converted",
            Self::Type(data_type) => data_type.name(),
            Self::Required => "required",
            Self::Unique => "is_unique",
            Self::IdFrom => "id_from",
            Self::Enum => "enum",
            Self::Dialect(option) => option.name(),
        }
    }
}

/// A choice, and the records that break it: with any, it was not made.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The property, or the record's `id`; `None` for whole records.
    pub property: Option<String>,
    /// What is chosen.
    pub choice: Choice,
    /// Records of the sample that break it.
    pub broken_by: u64,
    /// The lines of the first of them.
    pub lines: Vec<u64>,
    /// The same for a person.
    pub detail: String,
    /// The name in the source, of a property that is renamed.
    pub from: Option<String>,
    /// The values, of an enumeration or of an option.
    pub values: Vec<String>,
    /// The option of reading that is chosen.
    pub option: Option<&'static str>,
    /// How sure the choice of an option is, from 0 to 1.
    pub confidence: Option<f64>,
}

/// A schema that takes the records that were looked at, as far as any does.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// A valid definition, in its JSON form.
    pub schema: Json,
    /// Records looked at.
    pub records: u64,
    /// Whether they are all that there are.
    pub is_whole: bool,
    /// How the sample was read: the options that were given, and those that it speaks for. With them, the same body
    /// can be stored.
    pub reading: ReadOptions,
    /// Whether it is the schema that the source carries, since the source was exported from it.
    pub is_carried: bool,
    /// What speaks for it: for the options, then in the order of the properties.
    pub evidence: Vec<Evidence>,
}

impl Proposal {
    /// The schema that a sample leads to, which was read so.
    ///
    /// # Errors
    /// [`Error::SchemaInvalid`] when there are no properties, or too many, or ids are to be made of one that not every record
    /// has; [`Error::NameRuleInvalid`] when they are to be made of one that there is not.
    pub(crate) fn of(
        survey: &Survey,
        findings: &[Finding],
        reading: ReadOptions,
        options: &InferenceOptions,
    ) -> Result<Self, Error> {
        let records = survey.records();
        let mut evidence: Vec<Evidence> = findings.iter().map(Evidence::of_option).collect();
        if survey.unreadable.count > 0 {
            let detail =
                format!("{} of {records} records cannot be read, whatever the schema", survey.unreadable.count);
            evidence.push(Evidence::new(None, Choice::Readable, &survey.unreadable, detail));
        }
        match &survey.carried {
            Some(Ok(definition)) => {
                let detail = format!("the source carries the schema `{}`, which its columns fit", definition.name());
                evidence.push(Evidence::new(None, Choice::Carried, &Noted::default(), detail));
                return Self::carried(definition, survey, reading, options, evidence);
            }
            Some(Err(reason)) => {
                let detail = format!("the source carries a schema, which was passed over: {reason}");
                evidence.push(Evidence::new(None, Choice::Carried, &Noted::default(), detail));
            }
            None => {}
        }
        let names = names_of(survey.columns.iter().map(|column| column.name.as_str()));
        let (mut properties, mut id_from) = (Vec::new(), None);
        for (column, named) in survey.columns.iter().zip(names) {
            let Some(chosen) = column.choice() else { continue };
            let reading = reading_of(column, chosen, &survey.forms);
            let described = Described { column, chosen, named, options, reading, is_whole: survey.is_whole };
            if described.is_record_id(survey) {
                let detail = "`id` is the id of the record, not a property".to_owned();
                evidence.push(Evidence::new(Some(ID), Choice::RecordId, &column.values.repeated, detail));
                continue;
            }
            properties.push(described.property(survey.readable.count));
            if id_from.is_none() && described.makes_ids() {
                id_from = Some(described.named.name.to_string());
            }
            described.add_evidence(&mut evidence);
        }
        let name = options.name.as_ref().map_or(DEFAULT_NAME, SchemaName::as_str);
        let mut schema = json!({"name": name, "properties": properties});
        match (id_from, &options.id_from) {
            (Some(name), _) => schema["id_from"] = name.into(),
            (None, Some(asked)) => return Err(NameRuleError::NotAnIdSource(abbreviate(asked)).into()),
            (None, None) => {}
        }
        SchemaDefinition::parse(&schema).map_err(Error::SchemaInvalid)?;
        let is_whole = survey.is_whole;
        Ok(Self { schema, records, is_whole, reading, is_carried: false, evidence })
    }
}

impl Proposal {
    /// The schema that the source carries, under the name and with the ids that were asked for.
    fn carried(
        definition: &SchemaDefinition,
        survey: &Survey,
        mut reading: ReadOptions,
        options: &InferenceOptions,
        mut evidence: Vec<Evidence>,
    ) -> Result<Self, Error> {
        if reading.values.is_none() && definition.properties().iter().any(|property| property.dialect.is_some()) {
            reading.values = Some(Values::Canonical);
            let detail =
                "exports have values as Eider writes them, whatever properties say of incoming ones".to_owned();
            let (option, value) = ("values", Values::Canonical.to_string());
            evidence.insert(0, Evidence::of_option(&Finding { option, value, confidence: 1.0, detail }));
        }
        let mut schema = definition.to_json();
        if let Some(name) = &options.name {
            schema["name"] = name.as_str().into();
        }
        if let Some(asked) = &options.id_from {
            let is_asked = |name: &str| name.eq_ignore_ascii_case(asked);
            let mut properties = definition.properties().iter();
            let named = properties.find(|property| is_asked(property.name.as_str()));
            let property = named.ok_or_else(|| NameRuleError::NotAnIdSource(abbreviate(asked)))?;
            schema["id_from"] = property.name.as_str().into();
        }
        SchemaDefinition::parse(&schema).map_err(Error::SchemaInvalid)?;
        let (records, is_whole) = (survey.records(), survey.is_whole);
        Ok(Self { schema, records, is_whole, reading, is_carried: true, evidence })
    }
}

/// A column with what was chosen for it.
struct Described<'s> {
    column: &'s Column,
    chosen: &'s Candidate,
    named: Named,
    options: &'s InferenceOptions,
    /// How the values are written.
    reading: Reading<'s>,
    /// Whether there are no values beside those that were looked at.
    is_whole: bool,
}

impl Described<'_> {
    /// The property as a schema has it.
    fn property(&self, records: u64) -> Json {
        let data_type = self.data_type();
        let mut property = Map::new();
        property.insert("name".into(), self.named.name.as_str().into());
        if self.named.reason.is_some() {
            property.insert("aliases".into(), json!([self.column.name]));
        }
        property.insert("type".into(), data_type.name().into());
        if let DataType::Decimal { precision, scale } = data_type {
            property.insert("precision".into(), precision.into());
            property.insert("scale".into(), scale.into());
        }
        property.extend(self.reading.options.clone());
        if records > 0 && self.chosen.lacking.count == 0 && !self.reading.has_nulls() {
            property.insert("required".into(), true.into());
        }
        if self.is_key() && !self.makes_ids() {
            property.insert("is_unique".into(), true.into());
        }
        if let Some(texts) = self.texts().filter(|_| self.options.sets_enums) {
            property.insert("constraints".into(), json!({"enum": texts}));
        }
        Json::Object(property)
    }

    fn add_evidence(&self, evidence: &mut Vec<Evidence>) {
        let Self { column, chosen, named, .. } = self;
        if let Some(reason) = &named.reason {
            let detail = format!("{reason}; the name in the source is an alias");
            let found = self.evidence(Choice::Renamed, &Noted::default(), detail);
            evidence.push(Evidence { from: Some(column.name.clone()), ..found });
        }
        if let Some(form) = &column.form {
            evidence.push(self.evidence(Choice::Converted, &Noted::default(), form.clone()));
        }
        self.add_evidence_of_types(evidence);
        evidence.extend(self.evidence_of_presence());
        evidence.extend(self.reading.findings.iter().map(|finding| Evidence {
            values: finding.values.clone(),
            ..self.evidence(Choice::Dialect(finding.option), &finding.broken, finding.detail.clone())
        }));
        evidence.extend(self.evidence_of_key());
        evidence.extend(self.makes_ids().then(|| {
            let detail = "the id of a record is made of its value, so that a repeat meets the same record".to_owned();
            self.evidence(Choice::IdFrom, &column.values.repeated, detail)
        }));
        evidence.extend(self.texts().map(|texts| {
            let detail = format!("{} different texts make {} values", texts.len(), chosen.fits);
            Evidence { values: texts.to_vec(), ..self.evidence(Choice::Enum, &Noted::default(), detail) }
        }));
    }

    /// Why no stricter type was chosen, and what the chosen one loses.
    fn add_evidence_of_types(&self, evidence: &mut Vec<Evidence>) {
        let Self { column, chosen, .. } = self;
        let chosen_type = self.data_type();
        for candidate in &column.candidates {
            let Candidate { data_type, fits, rounded, broken, .. } = candidate;
            if std::ptr::eq(candidate, *chosen) {
                break;
            }
            if rounded.count > 0 && broken.count == 0 {
                let of = fits + rounded.count;
                let detail = format!(
                    "{} of {of} values would be rounded as `{data_type}`, so `{chosen_type}` was chosen",
                    rounded.count
                );
                evidence.push(self.evidence(Choice::Type(*data_type), rounded, detail));
            }
            if !candidate.takes_all() && *fits >= broken.count && !candidate.counts_digits() {
                let of = fits + broken.count;
                let detail =
                    format!("{} of {of} values are no `{data_type}`, so `{chosen_type}` was chosen", broken.count);
                evidence.push(self.evidence(Choice::Type(*data_type), broken, detail));
            }
        }
        if chosen.rounded.count > 0 && !self.reading.stringifies() {
            let detail = format!(
                "{} values have more digits than any type keeps, and are rounded to the nearest `{chosen_type}`",
                chosen.rounded.count
            );
            evidence.push(self.evidence(Choice::Type(chosen_type), &chosen.rounded, detail));
        }
        if !chosen.takes_all() && !self.reading.stringifies() {
            let detail = format!("no type takes every value; `{chosen_type}` takes all but {}", chosen.broken.count);
            evidence.push(self.evidence(Choice::Type(chosen_type), &chosen.broken, detail));
        }
    }

    /// That some records have no value, or all.
    fn evidence_of_presence(&self) -> Option<Evidence> {
        let Self { chosen, .. } = self;
        let taken = chosen.fits + chosen.rounded.count;
        if taken == 0 {
            let chosen_type = self.data_type();
            let detail = format!("no record has a value, so `{chosen_type}` is a guess");
            return Some(self.evidence(Choice::Type(chosen_type), &Noted::default(), detail));
        }
        (1..=taken).contains(&chosen.lacking.count).then(|| {
            let detail = format!("{} records have no value, so it is not required", chosen.lacking.count);
            self.evidence(Choice::Required, &chosen.lacking, detail)
        })
    }

    /// The type of the property.
    fn data_type(&self) -> DataType {
        self.reading.data_type.unwrap_or_else(|| self.chosen.data_type())
    }

    /// That hardly a value comes twice.
    fn evidence_of_key(&self) -> Option<Evidence> {
        let Self { column, chosen, .. } = self;
        let repeated = &column.values.repeated;
        let is_compared = self.data_type().is_comparable() && self.data_type().family() != Family::Boolean;
        let is_known = column.values.are_known();
        let is_compared = is_compared && !self.reading.stringifies();
        let is_told_apart = (is_known || column.values.is_forgotten) && is_compared && chosen.fits > 1;
        if !is_told_apart || repeated.count * VALUES_A_REPETITION > chosen.fits {
            return None;
        }
        let detail = match (repeated.count, self.is_key()) {
            _ if !is_known => "there are too many different values to tell whether one comes twice".to_owned(),
            (0, true) => format!("no value comes twice, and the source calls it `{}`, so it is a key", column.name),
            (0, false) if self.is_whole => {
                "no value comes twice; whether it is a key the records cannot tell".to_owned()
            }
            (0, false) => "no value comes twice; whether it is a key a sample cannot tell".to_owned(),
            (count, _) => format!("{count} records have a value that came before"),
        };
        Some(self.evidence(Choice::Unique, repeated, detail))
    }

    fn evidence(&self, choice: Choice, broken: &Noted, detail: String) -> Evidence {
        Evidence::new(Some(self.named.name.as_str()), choice, broken, detail)
    }

    /// Whether it is the id that every record has. Of several that are called so in another case it is the one that is called
    /// so exactly.
    fn is_record_id(&self, survey: &Survey) -> bool {
        let is_called_so = |column: &Column| column.name.eq_ignore_ascii_case(ID);
        let is_only = || survey.columns.iter().filter(|column| is_called_so(column)).count() == 1;
        is_called_so(self.column)
            && (self.column.name == ID || is_only())
            && self.chosen.data_type == DataType::Uuid
            && (self.chosen.broken.count, self.column.values.repeated.count) == (0, 0)
    }

    /// Whether it is what the record's ids are made of: what was asked for, or an id of the source that is no text and no
    /// number, such as the `{"$oid": …}` of exports, which cannot be unique by itself.
    fn makes_ids(&self) -> bool {
        match &self.options.id_from {
            Some(name) => *name == self.column.name,
            None => self.chosen.data_type == DataType::Object && self.tells_records_apart(),
        }
    }

    /// Whether it is a key beyond doubt: what the source calls its id, where that is no UUID, and no value twice.
    fn is_key(&self) -> bool {
        matches!(self.chosen.data_type.family(), Family::Number | Family::Text)
            && self.chosen.data_type != DataType::Number
            && self.tells_records_apart()
    }

    /// Whether it is what the source calls its id, every record has it, and none has that of another.
    fn tells_records_apart(&self) -> bool {
        let Self { column, chosen, .. } = self;
        IDS_OF_SOURCES.into_iter().any(|id| column.name.eq_ignore_ascii_case(id))
            && !self.reading.has_nulls()
            && (chosen.lacking.count, chosen.broken.count, column.values.repeated.count) == (0, 0, 0)
            && column.values.are_known()
            && chosen.fits > 1
    }

    /// The texts of an enumeration, if that is what the values are.
    fn texts(&self) -> Option<&[String]> {
        let texts = self.column.values.texts.as_ref().filter(|_| self.data_type().family() == Family::Text)?;
        let is_repeated = !texts.is_empty() && self.chosen.fits >= texts.len() as u64 * REPETITIONS_OF_ENUM;
        is_repeated.then_some(texts)
    }
}

impl Evidence {
    fn new(property: Option<&str>, choice: Choice, broken: &Noted, detail: String) -> Self {
        let Noted { count, lines } = broken.clone();
        let property = property.map(str::to_owned);
        Self {
            property,
            choice,
            broken_by: count,
            lines,
            detail,
            from: None,
            values: Vec::new(),
            option: None,
            confidence: None,
        }
    }

    /// That the body is read so.
    fn of_option(finding: &Finding) -> Self {
        let Finding { option, value, confidence, detail } = finding;
        Self {
            values: vec![value.clone()],
            option: Some(option),
            confidence: Some(*confidence),
            ..Self::new(None, Choice::Option, &Noted::default(), detail.clone())
        }
    }
}
