//! What records are called as a file, by a client that keeps them as one (RFC 6266).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::representation::media_type::MediaType;

/// What stands for something else in a name beyond ASCII (RFC 8187, section 3.2.1).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// `Content-Disposition` of the records of a schema. Browsers show JSON, and keep what they cannot show or would show as
/// one long text.
pub(crate) fn of_records(schema: &str, media_type: MediaType) -> String {
    let how = if media_type.format.is_shown() { "inline" } else { "attachment" };
    format!("{how}; {}", named(&format!("{schema}.{}", media_type.ending())))
}

/// The parameters for a name: in ASCII, and exactly where that is not the same.
fn named(name: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-._ ".contains(character);
    let plain: String = name.chars().map(|character| if is_plain(character) { character } else { '_' }).collect();
    if plain == name {
        return format!("filename=\"{plain}\"");
    }
    format!("filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, ENCODED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::representation::media_type::MEDIA_TYPES;

    #[test]
    fn browsers_show_json_and_keep_the_rest() {
        let of = |name| MEDIA_TYPES.iter().find(|media_type| media_type.name == name).copied().unwrap();
        for (name, expected) in [
            ("ndjson", "inline; filename=\"flights.ndjson\""),
            ("jsonl", "inline; filename=\"flights.jsonl\""),
            ("json", "inline; filename=\"flights.json\""),
            ("csv", "attachment; filename=\"flights.csv\""),
            ("arrow", "attachment; filename=\"flights.arrows\""),
            ("parquet", "attachment; filename=\"flights.parquet\""),
        ] {
            assert_eq!(of_records("flights", of(name)), expected);
        }
    }

    #[test]
    fn a_name_beyond_ascii_is_said_twice() {
        for (name, parameters) in [
            ("Flüge.csv", "filename=\"Fl_ge.csv\"; filename*=UTF-8''Fl%C3%BCge.csv"),
            ("航班.csv", "filename=\"__.csv\"; filename*=UTF-8''%E8%88%AA%E7%8F%AD.csv"),
            ("a\"b\\c%.csv", "filename=\"a_b_c_.csv\"; filename*=UTF-8''a%22b%5Cc%25.csv"),
            ("a\r\nb/c.csv", "filename=\"a__b_c.csv\"; filename*=UTF-8''a%0D%0Ab%2Fc.csv"),
        ] {
            assert_eq!(named(name), parameters);
        }
    }
}
