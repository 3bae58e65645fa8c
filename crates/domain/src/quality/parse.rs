//! From JSON to rules, with every violation reported.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::{Check, LetterCase, MAX_RULES, Rule, RuleSet, StandardForm, default_name};
use crate::names::abbreviate;
use crate::schema::Report;
use crate::violation::pointer_to;
use crate::{DataType, Family, Field, Schema, SystemField, Value, Violation, ViolationCode};

/// Longest name of a rule, in characters.
pub(super) const MAX_NAME_CHARS: usize = 100;
/// Most values of a list, and most spellings.
const MAX_VALUES: usize = 1_000;
/// Most properties of a rule.
const MAX_FIELDS: usize = 16;

/// Keys that rules of every kind have.
const COMMON_KEYS: [&str; 4] = ["rule", "property", "name", "severity"];
/// The kinds of rules, and the keys that each has beyond those.
const KINDS: [(&str, &[&str]); 9] = [
    ("required", &[]),
    ("values", &["values"]),
    ("standardize", &["trim", "collapse", "case", "spellings"]),
    ("length", &["min", "max"]),
    ("characters", &["allowed"]),
    ("pattern", &["pattern"]),
    ("range", &["minimum", "maximum"]),
    ("duplicate", &["properties"]),
    ("freshness", &["max_age"]),
];

pub(super) fn rule_set(document: &Json, schema: &Schema) -> Result<RuleSet, Vec<Violation>> {
    let mut reader = Reader { schema, report: Report::default(), names: HashSet::new() };
    let given = reader.report.object("", document, &["rules"]).and_then(|object| object.get("rules"));
    let rules = match given.filter(|rules| !rules.is_null()) {
        None => RuleSet::of(schema).0,
        Some(Json::Array(list)) if (1..=MAX_RULES).contains(&list.len()) => {
            list.iter().enumerate().filter_map(|(index, rule)| reader.rule(&format!("/rules/{index}"), rule)).collect()
        }
        Some(Json::Array(list)) => {
            let detail = format!("a validation has 1 to {MAX_RULES} rules, this one has {}", list.len());
            reader.report.add("/rules", ViolationCode::WrongCount, detail);
            Vec::new()
        }
        Some(other) => {
            reader.report.mismatch("/rules", "array", other);
            Vec::new()
        }
    };
    if reader.report.is_empty() { Ok(RuleSet(rules)) } else { Err(reader.report.into_violations()) }
}

struct Reader<'s> {
    schema: &'s Schema,
    report: Report,
    /// The names so far, in lower case.
    names: HashSet<String>,
}

