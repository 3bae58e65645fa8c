//! JSON merge patch (RFC 7396) on texts: what a patch does not touch keeps the text that it had.

use std::fmt::Write as _;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object with its members in order, their values unparsed.
#[derive(Default)]
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
            // Of a key that is given twice the last counts, as in most parsers.
            members.0.retain(|(known, _)| *known != key);
            members.0.push((key, value));
        }
        Ok(members)
    }
}

/// Merges a patch, the text of an object, into the text of an object.
///
/// # Errors
/// When one of them is no JSON object.
pub(super) fn merge_patch(target: &str, patch: &str) -> serde_json::Result<String> {
    let mut out = String::with_capacity(target.len() + patch.len());
    let target: Members<'_> = serde_json::from_str(target)?;
    let patch: Members<'_> = serde_json::from_str(patch)?;
    out.push('{');
    for (key, value) in &target.0 {
        match patch.0.iter().find(|(patched, _)| patched == key) {
            None => member(&mut out, key, value.get())?,
            Some((_, patch)) => patched_member(&mut out, key, Some(value.get()), patch.get())?,
        }
    }
    for (key, patch) in patch.0.iter().filter(|(key, _)| target.0.iter().all(|(known, _)| known != key)) {
        patched_member(&mut out, key, None, patch.get())?;
    }
    out.push('}');
    Ok(out)
}

fn patched_member(out: &mut String, key: &str, current: Option<&str>, patch: &str) -> serde_json::Result<()> {
    if patch == "null" {
        return Ok(());
    }
    if !patch.starts_with('{') {
        return member(out, key, patch);
    }
    let target = current.filter(|text| text.starts_with('{')).unwrap_or("{}");
    let merged = merge_patch(target, patch)?;
    member(out, key, &merged)
}

fn member(out: &mut String, key: &str, value: &str) -> serde_json::Result<()> {
    if out.len() > 1 {
        out.push(',');
    }
    // Writing to a string cannot fail.
    let _ = write!(out, "{}:{value}", serde_json::to_string(key)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 7396, appendix A, whose target and patch are objects.
    #[test]
    fn the_examples_of_the_standard_come_out_as_it_says() {
        for (target, patch, expected) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(merge_patch(target, patch).unwrap(), expected, "{target} {patch}");
        }
    }

    #[test]
    fn what_is_not_touched_keeps_its_text() {
        let merged = merge_patch(r#"{"n":1.10,"big":1e400,"s":"\u00e9"}"#, r#"{"x":-0}"#).unwrap();
        assert_eq!(merged, r#"{"n":1.10,"big":1e400,"s":"\u00e9","x":-0}"#);
    }
}
