//! CSV (RFC 4180) and its dialects, with a header row, whose names say which property each cell is of, or without one.
//!
//! A cell is text and knows no type: the schema says how it is read. Two things are told apart by quotes alone: an
//! empty cell is null, `""` is empty text. That is why both directions are written here: the libraries' readers and
//! writers drop the difference.
//!
//! One framer and one reader of cells serve every dialect: what a call does not say is as RFC 4180 has it. Another
//! encoding than UTF-8 is decoded in front of them. `detect` finds the dialect of a body that nobody describes.

mod cells;
mod detect;
#[cfg(test)]
mod dialect_tests;
mod framing;
mod header;
mod hint;
mod opening;
mod reader;
mod sample;
#[cfg(test)]
mod tests;
mod transcoding;
mod writer;

use encoding_rs::UTF_8;

use self::framing::CsvFramer;
use self::sample::CsvSampler;
use self::transcoding::Transcoded;
pub(crate) use self::writer::{TSV_WRITER, WRITER};
use crate::options::{CsvDialect, Delimiter, ReadOptions};
use crate::reader::rows::{Framer, Records};
use crate::reader::{Reader, RowFormat};

/// What to say of a body without any row.
const NO_HEADER: &str = "the body is empty; expected a CSV header row";

pub(crate) const READER: Reader = Reader::Rows(&Delimited::<b','>::ROWS);
/// The same with tabs between cells.
pub(crate) const TSV_READER: Reader = Reader::Rows(&Delimited::<b'\t'>::ROWS);

/// Rows of cells between which a delimiter stands unless a call names another.
struct Delimited<const DELIMITER: u8>;

impl<const DELIMITER: u8> Delimited<DELIMITER> {
    const SIGN: Delimiter = Delimiter::of_byte(DELIMITER);
    const ROWS: RowFormat = RowFormat {
        opening: |beginning, options| opening::declared(beginning, &mut options.csv),
        detect: |beginning, is_whole, options| detect::detect(beginning, is_whole, options, Self::SIGN),
        framer: |max_record_bytes, options| framer(max_record_bytes, options.csv.dialect(Self::SIGN)),
        records: Records::Headed {
            headless: |context| reader::headless(context, Self::SIGN),
            rows: |options| options.csv.dialect(Self::SIGN).header_rows.into(),
            header: |rows, context| reader::behind_header(rows, context, Self::SIGN),
            missing: NO_HEADER,
        },
        sampler: |options| Box::new(CsvSampler::new(options, Self::SIGN)),
    };
}

/// The dialect of CSV that begins so.
///
/// `delimiter` stands between its cells if neither the options nor the beginning say otherwise. Where these contradict
/// each other, it is the dialect of the options; a reader of the body refuses it.
pub fn csv_dialect(beginning: &[u8], options: &ReadOptions, delimiter: Delimiter) -> CsvDialect {
    let mut declared = options.csv.clone();
    match opening::declared(beginning, &mut declared) {
        Ok(()) => declared.dialect(delimiter),
        Err(_) => options.csv.dialect(delimiter),
    }
}

fn framer(max_record_bytes: usize, dialect: CsvDialect) -> Box<dyn Framer> {
    let framer = CsvFramer::new(max_record_bytes, dialect);
    if dialect.encoding == UTF_8 { Box::new(framer) } else { Box::new(Transcoded::new(dialect.encoding, framer)) }
}
