//! Rules on the quality of records that are stored: what each asks, which values break it, and what it suggests instead.
//!
//! What is said here of one value is what every store says of all of them; a store may find out in a way of its own.

mod folding;
mod mend;
mod parse;
mod standard;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::OnceLock;
use std::time::Duration;

use regex::Regex;
use serde_json::Value as Json;
use strum::IntoStaticStr;

use self::standard::ListedTexts;
pub use mend::{Mended, chains, mended};
pub use standard::{LetterCase, StandardForm, WHITE_SPACE};

use crate::names::abbreviate;
use crate::{
    CharacterSet, Constraints, DataType, Family, Field, Property, Schema, Severity, Timestamp, Value, ValueRef,
    Violation, ViolationCode,
};

/// Most rules that are checked together.
pub const MAX_RULES: usize = 100;

/// What a broken rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Category {
    /// There is no value.
    Missing,
    /// The value is not on a list.
    ValueList,
    /// The value is spelt in another way than it should.
    Standardization,
    /// The text is too short or too long.
    Length,
    /// The text has a character that it may not have.
    Characters,
    /// The text does not match a pattern.
    Pattern,
    /// The value is too small or too great.
    Range,
    /// An earlier record has the value.
    Duplicate,
    /// The instant is too long ago.
    Freshness,
}

impl Category {
    /// The category as it stands on the wire.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What a rule asks of a value. A null breaks [`Check::Required`] alone.
#[derive(Debug, Clone)]
pub enum Check {
    /// There is a value.
    Required,
    /// The value is one of these, which are of the property's type; at least one.
    Values(Vec<Value>),
    /// The text is written in its standard form.
    Standardize(StandardForm),
    /// The text has so many characters (Unicode scalar values), limits inclusive; at least one of the two.
    Length {
        /// Fewest.
        min: Option<u64>,
        /// Most.
        max: Option<u64>,
    },
    /// The text has no other characters.
    Characters(CharacterSet),
    /// The text matches somewhere: read by Rust's `regex`, whatever the store, as the constraints of schemas are.
    Pattern(Regex),
    /// The value lies within limits of the property's type, inclusive; at least one of the two.
    Range {
        /// The least.
        minimum: Option<Value>,
        /// The greatest.
        maximum: Option<Value>,
    },
    /// No record before it in commit order has the same values of all of the rule's fields, without a null.
    Duplicate,
    /// The instant is not longer ago than this; a day begins at midnight, UTC.
    Freshness(Duration),
}

/// A rule: a check of one field, or of several in [`Check::Duplicate`].
#[derive(Debug, Clone)]
pub struct Rule {
    name: String,
    severity: Severity,
    fields: Vec<Field>,
    check: Check,
    /// Of [`Check::Values`], once they are asked for.
    listed: OnceLock<ListedTexts>,
}

/// A value breaks a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What the rule would have instead, if it knows.
    pub suggestion: Option<Value>,
}

impl Rule {
    fn new(name: String, severity: Severity, fields: Vec<Field>, check: Check) -> Self {
        Self { name, severity, fields, check, listed: OnceLock::new() }
    }

    /// Unique among the rules that are checked together, without regard to case: letters, digits, `_` and `-`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What it looks at: one field, or several of [`Check::Duplicate`].
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// What it asks.
    pub fn check(&self) -> &Check {
        &self.check
    }

    /// What is wrong with values that break it.
    pub fn category(&self) -> Category {
        match self.check {
            Check::Required => Category::Missing,
            Check::Values(_) => Category::ValueList,
            Check::Standardize(_) => Category::Standardization,
            Check::Length { .. } => Category::Length,
            Check::Characters(_) => Category::Characters,
            Check::Pattern(_) => Category::Pattern,
            Check::Range { .. } => Category::Range,
            Check::Duplicate => Category::Duplicate,
            Check::Freshness(_) => Category::Freshness,
        }
    }

