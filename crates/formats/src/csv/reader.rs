//! Reading the cells of one CSV record straight into typed values.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use eider_domain::{
    DataType, Family, Incoming, JsonKind, RecordCheck, Schema, Slot, SourceNames, ValueRef, Violation, ViolationCode,
};
use memchr::{memchr, memchr_iter};
use uuid::Uuid;

use crate::reader::ReadContext;
use crate::reader::rows::{Frame, RecordParser};
use crate::reader::slots::{Slots, slots_of};

/// Where the cells of each record belong.
#[derive(Debug)]
struct CsvHeader {
    slots: Slots,
}

impl CsvHeader {
    /// Reads the header row.
    ///
    /// # Errors
    /// A sentence about what is wrong with it.
    fn read(record: &[u8], context: &ReadContext) -> Result<Self, String> {
        let text = std::str::from_utf8(record).map_err(|_| "the header row is not UTF-8".to_owned())?;
        let cells: Vec<Cell<'_>> = Cells::of(text)
            .collect::<Result<_, _>>()
            .map_err(|Misquoted| "the header row has a quote where none may stand".to_owned())?;
        let columns = cells.iter().map(|cell| cell.text.as_ref());
        Ok(Self { slots: slots_of(&context.schema, &context.names, columns, context.ignores_read_only)? })
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

/// What reads the records behind a header row.
pub(crate) fn behind_header(frame: Frame<'_>, context: &ReadContext) -> Result<Arc<dyn RecordParser>, String> {
    match frame {
        Frame::Record(bytes) => Ok(Arc::new(CsvHeader::read(bytes, context)?)),
        Frame::TooLarge => Err(format!("the header row has more than {} bytes", context.limits.max_record_bytes)),
    }
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
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("the record is not UTF-8".to_owned()))?;
    row.clear();
    row.extend(schema.properties().iter().map(RecordCheck::missing_value));
    let mut id = None;
    let mut count = 0;
    for cell in Cells::of(text) {
        let Ok(cell) = cell else {
            check.abandon();
            let detail = format!("cell {} has a quote where none may stand; quote the cell and double it", count + 1);
            return Err(malformed(detail));
        };
        if let Some(Some(slot)) = header.slots.slots.get(count) {
            check.met(*slot);
            match (slot, read_cell(cell, *slot, schema, check)) {
                (Slot::Property(index), Some(value)) => row[*index] = value,
                (Slot::Id, Some(ValueRef::Uuid(uuid))) => id = Some(uuid),
                _ => {}
            }
        }
        count += 1;
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
) -> Option<ValueRef<'a>> {
    let property = match slot {
        Slot::Id => None,
        Slot::Property(index) => Some(&schema.properties()[index]),
    };
    let data_type = property.map_or(DataType::Uuid, |property| property.data_type);
    let dialect = property.and_then(|property| property.dialect.as_deref());
    let text = match (dialect, cell.text) {
        (Some(dialect), Cow::Borrowed(text)) => Cow::Borrowed(dialect.trimmed(text)),
        (_, text) => text,
    };
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
        _ if dialect.is_some() => Incoming::Text(text),
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

/// A cell of a record.
#[derive(Debug, Clone)]
pub(crate) struct Cell<'a> {
    /// Without its quotes.
    pub(crate) text: Cow<'a, str>,
    pub(crate) is_quoted: bool,
}

/// A quote stands within an unquoted cell or behind a quoted one.
#[derive(Debug)]
pub(crate) struct Misquoted;

/// The cells of a record; nothing after the first error.
pub(crate) struct Cells<'a> {
    rest: Option<&'a str>,
}

impl<'a> Cells<'a> {
    pub(crate) fn of(record: &'a str) -> Self {
        Self { rest: Some(record) }
    }

    /// Takes a cell that begins behind an opening quote.
    fn quoted(&mut self, inner: &'a str) -> Result<Cell<'a>, Misquoted> {
        let bytes = inner.as_bytes();
        let mut end = 0;
        let mut has_quotes = false;
        loop {
            end += memchr(b'"', &bytes[end..]).ok_or(Misquoted)?;
            match bytes.get(end + 1) {
                Some(b'"') => {
                    has_quotes = true;
                    end += 2;
                }
                Some(b',') => {
                    self.rest = Some(&inner[end + 2..]);
                    break;
                }
                Some(_) => return Err(Misquoted),
                None => break,
            }
        }
        let text = &inner[..end];
        let text = if has_quotes { Cow::Owned(text.replace("\"\"", "\"")) } else { Cow::Borrowed(text) };
        Ok(Cell { text, is_quoted: true })
    }

    fn unquoted(&mut self, rest: &'a str) -> Result<Cell<'a>, Misquoted> {
        let text = match memchr(b',', rest.as_bytes()) {
            Some(end) => {
                self.rest = Some(&rest[end + 1..]);
                &rest[..end]
            }
            None => rest,
        };
        if memchr(b'"', text.as_bytes()).is_some() {
            return Err(Misquoted);
        }
        Ok(Cell { text: Cow::Borrowed(text), is_quoted: false })
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Result<Cell<'a>, Misquoted>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let cell = match rest.strip_prefix('"') {
            Some(inner) => self.quoted(inner),
            None => self.unquoted(rest),
        };
        if cell.is_err() {
            self.rest = None;
        }
        Some(cell)
    }
}
