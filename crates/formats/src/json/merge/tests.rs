//! Merging against the standard, and against the same on trees.

use std::time::{Duration, Instant};

use eider_domain::{MAX_JSON_DEPTH, parse_json};
use proptest::prelude::*;
use serde_json::{Map, Value as Json};

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
        assert_eq!(merge_patch(target, patch).as_deref(), Some(expected), "{target} {patch}");
    }
}

#[test]
fn what_is_not_touched_keeps_its_text() {
    let stored = r#"{"n":1.10,"big":12345678901234567890123,"\u00e9":"\u00e9","o":{"\u0061":1,"b":[{}]}}"#;
    for (patch, expected) in [
        (
            r#"{"x":-0}"#,
            r#"{"n":1.10,"big":12345678901234567890123,"\u00e9":"\u00e9","o":{"\u0061":1,"b":[{}]},"x":-0}"#,
        ),
        (
            r#"{"o":{"a":2.50}}"#,
            r#"{"n":1.10,"big":12345678901234567890123,"\u00e9":"\u00e9","o":{"\u0061":2.50,"b":[{}]}}"#,
        ),
        (r#"{"é":null,"o":null,"n":null}"#, r#"{"big":12345678901234567890123}"#),
    ] {
        assert_eq!(merge_patch(stored, patch).as_deref(), Some(expected));
    }
}

/// A release before this one stored such keys; what is merged is checked afterwards.
#[test]
fn a_stored_key_that_means_nothing_takes_nothing_else_with_it() {
    let merged = merge_patch(r#"{"\ud800":1,"a":1,"a":2,"b":3}"#, r#"{"b":4}"#);
    assert_eq!(merged.as_deref(), Some(r#"{"\ud800":1,"a":1,"a":2,"b":4}"#));
}

#[test]
fn a_text_that_is_no_object_is_merged_with_nothing() {
    for text in
        ["", "[", "{", "{}}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{a:1}", "{\"a\":}x", "{\"\\", "null"]
    {
        assert_eq!(merge_patch(text, r#"{"b":1}"#), None, "{text}");
        let _ = merge_patch(r#"{"a":{"b":1}}"#, text);
    }
}

#[test]
fn as_many_members_as_a_body_holds_take_no_longer_than_reading_them() {
    let object = |value: usize| {
        let members: Vec<String> = (0..200_000).map(|key| format!("\"key_{key}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    };
    let (stored, patch) = (object(1), object(2));
    let before = Instant::now();
    assert_eq!(merge_patch(&stored, &patch), Some(object(2)));
    assert_eq!(merge_patch(&stored, r#"{"new":1}"#).map(|merged| merged.len()), Some(stored.len() + 8));
    let nested =
        |inner: &str| format!("{}{inner}{}", "{\"a\":".repeat(MAX_JSON_DEPTH - 1), "}".repeat(MAX_JSON_DEPTH - 1));
    assert_eq!(merge_patch(&nested(&stored), &nested(&patch)), Some(nested(&patch)));
    // It was minutes when each member was compared with every other; a debug build on a busy machine takes a second.
    assert!(before.elapsed() < Duration::from_mins(1));
}

/// RFC 7396, section 2.
fn merged(target: Json, patch: &Json) -> Json {
    let Json::Object(patch) = patch else { return patch.clone() };
    let mut members = match target {
        Json::Object(members) => members,
        _ => Map::new(),
    };
    for (key, value) in patch {
        if value.is_null() {
            members.remove(key);
        } else {
            let current = members.remove(key).unwrap_or(Json::Null);
            members.insert(key.clone(), merged(current, value));
        }
    }
    Json::Object(members)
}

/// An object whose keys come again in others, escaped or not.
fn any_object() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i32>().prop_map(Json::from),
        "\\PC{0,4}".prop_map(Json::String),
    ];
    let key = || prop_oneof!["[ab]", "[é\"\\\\\u{0}{},:]{0,2}"];
    let value = leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            3 => proptest::collection::vec((key(), inner), 0..5)
                .prop_map(|members| Json::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    });
    proptest::collection::vec((key(), value), 0..6)
        .prop_map(|members| Json::Object(members.into_iter().collect::<Map<_, _>>()))
}

proptest! {
    #[test]
    fn texts_are_merged_as_trees_are(target in any_object(), patch in any_object()) {
        let text = merge_patch(&target.to_string(), &patch.to_string()).unwrap();
        // Maps are compared without regard to the order of their members.
        prop_assert_eq!(parse_json(&text).unwrap(), merged(target, &patch));
    }

    #[test]
    fn a_patch_of_nothing_changes_nothing(target in any_object()) {
        let text = target.to_string();
        prop_assert_eq!(merge_patch(&text, "{}"), Some(text));
    }

    #[test]
    fn any_text_at_all_does_no_harm(target: String, patch: String) {
        let _ = merge_patch(&target, &patch);
        let _ = merge_patch(&format!("{{{target}}}"), &format!("{{{patch}}}"));
    }
}
