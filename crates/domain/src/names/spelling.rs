//! Names where other text stands beside them: in query strings and in lists.
//!
//! A name may be put into double quotes, its own doubled. It has to be where the text around it would be taken for a part
//! of it, or the other way round.

use std::borrow::Cow;

/// A text that begins with a quote is no quoted name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name that begins with `\"` ends with another, and each `\"` within it is doubled")]
pub struct Misquoted;

/// A name as it is written beside others: as it is when it has nothing but letters and digits of any script, `_`, `$` and,
/// not in front, `-`; else in quotes. No two names are written alike.
pub fn spelled(name: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '-');
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(is_plain) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("\"{}\"", name.replace('"', "\"\"")))
    }
}

/// The name that a text begins with, and the text from its `end` on: a name in quotes, or all before the first `end`.
///
/// # Errors
/// [`Misquoted`] when the text begins with a quote and no such name.
pub fn leading_name(text: &str, end: char) -> Result<(Cow<'_, str>, &str), Misquoted> {
    let Some(inner) = text.strip_prefix('"') else {
        return Ok(text.find(end).map_or((text.into(), ""), |place| (text[..place].into(), &text[place..])));
    };
    let mut from = 0;
    loop {
        let close = from + inner[from..].find('"').ok_or(Misquoted)?;
        let rest = &inner[close + 1..];
        if rest.starts_with('"') {
            from = close + 2;
        } else if rest.is_empty() || rest.starts_with(end) {
            return Ok((inner[..close].replace("\"\"", "\"").into(), rest));
        } else {
            return Err(Misquoted);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_quoted_where_it_could_be_misread() {
        for plain in ["dep_time", "名前", "Größe", "$id", "a-b", "2013"] {
            assert_eq!(spelled(plain), plain);
        }
        for (name, written) in [
            ("a.b", "\"a.b\""),
            ("dep time", "\"dep time\""),
            ("-x", "\"-x\""),
            ("5\" disk", "\"5\"\" disk\""),
            ("", "\"\""),
        ] {
            assert_eq!(spelled(name), written);
        }
    }

    #[test]
    fn text_that_begins_with_a_quote_is_a_quoted_name_or_none() {
        for text in ["\"", "\"a", "\"a\"b", "\"a\"\"", "\"a\" ,"] {
            assert_eq!(leading_name(text, ','), Err(Misquoted), "{text}");
        }
        assert_eq!(leading_name("a\"b,c", ','), Ok(("a\"b".into(), ",c")));
        assert_eq!(leading_name("\"a,\"\"\",c", ','), Ok(("a,\"".into(), ",c")));
    }

    proptest! {
        #[test]
        fn a_name_is_read_as_it_was_written(names in prop::collection::vec("\\PC{0,6}|[a,\".:-]{0,4}", 1..4)) {
            let list: Vec<String> = names.iter().map(|name| spelled(name).into_owned()).collect();
            let list = list.join(",");
            let mut rest = list.as_str();
            for (place, name) in names.iter().enumerate() {
                let (read, behind) = leading_name(rest, ',').unwrap();
                prop_assert_eq!(read, name.as_str());
                prop_assert_eq!(behind.is_empty(), place + 1 == names.len());
                rest = behind.get(1..).unwrap_or_default();
            }
        }
    }
}
