//! From JSON to rules, with every violation reported.

use std::collections::HashSet;
use std::time::Duration;

use regex::RegexBuilder;
use serde_json::{Map, Value as Json};

use super::{CharacterSet, Check, LetterCase, MAX_RULES, Rule, RuleSet, StandardForm, default_name};
use crate::constraints::typed;
use crate::validation::Incoming;
use crate::violation::{abbreviate, pointer_to};
use crate::{DataType, Field, Schema, Severity, SystemField, Value, ValueRef, Violation, ViolationCode, nearest};

/// Longest name of a rule, in characters.
pub(super) const MAX_NAME_CHARS: usize = 100;
/// Most values of a list, and most spellings.
const MAX_VALUES: usize = 1_000;
/// Most properties of a rule.
const MAX_FIELDS: usize = 16;
/// Largest compiled form of a pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

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
    let mut reader = Reader { schema, violations: Vec::new(), names: HashSet::new() };
    let given = reader.object("", document, &["rules"]).and_then(|object| object.get("rules"));
    let rules = match given.filter(|rules| !rules.is_null()) {
        None => RuleSet::of(schema).0,
        Some(Json::Array(list)) if (1..=MAX_RULES).contains(&list.len()) => {
            list.iter().enumerate().filter_map(|(index, rule)| reader.rule(&format!("/rules/{index}"), rule)).collect()
        }
        Some(Json::Array(list)) => {
            let detail = format!("a validation has 1 to {MAX_RULES} rules, this one has {}", list.len());
            reader.add("/rules", ViolationCode::WrongCount, detail);
            Vec::new()
        }
        Some(other) => {
            reader.mismatch("/rules", "array", other);
            Vec::new()
        }
    };
    if reader.violations.is_empty() { Ok(RuleSet(rules)) } else { Err(reader.violations) }
}

struct Reader<'s> {
    schema: &'s Schema,
    violations: Vec<Violation>,
    /// The names so far, in lower case.
    names: HashSet<String>,
}