impl Reader<'_> {
    fn rule(&mut self, pointer: &str, document: &Json) -> Option<Rule> {
        let at = |key: &str| format!("{pointer}/{key}");
        let Json::Object(all) = document else {
            self.report.mismatch(pointer, "object", document);
            return None;
        };
        let (kind, keys) = self.kind(&at("rule"), all.get("rule"))?;
        let object = self.report.object(pointer, document, &[&COMMON_KEYS[..], keys].concat())?;
        let severity = self.report.severity(&at("severity"), object.get("severity"));
        let fields = self.fields(pointer, kind, object)?;
        let check = self.check(pointer, kind, &fields, object);
        let name = match object.get("name") {
            None | Some(Json::Null) => Some(default_name(kind, &fields, &mut self.names)),
            Some(name) => self.name(&at("name"), name),
        };
        Some(Rule::new(name?, severity, fields, check?))
    }

    /// A kind of rules, and the keys that it has of its own.
    fn kind(&mut self, pointer: &str, value: Option<&Json>) -> Option<(&'static str, &'static [&'static str])> {
        let Json::String(text) = value.unwrap_or(&Json::Null) else {
            match value.filter(|value| !value.is_null()) {
                Some(other) => self.report.mismatch(pointer, "string", other),
                None => self.report.add(pointer, ViolationCode::RequiredMissing, "a rule says of which kind it is"),
            }
            return None;
        };
        let found = KINDS.iter().find(|(kind, _)| kind == text);
        if found.is_none() {
            let known = || KINDS.iter().map(|(kind, _)| *kind);
            let hint = self.report.hint(text, known()).map_or_else(
                || format!("the rules are {}", known().collect::<Vec<_>>().join(", ")),
                |name| format!("did you mean `{name}`?"),
            );
            let detail = format!("there is no rule `{}`; {hint}", abbreviate(text));
            self.report.add(pointer, ViolationCode::UnknownType, detail);
        }
        found.copied()
    }

    fn name(&mut self, pointer: &str, value: &Json) -> Option<String> {
        let Json::String(text) = value else {
            self.report.mismatch(pointer, "string", value);
            return None;
        };
        let is_name = (1..=MAX_NAME_CHARS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !is_name {
            let detail = format!("the name of a rule has 1 to {MAX_NAME_CHARS} letters, digits, `_` and `-`");
            self.report.add(pointer, ViolationCode::InvalidName, detail);
            return None;
        }
        if !self.names.insert(text.to_ascii_lowercase()) {
            let detail = format!("another rule has the name `{text}`; case does not count");
            self.report.add(pointer, ViolationCode::DuplicateName, detail);
            return None;
        }
        Some(text.clone())
    }

    /// The field of `property`, or of a rule on duplicates those of `properties`.
    fn fields(&mut self, pointer: &str, kind: &str, object: &Map<String, Json>) -> Option<Vec<Field>> {
        let at = |key: &str| format!("{pointer}/{key}");
        let given = |key: &str| object.get(key).filter(|value| !value.is_null());
        match (given("property"), given("properties")) {
            (Some(name), None) => self.field(&at("property"), kind, name).map(|field| vec![field]),
            (None, Some(Json::Array(names))) if (1..=MAX_FIELDS).contains(&names.len()) => {
                let mut fields: Vec<Field> = Vec::new();
                for (index, name) in names.iter().enumerate() {
                    let pointer = format!("{pointer}/properties/{index}");
                    let Some(field) = self.field(&pointer, kind, name) else { continue };
                    if fields.contains(&field) {
                        self.report.add(&pointer, ViolationCode::DuplicateName, format!("`{field}` is named before"));
                    }
                    fields.push(field);
                }
                (fields.len() == names.len()).then_some(fields)
            }
            (None, Some(Json::Array(_))) => {
                let detail = format!("a rule is on 1 to {MAX_FIELDS} properties");
                self.report.add(&at("properties"), ViolationCode::WrongCount, detail);
                None
            }
            (None, Some(other)) => {
                self.report.mismatch(&at("properties"), "array", other);
                None
            }
            (Some(_), Some(_)) => {
                let detail = "`property` and `properties` do not go together";
                self.report.add(&at("properties"), ViolationCode::InvalidConstraint, detail);
                None
            }
            (None, None) => {
                self.report.add(&at("property"), ViolationCode::RequiredMissing, "a rule names a property");
                None
            }
        }
    }

    fn field(&mut self, pointer: &str, kind: &str, name: &Json) -> Option<Field> {
        let Json::String(name) = name else {
            self.report.mismatch(pointer, "string", name);
            return None;
        };
        let field = match self.schema.field(name) {
            Ok(field) => field,
            Err(error) => {
                self.report.add(pointer, ViolationCode::UnknownProperty, error.to_string());
                return None;
            }
        };
        let data_type = field.data_type();
        let applies = match kind {
            "required" => true,
            "values" => data_type.is_comparable() && data_type.family() != Family::Boolean,
            "range" => data_type.has_limits(),
            "duplicate" => data_type.is_comparable(),
            "freshness" => data_type.has_day(),
            _ => data_type.family() == Family::Text,
        };
        let times = [SystemField::CreatedAt, SystemField::UpdatedAt].map(Field::System);
        if matches!(field, Field::System(_)) && !(kind == "freshness" && times.contains(&field)) {
            let detail = format!("a rule is on a property; `{field}` is the record's own");
            self.report.add(pointer, ViolationCode::ReservedName, detail);
            return None;
        }
        if !applies {
            let detail = format!("`{kind}` does not apply to the type `{data_type}`");
            self.report.add(pointer, ViolationCode::InvalidConstraint, detail);
            return None;
        }
        Some(field)
    }

    fn check(&mut self, pointer: &str, kind: &str, fields: &[Field], object: &Map<String, Json>) -> Option<Check> {
        let at = |key: &str| format!("{pointer}/{key}");
        let given = |key: &str| object.get(key).filter(|value| !value.is_null());
        let data_type = fields.first()?.data_type();
        let reported = self.report.count();
        let check = match kind {
            "required" => Some(Check::Required),
            "duplicate" => Some(Check::Duplicate),
            "values" => self.values(&at("values"), data_type, given("values")).map(Check::Values),
            "standardize" => Some(Check::Standardize(self.standard_form(pointer, object))),
            "length" => {
                let mut length = |key: &str| given(key).and_then(|value| self.report.length(&at(key), value));
                let (min, max) = (length("min"), length("max"));
                self.limits(pointer, ["min", "max"], object, min.zip(max).is_some_and(|(min, max)| min > max));
                Some(Check::Length { min, max })
            }
            "characters" => {
                let text = self.report.text(&at("allowed"), given("allowed"));
                text.and_then(|text| self.report.characters(&at("allowed"), text)).map(Check::Characters)
            }
            "pattern" => {
                let text = self.report.text(&at("pattern"), given("pattern"));
                text.and_then(|text| self.report.pattern(&at("pattern"), text)).map(Check::Pattern)
            }
            "range" => {
                let mut limit = |key: &str| {
                    given(key).and_then(|value| {
                        self.report.value(&at(key), data_type, value, ViolationCode::InvalidConstraint)
                    })
                };
                let (minimum, maximum) = (limit("minimum"), limit("maximum"));
                let order = minimum.as_ref().zip(maximum.as_ref()).and_then(|(least, most)| least.compare(most));
                let is_crossed = order.is_some_and(std::cmp::Ordering::is_gt);
                self.limits(pointer, ["minimum", "maximum"], object, is_crossed);
                Some(Check::Range { minimum, maximum })
            }
            _ => self.report.text(&at("max_age"), given("max_age")).and_then(|text| {
                let age = parse_age(text);
                if age.is_none() {
                    let detail = "an age is a whole number and a unit, such as `90m`, `36h` or `30d`: s, m, h, d, w";
                    self.report.add(&at("max_age"), ViolationCode::InvalidValue, detail);
                }
                age.map(Check::Freshness)
            }),
        };
        check.filter(|_| self.report.count() == reported)
    }

    /// Reports a pair of limits of which there is none, or that no value can satisfy.
    fn limits(&mut self, pointer: &str, keys: [&str; 2], object: &Map<String, Json>, is_crossed: bool) {
        if keys.iter().all(|key| object.get(*key).is_none_or(Json::is_null)) {
            let detail = format!("it needs `{}`, `{}` or both", keys[0], keys[1]);
            self.report.add(pointer, ViolationCode::RequiredMissing, detail);
        } else if is_crossed {
            let detail = "no value can satisfy both the lower and the upper limit";
            self.report.add(pointer, ViolationCode::InvalidConstraint, detail);
        }
    }

    fn standard_form(&mut self, pointer: &str, object: &Map<String, Json>) -> StandardForm {
        let at = |key: &str| format!("{pointer}/{key}");
        let trims = self.report.flag(&at("trim"), object.get("trim"));
        let collapses = self.report.flag(&at("collapse"), object.get("collapse"));
        let case = match object.get("case") {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) if text == "lower" => Some(LetterCase::Lower),
            Some(Json::String(text)) if text == "upper" => Some(LetterCase::Upper),
            Some(_) => {
                self.report.add(&at("case"), ViolationCode::InvalidValue, "a case is `lower` or `upper`");
                None
            }
        };
        let mut form = StandardForm::new(trims, collapses, case);
        if let Some(spellings) = object.get("spellings").filter(|value| !value.is_null()) {
            self.spellings(&at("spellings"), spellings, &mut form);
        }
        if form == StandardForm::default() {
            let detail = "it needs `trim`, `collapse`, `case` or `spellings`";
            self.report.add(pointer, ViolationCode::RequiredMissing, detail);
        }
        form
    }

    fn spellings(&mut self, pointer: &str, value: &Json, form: &mut StandardForm) {
        let Json::Object(object) = value else { return self.report.mismatch(pointer, "object", value) };
        if !(1..=MAX_VALUES).contains(&object.len()) {
            return self.report.add(
                pointer,
                ViolationCode::WrongCount,
                format!("there are 1 to {MAX_VALUES} spellings"),
            );
        }
        for (old, new) in object {
            let at = pointer_to(pointer, old);
            let Some(new) = self.report.text(&at, Some(new)) else { continue };
            if !form.add_spelling(old, new) {
                let detail = "another spelling is the same in its standard form";
                self.report.add(&at, ViolationCode::DuplicateName, detail);
            }
        }
    }

    fn values(&mut self, pointer: &str, data_type: DataType, value: Option<&Json>) -> Option<Vec<Value>> {
        match value {
            Some(Json::Array(list)) if (1..=MAX_VALUES).contains(&list.len()) => {
                let values = list.iter().enumerate();
                let values = values.map(|(index, value)| {
                    self.report.value(&format!("{pointer}/{index}"), data_type, value, ViolationCode::InvalidConstraint)
                });
                values.collect::<Vec<_>>().into_iter().collect()
            }
            Some(Json::Array(_)) => {
                self.report.add(pointer, ViolationCode::WrongCount, format!("a list has 1 to {MAX_VALUES} values"));
                None
            }
            Some(other) => {
                self.report.mismatch(pointer, "array", other);
                None
            }
            None => {
                self.report.add(pointer, ViolationCode::RequiredMissing, "it is required");
                None
            }
        }
    }
}

/// A whole number and a unit: `s`, `m`, `h`, `d` or `w`; ten thousand years at most.
fn parse_age(text: &str) -> Option<Duration> {
    let (number, seconds) = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400), ('w', 604_800)]
        .into_iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))?;
    let number = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse::<u64>().ok()).flatten()?;
    number.checked_mul(seconds).filter(|seconds| *seconds <= 315_569_520_000).map(Duration::from_secs)
}