    /// Whether it may know what to have instead of a value: of text alone.
    pub fn suggests(&self) -> bool {
        match self.check {
            Check::Standardize(_) => true,
            Check::Values(_) => self.data_type().family() == Family::Text,
            Check::Required
            | Check::Length { .. }
            | Check::Characters(_)
            | Check::Pattern(_)
            | Check::Range { .. }
            | Check::Duplicate
            | Check::Freshness(_) => false,
        }
    }

    /// What is wrong with a value that breaks it, for a person; the same for all of them.
    pub fn message(&self) -> String {
        let text = |value: &Value| value.text(self.data_type()).unwrap_or_default();
        match &self.check {
            Check::Required => "the value is missing".to_owned(),
            Check::Values(values) => format!("the value is not one of the {} allowed", values.len()),
            Check::Standardize(_) => "the text is not in its standard form".to_owned(),
            Check::Length { min: Some(min), max: Some(max) } => {
                format!("the text does not have {min} to {max} characters")
            }
            Check::Length { min: Some(min), .. } => format!("the text has fewer than {min} characters"),
            Check::Length { max, .. } => format!("the text has more than {} characters", max.unwrap_or_default()),
            Check::Characters(allowed) => {
                format!("the text has characters other than `{}`", abbreviate(allowed.as_str()))
            }
            Check::Pattern(pattern) => format!("the text does not match `{}`", abbreviate(pattern.as_str())),
            Check::Range { minimum: Some(minimum), maximum: Some(maximum) } => {
                format!("the value is not within {} and {}", text(minimum), text(maximum))
            }
            Check::Range { minimum: Some(minimum), .. } => format!("the value is less than {}", text(minimum)),
            Check::Range { maximum, .. } => {
                format!("the value is greater than {}", maximum.as_ref().map(text).unwrap_or_default())
            }
            Check::Duplicate if self.fields.len() == 1 => "an earlier record has the same value".to_owned(),
            Check::Duplicate => "an earlier record has the same values".to_owned(),
            Check::Freshness(max_age) => format!("the value is more than {} s ago", max_age.as_secs()),
        }
    }

    /// The oldest value that is not too old, of a rule of freshness.
    pub fn oldest(&self, now: Timestamp) -> Option<Value> {
        let Check::Freshness(max_age) = self.check else { return None };
        let micros = now.minus(max_age).as_micros();
        self.data_type().has_day().then(|| Value::of_time(self.data_type(), micros)).flatten()
    }

    /// What is wrong with a value of its field; `None` when nothing is. Of [`Check::Duplicate`] one value says nothing.
    pub fn finding(&self, value: &Value, now: Timestamp) -> Option<Finding> {
        let broken = |is_broken: bool| is_broken.then_some(Finding { suggestion: None });
        if *value == Value::Null {
            return broken(matches!(self.check, Check::Required));
        }
        let text = if let ValueRef::Text(text) = value { text.as_ref() } else { "" };
        let is_below = |limit: &Value| value.compare(limit).is_some_and(std::cmp::Ordering::is_lt);
        let is_above = |limit: &Value| value.compare(limit).is_some_and(std::cmp::Ordering::is_gt);
        match &self.check {
            Check::Required | Check::Duplicate => None,
            Check::Values(allowed)
                if allowed.iter().any(|other| value.compare(other).is_some_and(std::cmp::Ordering::is_eq)) =>
            {
                None
            }
            Check::Values(_) => Some(Finding { suggestion: self.suggested_value(text) }),
            Check::Standardize(_) => self.suggested_value(text).map(|standard| Finding { suggestion: Some(standard) }),
            Check::Length { .. } | Check::Characters(_) | Check::Pattern(_) => broken(self.is_broken_by_text(text)),
            Check::Range { minimum, maximum } => {
                broken(minimum.as_ref().is_some_and(is_below) || maximum.as_ref().is_some_and(is_above))
            }
            Check::Freshness(_) => broken(self.oldest(now).as_ref().is_some_and(is_below)),
        }
    }

