//! Samples of bodies that hold record after record: JSON and CSV.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;

use eider_domain::{
    DataType, Incoming, MAX_DECIMAL_PRECISION, RecordCheck, RecordValidator, Schema, SchemaDefinition, Slot, Timestamp,
    check_json,
};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::digits::{fit_of_digits, is_rounded};
use super::{Fit, Identity, Survey};
use crate::csv::{Cell, Cells, read_cell};
use crate::format::Format;
use crate::json::number_token;
use crate::reader::rows::{Frame, Framer};
use crate::reader::{ReadError, ReadLimits};

/// The types that a value of JSON or CSV may have, the strictest first. A number is a decimal where a double would forget
/// digits of it; a text that looks like one is text.
const TYPES: [DataType; 11] = [
    DataType::Boolean,
    DataType::Integer,
    DataType::Date,
    DataType::Time,
    DataType::Datetime,
    DataType::Uuid,
    DataType::Number,
    DataType::Decimal { precision: MAX_DECIMAL_PRECISION, scale: 0 },
    DataType::Object,
    DataType::Array,
    DataType::String,
];

/// The first records of a body.
#[derive(Debug)]
pub(crate) struct RowSample {
    framer: Framer,
    records: Records,
    most: u64,
    pub(crate) survey: Survey,
}

/// What reads records, and where their values belong.
#[derive(Debug)]
struct Records {
    /// A schema with a property of each of [`TYPES`], which says whether it takes a value.
    trial: Schema,
    columns: Columns,
    json_depth: usize,
}

#[derive(Debug)]
enum Columns {
    /// By lower case key.
    Named(HashMap<String, usize>),
    /// Those of the header, once it was met.
    Placed(Option<usize>),
}

impl RowSample {
    pub(crate) fn new(format: Format, limits: ReadLimits, most: u64) -> Result<Self, ReadError> {
        let is_csv = format == Format::Csv;
        let columns = if is_csv { Columns::Placed(None) } else { Columns::Named(HashMap::new()) };
        let properties = TYPES.map(property_of);
        let trial = SchemaDefinition::parse(&json!({"name": "trial", "properties": properties}));
        let trial = Schema::new(trial.map_err(ReadError::SchemaInvalid)?, 1, Timestamp::from_micros(0));
        let framer = Framer::new(format, limits.max_record_bytes);
        Ok(Self {
            framer,
            records: Records { trial, columns, json_depth: limits.max_json_depth },
            most,
            survey: Survey::new(most),
        })
    }

    pub(crate) fn is_full(&self) -> bool {
        self.survey.records() >= self.most
    }

    pub(crate) fn push(&mut self, block: &[u8]) -> Result<(), ReadError> {
        self.run(|framer, sink| framer.push(block, sink))
    }

    pub(crate) fn end(&mut self) -> Result<(), ReadError> {
        self.run(Framer::finish)?;
        let malformed = |detail: &str| Err(ReadError::MalformedBody { detail: detail.to_owned() });
        match self.records.columns {
            Columns::Placed(None) => malformed("the body is empty; expected a CSV header row"),
            // Any line of text is a header.
            Columns::Placed(Some(_)) if self.survey.records() == 0 => malformed("the body has no records"),
            _ => Ok(()),
        }
    }