impl Reader<'_> {
    fn add(&mut self, pointer: &str, code: ViolationCode, detail: impl Into<String>) {
        self.violations.push(Violation::new(pointer, code, detail));
    }

    fn mismatch(&mut self, pointer: &str, expected: &str, found: &Json) {
        let kind = Incoming::from_json(found).kind();
        let mut violation =
            Violation::new(pointer, ViolationCode::TypeMismatch, format!("expected {expected}, found {kind}"));
        violation.expected = Some(expected.to_owned());
        violation.actual = Some(kind);
        self.violations.push(violation);
    }

    /// The object at a pointer, with every key that it should not have reported.
    fn object<'d>(&mut self, pointer: &str, value: &'d Json, keys: &[&str]) -> Option<&'d Map<String, Json>> {
        let Json::Object(object) = value else {
            self.mismatch(pointer, "object", value);
            return None;
        };
        for key in object.keys().filter(|key| !keys.contains(&key.as_str())) {
            let hint = nearest(key, keys.iter().copied())
                .map_or_else(|| format!("the keys are {}", keys.join(", ")), |name| format!("did you mean `{name}`?"));
            let detail = format!("there is no key `{}`; {hint}", abbreviate(key));
            self.add(&pointer_to(pointer, key), ViolationCode::UnknownKey, detail);
        }
        Some(object)
    }

    fn rule(&mut self, pointer: &str, document: &Json) -> Option<Rule> {
        let at = |key: &str| format!("{pointer}/{key}");
        let Json::Object(all) = document else {
            self.mismatch(pointer, "object", document);
            return None;
        };
        let (kind, keys) = self.kind(&at("rule"), all.get("rule"))?;
        let object = self.object(pointer, document, &[&COMMON_KEYS[..], keys].concat())?;
        let severity = self.severity(&at("severity"), object.get("severity"));
        let fields = self.fields(pointer, kind, object)?;
        let check = self.check(pointer, kind, &fields, object);
        let name = match object.get("name") {
            None | Some(Json::Null) => Some(default_name(kind, &fields, &mut self.names)),
            Some(name) => self.name(&at("name"), name),
        };
        Some(Rule { name: name?, severity, fields, check: check? })
    }

    /// A kind of rules, and the keys that it has of its own.
    fn kind(&mut self, pointer: &str, value: Option<&Json>) -> Option<(&'static str, &'static [&'static str])> {
        let Json::String(text) = value.unwrap_or(&Json::Null) else {
            match value.filter(|value| !value.is_null()) {
                Some(other) => self.mismatch(pointer, "string", other),
                None => self.add(pointer, ViolationCode::RequiredMissing, "a rule says of which kind it is"),
            }
            return None;
        };
        let found = KINDS.iter().find(|(kind, _)| kind == text);
        if found.is_none() {
            let known = || KINDS.iter().map(|(kind, _)| *kind);
            let hint = nearest(text, known()).map_or_else(
                || format!("the rules are {}", known().collect::<Vec<_>>().join(", ")),
                |name| format!("did you mean `{name}`?"),
            );
            let detail = format!("there is no rule `{}`; {hint}", abbreviate(text));
            self.add(pointer, ViolationCode::UnknownType, detail);
        }
        found.copied()
    }

    fn severity(&mut self, pointer: &str, value: Option<&Json>) -> Severity {
        match value {
            None | Some(Json::Null) => Severity::Error,
            Some(Json::String(text)) => Severity::parse(text).unwrap_or_else(|| {
                self.add(pointer, ViolationCode::InvalidValue, "a severity is `error` or `warning`");
                Severity::Error
            }),
            Some(other) => {
                self.mismatch(pointer, "string", other);
                Severity::Error
            }
        }
    }

    fn name(&mut self, pointer: &str, value: &Json) -> Option<String> {
        let Json::String(text) = value else {
            self.mismatch(pointer, "string", value);
            return None;
        };
        let is_name = (1..=MAX_NAME_CHARS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !is_name {
            let detail = format!("the name of a rule has 1 to {MAX_NAME_CHARS} letters, digits, `_` and `-`");
            self.add(pointer, ViolationCode::InvalidName, detail);
            return None;
        }
        if !self.names.insert(text.to_ascii_lowercase()) {
            let detail = format!("another rule has the name `{text}`; case does not count");
            self.add(pointer, ViolationCode::DuplicateName, detail);
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
                        self.add(&pointer, ViolationCode::DuplicateName, format!("`{field}` is named before"));
                    }
                    fields.push(field);
                }
                (fields.len() == names.len()).then_some(fields)
            }
            (None, Some(Json::Array(_))) => {
                let detail = format!("a rule is on 1 to {MAX_FIELDS} properties");
                self.add(&at("properties"), ViolationCode::WrongCount, detail);
                None
            }
            (None, Some(other)) => {
                self.mismatch(&at("properties"), "array", other);
                None
            }
            (Some(_), Some(_)) => {
                let detail = "`property` and `properties` do not go together";
                self.add(&at("properties"), ViolationCode::InvalidConstraint, detail);
                None
            }
            (None, None) => {
                self.add(&at("property"), ViolationCode::RequiredMissing, "a rule names a property");
                None
            }
        }
    }

    fn field(&mut self, pointer: &str, kind: &str, name: &Json) -> Option<Field> {
        let Json::String(name) = name else {
            self.mismatch(pointer, "string", name);
            return None;
        };
        let field = match self.schema.field(name) {
            Ok(field) => field,
            Err(error) => {
                self.add(pointer, ViolationCode::UnknownProperty, error.to_string());
                return None;
            }
        };
        let data_type = field.data_type();
        let applies = match kind {
            "required" => true,
            "values" => data_type.is_comparable() && data_type != DataType::Boolean,
            "range" => data_type.is_ordered() && !matches!(data_type, DataType::String | DataType::Uuid),
            "duplicate" => data_type.is_comparable(),
            "freshness" => matches!(data_type, DataType::Date | DataType::Datetime),
            _ => data_type == DataType::String,
        };
        let times = [SystemField::CreatedAt, SystemField::UpdatedAt].map(Field::System);
        if matches!(field, Field::System(_)) && !(kind == "freshness" && times.contains(&field)) {
            let detail = format!("a rule is on a property; `{field}` is the record's own");
            self.add(pointer, ViolationCode::ReservedName, detail);
            return None;
        }
        if !applies {
            let detail = format!("`{kind}` does not apply to the type `{data_type}`");
            self.add(pointer, ViolationCode::InvalidConstraint, detail);
            return None;
        }
        Some(field)
    }

    fn check(&mut self, pointer: &str, kind: &str, fields: &[Field], object: &Map<String, Json>) -> Option<Check> {
        let at = |key: &str| format!("{pointer}/{key}");
        let given = |key: &str| object.get(key).filter(|value| !value.is_null());
        let data_type = fields.first()?.data_type();
        let reported = self.violations.len();
        let check = match kind {
            "required" => Some(Check::Required),
            "duplicate" => Some(Check::Duplicate),
            "values" => self.values(&at("values"), data_type, given("values")).map(Check::Values),
            "standardize" => Some(Check::Standardize(self.standard_form(pointer, object))),
            "length" => {
                let mut length = |key: &str| given(key).and_then(|value| self.length(&at(key), value));
                let (min, max) = (length("min"), length("max"));
                self.limits(pointer, ["min", "max"], object, min.zip(max).is_some_and(|(min, max)| min > max));
                Some(Check::Length { min, max })
            }
            "characters" => self.text(&at("allowed"), given("allowed")).and_then(|text| {
                let set = CharacterSet::parse(text);
                if set.is_none() {
                    let detail = "the characters that are allowed, with ranges such as `A-Z`";
                    self.add(&at("allowed"), ViolationCode::InvalidConstraint, detail);
                }
                set.map(Check::Characters)
            }),
            "pattern" => {
                let text = self.text(&at("pattern"), given("pattern"));
                text.and_then(|text| self.pattern(&at("pattern"), text)).map(Check::Pattern)
            }
            "range" => {
                let mut limit = |key: &str| given(key).and_then(|value| self.value(&at(key), data_type, value));
                let (minimum, maximum) = (limit("minimum"), limit("maximum"));
                let order = minimum.as_ref().zip(maximum.as_ref()).and_then(|(least, most)| least.compare(most));
                let is_crossed = order.is_some_and(std::cmp::Ordering::is_gt);
                self.limits(pointer, ["minimum", "maximum"], object, is_crossed);
                Some(Check::Range { minimum, maximum })
            }
            _ => self.text(&at("max_age"), given("max_age")).and_then(|text| {
                let age = parse_age(text);
                if age.is_none() {
                    let detail = "an age is a whole number and a unit, such as `90m`, `36h` or `30d`: s, m, h, d, w";
                    self.add(&at("max_age"), ViolationCode::InvalidValue, detail);
                }
                age.map(Check::Freshness)
            }),
        };
        check.filter(|_| self.violations.len() == reported)
    }

    /// Reports a pair of limits of which there is none, or that no value can satisfy.
    fn limits(&mut self, pointer: &str, keys: [&str; 2], object: &Map<String, Json>, is_crossed: bool) {
        if keys.iter().all(|key| object.get(*key).is_none_or(Json::is_null)) {
            let detail = format!("it needs `{}`, `{}` or both", keys[0], keys[1]);
            self.add(pointer, ViolationCode::RequiredMissing, detail);
        } else if is_crossed {
            let detail = "no value can satisfy both the lower and the upper limit";
            self.add(pointer, ViolationCode::InvalidConstraint, detail);
        }
    }

    fn length(&mut self, pointer: &str, value: &Json) -> Option<u64> {
        let length = value.as_u64().filter(|length| i64::try_from(*length).is_ok());
        if length.is_none() {
            self.add(pointer, ViolationCode::InvalidConstraint, "a length is a whole number from 0");
        }
        length
    }

    fn text<'d>(&mut self, pointer: &str, value: Option<&'d Json>) -> Option<&'d str> {
        match value {
            Some(Json::String(text)) => return Some(text),
            Some(other) => self.mismatch(pointer, "string", other),
            None => self.add(pointer, ViolationCode::RequiredMissing, "it is required"),
        }
        None
    }

    fn flag(&mut self, pointer: &str, value: Option<&Json>) -> bool {
        match value {
            None | Some(Json::Null) => false,
            Some(Json::Bool(flag)) => *flag,
            Some(other) => {
                self.mismatch(pointer, "boolean", other);
                false
            }
        }
    }

    fn pattern(&mut self, pointer: &str, text: &str) -> Option<regex::Regex> {
        let pattern = RegexBuilder::new(text).size_limit(MAX_PATTERN_BYTES).build();
        let detail = match &pattern {
            Ok(_) => return pattern.ok(),
            Err(regex::Error::CompiledTooBig(_)) => "the pattern is too large",
            Err(_) => "the pattern is not a regular expression",
        };
        self.add(pointer, ViolationCode::InvalidConstraint, detail);
        None
    }

    fn standard_form(&mut self, pointer: &str, object: &Map<String, Json>) -> StandardForm {
        let at = |key: &str| format!("{pointer}/{key}");
        let trims = self.flag(&at("trim"), object.get("trim"));
        let collapses = self.flag(&at("collapse"), object.get("collapse"));
        let case = match object.get("case") {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) if text == "lower" => Some(LetterCase::Lower),
            Some(Json::String(text)) if text == "upper" => Some(LetterCase::Upper),
            Some(_) => {
                self.add(&at("case"), ViolationCode::InvalidValue, "a case is `lower` or `upper`");
                None
            }
        };
        let mut form = StandardForm { trims, collapses, case, spellings: Vec::new() };
        if let Some(spellings) = object.get("spellings").filter(|value| !value.is_null()) {
            self.spellings(&at("spellings"), spellings, &mut form);
        }
        if form == StandardForm::default() {
            let detail = "it needs `trim`, `collapse`, `case` or `spellings`";
            self.add(pointer, ViolationCode::RequiredMissing, detail);
        }
        form
    }

    fn spellings(&mut self, pointer: &str, value: &Json, form: &mut StandardForm) {
        let Json::Object(object) = value else { return self.mismatch(pointer, "object", value) };
        if !(1..=MAX_VALUES).contains(&object.len()) {
            return self.add(pointer, ViolationCode::WrongCount, format!("there are 1 to {MAX_VALUES} spellings"));
        }
        let mut formed = HashSet::new();
        for (old, new) in object {
            let at = pointer_to(pointer, old);
            let Some(new) = self.text(&at, Some(new)) else { continue };
            if !formed.insert(form.formed(old).into_owned()) {
                let detail = "another spelling is the same in its standard form";
                self.add(&at, ViolationCode::DuplicateName, detail);
            }
            form.spellings.push((old.clone(), new.to_owned()));
        }
    }

    fn values(&mut self, pointer: &str, data_type: DataType, value: Option<&Json>) -> Option<Vec<Value>> {
        match value {
            Some(Json::Array(list)) if (1..=MAX_VALUES).contains(&list.len()) => {
                let values = list.iter().enumerate();
                let values = values.map(|(index, value)| self.value(&format!("{pointer}/{index}"), data_type, value));
                values.collect::<Vec<_>>().into_iter().collect()
            }
            Some(Json::Array(_)) => {
                self.add(pointer, ViolationCode::WrongCount, format!("a list has 1 to {MAX_VALUES} values"));
                None
            }
            Some(other) => {
                self.mismatch(pointer, "array", other);
                None
            }
            None => {
                self.add(pointer, ViolationCode::RequiredMissing, "it is required");
                None
            }
        }
    }

    /// A value of a type, not null.
    fn value(&mut self, pointer: &str, data_type: DataType, value: &Json) -> Option<Value> {
        match typed(data_type, Incoming::from_json(value)) {
            Ok(ValueRef::Null) => self.add(pointer, ViolationCode::InvalidConstraint, "null is not a value here"),
            Ok(value) => return Some(value.into_owned()),
            Err((_, detail)) => self.add(pointer, ViolationCode::InvalidConstraint, detail),
        }
        None
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
