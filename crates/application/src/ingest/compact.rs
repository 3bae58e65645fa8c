//! JSON text without insignificant white space, otherwise unchanged.

use std::borrow::Cow;

use memchr::memchr2;

/// Removes white space outside strings, so that nested JSON fits on a line. Numbers, escapes and the order
/// of keys stay as they were written. `json` is valid JSON.
pub(super) fn compact(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let mut kept: Option<Vec<u8>> = None;
    let mut index = 0;
    while index < bytes.len() {
        let run = match bytes[index] {
            b' ' | b'\t' | b'\n' | b'\r' => {
                kept.get_or_insert_with(|| bytes[..index].to_vec());
                index += 1;
                continue;
            }
            b'"' => string_length(&bytes[index..]),
            _ => 1,
        };
        if let Some(kept) = &mut kept {
            kept.extend_from_slice(&bytes[index..index + run]);
        }
        index += run;
    }
    match kept {
        None => Cow::Borrowed(json),
        Some(kept) => Cow::Owned(String::from_utf8_lossy(&kept).into_owned()),
    }
}

/// Bytes of the string that `bytes` begins with, quotes included.
fn string_length(bytes: &[u8]) -> usize {
    let mut index = 1;
    while let Some(found) = bytes.get(index..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        if bytes[index + found] == b'"' {
            return index + found + 1;
        }
        index += found + 2;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_white_space_outside_strings_goes() {
        let json = "{ \"a b\" : [ 1.50 ,\n\t1e400 ] , \"c\\\" \" : \" \\\\\" }";
        assert_eq!(compact(json), "{\"a b\":[1.50,1e400],\"c\\\" \":\" \\\\\"}");
    }

    #[test]
    fn compact_json_is_borrowed() {
        assert!(matches!(compact("{\"a b\":[1]}"), Cow::Borrowed(_)));
    }
}
