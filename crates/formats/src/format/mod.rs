//! The table of formats: what each is called, what files of it end with, what reads it and what writes it.
//!
//! Everything that has to know a format asks the table: negotiation, content types, names of files, the formats of
//! `eider import`, metrics, the documents. A new format is a folder beside this one and a row here. [`RecordReader`]
//! and [`Sample`] read a body in whichever format it has; [`Format::writer`] makes what writes one:
//!
//! ```
//! use std::sync::Arc;
//!
//! use arrow_array::{ArrayRef, Int64Array, RecordBatch};
//! use eider_formats::Format;
//!
//! let delays: ArrayRef = Arc::new(Int64Array::from(vec![Some(12), None]));
//! let batch = RecordBatch::try_from_iter([("delay", delays)])?;
//!
//! let format = Format::of_ending("ndjson").expect("a format of the table");
//! assert_eq!(format.media_type().essence, "application/x-ndjson");
//! let mut writer = format.writer(&batch.schema())?;
//! let mut text = Vec::new();
//! writer.begin(&mut text)?;
//! writer.batch(&batch, &mut text)?;
//! writer.end(&mut text)?;
//! assert_eq!(text, b"{\"delay\":12}\n{\"delay\":null}\n");
//! # Ok::<(), arrow_schema::ArrowError>(())
//! ```

mod foreign;
mod reader;
mod sample;
mod uuids;

use std::fmt;

use arrow_schema::{ArrowError, SchemaRef};

pub use self::reader::RecordReader;
pub use self::sample::Sample;
pub use self::uuids::UuidForm;
use self::uuids::UuidsAsText;
use crate::options::{Delimiter, OptionError, OptionKind, ReadOptions};
use crate::reader::Reader;
use crate::writer::{RecordWriter, Writer};
use crate::{arrow, csv, json, ndjson, parquet};

/// A name that a format has in HTTP and as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaType {
    /// Its short name: what `?format=` takes.
    pub name: &'static str,
    /// The media type, in lower case and without parameters: what `Accept` and `Content-Type` of a body say.
    pub essence: &'static str,
    /// What `Content-Type` of an answer says: the media type, with parameters where there are any.
    pub content_type: &'static str,
    /// Other media types that stand for it.
    pub synonyms: &'static [&'static str],
    /// Media types of bodies alone: they are read as well, and never written.
    pub bodies: &'static [&'static str],
    /// What names of files end with, behind the point. Answers are called by the first.
    pub endings: &'static [&'static str],
}

/// A row of the table.
#[derive(Debug)]
struct Row {
    /// What a body of the format is, for a person.
    description: &'static str,
    /// At least one. The first is the one that is meant where nobody says which.
    media_types: &'static [MediaType],
    is_text: bool,
    is_compressed: bool,
    is_shown: bool,
    /// What every body of it begins with, where that tells it from others.
    magics: &'static [&'static [u8]],
    /// What of the options of reading its bodies have.
    options: &'static [OptionKind],
    reader: Option<Reader>,
    writer: Option<Writer>,
}

macro_rules! formats {
    ($($(#[doc = $doc:literal])* $variant:ident = $row:expr;)*) => {
        /// How a body or an answer holds its records.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Format {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Format {
            /// All formats. Among formats that a client likes alike, earlier ones are preferred.
            pub const ALL: [Self; [$(stringify!($variant)),*].len()] = [$(Self::$variant),*];

            fn row(self) -> &'static Row {
                match self {
                    $(Self::$variant => {
                        static ROW: Row = $row;
                        &ROW
                    })*
                }
            }
        }
    };
}

