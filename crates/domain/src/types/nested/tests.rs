//! What nested JSON may hold, with generated values.

use proptest::prelude::*;
use serde_json::{Map, Number};

use super::*;

fn fault(text: &str) -> Option<(String, ViolationCode)> {
    check_json(text, 4).err().map(|fault| (fault.pointer, fault.code))
}

#[test]
fn only_white_space_outside_strings_goes() {
    let json = "{ \"a b\" : [ 1.50 ,\n\t1e300 ] , \"c\\\" \" : \" \\\\\" }";
    assert_eq!(compacted(json, 4).unwrap(), "{\"a b\":[1.50,1e300],\"c\\\" \":\" \\\\\"}");
    assert!(matches!(compacted("{\"a b\":[1]}", 4), Ok(Cow::Borrowed(_))));
}

#[test]
fn what_readers_would_take_for_different_values_is_refused_where_it_stands() {
    use ViolationCode::{DuplicateKey, MalformedJson, OutOfRange, TooDeep};
    for (text, pointer, code) in [
        (r#"{"a":1,"b":2,"a":3}"#, "/a", DuplicateKey),
        (r#"[{"x":{"é":1,"\u00e9":2}}]"#, "/0/x/é", DuplicateKey),
        (r#"{"o":{"a/b":1,"a/b":2}}"#, "/o/a~1b", DuplicateKey),
        (r#"{"":1,"":1}"#, "/", DuplicateKey),
        ("[0,1e400]", "/1", OutOfRange),
        ("[[-1e309],2]", "/0/0", OutOfRange),
        (r#"{"a":{"b":[1,9e999]}}"#, "/a/b/1", OutOfRange),
        (r#"{"a":"\ud83d"}"#, "/a", MalformedJson),
        (r#"{"a":["x","\ude00\ud83d"]}"#, "/a/1", MalformedJson),
        (r#"{"k":{"\udc00":1}}"#, "/k", MalformedJson),
        (r#"{"k":1,"\uD800x":1}"#, "", MalformedJson),
        (r#"["\ud800\\udc00"]"#, "/0", MalformedJson),
        ("[[[[[]]]]]", "/0/0/0/0", TooDeep),
        (r#"{"a":{"b":[{"c":{}}]}}"#, "/a/b/0/c", TooDeep),
    ] {
        assert_eq!(fault(text), Some((pointer.to_owned(), code)), "{text}");
    }
}

#[test]
fn what_is_unusual_and_means_one_thing_is_taken_as_it_is_written() {
    for text in [
        "{}",
        "[[[[]]]]",
        r#"["\ud83d\ude00","\u0000","\\ud800","\\\\ud800"]"#,
        "[12345678901234567890123,0.1000000000000000055,-0,1E+2,1e-400,1.7976931348623157e308]",
        r#"{"a":{"a":{"a":1}},"A":1}"#,
        r#"[{"a":1},{"a":1}]"#,
        r#"{"":{},"\"":1,"\\":2}"#,
        r#"{"{":"}","[":"]",",":":"}"#,
    ] {
        assert_eq!(compacted(text, 4).unwrap(), text);
    }
    let digits = "9".repeat(308);
    assert_eq!(fault(&digits), None);
    assert_eq!(fault(&"9".repeat(400)), Some((String::new(), ViolationCode::OutOfRange)));
}

#[test]
fn neither_depth_nor_width_takes_long_or_a_stack() {
    let deep = format!("{}{}", "[".repeat(2_000_000), "]".repeat(2_000_000));
    let found = check_json(&deep, MAX_JSON_DEPTH).unwrap_err();
    assert_eq!(found.code, ViolationCode::TooDeep);
    assert!(found.pointer.len() < 2 * MAX_POINTER_BYTES);
    assert!(parse_json(&deep).is_err());
    assert_eq!(check_json(&deep, usize::MAX), Ok(()));
    let members: Vec<String> = (0..200_000).map(|key| format!("\"key_{key}\":{key}")).collect();
    assert_eq!(check_json(&format!("{{{}}}", members.join(",")), 1), Ok(()));
}

#[test]
fn a_document_is_read_as_deep_as_it_may_be() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse_json(&nested(MAX_JSON_DEPTH)).is_ok());
    assert!(parse_json(&nested(MAX_JSON_DEPTH + 1)).is_err());
    assert!(parse_json("[1] 2").is_err());
}

#[test]
fn a_text_that_is_no_json_does_no_harm() {
    for text in ["", "\"", "\"\\", "\"\\u12", "}", "]]", "{,", "{\"a\"}", "[\"\\ud800\\u", "-", "1e", "{\"a\":1,", "é"]
    {
        let _ = compacted(text, 2);
        let _ = parse_json(text);
    }
}

/// Any JSON value, nested a few deep.
fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(Json::from),
        proptest::num::f64::NORMAL.prop_map(|number| Number::from_f64(number).map_or(Json::Null, Json::Number)),
        any::<String>().prop_map(Json::String),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            proptest::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Json::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn depth_of(value: &Json) -> usize {
    match value {
        Json::Array(list) => 1 + list.iter().map(depth_of).max().unwrap_or(0),
        Json::Object(members) => 1 + members.values().map(depth_of).max().unwrap_or(0),
        _ => 0,
    }
}

proptest! {
    #[test]
    fn any_value_is_taken_up_to_its_depth_and_loses_nothing_but_white_space(value in any_json()) {
        let (text, spaced) = (value.to_string(), serde_json::to_string_pretty(&value).unwrap());
        let depth = depth_of(&value);
        let kept = compacted(&spaced, depth).unwrap();
        prop_assert_eq!(kept.as_ref(), text.as_str());
        prop_assert_eq!(parse_json(&kept).unwrap(), value);
        if depth > 0 {
            prop_assert_eq!(check_json(&text, depth - 1).unwrap_err().code, ViolationCode::TooDeep);
        }
    }

    #[test]
    fn a_fault_anywhere_in_a_value_is_found_where_it_was_put(value in any_json(), choice: prop::sample::Index) {
        let mut places = Vec::new();
        places_of(&value, String::new(), &mut places);
        let pointer = &places[choice.index(places.len())];
        for (bad, code) in [
            ("1e999", ViolationCode::OutOfRange),
            (r#""\udead""#, ViolationCode::MalformedJson),
            (r#"{"k":1,"k":1}"#, ViolationCode::DuplicateKey),
        ] {
            let mut marked = value.clone();
            *marked.pointer_mut(pointer).unwrap() = Json::from("$put it here$");
            let text = marked.to_string().replace("\"$put it here$\"", bad);
            prop_assert_eq!(check_json(&text, 100).unwrap_err().code, code);
        }
    }

    #[test]
    fn any_text_at_all_does_no_harm(text: String, depth in 0_usize..5) {
        let _ = compacted(&text, depth);
        let _ = parse_json(&text);
    }
}

/// A pointer to each value within a value.
fn places_of(value: &Json, at: String, out: &mut Vec<String>) {
    match value {
        Json::Array(list) => {
            list.iter().enumerate().for_each(|(index, inner)| places_of(inner, format!("{at}/{index}"), out));
        }
        Json::Object(members) => members.iter().for_each(|(key, inner)| {
            places_of(inner, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), out);
        }),
        _ => {}
    }
    out.push(at);
}
