//! Reading the cells of one CSV record straight into typed values.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use eider_domain::{
    DataType, Family, Incoming, JsonKind, RecordCheck, Schema, Slot, SourceNames, ValueRef, Violation, ViolationCode,
};
use memchr::{memchr_iter, memchr2};
use uuid::Uuid;

use super::cells::{Cell, Cells};
use super::header::names_of;
use super::hint;
use crate::options::{CsvDialect, Delimiter};
use crate::reader::ReadContext;
use crate::reader::rows::{HeaderOutcome, RecordParser};
use crate::reader::slots::{Slots, slots_of};

/// Where the cells of each record belong.
#[derive(Debug)]
struct CsvHeader {
    slots: Slots,
    dialect: CsvDialect,
}

impl CsvHeader {
    /// Reads the rows of the header.
    ///
    /// # Errors
    /// A sentence about what is wrong with them.
    fn read(rows: &[Vec<u8>], context: &ReadContext, dialect: CsvDialect) -> Result<Self, String> {
        let ReadContext { schema, names, ignores_read_only, .. } = context;
        let columns = names_of(rows, &dialect)?;
        let slots =
            slots_of(schema, names, columns.iter().map(String::as_str), *ignores_read_only).map_err(|detail| {
                let text = rows.first().map(|row| String::from_utf8_lossy(row)).unwrap_or_default();
                hint::of_header(detail, &text, (schema, names), &dialect)
            })?;
        Ok(Self { slots, dialect })
    }

    /// The columns that the call names, or else the properties of the schema.
    ///
    /// # Errors
    /// A sentence about a name that is none of the schema.
    fn named(context: &ReadContext, dialect: CsvDialect) -> Result<Self, String> {
        let ReadContext { schema, names, options, ignores_read_only, .. } = context;
        let slots = match &options.columns {
            Some(columns) => slots_of(schema, names, columns.iter().map(String::as_str), *ignores_read_only)?,
            None => Slots::of_properties(schema),
        };
        Ok(Self { slots, dialect })
    }
}

impl RecordParser for CsvHeader {
    fn parse<'de>(
        &self,
        record: &'de [u8],
        line: u64,
        schema: &'de Schema,
        check: &mut RecordCheck<'_>,
        row: &mut Vec<ValueRef<'de>>,
    ) -> Result<Option<Uuid>, Vec<Violation>> {
        read_record(record, self, schema, check, row).map_err(|violations| with_last_line(violations, line, record))
    }

    fn name_uses(&self, names: &SourceNames, records: u64) -> Vec<u64> {
        self.slots.name_uses(names, records)
    }
}

/// What reads the records behind a header.
pub(crate) fn behind_header(rows: &[Vec<u8>], context: &ReadContext, delimiter: Delimiter) -> HeaderOutcome {
    Ok(Arc::new(CsvHeader::read(rows, context, context.options.csv.dialect(delimiter))?))
}

/// What reads the records of a body that is said to have no header row.
pub(crate) fn headless(context: &ReadContext, delimiter: Delimiter) -> Option<HeaderOutcome> {
    let dialect = context.options.csv.dialect(delimiter);
    let header = || CsvHeader::named(context, dialect).map(|header| Arc::new(header) as Arc<dyn RecordParser>);
    (dialect.header_rows == 0).then(header)
}

/// The violations of a record of CSV. One that cannot be told apart into cells, or has not as many as there should be,
/// may have taken lines for its own that are none of it, because of a quote: the last of them is named.
fn with_last_line(mut violations: Vec<Violation>, line: u64, record: &[u8]) -> Vec<Violation> {
    let further = memchr_iter(b'\n', record).count() as u64;
    for violation in violations.iter_mut().filter(|_| further > 0) {
        if matches!(violation.code, ViolationCode::MalformedCsv | ViolationCode::WrongCount) {
            let last = line + further;
            let _ = write!(
                violation.detail,
                "; it goes from line {line} to line {last}, since a quote opens on one of them"
            );
        }
    }
    violations
}