formats! {
    /// One JSON object a line; blank lines are passed over.
    Ndjson = Row {
        description: "A JSON object a line",
        media_types: &[
            MediaType {
                // It was never registered, so that others call it without `x-`.
                synonyms: &["application/ndjson"],
                endings: &["ndjson"],
                ..MediaType::new("ndjson", "application/x-ndjson")
            },
            MediaType {
                synonyms: &["application/x-jsonlines"],
                endings: &["jsonl", "geojsonl"],
                ..MediaType::new("jsonl", "application/jsonl")
            },
        ],
        is_text: true,
        is_compressed: false,
        is_shown: true,
        magics: &[],
        options: &[OptionKind::Objects],
        reader: Some(ndjson::READER),
        writer: Some(ndjson::WRITER),
    };

    /// One JSON array of objects, or objects one behind the other.
    JsonArray = Row {
        description: "One JSON array, or objects one behind the other",
        media_types: &[MediaType { endings: &["json", "geojson"], ..MediaType::new("json", "application/json") }],
        is_text: true,
        is_compressed: false,
        is_shown: true,
        magics: &[],
        options: &[OptionKind::Objects, OptionKind::Document],
        reader: Some(json::READER),
        writer: Some(json::WRITER),
    };

    /// CSV (RFC 4180) with a header row; blank lines are passed over.
    Csv = Row {
        description: "CSV with a header row",
        media_types: &[MediaType {
            // RFC 7111 and RFC 4180, section 3.
            content_type: "text/csv; charset=utf-8; header=present",
            endings: &["csv"],
            ..MediaType::new("csv", "text/csv")
        }],
        is_text: true,
        is_compressed: false,
        is_shown: false,
        magics: &[],
        options: &[OptionKind::Delimited],
        reader: Some(csv::READER),
        writer: Some(csv::WRITER),
    };

    /// The same with tabs between cells, which is quoted like CSV.
    Tsv = Row {
        description: "CSV with tabs between cells",
        media_types: &[MediaType {
            content_type: "text/tab-separated-values; charset=utf-8; header=present",
            endings: &["tsv", "tab"],
            ..MediaType::new("tsv", "text/tab-separated-values")
        }],
        is_text: true,
        is_compressed: false,
        is_shown: false,
        magics: &[],
        options: &[OptionKind::Delimited],
        reader: Some(csv::TSV_READER),
        writer: Some(csv::TSV_WRITER),
    };

    /// An Arrow IPC stream.
    ArrowStream = Row {
        description: "An Arrow IPC stream",
        media_types: &[MediaType {
            // `arrow` is registered for files, but streams are called so too; either is read.
            bodies: &["application/vnd.apache.arrow.file"],
            endings: &["arrows", "arrow", "feather", "ipc"],
            ..MediaType::new("arrow", "application/vnd.apache.arrow.stream")
        }],
        is_text: false,
        is_compressed: false,
        is_shown: false,
        magics: &[b"\xff\xff\xff\xff", b"ARROW1"],
        options: &[],
        reader: Some(arrow::READER),
        writer: Some(arrow::WRITER),
    };

    /// A Parquet file.
    Parquet = Row {
        description: "A Parquet file",
        media_types: &[MediaType {
            // What some call it, since its media type was registered late.
            synonyms: &["application/parquet"],
            endings: &["parquet"],
            ..MediaType::new("parquet", "application/vnd.apache.parquet")
        }],
        is_text: false,
        is_compressed: true,
        is_shown: false,
        magics: &[b"PAR1"],
        options: &[],
        reader: Some(parquet::READER),
        writer: Some(parquet::WRITER),
    };
}

impl MediaType {
    /// One without parameters, synonyms and files.
    const fn new(name: &'static str, essence: &'static str) -> Self {
        Self { name, essence, content_type: essence, synonyms: &[], bodies: &[], endings: &[] }
    }

    /// Whether it is called so in a header: by its own media type or another that stands for it.
    pub fn is_called(&self, essence: &str) -> bool {
        self.essence == essence || self.synonyms.contains(&essence)
    }

    /// Whether a body of it is called so.
    pub fn is_of_body(&self, essence: &str) -> bool {
        self.is_called(essence) || self.bodies.contains(&essence)
    }
}

