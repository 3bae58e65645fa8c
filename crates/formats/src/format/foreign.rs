//! Bodies that are plainly of another format than the one they are said to be of, told by how they begin.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use super::Format;
use crate::reader::OPENING_BYTES;

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
    // A column may be called `ORCID`.
    let is_plain_text = format.is_text() && !opening(beginning).iter().copied().any(is_control);
    let is_name = |magic: &[u8]| is_plain_text && magic.is_ascii();
    let is_foreign = |magic: &[u8]| beginning.starts_with(magic) && !is_own(magic) && !is_name(magic);
    let found = BEGINNINGS.iter().find(|(magic, _)| is_foreign(magic));
    found.map(|(_, said)| *said).or_else(|| utf16_of(beginning).filter(|_| format.is_text()).map(|_| of_utf16(format)))
}

/// The encoding of UTF-16 that a text without a byte order mark is of.
///
/// Its first characters are of ASCII, so that every other byte is zero. This alone may be a name in UTF-8 that has zeros.
/// Behind them the text is no UTF-8, or most of it is of alphabets, whose characters have a control as one of their bytes.
pub(super) fn utf16_of(beginning: &[u8]) -> Option<&'static Encoding> {
    let opening = opening(beginning);
    let (encoding, high) = match opening {
        [first, 0, third, 0, ..] if *first != 0 && *third != 0 => (UTF_16LE, 1),
        [0, second, 0, fourth, ..] if *second != 0 && *fourth != 0 => (UTF_16BE, 0),
        _ => return None,
    };
    let units = opening.chunks_exact(2);
    let of_alphabets = units.clone().filter(|unit| is_control(unit[high]) && unit[1 - high] != 0).count();
    // The opening may end within a character.
    let is_utf8 = std::str::from_utf8(opening).map_or_else(|error| error.error_len().is_none(), |_| true);
    (!is_utf8 || of_alphabets * 2 > units.len()).then_some(encoding)
}

/// The bytes that any reader of a body has waited for.
fn opening(beginning: &[u8]) -> &[u8] {
    &beginning[..beginning.len().min(OPENING_BYTES)]
}

/// Whether a byte is a control character that text does not have.
fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r')
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

    fn utf16(text: &str, bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes_of).collect()
    }

    #[test]
    fn a_body_is_told_by_how_it_begins() {
        for format in [Format::JsonArray, Format::Ndjson, Format::Csv] {
            for (magic, said) in BEGINNINGS {
                assert_eq!(said_of(&[magic, b"\x15\0and more"].concat(), format), Some(said));
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

    #[test]
    fn a_name_may_begin_as_other_formats_do() {
        for text in
            ["ORCID,name\r\n0000-0002-1825-0097,A\r\n", "PAR1;PAR2\n", "BZh9\tb\n", "ARROW1", "FEA1,FEA2\n1,2\n"]
        {
            assert_eq!(said_of(text.as_bytes(), Format::Csv), None, "{text:?}");
        }
        let far = [b"ORCID,".as_slice(), &[b'a'; OPENING_BYTES], b"\0"].concat();
        assert_eq!(said_of(&far, Format::Csv), None, "a zero in a value further on is none of a file of ORC");
    }

    #[test]
    fn utf16_is_told_from_names_that_have_zeros() {
        let texts =
            ["id", "id;имя;возраст\r\n1;Анна;30\r\n", "id,नाम\r\n1,अनु\r\n", "id,名称\r\n1,上海\r\n", "id\tName\r\n"];
        for text in texts {
            assert_eq!(utf16_of(&utf16(text, u16::to_le_bytes)), Some(UTF_16LE), "{text:?}");
            assert_eq!(utf16_of(&utf16(text, u16::to_be_bytes)), Some(UTF_16BE), "{text:?}");
        }
        let names =
            ["\"\0a\0\"\nx\n", "\"\0\r\0b\"\r\n1\r\n", "\0a\0b,c\nx,y\n", "\"\0\r\0\u{9423b}\u{feff}{\",A,\"\0\"\r\n"];
        for text in names {
            assert_eq!(utf16_of(text.as_bytes()), None, "{text:?}");
        }
    }
}
