//! What CSV says of itself in its first bytes: its encoding by a byte order mark, its delimiter in a first line
//! `sep=;`, as spreadsheets write it and read it.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::options::{CsvOptions, Delimiter};

/// What the first line begins with, in front of the delimiter.
const SEPARATOR: &str = "sep=";

/// Takes what the beginning of a body says into the options.
///
/// # Errors
/// A sentence about what the call says otherwise.
pub(crate) fn declared(beginning: &[u8], options: &mut CsvOptions) -> Result<(), String> {
    if let Some((marked, _)) = Encoding::for_bom(beginning) {
        let is_either_utf16 = |encoding: &Encoding| encoding == UTF_16LE || encoding == UTF_16BE;
        match options.encoding {
            // `utf-16` is a label of little endian, whose mark may say otherwise.
            Some(said) if said != marked && !(is_either_utf16(said) && is_either_utf16(marked)) => {
                return Err(format!(
                    "the body begins with the byte order mark of {}, and the call says that it is {}",
                    marked.name(),
                    said.name()
                ));
            }
            None if marked == UTF_8 => {}
            _ => options.encoding = Some(marked),
        }
    }
    let (text, _) = options.encoding.unwrap_or(UTF_8).decode_with_bom_removal(beginning);
    let Some(delimiter) = separator(&text).filter(|_| options.skip.unwrap_or_default() == 0) else { return Ok(()) };
    match options.delimiter {
        Some(said) if said != delimiter => {
            let detail =
                format!("the first line is `{SEPARATOR}{delimiter}`, and the call says that `{said}` is between cells");
            return Err(detail);
        }
        _ => options.delimiter = Some(delimiter),
    }
    options.skip = Some(1);
    Ok(())
}

/// The delimiter that a first line names, if that is all that it does. In quotes it is the name of a column.
pub(super) fn separator(text: &str) -> Option<Delimiter> {
    let (line, _) = text.split_once(['\n', '\r'])?;
    Delimiter::parse(line.strip_prefix(SEPARATOR)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(delimiter: Option<&str>, encoding: Option<&'static Encoding>) -> CsvOptions {
        CsvOptions {
            delimiter: delimiter.map(|text| Delimiter::parse(text).unwrap()),
            encoding,
            ..CsvOptions::default()
        }
    }

    #[test]
    fn a_first_line_names_the_delimiter() {
        for (text, delimiter) in [
            ("sep=;\r\na;b", Some(";")),
            ("\u{feff}sep=\t\na", Some("\t")),
            ("\"sep=;\"\na", None),
            ("sep=||\ra", Some("||")),
            ("sep=\na", None),
            ("sep=;", None),
            ("sep,b\n", None),
            ("a\nsep=;\n", None),
        ] {
            let mut found = CsvOptions::default();
            declared(text.as_bytes(), &mut found).unwrap();
            assert_eq!(found.delimiter, delimiter.map(|text| Delimiter::parse(text).unwrap()), "{text:?}");
            assert_eq!(found.skip, delimiter.map(|_| 1));
        }
        let mut other = options(Some(","), None);
        assert!(declared(b"sep=;\n", &mut other).unwrap_err().contains("`sep=;`"));
        let mut same = options(Some(";"), None);
        declared(b"sep=;\n", &mut same).unwrap();
        let mut skipped = CsvOptions { skip: Some(1), ..options(Some(","), None) };
        declared(b"sep=;\n", &mut skipped).unwrap();
        assert_eq!(skipped.delimiter, Some(Delimiter::COMMA));
    }

    #[test]
    fn a_mark_says_the_encoding_and_may_not_be_contradicted() {
        let (little, big) = (&b"\xff\xfea\0"[..], &b"\xfe\xff\0a"[..]);
        for (said, body, holds) in [
            (None, little, Some(UTF_16LE)),
            (None, big, Some(UTF_16BE)),
            (Some(UTF_16LE), big, Some(UTF_16BE)),
            (None, "\u{feff}a".as_bytes(), None),
            (Some(UTF_8), "\u{feff}a".as_bytes(), Some(UTF_8)),
            (Some(UTF_16LE), b"a\0", Some(UTF_16LE)),
        ] {
            let mut found = options(None, said);
            declared(body, &mut found).unwrap();
            assert_eq!(found.encoding, holds, "{body:?}");
        }
        for (said, body) in [(UTF_8, little), (encoding_rs::WINDOWS_1252, "\u{feff}a".as_bytes())] {
            assert!(declared(body, &mut options(None, Some(said))).unwrap_err().contains("byte order mark"));
        }
    }

    #[test]
    fn the_delimiter_is_named_in_any_encoding() {
        let body: Vec<u8> = "\u{feff}sep=;\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut found = CsvOptions::default();
        declared(&body, &mut found).unwrap();
        assert_eq!(found.delimiter, Some(Delimiter::parse(";").unwrap()));
    }
}