impl Format {
    /// The formats of bodies.
    pub fn read() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|format| format.row().reader.is_some())
    }

    /// The formats of answers.
    pub fn written() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|format| format.row().writer.is_some())
    }

    /// The formats of both: what is answered in one of them can be sent back.
    pub fn both_ways() -> impl Iterator<Item = Self> {
        Self::read().filter(|format| format.row().writer.is_some())
    }

    /// The format of a short name, as `?format=` has it.
    ///
    /// ```
    /// # use eider_formats::Format;
    /// assert_eq!(Format::of_name("csv"), Some(Format::Csv));
    /// assert_eq!(Format::of_media_type("application/jsonl"), Some(Format::Ndjson));
    /// assert_eq!(Format::of_ending("arrows"), Some(Format::ArrowStream));
    /// ```
    pub fn of_name(name: &str) -> Option<Self> {
        Self::of(|media_type| media_type.name == name)
    }

    /// The format of bodies of a media type, in lower case and without parameters.
    pub fn of_media_type(essence: &str) -> Option<Self> {
        Self::of(|media_type| media_type.is_of_body(essence))
    }

    /// The format of files whose names end so, behind the last point, in lower case.
    pub fn of_ending(ending: &str) -> Option<Self> {
        Self::of(|media_type| media_type.endings.contains(&ending))
    }

    fn of(is_meant: impl Fn(&MediaType) -> bool) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.media_types().iter().any(&is_meant))
    }

    /// Its names in HTTP, at least one. The first is the one that is meant where nobody says which.
    pub fn media_types(self) -> &'static [MediaType] {
        self.row().media_types
    }

    /// The first of its names in HTTP.
    pub fn media_type(self) -> &'static MediaType {
        &self.row().media_types[0]
    }

    /// What a body of it is, for a person: `A Parquet file`.
    pub fn description(self) -> &'static str {
        self.row().description
    }

    /// Whether it is text, which a person can read.
    pub fn is_text(self) -> bool {
        self.row().is_text
    }

    /// Whether it is compressed within, so that compressing it once more gains nothing.
    pub fn is_compressed(self) -> bool {
        self.row().is_compressed
    }

    /// Whether browsers show it; what they cannot show, or would show as one long text, they keep as a file.
    pub fn is_shown(self) -> bool {
        self.row().is_shown
    }

    /// Whether bodies of it are cells between delimiters, whose media types say how.
    pub fn is_delimited(self) -> bool {
        self.row().options.contains(&OptionKind::Delimited)
    }

    /// Checks that bodies of the format can be read with options.
    ///
    /// # Errors
    /// The first option that they do not have, or that does not go together with another.
    pub fn check_options(self, options: &ReadOptions) -> Result<(), OptionError> {
        if self == Self::Tsv && options.csv.delimiter.is_some_and(|delimiter| delimiter != Delimiter::TAB) {
            let detail = "tabs are between the cells of this media type; send `text/csv` for another delimiter";
            return Err(OptionError::new("csv.delimiter", detail));
        }
        options.check(self.row().options)
    }

    /// A writer as [`Format::writer`], which writes UUIDs in a form of those that the format has.
    ///
    /// # Errors
    /// As [`Format::writer`].
    pub fn writer_with(self, schema: &SchemaRef, uuids: UuidForm) -> Result<Box<dyn RecordWriter>, ArrowError> {
        match uuids {
            UuidForm::Bytes => self.writer(schema),
            UuidForm::Text => Ok(Box::new(UuidsAsText::new(self, schema)?)),
        }
    }

    /// A writer for batches with the columns of `schema`, which are of the Arrow types that
    /// [`eider_domain::DataType::arrow_type`] yields.
    ///
    /// # Errors
    /// When the format is not written, or cannot hold the columns.
    pub fn writer(self, schema: &SchemaRef) -> Result<Box<dyn RecordWriter>, ArrowError> {
        let Some(writer) = self.row().writer else {
            return Err(ArrowError::NotYetImplemented(format!("{self} is not written")));
        };
        writer(schema)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.media_type().name)
    }
}

#[cfg(test)]
mod tests;
