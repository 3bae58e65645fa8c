//! Sheets of workbooks: `.xlsx`, `.xlsm`, `.xlsb`, `.xls` and `.ods`, read as rows of records.
//!
//! The first row that is not empty names the columns. A sheet does not say of a column what it holds, so all cells are
//! looked at before the first is handed out: a day at midnight is a date in a column of dates, and a time in one of times.

use std::io::Write;

use anyhow::{Context, Result, anyhow, bail};
use calamine::{Data, ExcelDateTime, Reader, Sheets, open_workbook_auto_from_rs};
use serde_json::{Number, Value as Json};

use super::container::{Container, Positioned};
use super::rows::{names_of, unnamed, write_row};

/// Columns that a sheet can have.
const MAX_COLUMNS: usize = 1 << 14;
/// Whole numbers up to here are written as such: a sheet knows no others.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// A sheet of a workbook.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    container: Container,
    name: String,
}

/// What the times of a column have in common.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    has_time: bool,
    has_day: bool,
}

/// A cell, whichever kind of workbook it is of.
enum Cell {
    Json(Json),
    Time(ExcelDateTime),
}

impl Sheet {
    /// The sheet of a name, or the first that can be seen.
    ///
    /// # Errors
    /// When it is no workbook, or has no such sheet.
    pub(super) fn find(container: &Container, name: Option<&str>) -> Result<Self> {
        let workbook = opened(container)?;
        let names = workbook.sheet_names();
        let name = match name {
            Some(name) if names.iter().any(|known| known == name) => name.to_owned(),
            Some(name) => bail!("it has no sheet `{name}`; it has {}", listed(&names)),
            None => {
                let seen = workbook.sheets_metadata().iter();
                let seen = seen.filter(|sheet| sheet.visible == calamine::SheetVisible::Visible);
                let mut sheets = seen.filter(|sheet| sheet.typ == calamine::SheetType::WorkSheet);
                sheets.next().context("it has no sheet that can be seen; name one with --sheet")?.name.clone()
            }
        };
        Ok(Self { container: container.clone(), name })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Writes a line for each row, an empty one for those without a record, so that the lines are those of the sheet.
    pub(super) fn write(&self, output: &mut dyn Write) -> Result<()> {
        let mut times: Vec<Times> = Vec::new();
        self.each_row(|_, cells| {
            times.resize(times.len().max(cells.len()), Times::default());
            for (cell, times) in cells.iter().zip(&mut times) {
                if let Some(Cell::Time(time)) = cell
                    && !time.is_duration()
                {
                    times.has_time |= time.as_f64().fract() != 0.0;
                    times.has_day |= time.as_f64() >= 1.0;
                }
            }
            Ok(())
        })?;
        let mut names: Option<Vec<String>> = None;
        let mut written = 0;
        self.each_row(|row, cells| {
            while written < row {
                output.write_all(b"\n")?;
                written += 1;
            }
            let value = |place: usize, cell: &Option<Cell>| match cell {
                None => Json::Null,
                Some(Cell::Json(value)) => value.clone(),
                Some(Cell::Time(time)) => text_of(time, times.get(place).copied().unwrap_or_default()).into(),
            };
            let Some(names) = &mut names else {
                names = Some(names_of(cells.iter().enumerate().map(|(place, cell)| match value(place, cell) {
                    Json::Null => String::new(),
                    Json::String(text) => text,
                    other => other.to_string(),
                })));
                return Ok(());
            };
            for place in names.len()..cells.len() {
                names.push(unnamed(place));
            }
            let cells = names.iter().enumerate().map(|(place, name)| {
                let cell = cells.get(place).unwrap_or(&None);
                (name.as_str(), value(place, cell))
            });
            // A column without a name is there where it has a value.
            let shown = cells.enumerate().filter(|(place, (name, value))| !value.is_null() || *name != unnamed(*place));
            write_row(shown.map(|(_, cell)| cell), output)?;
            written += 1;
            Ok(())
        })?;
        self.container.ensure_unchanged()
    }

    /// Hands on each row that has cells, with its place from 0.
    fn each_row(&self, mut take: impl FnMut(u64, &[Option<Cell>]) -> Result<()>) -> Result<()> {
        match opened(&self.container)? {
            // What can be large is read cell by cell.
            Sheets::Xlsx(mut workbook) => {
                let mut reader = workbook.worksheet_cells_reader(&self.name)?;
                let mut row = Row::default();
                while let Some(cell) = reader.next_cell()? {
                    row.add(cell.get_position(), of_data(cell.get_value().clone().into()), &mut take)?;
                }
                row.end(&mut take)
            }
            mut workbook => {
                let range = workbook.worksheet_range(&self.name)?;
                let (top, left) = range.start().unwrap_or_default();
                let mut row = Row::default();
                for (down, right, cell) in range.used_cells() {
                    let place = (top + u32::try_from(down)?, left + u32::try_from(right)?);
                    row.add(place, of_data(cell.clone()), &mut take)?;
                }
                row.end(&mut take)
            }
        }
    }
}

/// A row while its cells come.
#[derive(Default)]
struct Row {
    place: u32,
    cells: Vec<Option<Cell>>,
}

impl Row {
    fn add(
        &mut self,
        (row, column): (u32, u32),
        cell: Option<Cell>,
        take: &mut impl FnMut(u64, &[Option<Cell>]) -> Result<()>,
    ) -> Result<()> {
        if cell.is_none() {
            return Ok(());
        }
        if row != self.place {
            if row < self.place {
                bail!("row {} stands behind row {}", row + 1, self.place + 1);
            }
            self.end(take)?;
            self.place = row;
        }
        let column = usize::try_from(column)?;
        if column >= MAX_COLUMNS {
            bail!("row {} has more than {MAX_COLUMNS} columns", row + 1);
        }
        if column >= self.cells.len() {
            self.cells.resize_with(column + 1, || None);
        }
        self.cells[column] = cell;
        Ok(())
    }

