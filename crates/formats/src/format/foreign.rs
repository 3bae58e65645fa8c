//! Bodies that are plainly of another format than the one they are said to be of, told by how they begin.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use super::Format;

/// What a body begins with, and what to say of it.
const BEGINNINGS: [(&[u8], &str); 15] = [
    (b"\x1f\x8b", "the body is gzip; say so with `Content-Encoding: gzip`"),
    (b"\x28\xb5\x2f\xfd", "the body is zstd; say so with `Content-Encoding: zstd`"),
    (b"BZh", "the body is bzip2, which is not read here; send it as gzip, zstd or as it is"),
    (b"\xfd7zXZ", "the body is xz, which is not read here; send it as gzip, zstd or as it is"),
    (b"\xff\xfe", "the body is UTF-16; send it as UTF-8"),
    (b"\xfe\xff", "the body is UTF-16; send it as UTF-8"),
    (b"PAR1", "the body is a Parquet file; its type is application/vnd.apache.parquet"),
    (b"ARROW1", "the body is an Arrow file; its type is application/vnd.apache.arrow.file"),
    (b"\xff\xff\xff\xff", "the body is an Arrow stream; its type is application/vnd.apache.arrow.stream"),
    (b"PK\x03\x04", "the body is a zip archive, as files of spreadsheets are; send CSV"),
    (b"\xd0\xcf\x11\xe0", "the body is a file of a spreadsheet; send CSV"),
    (b"FEA1", "the body is Feather of version 1, which is not read here; write version 2, or Parquet"),
    (b"Obj\x01", "the body is Avro, which is not read here; send it as Parquet or NDJSON"),
    (b"ORC", "the body is ORC, which is not read here; send it as Parquet or NDJSON"),
    (b"SQLite format 3", "the body is a database of SQLite; send its rows"),
];

/// What to say of a body that begins so, if it is not of its format.
pub(crate) fn said_of(beginning: &[u8], format: Format) -> Option<&'static str> {
    let is_own = |magic: &[u8]| format.row().magics.contains(&magic);
    let found = BEGINNINGS.iter().find(|(magic, _)| beginning.starts_with(magic) && !is_own(magic));
    found.map(|(_, said)| *said).or_else(|| utf16_of(beginning).filter(|_| format.is_text()).map(|_| of_utf16(format)))
}

/// The encoding of UTF-16 that a text without a byte order mark is of: what a machine writes has zeros in every other
/// byte, whatever the language.
pub(super) fn utf16_of(beginning: &[u8]) -> Option<&'static Encoding> {
    match beginning {
        [first, 0, third, 0, ..] if *first != 0 && *third != 0 => Some(UTF_16LE),
        [0, second, 0, fourth, ..] if *second != 0 && *fourth != 0 => Some(UTF_16BE),
        _ => None,
    }
}

/// What to say of text of UTF-16.
fn of_utf16(format: Format) -> &'static str {
    if format.is_delimited() {
        "the body is UTF-16; say so with `csv.encoding=utf-16le` or `utf-16be`"
    } else {
        "the body is UTF-16; send it as UTF-8"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_told_by_how_it_begins() {
        for format in [Format::JsonArray, Format::Ndjson, Format::Csv] {
            for (magic, said) in BEGINNINGS {
                assert_eq!(said_of(&[magic, b"and more"].concat(), format), Some(said));
            }
            assert!(said_of(b"n\0a\0m\0e\0", format).is_some_and(|said| said.contains("UTF-16")));
            assert!(said_of(b"\0n\0a\0m\0e", format).is_some_and(|said| said.contains("UTF-16")));
            for text in ["", "[", "{\"a\":1}", "name,age\n", "\u{feff}name", "PARTS,1", "\0", "BZ"] {
                assert_eq!(said_of(text.as_bytes(), format), None, "{text:?}");
            }
        }
        assert_eq!(said_of(b"PAR1", Format::Parquet), None);
        assert!(said_of(b"PAR1", Format::ArrowStream).is_some());
        assert_eq!(said_of(b"\xff\xff\xff\xff\x10\0\0\0", Format::ArrowStream), None);
        assert_eq!(said_of(b"\x10\0\x01\0", Format::ArrowStream), None, "old streams begin with a length");
    }
}