    /// What it suggests for a text of its field; `None` when nothing. The same as that of [`Rule::finding`].
    pub fn suggestion<'t>(&'t self, text: &'t str) -> Option<Cow<'t, str>> {
        match &self.check {
            Check::Standardize(form) => Some(form.of(text)).filter(|standard| standard != text),
            Check::Values(allowed) if self.suggests() => {
                let listed = self.listed.get_or_init(|| ListedTexts::new(allowed));
                if listed.contains(text) { None } else { listed.only_like(text).map(Cow::Borrowed) }
            }
            Check::Required
            | Check::Values(_)
            | Check::Length { .. }
            | Check::Characters(_)
            | Check::Pattern(_)
            | Check::Range { .. }
            | Check::Duplicate
            | Check::Freshness(_) => None,
        }
    }

    fn suggested_value(&self, text: &str) -> Option<Value> {
        self.suggestion(text).map(|suggestion| Value::Text(suggestion.into_owned().into()))
    }

    /// Whether a text of its field breaks it, of a rule on its length, its characters or a pattern.
    pub fn is_broken_by_text(&self, text: &str) -> bool {
        match &self.check {
            Check::Characters(allowed) => !text.chars().all(|character| allowed.contains(character)),
            Check::Pattern(pattern) => !pattern.is_match(text),
            Check::Length { min, max } => {
                let chars = text.chars().count() as u64;
                min.is_some_and(|least| chars < least) || max.is_some_and(|most| chars > most)
            }
            Check::Required
            | Check::Values(_)
            | Check::Standardize(_)
            | Check::Range { .. }
            | Check::Duplicate
            | Check::Freshness(_) => false,
        }
    }

    /// The same rule on the properties that its own have become in another version of their schema.
    ///
    /// # Errors
    /// The name of a property that is gone, or of which something else than its name and its description has changed.
    pub fn rebound(&self, before: &Schema, after: &Schema) -> Result<Self, String> {
        let rebound = |field: &Field| match field {
            Field::Property { index, name, .. } => {
                let is = after.property_of_id(before.property_ids()[*index]).filter(|place| {
                    let (was, is) = (&before.properties()[*index], &after.properties()[*place]);
                    is.asks_the_same_as(was)
                });
                is.map(|place| after.property_field(place)).ok_or_else(|| name.as_str().to_owned())
            }
            Field::System(_) | Field::Computed { .. } => Ok(field.clone()),
        };
        let fields = self.fields.iter().map(rebound).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { fields, ..self.clone() })
    }

    /// The type of its first field.
    fn data_type(&self) -> DataType {
        self.fields.first().map_or(DataType::String, Field::data_type)
    }
}

/// Rules that are checked together, each with a name of its own.
#[derive(Debug, Clone)]
pub struct RuleSet(Vec<Rule>);

impl RuleSet {
    /// Parses `{"rules": […]}`; without rules they are those [of the schema](RuleSet::of).
    ///
    /// # Errors
    /// Every violation found, each with a JSON Pointer into `document`.
    pub fn parse(document: &Json, schema: &Schema) -> Result<Self, Vec<Violation>> {
        parse::rule_set(document, schema)
    }

    /// What a schema asks of its records: required and unique properties, constraints, and keys of several; as warnings what it wishes.
    pub fn of(schema: &Schema) -> Self {
        let mut rules = Vec::new();
        let mut names = HashSet::new();
        for (property, field) in
            schema.properties().iter().zip(schema.fields().into_iter().skip(crate::RECORD_FIELD_COUNT))
        {
            let Property { is_required, is_unique, constraints, warnings, .. } = property;
            let asked =
                checks_of(*is_required, *is_unique, constraints).into_iter().map(|check| (Severity::Error, check));
            let wished = checks_of(warnings.is_required, false, &warnings.constraints);
            for (severity, check) in asked.chain(wished.into_iter().map(|check| (Severity::Warning, check))) {
                let fields = vec![field.clone()];
                let name = default_name(check.kind(), &fields, &mut names);
                rules.push(Rule::new(name, severity, fields, check));
            }
        }
        for key in schema.definition().unique_keys() {
            let fields = schema.fields_of(key);
            let name = default_name(Check::Duplicate.kind(), &fields, &mut names);
            rules.push(Rule::new(name, key.severity, fields, Check::Duplicate));
        }
        Self(rules)
    }

