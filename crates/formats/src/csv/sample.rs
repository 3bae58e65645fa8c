//! CSV without a schema: the types that take the cells of each column.

use std::borrow::Cow;

use eider_domain::{DataType, Family, is_plausible};

use super::cells::{Cell, Cells};
use super::header::names_of;
use super::hint;
use super::reader::{read_cell, with_decimal_point};
use crate::options::{CsvDialect, Delimiter, EmptyRows, ReadOptions};
use crate::reader::ReadError;
use crate::reader::rows::Frame;
use crate::reader::sample::{
    Finding, Fit, RecordSampler, Survey, TYPES, TypeTrial, fit_of_digits, is_rounded, is_trimmed, slot_of,
};
use crate::reader::slots::numbered;

/// Reads a header row, then rows of as many cells.
#[derive(Debug)]
pub(crate) struct CsvSampler {
    dialect: CsvDialect,
    /// The names of the columns, where the call gives them.
    columns: Option<Vec<String>>,
    /// Cells of a record, once the header was met.
    width: Option<usize>,
    /// The rows of the header that have been met so far.
    header: Vec<Vec<u8>>,
    /// Records whose cells are all empty, where the call does not say what becomes of them.
    empty_rows: Option<u64>,
    /// Whether there was a row with a value.
    has_values: bool,
}

impl CsvSampler {
    pub(crate) fn new(options: &ReadOptions, delimiter: Delimiter) -> Self {
        Self {
            dialect: options.csv.dialect(delimiter),
            columns: options.columns.clone(),
            width: None,
            header: Vec::new(),
            empty_rows: options.csv.empty_rows.is_none().then_some(0),
            has_values: false,
        }
    }

    /// Adds the columns of a header, once all of its rows are there.
    fn read_header(&mut self, row: &[u8], survey: &mut Survey) -> Result<(), ReadError> {
        self.header.push(row.to_vec());
        if self.header.len() < usize::from(self.dialect.header_rows) {
            return Ok(());
        }
        let names = names_of(&self.header, &self.dialect).map_err(ReadError::malformed)?;
        for name in numbered(&names.iter().map(String::as_str).collect::<Vec<_>>()) {
            survey.add_column(name.into_owned(), &TYPES)?;
        }
        survey.tell_apart(0..survey.width());
        self.width = Some(survey.width());
        Ok(())
    }

    /// Adds the columns of a body without a header: as many as there are names, or else cells in the first record.
    fn name_columns(&mut self, record: &[u8], survey: &mut Survey) -> Result<usize, ReadError> {
        let text = std::str::from_utf8(record)
            .map_err(|_| ReadError::malformed(hint::of_encoding("the first record", &self.dialect)))?;
        let names = self.columns.take().unwrap_or_else(|| {
            let cells = Cells::of(text, &self.dialect).count();
            (1..=cells).map(|place| format!("column_{place}")).collect()
        });
        for name in names {
            survey.add_column(name, &TYPES)?;
        }
        Ok(survey.width())
    }
}

impl RecordSampler for CsvSampler {
    fn read(
        &mut self,
        line: u64,
        frame: Frame<'_>,
        trial: &mut TypeTrial<'_>,
        survey: &mut Survey,
    ) -> Result<(), ReadError> {
        if let (Some(count), Frame::Record(record)) = (&mut self.empty_rows, frame)
            && self.dialect.has_only_empty_cells(record)
        {
            *count += 1;
            return Ok(());
        }
        if let (None, 0, Frame::Record(record)) = (self.width, self.dialect.header_rows, frame) {
            self.width = Some(self.name_columns(record, survey)?);
        }
        let dialect = &self.dialect;
        match (self.width, frame) {
            (None, Frame::Record(row)) => self.read_header(row, survey)?,
            (None, Frame::TooLarge) => {
                return Err(ReadError::malformed("the header row is longer than a record may be"));
            }
            (Some(width), Frame::Record(record)) if read_row(line, record, (width, dialect), trial, survey) => {
                self.has_values = true;
                survey.accept(line);
            }
            (Some(_), _) => survey.refuse(line),
        }
        Ok(())
    }

    fn end(&self, survey: &Survey) -> Result<(), ReadError> {
        match self.width {
            None => Err(ReadError::malformed(super::NO_HEADER)),
            // Any line of text is a header of one column.
            Some(..=1) if survey.records() == 0 => Err(ReadError::malformed("the body has no records")),
            Some(_) => Ok(()),
        }
    }

    fn find(&self, options: &mut ReadOptions) -> Option<Finding> {
        // Where there is no other row, an empty one is not what is left of a sheet.
        let count = self.empty_rows.filter(|count| *count > 0 && self.has_values)?;
        options.csv.empty_rows = Some(EmptyRows::Skip);
        Some(Finding {
            option: "csv.empty_rows",
            value: EmptyRows::Skip.to_string(),
            confidence: 0.8,
            detail: format!("{count} rows have no value in any cell"),
        })
    }
}

/// Takes note of the cells of a record, if it has as many as the header, or is made to.
fn read_row(
    line: u64,
    record: &[u8],
    (width, dialect): (usize, &CsvDialect),
    trial: &mut TypeTrial<'_>,
    survey: &mut Survey,
) -> bool {
    let Ok(text) = std::str::from_utf8(record) else { return false };
    let Ok(mut cells) = Cells::of(text, dialect).collect::<Result<Vec<_>, _>>() else { return false };
    if dialect.pads && cells.iter().skip(width).all(Cell::is_empty) {
        cells.resize(width, Cell::MISSING);
    }
    if cells.len() != width {
        return false;
    }
    for (column, cell) in cells.into_iter().enumerate() {
        if cell.text.is_empty() && !cell.is_quoted {
            survey.lack(column, line);
            continue;
        }
        let trimmed = Cell { text: Cow::Borrowed(cell.text.trim()), is_quoted: cell.is_quoted };
        let fits = TYPES.map(|data_type| {
            fit_of_cell(if is_trimmed(data_type) { &trimmed } else { &cell }, data_type, dialect, trial)
        });
        survey.observe_text(column, line, &fits, &cell.text, trial);
        survey.observe_quotes(column, &cell.text, cell.is_quoted);
    }
    true
}

fn fit_of_cell(cell: &Cell<'_>, data_type: DataType, dialect: &CsvDialect, trial: &mut TypeTrial<'_>) -> Fit {
    let pointed = dialect.has_decimal_comma.then(|| with_decimal_point(Cow::Borrowed(cell.text.as_ref()), data_type));
    let text = pointed.as_deref().unwrap_or(&cell.text);
    let has_point = text.contains('.') || (dialect.has_decimal_comma && cell.text.contains(','));
    if text.is_empty() {
        return if data_type.family() == Family::Text { Fit::Fits } else { Fit::Null };
    }
    match data_type.family() {
        Family::Text => return Fit::Fits,
        Family::Number if matches!(data_type, DataType::Decimal { .. }) => return fit_of_digits(text),
        Family::Number if data_type == DataType::Number && is_rounded(text) => return Fit::Rounds,
        // Whole numbers with a point are integers when they come, but the next may have a fraction.
        Family::Number if data_type == DataType::Integer && (has_point || text.contains(['e', 'E'])) => {
            return Fit::Breaks;
        }
        _ if !is_plausible(data_type, text) => return Fit::Breaks,
        _ => {}
    }
    let is_taken = read_cell(cell.clone(), slot_of(data_type), trial.schema, &mut trial.check, dialect).is_some();
    trial.fit_of(is_taken)
}