    fn run(
        &mut self,
        feed: impl FnOnce(&mut Framer, &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let Self { framer, records, most, survey } = self;
        let mut outcome = Ok(());
        let cut = feed(framer, &mut |line, frame| {
            if outcome.is_ok() && survey.records() < *most {
                outcome = records.read(line, frame, survey);
            }
        });
        outcome.and(cut)
    }
}

/// The property of a type in the schema that says what it takes. Digits of decimals are counted instead.
fn property_of(data_type: DataType) -> Json {
    let name = if matches!(data_type, DataType::Decimal { .. }) { "string" } else { data_type.name() };
    json!({"name": data_type.name(), "type": name})
}

impl Records {
    fn read(&mut self, line: u64, frame: Frame<'_>, survey: &mut Survey) -> Result<(), ReadError> {
        let mut check = RecordValidator::new(&self.trial).with_json_depth(self.json_depth).check();
        let is_read = match (&mut self.columns, frame) {
            (Columns::Named(columns), Frame::Record(record)) => {
                read_json(line, (record, self.json_depth), columns, &mut check, survey)?
            }
            (Columns::Placed(Some(width)), Frame::Record(record)) => {
                read_csv(line, record, *width, (&self.trial, &mut check), survey)
            }
            (Columns::Placed(width), Frame::Record(header)) => {
                *width = Some(read_header(header, survey)?);
                return Ok(());
            }
            (Columns::Placed(None), Frame::TooLarge) => {
                return Err(ReadError::MalformedBody {
                    detail: "the header row is longer than a record may be".to_owned(),
                });
            }
            (_, Frame::TooLarge) => false,
        };
        if is_read {
            survey.accept(line);
        } else {
            survey.refuse(line);
        }
        Ok(())
    }
}

/// Adds the columns of a header; how many there are.
fn read_header(header: &[u8], survey: &mut Survey) -> Result<usize, ReadError> {
    let malformed = |detail: &str| ReadError::MalformedBody { detail: detail.to_owned() };
    let text = std::str::from_utf8(header).map_err(|_| malformed("the header row is not UTF-8"))?;
    for cell in Cells::of(text) {
        let cell = cell.map_err(|_| malformed("the header row has a quote where none may stand"))?;
        survey.add_column(cell.text.into_owned(), &TYPES)?;
    }
    Ok(survey.width())
}

/// Takes note of the cells of a record, if it has as many as the header.
fn read_csv(
    line: u64,
    record: &[u8],
    width: usize,
    (trial, check): (&Schema, &mut RecordCheck<'_>),
    survey: &mut Survey,
) -> bool {
    let Ok(text) = std::str::from_utf8(record) else { return false };
    let Ok(cells) = Cells::of(text).collect::<Result<Vec<_>, _>>() else { return false };
    if cells.len() != width {
        return false;
    }
    for (column, cell) in cells.into_iter().enumerate() {
        if cell.text.is_empty() && !cell.is_quoted {
            survey.lack(column, line);
            continue;
        }
        let fits = TYPES.map(|data_type| fit_of_cell(&cell, data_type, trial, check));
        survey.observe(column, line, &fits, Identity::Text(&cell.text));
    }
    true
}

fn fit_of_cell(cell: &Cell<'_>, data_type: DataType, trial: &Schema, check: &mut RecordCheck<'_>) -> Fit {
    let text = cell.text.as_ref();
    if text.is_empty() {
        return if data_type == DataType::String { Fit::Fits } else { Fit::Null };
    }
    let first = text.as_bytes()[0];
    let is_plausible = match data_type {
        DataType::String => return Fit::Fits,
        DataType::Decimal { .. } => return fit_of_digits(text),
        DataType::Number if is_rounded(text) => return Fit::Rounds,
        DataType::Integer | DataType::Number => first == b'-' || first.is_ascii_digit(),
        DataType::Boolean => matches!(text, "true" | "false"),
        DataType::Object => text.trim_start().starts_with('{'),
        DataType::Array => text.trim_start().starts_with('['),
        _ => is_plausible_text(text, data_type),
    };
    if !is_plausible {
        return Fit::Breaks;
    }
    let is_taken = read_cell(cell.clone(), slot_of(data_type), trial, check).is_some();
    fit_of(is_taken, check)
}

/// The slot of a type in the schema that says what it takes.
fn slot_of(data_type: DataType) -> Slot {
    Slot::Property(TYPES.iter().position(|of| *of == data_type).unwrap_or_default())
}

fn fit_of(is_taken: bool, check: &mut RecordCheck<'_>) -> Fit {
    if is_taken {
        return Fit::Fits;
    }
    check.abandon();
    Fit::Breaks
}

/// Whether a text may be one of a type of text, as far as its form tells: the check takes time to say why not.
fn is_plausible_text(text: &str, data_type: DataType) -> bool {
    let has = |place: usize, byte: u8| text.as_bytes().get(place) == Some(&byte);
    match data_type {
        DataType::String => true,
        DataType::Date => text.len() == 10 && has(4, b'-'),
        DataType::Time => has(2, b':'),
        DataType::Datetime => text.len() > 10 && has(4, b'-'),
        DataType::Uuid => text.len() == 36,
        _ => false,
    }
}

/// Takes note of the members of a record, if it is one.
fn read_json(
    line: u64,
    (record, json_depth): (&[u8], usize),
    columns: &mut HashMap<String, usize>,
    check: &mut RecordCheck<'_>,
    survey: &mut Survey,
) -> Result<bool, ReadError> {
    let Some(members) = members_of(record, json_depth) else { return Ok(false) };
    let mut is_met = vec![false; survey.width()];
    for (key, value) in members {
        let lower = key.to_ascii_lowercase();
        let column = if let Some(column) = columns.get(&lower) {
            *column
        } else {
            let column = survey.add_column(key, &TYPES)?;
            is_met.push(false);
            columns.insert(lower, column);
            column
        };
        is_met[column] = true;
        let Member { written, token } = value;
        if token == Incoming::Null {
            survey.lack(column, line);
            continue;
        }
        let fits = TYPES.map(|data_type| fit_of_token(written, &token, data_type, check));
        match &token {
            Incoming::Text(text) => survey.observe(column, line, &fits, Identity::Text(text)),
            Incoming::Object(_) | Incoming::Array(_) => survey.observe(column, line, &fits, Identity::None),
            _ => survey.observe(column, line, &fits, Identity::Other(written)),
        }
    }
    for column in is_met.iter().enumerate().filter(|(_, is_met)| !**is_met).map(|(column, _)| column) {
        survey.lack(column, line);
    }
    Ok(true)
}

fn fit_of_token(written: &str, token: &Incoming<'_>, data_type: DataType, check: &mut RecordCheck<'_>) -> Fit {
    let is_plausible = match token {
        Incoming::Null => return Fit::Null,
        Incoming::Boolean(_) => data_type == DataType::Boolean,
        Incoming::Integer(_) | Incoming::Unsigned(_) | Incoming::Number(_) | Incoming::Digits(_) => match data_type {
            DataType::Decimal { .. } => return fit_of_digits(written),
            DataType::Number if is_rounded(written) => return Fit::Rounds,
            _ => matches!(data_type, DataType::Integer | DataType::Number),
        },
        Incoming::Text(text) => is_plausible_text(text, data_type),
        Incoming::Object(_) => data_type == DataType::Object,
        Incoming::Array(_) => data_type == DataType::Array,
    };
    if !is_plausible {
        return Fit::Breaks;
    }
    let is_taken = check.value(slot_of(data_type), token.clone()).is_some();
    fit_of(is_taken, check)
}

/// A member of a record: how it is written, and its token.
struct Member<'de> {
    written: &'de str,
    token: Incoming<'de>,
}

/// The members of a record; `None` when it is no object, has a key twice, or something that no property takes. What is nested
/// stands for an empty object or array.
fn members_of(record: &[u8], json_depth: usize) -> Option<Vec<(String, Member<'_>)>> {
    let Members(members) = serde_json::from_slice(record).ok()?;
    let mut keys = HashSet::new();
    let mut found = Vec::with_capacity(members.len());
    for (key, raw) in members {
        let member = member_of(raw.get(), json_depth)?;
        if !keys.insert(key.to_ascii_lowercase()) {
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
        _ => number_token(written).filter(|token| !matches!(token, Incoming::Number(n) if n.is_infinite()))?,
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
