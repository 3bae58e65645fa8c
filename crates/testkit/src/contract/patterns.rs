//! Patterns of rules, and what they mean in schemas.

use eider_domain::{SchemaDefinition, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::{Value as Json, json};

use super::Fixture;
use super::generated::for_all;
use super::quality::{id, issues, rules, with_properties};
use crate::values;

/// Cases unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 32;

/// Texts break the rule of a pattern where the schema refuses them for it, whatever is in the pattern and in the text.
///
/// Runs 32 cases of up to 20 texts each, or as many as `PROPTEST_CASES` says.
#[expect(clippy::unused_async, reason = "every case is async; proptest is not")]
pub async fn a_pattern_means_what_it_means_in_a_schema(fixture: Fixture) {
    let part = prop::sample::select(vec![
        "[a-z&&[^aeiou]]",
        "[[a-c]x]",
        "[a~~b]",
        "[a-e--c]",
        "[^&&a]",
        r"\<",
        r"\>",
        r"\b{start}",
        r"\b{end-half}",
        r"\b",
        r"\B",
        r"(?-u:\b)",
        r"\d",
        r"\w",
        r"\W",
        r"\s",
        r"\p{Letter}",
        r"\pL",
        r"\p{scx=Greek}",
        "[[:alpha:]]",
        ".",
        "(?s:.)",
        "(?i:k)",
        "(?i:s)",
        "a",
        "x",
        "^",
        "$",
        "(?m:^)",
        "(?m:$)",
        r"\A",
        r"\z",
        "(a|b)",
        "a{2,3}",
        "(?:x|)",
        "(?x: a # b\n)",
        r"\x00",
        r"\u{e9}",
        "[]a]",
        "(?<n>a)",
        "a*?",
        r"\x7f|b",
    ]);
    let character =
        prop::sample::select("abcekxsKS&~-] \n\r\0é\u{301}\u{212a}ſλ٣_9\u{2028}".chars().collect::<Vec<_>>());
    let text = vec(character, 0..4).prop_map(|text| text.into_iter().collect::<String>());
    let cases = (vec(part, 1..4).prop_map(|parts| parts.concat()), vec(text, 1..20), any::<bool>());
    for_all(CASES, &cases, async |(pattern, texts, is_whole)| {
        let pattern = if is_whole { format!("^(?:{pattern})$") } else { pattern };
        means_the_same(&fixture, &pattern, &texts).await
    });
}

async fn means_the_same(fixture: &Fixture, pattern: &str, texts: &[String]) -> TestCaseResult {
    let constrained =
        json!({"name": "b", "properties": [{"name": "a", "type": "string", "constraints": {"pattern": pattern}}]});
    let Ok(constrained) = SchemaDefinition::parse(&constrained) else { return Ok(()) };
    let property = &constrained.properties()[0];
    let schema = with_properties(fixture, json!([{"name": "a", "type": "string"}])).await;
    let records = texts.iter().enumerate().map(|(number, text)| json!({"id": id(number), "a": text}));
    fixture.write(&schema, records.collect()).await;
    let rules = rules(&schema, json!([{"rule": "pattern", "property": "a", "pattern": pattern}]));
    let found = issues(fixture, &schema, &rules).await;
    fixture.store.remove(schema.name(), None).await.expect("the schema is removed");
    let is_refused = |text: &String| {
        let value = Value::Text(text.clone().into());
        property.constraints.check(property.data_type, &value).is_err()
    };
    let refused = texts.iter().enumerate().filter(|(_, text)| is_refused(text)).map(|(number, _)| id(number).into());
    prop_assert_eq!(values(&found[0], "record_id"), refused.collect::<Vec<Json>>(), "{:?} {:?}", pattern, texts);
    Ok(())
}
