//! How the values of a column are written, where that has to be said.

use eider_domain::{DataType, DialectOption, Family};
use eider_formats::sample::{Candidate, Column, Form, Noted, truths};
use serde_json::{Map, Value as Json, json};

/// What a property has to say of its values, and why.
#[derive(Debug, Default)]
pub(super) struct Reading<'s> {
    /// The type that takes the values once it is said; `None` for the one that was chosen.
    pub(super) data_type: Option<DataType>,
    /// The members of the property.
    pub(super) options: Map<String, Json>,
    /// What speaks for them, or against others.
    pub(super) findings: Vec<Finding>,
    /// Of the column.
    null_words: &'s [&'static str],
}

/// What speaks for an option, or why it was not set.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) option: DialectOption,
    /// The values of the option.
    pub(super) values: Vec<String>,
    /// Records that break it.
    pub(super) broken: Noted,
    pub(super) detail: String,
}

impl Reading<'_> {
    /// Whether what is no text is kept as its JSON.
    pub(super) fn stringifies(&self) -> bool {
        self.options.contains_key(DialectOption::Stringify.name())
    }

    /// Whether values are null because it is said so.
    pub(super) fn has_nulls(&self) -> bool {
        self.options.contains_key(DialectOption::NullTokens.name())
    }

    fn find(&mut self, option: DialectOption, values: &[&str], detail: String) {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        self.findings.push(Finding { option, values, broken: Noted::default(), detail });
    }

    fn set(&mut self, option: DialectOption, value: Json, values: &[&str], detail: String) {
        self.options.insert(option.name().to_owned(), value);
        self.find(option, values, detail);
    }

    fn set_nulls(&mut self, count: Option<u64>) {
        let words = self.null_words;
        let detail = match count {
            Some(count) => format!("{count} values are words that stand for null elsewhere"),
            None => "words among the values stand for null elsewhere".to_owned(),
        };
        self.set(DialectOption::NullTokens, json!(words), words, detail);
    }

    /// No type keeps all values as they are, but their JSON does.
    fn stringify(&mut self, chosen: &Candidate) {
        let Candidate { fits, rounded, broken, .. } = chosen;
        let of = fits + rounded.count + broken.count;
        let kept = "those that are no texts are kept as their JSON";
        let (broken, detail) = if broken.count > 0 {
            let chosen = chosen.data_type();
            (broken, format!("{} of {of} values are no `{chosen}`, and no type takes all; {kept}", broken.count))
        } else {
            (rounded, format!("{} of {of} values have more digits than any type keeps; {kept}", rounded.count))
        };
        self.data_type = Some(DataType::String);
        self.options.insert(DialectOption::Stringify.name().to_owned(), true.into());
        let broken = broken.clone();
        self.findings.push(Finding { option: DialectOption::Stringify, values: Vec::new(), broken, detail });
    }

    fn set_trim(&mut self) {
        let detail = "values have white space around them, which the type does not take".to_owned();
        self.set(DialectOption::Trim, true.into(), &[], detail);
    }
}

/// What has to be said of the values of a column for which a type was chosen.
pub(super) fn reading_of<'s>(column: &'s Column, chosen: &Candidate, forms: &[Form]) -> Reading<'s> {
    let null_words = column.forms.null_words.as_slice();
    let mut reading = Reading { null_words, ..Reading::default() };
    let is_text_tried = column.candidates.iter().any(|candidate| candidate.data_type == DataType::String);
    if is_text_tried && !(chosen.takes_all() && chosen.rounded.count == 0) {
        reading.stringify(chosen);
        return reading;
    }
    if chosen.data_type.family() != Family::Text {
        if chosen.nullish > 0 && chosen.takes_all() {
            reading.set_nulls(Some(chosen.nullish));
        }
        if chosen.padded.count > 0 {
            reading.set_trim();
        }
        return reading;
    }
    if chosen.broken.count > 0 {
        return reading;
    }
    if !read_truths(column, &mut reading) && !read_form(column, forms, &mut reading) {
        if column.forms.has_bare_nulls() {
            let detail = "every text is in quotes, but for words that stand for null elsewhere".to_owned();
            reading.set(DialectOption::NullTokens, json!(null_words), null_words, detail);
        }
        return reading;
    }
    if !null_words.is_empty() {
        reading.set_nulls(None);
    }
    if column.forms.is_padded {
        reading.set_trim();
    }
    reading
}

/// Texts that are a word for true and one for false, and no others.
fn read_truths(column: &Column, reading: &mut Reading<'_>) -> bool {
    let Some(texts) = &column.values.texts else { return false };
    let mut words: Vec<&str> = texts.iter().map(|text| text.trim()).collect();
    words.retain(|word| !column.forms.null_words.contains(word));
    words.sort_unstable();
    words.dedup();
    let Some((yes, no)) = truths(&words) else { return false };
    reading.data_type = Some(DataType::Boolean);
    let detail = format!("the only texts are {} and {}", listed(&yes), listed(&no));
    reading.set(DialectOption::TrueTokens, json!(yes), &yes, detail.clone());
    reading.set(DialectOption::FalseTokens, json!(no), &no, detail);
    true
}

/// Texts that are all of one form.
fn read_form(column: &Column, forms: &[Form], reading: &mut Reading<'_>) -> bool {
    let found = column.forms.found(forms);
    let taken = column.forms.taken;
    let (somewhere, sure): (Vec<&Form>, Vec<&Form>) = found.into_iter().partition(|form| form.lacks_zone);
    match (sure.as_slice(), somewhere.as_slice()) {
        ([form], []) => {
            reading.data_type = Some(form.data_type);
            for (name, value) in &form.options {
                let Some(option) = DialectOption::ALL.iter().find(|option| option.name() == name) else { continue };
                let texts: Vec<&str> = match value {
                    Json::Array(texts) => texts.iter().filter_map(Json::as_str).collect(),
                    value => value.as_str().into_iter().collect(),
                };
                let detail = format!("all {taken} texts are of this form, so `{}` takes them", form.data_type);
                reading.set(*option, value.clone(), &texts, detail);
            }
            true
        }
        ([first, .., last], _) => {
            let detail = format!(
                "all {taken} texts are `{}` by {} and by {} alike; which is meant they do not tell, so `string` was \
                 chosen",
                first.data_type,
                first.patterns(),
                last.patterns()
            );
            reading.find(DialectOption::Formats, &[], detail);
            false
        }
        ([], [form, ..]) => {
            let patterns: Vec<String> = somewhere.iter().map(|form| form.patterns()).collect();
            let formats = match patterns.iter().filter(|patterns| !patterns.is_empty()).count() {
                0 => String::new(),
                _ => format!(" and `formats` {}", patterns.join(" or ")),
            };
            let detail = format!(
                "all {taken} texts are times without an offset; with `time_zone`{formats} the property can be `{}`, \
                 so far `string` loses nothing",
                form.data_type
            );
            reading.find(DialectOption::TimeZone, &[], detail);
            false
        }
        _ => false,
    }
}

fn listed(texts: &[&str]) -> String {
    texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}