/// Reads a record, checks it, and leaves its values in `row`: one per property. A cell without text and quotes is
/// null; a property without a column takes its default.
///
/// # Errors
/// Every violation of the record; `row` is then without meaning.
fn read_record<'de>(
    bytes: &'de [u8],
    header: &CsvHeader,
    schema: &'de Schema,
    check: &mut RecordCheck<'_>,
    row: &mut Vec<ValueRef<'de>>,
) -> Result<Option<Uuid>, Vec<Violation>> {
    let malformed = |detail: String| vec![Violation::new("", ViolationCode::MalformedCsv, detail)];
    let text = std::str::from_utf8(bytes).map_err(|_| malformed(hint::of_encoding("the record", &header.dialect)))?;
    row.clear();
    row.extend(schema.properties().iter().map(RecordCheck::missing_value));
    let mut id = None;
    let mut count = 0;
    let dialect = &header.dialect;
    for cell in Cells::of(text, dialect) {
        let Ok(cell) = cell else {
            check.abandon();
            let detail = format!("cell {} has a quote where none may stand; quote the cell and double it", count + 1);
            return Err(malformed(detail));
        };
        match header.slots.slots.get(count) {
            Some(Some(slot)) => {
                check.met(*slot);
                match (slot, read_cell(cell, *slot, schema, check, dialect)) {
                    (Slot::Property(index), Some(value)) => row[*index] = value,
                    (Slot::Id, Some(ValueRef::Uuid(uuid))) => id = Some(uuid),
                    _ => {}
                }
            }
            None if dialect.pads && cell.is_empty() => continue,
            _ => {}
        }
        count += 1;
    }
    if dialect.pads && count < header.slots.slots.len() {
        for slot in header.slots.slots[count..].iter().flatten() {
            check.met(*slot);
            if let (Slot::Property(index), Some(value)) =
                (slot, read_cell(Cell::MISSING, *slot, schema, check, dialect))
            {
                row[*index] = value;
            }
        }
        count = header.slots.slots.len();
    }
    if count != header.slots.slots.len() {
        // Which cell is missing cannot be told, so nothing else that was noted need be true.
        check.abandon();
        let detail = format!("the record has {count} cells, the header has {}", header.slots.slots.len());
        return Err(vec![Violation::new("", ViolationCode::WrongCount, detail)]);
    }
    let violations = check.finish();
    if violations.is_empty() { Ok(id) } else { Err(violations) }
}

/// Types and checks a cell. `None`: it was refused, and the violation is noted.
pub(crate) fn read_cell<'a>(
    cell: Cell<'a>,
    slot: Slot,
    schema: &Schema,
    check: &mut RecordCheck<'_>,
    dialect: &CsvDialect,
) -> Option<ValueRef<'a>> {
    let property = match slot {
        Slot::Id => None,
        Slot::Property(index) => Some(&schema.properties()[index]),
    };
    let data_type = property.map_or(DataType::Uuid, |property| property.data_type);
    let own = property.and_then(|property| property.dialect.as_deref());
    let text = match (own, cell.text) {
        (Some(own), Cow::Borrowed(text)) => Cow::Borrowed(own.trimmed(text)),
        (_, text) => text,
    };
    let has_comma = dialect.has_decimal_comma && own.is_none_or(|own| own.decimal_separator.is_none());
    let text = if has_comma { with_decimal_point(text, data_type) } else { text };
    let is_null = text.is_empty() && !(cell.is_quoted && data_type.family() == Family::Text);
    let token = match data_type.json_kind() {
        _ if is_null => Incoming::Null,
        JsonKind::Object | JsonKind::Array => {
            let Slot::Property(index) = slot else { return None };
            return match text {
                Cow::Borrowed(text) => check.json_text(index, text),
                Cow::Owned(text) => check.json_text(index, &text).map(ValueRef::into_owned),
            };
        }
        _ if own.is_some() => Incoming::Text(text),
        JsonKind::Number => match (Incoming::of_number(&text), text) {
            // A double does not tell which integer it is.
            (Some(Incoming::Number(_)), Cow::Borrowed(text)) if data_type == DataType::Integer => {
                Incoming::Digits(text)
            }
            (Some(token), _) => token,
            (None, text) => Incoming::Text(text),
        },
        JsonKind::Boolean if text.eq_ignore_ascii_case("true") => Incoming::Boolean(true),
        JsonKind::Boolean if text.eq_ignore_ascii_case("false") => Incoming::Boolean(false),
        JsonKind::Boolean | JsonKind::Text => Incoming::Text(text),
    };
    check.value(slot, token)
}

/// A number with a decimal comma as one with a point; of other types, the text. A point becomes a comma, so that one that
/// groups thousands is none of a number.
pub(super) fn with_decimal_point(text: Cow<'_, str>, data_type: DataType) -> Cow<'_, str> {
    let is_number = data_type.family() == Family::Number && text.bytes().any(|byte| byte.is_ascii_digit());
    if !is_number || memchr2(b',', b'.', text.as_bytes()).is_none() {
        return text;
    }
    if let (DataType::Integer, Cow::Borrowed(text)) = (data_type, &text)
        && let Some((whole, fraction)) = text.split_once(',')
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte == b'0')
    {
        return Cow::Borrowed(whole);
    }
    let swapped = |character| match character {
        ',' => '.',
        '.' => ',',
        other => other,
    };
    Cow::Owned(text.chars().map(swapped).collect())
}
