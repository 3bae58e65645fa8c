//! What a call says of how its body is to be read, beside the format: the dialect of CSV, where records are in JSON.
//!
//! An option has one name and one text in query strings, in forms, on the command line and in the answers of inference;
//! [`ReadOptions::set`] and [`ReadOptions::given`] are the two directions between that text and what it means:
//!
//! ```
//! use eider_formats::ReadOptions;
//!
//! let mut options = ReadOptions::default();
//! options.set("csv.delimiter", ";")?;
//! options.set("csv.encoding", "latin1")?;
//! assert_eq!(options.query(), "csv.delimiter=%3B&csv.encoding=windows-1252");
//! # Ok::<(), eider_formats::OptionError>(())
//! ```
//!
//! # A new option
//!
//! A field of [`ReadOptions`] or [`CsvOptions`], a row of [`OPTIONS`], and an arm in `set` and `given`. The
//! parameters of the HTTP API, the flags of `eider import` and the fields of forms follow.

mod dialect;
mod list;
mod pointer;

use std::fmt::Display;
use std::str::FromStr;

use strum::EnumString;

pub(crate) use self::dialect::MAX_HEADER_ROWS;
pub use self::dialect::{CsvDialect, CsvOptions, Delimiter, EmptyRows, Header, LineEnd, Ragged, Sign};
pub use self::pointer::JsonPointer;

/// Longest text between the names of flattened keys, in characters.
const MAX_SEPARATOR_CHARS: usize = 8;

/// What of the formats an option is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    /// Cells between delimiters.
    Delimited,
    /// Records that are JSON objects.
    Objects,
    /// One JSON document that holds all records.
    Document,
    /// Values of any format.
    Values,
}

/// By what the values of a body are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Values {
    /// By what their properties say of how incoming values are written.
    Declared,
    /// As Eider writes values itself, whatever their properties say: by what exports have.
    Canonical,
}

impl Values {
    fn parse(text: &str) -> Result<Self, String> {
        Self::from_str(text).map_err(|_| "it takes `declared` or `canonical`".to_owned())
    }
}

/// An option as it is described to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadOption {
    /// What calls it: a parameter of a query, a field of a form.
    pub name: &'static str,
    /// What of the formats it is of.
    pub kind: OptionKind,
    /// What its value looks like, for the command line.
    pub value: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn option(name: &'static str, kind: OptionKind, value: &'static str, meaning: &'static str) -> ReadOption {
    ReadOption { name, kind, value, meaning }
}

/// Every option, in the order of their names.
pub const OPTIONS: [ReadOption; 16] = {
    use OptionKind::{Delimited, Document, Objects, Values};
    [
        option("columns", Delimited, "NAMES", "The names of the columns of CSV without a header, between commas."),
        option("csv.comment", Delimited, "CHAR", "Lines of CSV that begin with it are passed over."),
        option("csv.decimal", Delimited, "CHAR", "What stands before the decimals of numbers in CSV: `.` or `,`."),
        option("csv.delimiter", Delimited, "TEXT", "What stands between the cells of CSV; `\\t` is a tab."),
        option(
            "csv.empty_rows",
            Delimited,
            "ROWS",
            "Rows of CSV whose cells are all empty: `keep` them or `skip` them.",
        ),
        option("csv.encoding", Delimited, "LABEL", "The encoding of CSV, such as `windows-1252` or `utf-16`."),
        option("csv.escape", Delimited, "CHAR", "What stands before a quote within a quoted cell of CSV, or `none`."),
        option("csv.header", Delimited, "HEADER", "Whether CSV has a header: `present`, `absent` or `row_names`."),
        option("csv.header_rows", Delimited, "ROWS", "How many rows of CSV name its columns, 1 to 8."),
        option("csv.line_end", Delimited, "END", "What ends a line of CSV: `lf` (also after CR) or `any` (CR, too)."),
        option("csv.quote", Delimited, "CHAR", "What stands around cells of CSV, or `none`."),
        option(
            "csv.ragged",
            Delimited,
            "RAGGED",
            "Records of CSV with too few cells: `refuse` them or `pad` with nulls.",
        ),
        option("csv.skip", Delimited, "LINES", "Lines in front of CSV that are passed over."),
        option(
            "flatten",
            Objects,
            "TEXT",
            "What stands between the keys of nested JSON objects, each value a property.",
        ),
        option("records_at", Document, "POINTER", "Where the records are in a JSON document, as a JSON Pointer."),
        option(
            "values",
            Values,
            "FORM",
            "Whether values are written as their properties say (`declared`) or as exports have them (`canonical`).",
        ),
    ]
};

/// How a body is to be read. What is not given is as it is by default, or as the format has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// How CSV is written.
    pub csv: CsvOptions,
    /// The names of the columns of CSV without a header; else they are the schema's, in its order.
    pub columns: Option<Vec<String>>,
    /// What stands between the keys of nested JSON objects, whose values become properties of their own.
    pub flatten: Option<String>,
    /// Where the records are in a JSON document.
    pub records_at: Option<JsonPointer>,
    /// By what values are read.
    pub values: Option<Values>,
}

/// A value that an option does not take, or a second one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}`: {detail}")]
pub struct OptionError {
    /// The option.
    pub name: String,
    /// What it takes, or what it was before.
    pub detail: String,
}

impl OptionError {
    pub(crate) fn new(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), detail: detail.into() }
    }
}