    fn end(&mut self, take: &mut impl FnMut(u64, &[Option<Cell>]) -> Result<()>) -> Result<()> {
        if !self.cells.is_empty() {
            take(self.place.into(), &self.cells)?;
            self.cells.clear();
        }
        Ok(())
    }
}

fn opened(container: &Container) -> Result<Sheets<Positioned>> {
    open_workbook_auto_from_rs(container.open()?)
        .map_err(|error| anyhow!("it is no workbook that can be read: {error}"))
}

/// What a cell holds. An empty text is an empty cell: nobody sees a difference in a sheet.
fn of_data(value: Data) -> Option<Cell> {
    match value {
        Data::Empty => None,
        Data::String(text) if text.is_empty() => None,
        Data::Int(number) => Some(Cell::Json(number.into())),
        Data::Float(number) => Some(Cell::Json(number_of(number))),
        Data::String(text) | Data::DateTimeIso(text) => Some(Cell::Json(text.into())),
        Data::Bool(value) => Some(Cell::Json(value.into())),
        Data::DateTime(time) => Some(Cell::Time(time)),
        Data::DurationIso(text) => Some(Cell::Json(clock_of(&text).into())),
        Data::Error(error) => Some(Cell::Json(error.to_string().into())),
    }
}

/// A number as a person sees it: sheets hold `12` as a double.
#[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough")]
fn number_of(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < MAX_WHOLE {
        return (number as i64).into();
    }
    Number::from_f64(number).map_or_else(|| number.to_string().into(), Json::Number)
}

/// A day, a time of the day, or both, as the others of its column are.
fn text_of(time: &ExcelDateTime, column: Times) -> String {
    if time.is_duration() {
        return duration(time.as_f64());
    }
    let (year, month, day, hour, minute, second, milli) = time.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    let milli = if milli > 0 { format!(".{milli:03}") } else { String::new() };
    let clock = format!("{hour:02}:{minute:02}:{second:02}{milli}");
    match (column.has_day, column.has_time) {
        (_, false) if column.has_day => date,
        (false, _) => clock,
        _ => format!("{date}T{clock}"),
    }
}

/// A duration of days as sheets show it: hours, which may be more than 24.
#[expect(clippy::cast_possible_truncation, reason = "what is more than a sheet can hold stays at the most")]
fn duration(days: f64) -> String {
    let millis = (days.abs() * 86_400_000.0).round() as i64;
    let (seconds, milli) = (millis / 1000, millis % 1000);
    let milli = if milli > 0 { format!(".{milli:03}") } else { String::new() };
    let sign = if days < 0.0 { "-" } else { "" };
    format!("{sign}{:02}:{:02}:{:02}{milli}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `PT08H15M30S`, as `.ods` has times of the day, as a time. What is no such text stays as it is.
fn clock_of(text: &str) -> String {
    let parts = || {
        let (hours, rest) = text.strip_prefix("PT")?.split_once('H')?;
        let (minutes, rest) = rest.split_once('M')?;
        let seconds = rest.strip_suffix('S')?;
        let (whole, fraction) = seconds.split_once(['.', ',']).unwrap_or((seconds, ""));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let fraction = fraction.trim_end_matches('0');
        let fraction = if fraction.is_empty() { String::new() } else { format!(".{fraction}") };
        [hours, minutes, whole]
            .into_iter()
            .all(is_number)
            .then(|| format!("{hours:0>2}:{minutes:0>2}:{whole:0>2}{fraction}"))
    };
    parts().unwrap_or_else(|| text.to_owned())
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use calamine::ExcelDateTimeType;

    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_seen() {
        for (number, text) in [(12.0, "12"), (-0.5, "-0.5"), (1e300, "1e+300"), (0.1 + 0.2, "0.30000000000000004")] {
            assert_eq!(number_of(number).to_string(), text);
        }
    }

    #[test]
    fn times_are_written_as_their_column_is() {
        let (day, time) = (Times { has_day: true, has_time: false }, Times { has_day: false, has_time: true });
        let both = Times { has_day: true, has_time: true };
        let at = |value| ExcelDateTime::new(value, ExcelDateTimeType::DateTime, false);
        for (value, column, text) in [
            (45_322.0, day, "2024-01-31"),
            (45_322.0, both, "2024-01-31T00:00:00"),
            (45_322.343_75, both, "2024-01-31T08:15:00"),
            (0.343_75, time, "08:15:00"),
            (0.0, Times::default(), "00:00:00"),
            (61.0, day, "1900-03-01"),
        ] {
            assert_eq!(text_of(&at(value), column), text);
        }
        assert_eq!(duration(1.135_416_666_666_666_7), "27:15:00");
        assert_eq!(clock_of("PT08H15M30S"), "08:15:30");
        assert_eq!(clock_of("PT8H5M3.2500S"), "08:05:03.25");
        assert_eq!(clock_of("P1D"), "P1D");
    }
}
