//! JSON records without a schema: the types that take the values under each key.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;

use eider_domain::{DataType, Family, Incoming, JsonKind, check_json, is_plausible};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

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
    /// Whether two keys differ in case alone.
    has_spellings: bool,
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
            Frame::Record(record) => self.read_object(line, record, trial, survey)?,
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
    /// Takes note of the members of a record, if it is one.
    fn read_object(
        &mut self,
        line: u64,
        record: &[u8],
        trial: &mut TypeTrial<'_>,
        survey: &mut Survey,
    ) -> Result<bool, ReadError> {
        let Some(members) = members_of(record, trial.json_depth) else { return Ok(false) };
        let mut is_met = vec![false; survey.width()];
        for (key, value) in members {
            let column = if let Some(column) = self.columns.get(&key) {
                *column
            } else {
                let column = survey.add_column(key.clone(), &TYPES)?;
                is_met.push(false);
                self.has_spellings |= !self.lower.insert(key.to_ascii_lowercase());
                self.columns.insert(key, column);
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
        for column in is_met.iter().enumerate().filter(|(_, is_met)| !**is_met).map(|(column, _)| column) {
            survey.lack(column, line);
        }
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

/// The members of an object as they are written.
struct Members<'de>(Vec<(String, &'de RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a record")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}