    /// The rules, in the order in which they were given.
    pub fn rules(&self) -> &[Rule] {
        &self.0
    }

    /// Of these names the rules that [suggest](Rule::suggests), in the order of the set; without names all that do.
    ///
    /// # Errors
    /// A violation for each name that is none of a rule, or of one that suggests nothing.
    pub fn suggesting(&self, names: Option<&[String]>) -> Result<Vec<Rule>, Vec<Violation>> {
        let Some(names) = names else { return Ok(self.0.iter().filter(|rule| rule.suggests()).cloned().collect()) };
        let find = |name: &String| self.0.iter().position(|rule| rule.name.eq_ignore_ascii_case(name));
        let (mut chosen, mut violations) = (HashSet::new(), Vec::new());
        for (index, name) in names.iter().enumerate() {
            let shown = abbreviate(name);
            let detail = match find(name) {
                Some(place) if self.0[place].suggests() => {
                    chosen.insert(place);
                    continue;
                }
                Some(_) => format!("the rule `{shown}` makes no suggestions"),
                None => format!("the validation has no rule `{shown}`"),
            };
            violations.push(Violation::new(format!("/rules/{index}"), ViolationCode::InvalidName, detail));
        }
        if !violations.is_empty() {
            return Err(violations);
        }
        let rules = self.0.iter().enumerate().filter(|(place, _)| chosen.contains(place));
        Ok(rules.map(|(_, rule)| rule.clone()).collect())
    }
}

impl Check {
    /// The kind of the rule as it stands on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Values(_) => "values",
            Self::Standardize(_) => "standardize",
            Self::Length { .. } => "length",
            Self::Characters(_) => "characters",
            Self::Pattern(_) => "pattern",
            Self::Range { .. } => "range",
            Self::Duplicate => "duplicate",
            Self::Freshness(_) => "freshness",
        }
    }
}

fn checks_of(is_required: bool, is_unique: bool, constraints: &Constraints) -> Vec<Check> {
    let (min, max) = (constraints.min_length, constraints.max_length);
    let (minimum, maximum) = (&constraints.minimum, &constraints.maximum);
    let has_range = minimum.is_some() || maximum.is_some();
    let checks = [
        is_required.then_some(Check::Required),
        is_unique.then_some(Check::Duplicate),
        (!constraints.allowed.is_empty()).then(|| Check::Values(constraints.allowed.clone())),
        (min.is_some() || max.is_some()).then_some(Check::Length { min, max }),
        constraints.pattern.clone().map(Check::Pattern),
        constraints.characters.clone().map(Check::Characters),
        has_range.then(|| Check::Range { minimum: minimum.clone(), maximum: maximum.clone() }),
    ];
    checks.into_iter().flatten().collect()
}

/// A name that no rule before it has: of what it asks and of what.
fn default_name(kind: &str, fields: &[Field], taken: &mut HashSet<String>) -> String {
    let fields: Vec<&str> = fields.iter().map(Field::name).collect();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
    let mut base: String = format!("{kind}_{}", fields.join("_")).chars().map(plain).collect();
    base.truncate(parse::MAX_NAME_CHARS - 4);
    let numbered = (2..).map(|number| format!("{base}_{number}"));
    let mut names = std::iter::once(base.clone()).chain(numbered);
    names.find(|name| taken.insert(name.to_ascii_lowercase())).unwrap_or_default()
}

/// Why a suggestion may not be stored, if a record with it would be refused.
pub fn refusal(property: &Property, suggestion: &Value) -> Option<ViolationCode> {
    property.constraints.check(property.data_type, suggestion).err().map(|(code, _)| code)
}

#[cfg(test)]
mod tests;
