//! JSON records without a schema: the types that take the values under each key.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use eider_domain::{DataType, Family, Incoming, JsonKind, check_json, is_plausible};

use super::flatten::{MAX_FLATTENED, joined};
use super::members::Members;
use crate::reader::ReadError;
use crate::reader::rows::Frame;
use crate::reader::sample::{Fit, RecordSampler, Survey, TYPES, TypeTrial, fit_of_digits, is_rounded, is_trimmed};

/// Reads objects; each key is a column.
#[derive(Debug, Default)]
pub(crate) struct JsonSampler {
    /// By key.
    columns: HashMap<String, usize>,
    /// The keys in lower case.
    lower: HashSet<String>,
    /// The columns of which further records that lack them are of interest: without this, a record would cost as much
    /// as there are columns.
    wanting: Vec<usize>,
    /// Whether two keys differ in case alone.
    has_spellings: bool,
    /// What stands between the keys of objects that are flattened.
    separator: Option<String>,
}

impl JsonSampler {
    pub(crate) fn new(separator: Option<String>) -> Self {
        Self { separator, ..Self::default() }
    }
}

impl RecordSampler for JsonSampler {
    fn read(
        &mut self,
        line: u64,
        frame: Frame<'_>,
        trial: &mut TypeTrial<'_>,
        survey: &mut Survey,
    ) -> Result<(), ReadError> {
        let is_read = match frame {
            Frame::Record(record) => {
                let members = match &self.separator {
                    None => members_of(record, trial.json_depth),
                    Some(separator) => flat_members_of(record, separator, trial.json_depth),
                };
                match members {
                    Some(members) => self.take_members(line, members, trial, survey)?,
                    None => false,
                }
            }
            Frame::TooLarge => false,
        };
        if is_read {
            survey.accept(line);
        } else {
            survey.refuse(line);
        }
        Ok(())
    }

    fn end(&self, _survey: &Survey) -> Result<(), ReadError> {
        Ok(())
    }
}

impl JsonSampler {
    /// Takes note of the members of a record.
    fn take_members(
        &mut self,
        line: u64,
        members: Vec<(String, Member<'_>)>,
        trial: &mut TypeTrial<'_>,
        survey: &mut Survey,
    ) -> Result<bool, ReadError> {
        let mut is_met = vec![false; survey.width()];
        for (key, value) in members {
            let column = if let Some(column) = self.columns.get(&key) {
                *column
            } else {
                let column = survey.add_column(key.clone(), &TYPES)?;
                is_met.push(false);
                self.has_spellings |= !self.lower.insert(key.to_ascii_lowercase());
                self.columns.insert(key, column);
                self.wanting.push(column);
                column
            };
            is_met[column] = true;
            let Member { written, token } = value;
            if token == Incoming::Null {
                survey.lack(column, line);
                continue;
            }
            if let Incoming::Text(text) = &token {
                let trimmed = Incoming::Text(Cow::Borrowed(text.trim()));
                let fits = TYPES.map(|data_type| {
                    fit_of_token(written, if is_trimmed(data_type) { &trimmed } else { &token }, data_type, trial)
                });
                survey.observe_text(column, line, &fits, text, trial);
            } else {
                let fits = TYPES.map(|data_type| fit_of_token(written, &token, data_type, trial));
                survey.observe_other(column, line, &fits, (written, &token), trial);
            }
        }
        self.wanting.retain(|column| is_met[*column] || survey.lack(*column, line));
        if self.has_spellings {
            survey.tell_apart(is_met.iter().enumerate().filter(|(_, is_met)| **is_met).map(|(column, _)| column));
        }
        Ok(true)
    }
}

fn fit_of_token(written: &str, token: &Incoming<'_>, data_type: DataType, trial: &mut TypeTrial<'_>) -> Fit {
    let is_plausible = match token {
        Incoming::Null => return Fit::Null,
        Incoming::Boolean(_) => data_type.json_kind() == JsonKind::Boolean,
        Incoming::Integer(_) | Incoming::Unsigned(_) | Incoming::Number(_) | Incoming::Digits(_) => {
            if matches!(data_type, DataType::Decimal { .. }) {
                return fit_of_digits(written);
            }
            if data_type == DataType::Number && is_rounded(written) {
                return Fit::Rounds;
            }
            data_type.family() == Family::Number
        }
        // A text that looks like a decimal is text.
        Incoming::Text(text) => {
            let is_text = data_type.json_kind() == JsonKind::Text && data_type.family() != Family::Number;
            is_text && is_plausible(data_type, text)
        }
        Incoming::Object(_) => data_type.json_kind() == JsonKind::Object,
        Incoming::Array(_) => data_type.json_kind() == JsonKind::Array,
    };
    if !is_plausible {
        return Fit::Breaks;
    }
    trial.fit(data_type, token.clone())
}

/// A member of a record: how it is written, and its token.
struct Member<'de> {
    written: &'de str,
    token: Incoming<'de>,
}

/// The members of a record; `None` when it is no object, has a key twice, or something that no property takes. What is
/// nested stands for an empty object or array.
fn members_of(record: &[u8], json_depth: usize) -> Option<Vec<(String, Member<'_>)>> {
    let Members(members) = serde_json::from_slice(record).ok()?;
    let mut keys: HashSet<String> = HashSet::new();
    let mut found = Vec::with_capacity(members.len());
    for (key, raw) in members {
        let member = member_of(raw.get(), json_depth)?;
        if !keys.insert(key.clone()) {
            return None;
        }
        found.push((key, member));
    }
    Some(found)
}

/// The same of a record whose nested objects are flattened.
fn flat_members_of<'de>(record: &'de [u8], separator: &str, json_depth: usize) -> Option<Vec<(String, Member<'de>)>> {
    fn add<'de>(
        object: &'de str,
        (path, depth): (&str, usize),
        separator: &str,
        json_depth: usize,
        found: &mut Vec<(String, Member<'de>)>,
    ) -> Option<()> {
        let Members(members) = serde_json::from_str(object).ok()?;
        for (key, raw) in members {
            let path = joined(path, separator, key, depth);
            if raw.get().starts_with('{') && depth < MAX_FLATTENED {
                add(raw.get(), (&path, depth + 1), separator, json_depth, found)?;
            } else {
                found.push((path, member_of(raw.get(), json_depth)?));
            }
        }
        Some(())
    }
    let mut found = Vec::new();
    add(std::str::from_utf8(record).ok()?, ("", 0), separator, json_depth, &mut found)?;
    let mut keys = HashSet::new();
    found.iter().all(|(key, _)| keys.insert(key.to_ascii_lowercase())).then_some(found)
}

fn member_of(written: &str, json_depth: usize) -> Option<Member<'_>> {
    let token = match written.as_bytes().first()? {
        b'{' => check_json(written, json_depth).ok().map(|()| Incoming::Object(Cow::Borrowed("{}")))?,
        b'[' => check_json(written, json_depth).ok().map(|()| Incoming::Array(Cow::Borrowed("[]")))?,
        b'"' => Incoming::Text(Cow::Owned(serde_json::from_str(written).ok()?)),
        b't' | b'f' => Incoming::Boolean(written == "true"),
        b'n' => Incoming::Null,
        _ => Incoming::of_number(written).filter(|token| !matches!(token, Incoming::Number(n) if n.is_infinite()))?,
    };
    Some(Member { written, token })
}