impl ReadOptions {
    /// Sets an option to the value that a text stands for. What is set already may be set again to the same.
    ///
    /// # Errors
    /// When there is no such option, when it does not take the value, or when it was set to another.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), OptionError> {
        let csv = &mut self.csv;
        let outcome = match name {
            "columns" => list::parse(text).and_then(|names| put(&mut self.columns, names)),
            "csv.comment" => Sign::parse(text).and_then(|sign| put(&mut csv.comment, sign)),
            "csv.decimal" => dialect::decimal_comma(text).and_then(|comma| put(&mut csv.decimal_comma, comma)),
            "csv.delimiter" => Delimiter::parse(text).and_then(|delimiter| put(&mut csv.delimiter, delimiter)),
            "csv.empty_rows" => EmptyRows::parse(text).and_then(|rows| put(&mut csv.empty_rows, rows)),
            "csv.encoding" => dialect::encoding(text).and_then(|encoding| put(&mut csv.encoding, encoding)),
            "csv.escape" => Sign::parse(text).and_then(|sign| put(&mut csv.escape, sign)),
            "csv.header" => Header::parse(text).and_then(|header| put(&mut csv.header, header)),
            "csv.header_rows" => dialect::header_rows(text).and_then(|rows| put(&mut csv.header_rows, rows)),
            "csv.line_end" => LineEnd::parse(text).and_then(|end| put(&mut csv.line_end, end)),
            "csv.quote" => Sign::parse(text).and_then(|sign| put(&mut csv.quote, sign)),
            "csv.ragged" => Ragged::parse(text).and_then(|ragged| put(&mut csv.ragged, ragged)),
            "csv.skip" => {
                let lines = text.parse::<u64>().map_err(|_| "it takes a whole number of lines".to_owned());
                lines.and_then(|lines| put(&mut csv.skip, lines))
            }
            "flatten" => separator(text).and_then(|separator| put(&mut self.flatten, separator)),
            "records_at" => JsonPointer::parse(text).and_then(|pointer| put(&mut self.records_at, pointer)),
            "values" => Values::parse(text).and_then(|values| put(&mut self.values, values)),
            _ => Err("there is no such option".to_owned()),
        };
        outcome.map_err(|detail| OptionError::new(name, detail))
    }

    /// The options that are set, as [`ReadOptions::set`] takes them, in the order of their names.
    pub fn given(&self) -> Vec<(&'static str, String)> {
        fn text<T: Display>(value: Option<T>) -> Option<String> {
            value.map(|value| value.to_string())
        }
        let Self { csv, columns, flatten, records_at, values } = self;
        let texts = [
            ("columns", columns.as_deref().map(list::text_of)),
            ("csv.comment", text(csv.comment)),
            ("csv.decimal", csv.decimal_comma.map(|is_comma| if is_comma { "," } else { "." }.to_owned())),
            ("csv.delimiter", text(csv.delimiter)),
            ("csv.empty_rows", text(csv.empty_rows)),
            ("csv.encoding", csv.encoding.map(|encoding| encoding.name().to_ascii_lowercase())),
            ("csv.escape", text(csv.escape)),
            ("csv.header", text(csv.header)),
            ("csv.header_rows", text(csv.header_rows)),
            ("csv.line_end", text(csv.line_end)),
            ("csv.quote", text(csv.quote)),
            ("csv.ragged", text(csv.ragged)),
            ("csv.skip", text(csv.skip)),
            ("flatten", flatten.clone()),
            ("records_at", text(records_at.as_ref())),
            ("values", text(*values)),
        ];
        texts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
    }

    /// The same as a query string, which a call can have behind its `?`; empty when nothing is set.
    pub fn query(&self) -> String {
        let encoded =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        // What these names and values have of their own needs no escape in a query (RFC 3986, section 3.4).
        let readable = |text: String| text.replace("%2D", "-").replace("%2E", ".").replace("%5F", "_");
        let pairs = self.given().into_iter().map(|(name, text)| format!("{name}={}", readable(encoded(&text))));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// The first option that is set and of none of these kinds, or that does not go together with others.
    ///
    /// # Errors
    /// That option, and why it cannot be.
    pub fn check(&self, kinds: &[OptionKind]) -> Result<(), OptionError> {
        for (name, _) in self.given() {
            let is_of = |kind| kind == OptionKind::Values || kinds.contains(&kind);
            let is_had = OPTIONS.iter().any(|option| option.name == name && is_of(option.kind));
            if !is_had {
                return Err(OptionError::new(name, "bodies of this format have no such option"));
            }
        }
        if self.columns.is_some() && self.csv.header != Some(Header::Absent) {
            return Err(OptionError::new("columns", "it goes with `csv.header=absent` alone"));
        }
        self.csv.check()
    }
}

/// Sets what is not set, or is set to the same.
fn put<T: PartialEq>(place: &mut Option<T>, value: T) -> Result<(), String> {
    match place {
        Some(earlier) if *earlier != value => Err("it is given twice, with another value".to_owned()),
        _ => {
            *place = Some(value);
            Ok(())
        }
    }
}

fn separator(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if (1..=MAX_SEPARATOR_CHARS).contains(&length) && !text.contains(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(format!("it takes 1 to {MAX_SEPARATOR_CHARS} characters, such as `.` or `_`"))
}

#[cfg(test)]
mod tests;
