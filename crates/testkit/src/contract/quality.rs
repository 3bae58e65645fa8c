//! Rules checked against what is stored, and what they suggest.

use std::sync::Arc;

use eider_application::ports::{
    RuleOutcome, StoreErrorKind, SuggestionOutcome, SuggestionRequest, Validation, ValidationRequest,
};
use eider_domain::{Field, Filter, RecordId, Rule, RuleSet, Schema, Timestamp, ViolationCode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::{Value as Json, json};

use super::Fixture;
use super::fixture::collect;
use super::generated::for_all;
use crate::{MemoryStore, condition, created_at, integers, rows, values};

/// Cases unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 32;
/// More often than a store has connections.
const OFTEN: usize = 40;
/// More rows than a store reads ahead.
const ROWS: i64 = 200_000;

pub(super) fn id(number: usize) -> String {
    format!("00000000-0000-7000-8000-{number:012x}")
}

/// A schema with these properties and no other name.
pub(super) async fn with_properties(fixture: &Fixture, properties: Json) -> Arc<Schema> {
    fixture.create(json!({"name": "s", "properties": properties})).await
}

/// Flights with a text, a number and an instant.
async fn flights(fixture: &Fixture) -> Arc<Schema> {
    let properties = json!([{"name": "carrier", "type": "string"}, {"name": "n", "type": "integer"},
        {"name": "at", "type": "datetime"}]);
    with_properties(fixture, properties).await
}

#[expect(clippy::needless_pass_by_value, reason = "callers write `rules(&schema, json!(…))`")]
pub(super) fn rules(schema: &Schema, document: Json) -> Arc<[Rule]> {
    let set = RuleSet::parse(&json!({"rules": document}), schema).expect("the rules are valid");
    set.rules().into()
}

/// Checks rules, keeping so many bytes of issues; what was found, and what of each rule.
async fn validated_within(
    fixture: &Fixture,
    schema: &Arc<Schema>,
    rules: &Arc<[Rule]>,
    max_issue_bytes: u64,
) -> (Validation, Vec<RuleOutcome>) {
    let (request, mut told) = ValidationRequest::new(Arc::clone(rules), created_at());
    let request = ValidationRequest { max_issue_bytes, ..request };
    let validation = fixture.rule_checker().validate(schema, request).await.expect("the rules are checked");
    let mut outcomes = Vec::new();
    while let Some(outcome) = told.recv().await {
        outcomes.push(outcome);
    }
    assert_eq!(outcomes.len(), rules.len(), "every rule is told of");
    (validation, outcomes)
}

/// The issues of each rule, ordered by record.
pub(super) async fn issues(fixture: &Fixture, schema: &Arc<Schema>, rules: &Arc<[Rule]>) -> Vec<Vec<Json>> {
    let (validation, outcomes) = validated_within(fixture, schema, rules, u64::MAX).await;
    assert!(!validation.is_truncated);
    let mut issues = Vec::new();
    for (rule, outcome) in outcomes.iter().enumerate() {
        let stream = validation.issues.of_rule(rule).await.expect("the issues can be read");
        let mut found = rows(&collect(stream).await.expect("the issues end"));
        found.sort_by_key(|issue| issue["record_id"].as_str().expect("an id").to_owned());
        assert_eq!(found.len() as u64, outcome.issues);
        let suggested = found.iter().filter(|issue| issue.get("suggested_value").is_some_and(|value| !value.is_null()));
        assert_eq!(suggested.count() as u64, outcome.suggestions);
        issues.push(found);
    }
    issues
}

async fn apply(fixture: &Fixture, schema: &Arc<Schema>, rules: &Arc<[Rule]>) -> SuggestionOutcome {
    let at = Timestamp::from_micros(created_at().as_micros() + 1_000_000);
    let request = SuggestionRequest { rules: Arc::clone(rules), at };
    fixture.rule_checker().apply_suggestions(schema, request).await.expect("the suggestions are written or refused")
}

/// Each kind of rule finds the values that break it, and suggests what it knows.
pub async fn every_rule_finds_what_breaks_it(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let carriers = [json!("UA"), json!(" ua"), json!("Delta"), json!("n1"), json!(null), json!("É")];
    let records = carriers.iter().enumerate().map(|(number, carrier)| {
        json!({"id": id(number), "carrier": carrier, "n": number, "at": format!("2026-01-{:02}T00:00:00Z", 26 + number)})
    });
    fixture.write(&schema, records.collect()).await;
    let rules = rules(
        &schema,
        json!([
            {"rule": "required", "property": "carrier"},
            {"rule": "values", "property": "carrier", "values": ["UA", "DL", "delta"]},
            {"rule": "values", "property": "n", "values": [0, 1, 2, 3, 4]},
            {"rule": "standardize", "property": "carrier", "trim": true, "case": "upper", "spellings": {"delta": "DL"}},
            {"rule": "length", "property": "carrier", "min": 2, "max": 2},
            {"rule": "characters", "property": "carrier", "allowed": "A-Za-z É"},
            {"rule": "pattern", "property": "carrier", "pattern": "^[A-Z]"},
            {"rule": "range", "property": "n", "minimum": 1, "maximum": 3},
            {"rule": "freshness", "property": "at", "max_age": "4d"},
            {"rule": "freshness", "property": "updated_at", "max_age": "4d"}]),
    );
    let of = |number: usize, column: &str, value: Json| json!({"record_id": id(number), column: value});
    let suggested = |number: usize, value: &str, suggestion: Json| json!({"record_id": id(number), "carrier": value, "suggested_value": suggestion});
    let expected = [
        vec![of(4, "carrier", json!(null))],
        vec![
            suggested(1, " ua", json!("UA")),
            suggested(2, "Delta", json!("delta")),
            suggested(3, "n1", json!(null)),
            suggested(5, "É", json!(null)),
        ],
        vec![of(5, "n", json!(5))],
        vec![suggested(1, " ua", json!("UA")), suggested(2, "Delta", json!("DL")), suggested(3, "n1", json!("N1"))],
        vec![of(1, "carrier", json!(" ua")), of(2, "carrier", json!("Delta")), of(5, "carrier", json!("É"))],
        vec![of(3, "carrier", json!("n1"))],
        vec![of(1, "carrier", json!(" ua")), of(3, "carrier", json!("n1")), of(5, "carrier", json!("É"))],
        vec![of(0, "n", json!(0)), of(4, "n", json!(4)), of(5, "n", json!(5))],
        vec![of(0, "at", json!("2026-01-26T00:00:00.000000Z")), of(1, "at", json!("2026-01-27T00:00:00.000000Z"))],
        vec![],
    ];
    for ((found, expected), rule) in issues(&fixture, &schema, &rules).await.iter().zip(&expected).zip(rules.iter()) {
        assert_eq!(found, expected, "{}", rule.name());
    }
}

/// Lists, limits and duplicates compare values of every type that they apply to.
pub async fn rules_look_at_values_of_every_type(fixture: Fixture) {
    let types = [
        ("integer", json!(1), json!(9_007_199_254_740_993_i64)),
        ("number", json!(0.5), json!(1e300)),
        ("decimal", json!("1.10"), json!("99999999.99")),
        ("date", json!("2024-02-29"), json!("2026-01-31")),
        ("time", json!("08:15:00.000001"), json!("23:59:59.999999")),
        ("datetime", json!("2026-01-31T08:15:00.000001Z"), json!("2026-01-31T08:15:00.000002Z")),
        ("uuid", json!(id(1)), json!(id(2))),
    ];
    let property = |(name, _, _): &(&str, Json, Json)| match *name {
        "decimal" => json!({"name": "p_decimal", "type": "decimal", "precision": 10, "scale": 2}),
        name => json!({"name": format!("p_{name}"), "type": name}),
    };
    let schema = with_properties(&fixture, types.iter().map(property).collect()).await;
    let record = |number: usize, value: &dyn Fn(&(&str, Json, Json)) -> Json| {
        let mut record = json!({"id": id(number)});
        for entry in &types {
            record[format!("p_{}", entry.0)] = value(entry);
        }
        record
    };
    let small = |entry: &(&str, Json, Json)| entry.1.clone();
    let great = |entry: &(&str, Json, Json)| entry.2.clone();
    fixture.write(&schema, json!([record(1, &small), record(2, &great), record(3, &great), {"id": id(4)}])).await;
    let mut documents = Vec::new();
    for (name, small, _) in &types {
        let property = format!("p_{name}");
        documents.push(json!({"rule": "values", "property": property, "values": [small]}));
        documents.push(json!({"rule": "duplicate", "property": property}));
        if *name != "uuid" {
            documents.push(json!({"rule": "range", "property": property, "maximum": small}));
        }
    }
    let rules = rules(&schema, Json::Array(documents));
    for (found, rule) in issues(&fixture, &schema, &rules).await.iter().zip(rules.iter()) {
        let expected = if rule.check().kind() == "duplicate" { vec![id(3)] } else { vec![id(2), id(3)] };
        assert_eq!(values(found, "record_id"), expected, "{}", rule.name());
    }
}

/// Generated texts break the rules that they break in the memory store, with the same suggestions, and mended they
/// are the same.
///
/// Runs 32 cases of up to 30 records each, or as many as `PROPTEST_CASES` says.
#[expect(clippy::unused_async, reason = "every case is async; proptest is not")]
pub async fn rules_find_what_the_memory_store_finds(fixture: Fixture) {
    let text = prop_oneof![
        "[ \\tuUaA\u{a0}é\u{301}eEßẞsSΟοΣσςİi]{0,4}",
        Just("x  y".to_owned()),
        Just("united".to_owned()),
        Just("STRASSE".to_owned()),
        Just("straße".to_owned()),
        Just("οδος".to_owned())
    ];
    let record = (prop::option::of(text), prop::option::of(-3..3_i64));
    let flags = any::<(bool, bool, Option<bool>)>();
    for_all(CASES, &(vec(record, 1..30), flags), async |(records, flags)| agrees(&fixture, records, flags).await);
}

async fn agrees(
    fixture: &Fixture,
    records: Vec<(Option<String>, Option<i64>)>,
    (trim, collapse, is_upper): (bool, bool, Option<bool>),
) -> TestCaseResult {
    let memory = Fixture::new(Arc::new(MemoryStore::new()));
    let records = records.into_iter().enumerate();
    let records: Json = records.map(|(number, (text, n))| json!({"id": id(number), "carrier": text, "n": n})).collect();
    let case = is_upper.map(|is_upper| if is_upper { "upper" } else { "lower" });
    let document = json!([
        {"rule": "standardize", "property": "carrier", "trim": trim, "collapse": collapse, "case": case,
         "spellings": {"united": "UA", " x Y": "Xy"}},
        {"rule": "values", "property": "carrier", "values": ["UA", "ua", "a", "Xy", "éa", "é", "Straße", "ΟΔΟΣ", "ΟΣ"]},
        {"rule": "characters", "property": "carrier", "allowed": "a-zé "},
        {"rule": "length", "property": "carrier", "max": 2},
        {"rule": "duplicate", "properties": ["carrier", "n"]},
        {"rule": "required", "property": "n"}]);
    let mut found = Vec::new();
    for fixture in [fixture, &memory] {
        let schema = flights(fixture).await;
        fixture.write(&schema, records.clone()).await;
        let rules = rules(&schema, document.clone());
        let broken = issues(fixture, &schema, &rules).await;
        let suggesting: Arc<[Rule]> = rules.iter().filter(|rule| rule.suggests()).cloned().collect();
        let outcome = apply(fixture, &schema, &suggesting).await;
        let mended = fixture.records(&schema).await;
        let nothing = apply(fixture, &schema, &suggesting).await;
        prop_assert!(
            matches!(&nothing, SuggestionOutcome::Written { receipt, .. } if receipt.rows == 0),
            "{nothing:?}"
        );
        let again = issues(fixture, &schema, &suggesting).await;
        prop_assert!(again[1].iter().all(|issue| issue["suggested_value"].is_null()), "{again:?}");
        fixture.store.remove(schema.name(), None).await.expect("the schema is removed");
        found.push((broken, outcome, mended));
    }
    let (of_memory, of_store) = (found.pop(), found.pop());
    prop_assert_eq!(of_store, of_memory);
    Ok(())
}

/// Of records with the same values the first in commit order is good; nulls are never the same.
pub async fn duplicates_are_all_but_the_first(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let record = |number: usize, carrier: Json, n: Json| json!({"id": id(number), "carrier": carrier, "n": n});
    let first = record(9, json!("UA"), json!(1));
    fixture.write(&schema, json!([first, record(1, json!("UA"), json!(1)), record(2, json!("UA"), json!(2))])).await;
    fixture.write(&schema, json!([record(3, json!("UA"), json!(null)), record(4, json!("UA"), json!(null))])).await;
    fixture.write(&schema, json!([record(5, json!("UA"), json!(1)), record(6, json!("ua"), json!(1))])).await;
    let rules = rules(
        &schema,
        json!([{"rule": "duplicate", "properties": ["n", "carrier"]}, {"rule": "duplicate", "property": "n"}]),
    );
    let found = issues(&fixture, &schema, &rules).await;
    let expected = [1, 5].map(|number| json!({"record_id": id(number), "n": 1, "carrier": "UA"}));
    assert_eq!(found[0], expected);
    assert_eq!(values(&found[1], "record_id"), [id(1), id(5), id(6)]);
}

/// All issues are counted, also those that there is no room for.
pub async fn issues_beyond_the_room_are_counted(fixture: Fixture) {
    let schema = with_properties(&fixture, json!([{"name": "n", "type": "integer"}])).await;
    fixture.write_batch(&schema, integers(&schema, 0..ROWS)).await;
    let rules = rules(
        &schema,
        json!([{"rule": "range", "property": "n", "maximum": 9}, {"rule": "duplicate", "property": "n"}]),
    );
    let (validation, outcomes) = validated_within(&fixture, &schema, &rules, 100_000).await;
    assert!(validation.is_truncated);
    assert_eq!((outcomes[0].issues, outcomes[1].issues), (ROWS.unsigned_abs() - 10, 0));
    let kept = collect(validation.issues.of_rule(0).await.expect("the issues can be read")).await.expect("they end");
    assert!((kept.num_rows() as u64) < outcomes[0].issues);
}

/// What is written while issues are read, or was not committed before, does not show; the commit is told.
pub async fn a_validation_is_one_snapshot(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let seq = fixture.write(&schema, json!([{"id": id(1)}, {"id": id(2), "carrier": "UA"}])).await.commit_seq;
    let rules = rules(&schema, json!([{"rule": "required", "property": "carrier"}]));
    let (validation, _) = validated_within(&fixture, &schema, &rules, u64::MAX).await;
    assert_eq!((validation.records, Some(validation.commit_seq)), (2, seq));
    fixture.delete(&schema, &Filter::everything()).await;
    fixture.write(&schema, json!([{"id": id(3)}])).await;
    for _ in 0..2 {
        let stream = validation.issues.of_rule(0).await.expect("the issues can be read");
        let found = rows(&collect(stream).await.expect("the issues end"));
        assert_eq!(values(&found, "record_id"), [id(1)]);
    }
    let (empty, _) = validated_within(&fixture, &schema, &Arc::from([]), u64::MAX).await;
    let last = fixture.store.commit_seq(&schema).await.expect("a number");
    assert_eq!((empty.records, empty.commit_seq), (1, last));
}

/// Validations that nobody waits for any more hold nothing back.
pub async fn dropping_a_validation_frees_its_connection(fixture: Fixture) {
    let schema = with_properties(&fixture, json!([{"name": "n", "type": "integer"}])).await;
    fixture.write_batch(&schema, integers(&schema, 0..ROWS / 20)).await;
    let rules = rules(
        &schema,
        json!([{"rule": "duplicate", "property": "n"}, {"rule": "range", "property": "n", "minimum": 1}]),
    );
    for _ in 0..OFTEN {
        let (request, _) = ValidationRequest::new(Arc::clone(&rules), created_at());
        let mut validation = fixture.rule_checker().validate(&schema, request);
        // It begins, and is not waited for.
        let _ = futures::poll!(&mut validation);
        drop(validation);
    }
    assert_eq!(issues(&fixture, &schema, &rules).await[1].len(), 1);
}

/// Suggestions replace the records that break a rule, in one commit, in the order in which they were, and nothing else.
pub async fn suggestions_are_written_in_one_commit(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let record = |number: usize, carrier: Json| json!({"id": id(number), "carrier": carrier, "n": number});
    let records =
        json!([record(5, json!("ua")), record(1, json!("UA")), record(3, json!(" aa ")), record(2, json!(null))]);
    let before = fixture.write(&schema, records).await.commit_seq.expect("a commit");
    let rules = rules(&schema, json!([{"rule": "standardize", "property": "carrier", "trim": true, "case": "upper"}]));
    let outcome = apply(&fixture, &schema, &rules).await;
    let SuggestionOutcome::Written { receipt, changed } = outcome else { panic!("they are written: {outcome:?}") };
    assert_eq!((receipt.rows, receipt.commit_seq, changed), (2, before + 2, vec![2]));
    assert_eq!(fixture.store.commit_seq(&schema).await.expect("a number"), receipt.commit_seq);
    let found = fixture.records(&schema).await;
    assert_eq!(values(&found, "n"), [1, 2, 5, 3]);
    assert_eq!(values(&found, "carrier"), [json!("UA"), json!(null), json!("UA"), json!("AA")]);
    assert_eq!(values(&found, "version"), [1, 1, 2, 2]);
    assert!(found.iter().all(|record| record["created_at"] == "2026-01-31T08:15:00.000000Z"));
    assert_eq!(found[1]["updated_at"], "2026-01-31T08:15:00.000000Z");
    assert_eq!(found[2]["updated_at"], "2026-01-31T08:15:01.000000Z");
    assert!(issues(&fixture, &schema, &rules).await[0].is_empty());

    let again = apply(&fixture, &schema, &rules).await;
    let SuggestionOutcome::Written { receipt, changed } = again else { panic!("nothing is refused: {again:?}") };
    assert_eq!((receipt.rows, receipt.commit_seq, changed), (0, before + 2, vec![0]));
    let later = fixture.write(&schema, json!([{"n": 9}])).await;
    assert_eq!(later.commit_seq, Some(before + 3));
    assert_eq!(values(&fixture.records(&schema).await, "n"), [1, 2, 5, 3, 9]);
}

/// A rule looks at what the rule before it has made of a record, and each counts what it changed.
pub async fn rules_are_applied_one_after_the_other(fixture: Fixture) {
    let properties = json!([{"name": "a", "type": "string"}, {"name": "b", "type": "string"}]);
    let schema = with_properties(&fixture, properties).await;
    fixture.write(&schema, json!([{"a": " x", "b": "y"}, {"a": "X", "b": "Y "}, {"a": "z", "b": "y"}])).await;
    let rules = rules(
        &schema,
        json!([{"rule": "standardize", "property": "a", "trim": true}, {"rule": "standardize", "property": "b", "trim": true},
               {"rule": "values", "property": "a", "values": ["X"]},
               {"rule": "standardize", "property": "a", "spellings": {"X": "Ex"}}]),
    );
    let outcome = apply(&fixture, &schema, &rules).await;
    let SuggestionOutcome::Written { receipt, changed } = outcome else { panic!("they are written: {outcome:?}") };
    assert_eq!((receipt.rows, changed), (2, vec![1, 1, 1, 2]));
    let found = fixture.records(&schema).await;
    assert_eq!(values(&found, "a"), ["z", "Ex", "Ex"]);
    assert_eq!(values(&found, "b"), ["y", "y", "Y"]);
}

/// Rules that undo each other leave a text where they agree on one, and nothing is written where they never do.
pub async fn suggestions_that_undo_each_other_come_to_an_end(fixture: Fixture) {
    let schema = with_properties(&fixture, json!([{"name": "a", "type": "string"}])).await;
    let before = fixture.write(&schema, json!([{"a": "x"}, {"a": "y"}, {"a": "z"}])).await.commit_seq;
    let spelling = |spellings: Json| json!({"rule": "standardize", "property": "a", "spellings": spellings});
    let in_turn = rules(&schema, json!([spelling(json!({"x": "m", "y": "n"})), spelling(json!({"m": "y", "n": "x"}))]));
    assert_eq!(apply(&fixture, &schema, &in_turn).await, SuggestionOutcome::Unsettled(vec![0, 1]));
    assert_eq!(Some(fixture.store.commit_seq(&schema).await.expect("a number")), before);
    let there_and_back = rules(&schema, json!([spelling(json!({"x": "y"})), spelling(json!({"y": "x"}))]));
    for expected in [vec![0, 1], vec![0, 0]] {
        let outcome = apply(&fixture, &schema, &there_and_back).await;
        let SuggestionOutcome::Written { receipt, changed } = outcome else { panic!("they are written: {outcome:?}") };
        assert_eq!((receipt.rows, changed), (expected[1], expected));
        assert_eq!(values(&fixture.records(&schema).await, "a"), ["x", "z", "x"]);
    }
}

/// A suggestion is made of the value that a record has when it is written, not of one that it had when it was checked.
pub async fn suggestions_are_those_for_what_is_stored_now(fixture: Fixture) {
    let schema = flights(&fixture).await;
    fixture.write(&schema, json!([{"id": id(1), "carrier": "ua"}, {"id": id(2), "carrier": "aa"}])).await;
    let rules = rules(&schema, json!([{"rule": "standardize", "property": "carrier", "case": "upper"}]));
    assert_eq!(issues(&fixture, &schema, &rules).await[0].len(), 2);
    fixture.delete(&schema, &condition(&schema, "id", "eq", json!(id(1)))).await;
    fixture.write(&schema, json!([{"id": id(1), "carrier": "dl"}, {"id": id(3), "carrier": "b6"}])).await;
    fixture.delete(&schema, &condition(&schema, "id", "eq", json!(id(2)))).await;
    apply(&fixture, &schema, &rules).await;
    assert_eq!(values(&fixture.records(&schema).await, "carrier"), ["DL", "B6"]);
}

/// A record that was read before is read as suggestions have left it.
pub async fn a_record_that_was_mended_is_read_by_its_id(fixture: Fixture) {
    let schema = flights(&fixture).await;
    fixture.write(&schema, json!([{"id": id(1), "carrier": "ua"}])).await;
    let rules = rules(&schema, json!([{"rule": "standardize", "property": "carrier", "case": "upper"}]));
    let record = RecordId::parse(&id(1)).expect("an id");
    for expected in ["ua", "UA"] {
        for _ in 0..2 {
            let found = fixture.store.record(&schema, record).await.expect("a read").expect("it is stored");
            assert_eq!(values(&rows(&found), "carrier"), [expected]);
        }
        apply(&fixture, &schema, &rules).await;
    }
}

/// Suggestions that would make two records share a unique value, or that a constraint refuses, write nothing.
pub async fn suggestions_that_the_schema_refuses_write_nothing(fixture: Fixture) {
    let properties = json!([{"name": "code", "type": "string", "is_unique": true},
        {"name": "carrier", "type": "string", "constraints": {"pattern": "^[a-z]*$"}}]);
    let schema = with_properties(&fixture, properties).await;
    let stored = json!([{"code": "A"}, {"code": "a", "carrier": "ua"}, {"code": "b"}]);
    let before = fixture.write(&schema, stored).await.commit_seq;
    let upper =
        |property: &str| rules(&schema, json!([{"rule": "standardize", "property": property, "case": "upper"}]));
    let field = |outcome: &SuggestionOutcome| -> (Field, Option<ViolationCode>) {
        match outcome {
            SuggestionOutcome::NotUnique(fields) => (fields[0].clone(), None),
            SuggestionOutcome::NotStorable(field, code) => (field.clone(), Some(*code)),
            SuggestionOutcome::Written { .. } | SuggestionOutcome::Unsettled(_) => {
                panic!("they are refused: {outcome:?}")
            }
        }
    };
    let code = schema.field("code").expect("a property");
    assert_eq!(field(&apply(&fixture, &schema, &upper("code")).await), (code, None));
    let carrier = schema.field("carrier").expect("a property");
    let mismatch = Some(ViolationCode::PatternMismatch);
    assert_eq!(field(&apply(&fixture, &schema, &upper("carrier")).await), (carrier, mismatch));
    assert_eq!(values(&fixture.records(&schema).await, "code"), ["A", "a", "b"]);
    assert_eq!(Some(fixture.store.commit_seq(&schema).await.expect("a number")), before);

    fixture.delete(&schema, &condition(&schema, "code", "eq", json!("A"))).await;
    let outcome = apply(&fixture, &schema, &upper("code")).await;
    assert!(matches!(outcome, SuggestionOutcome::Written { receipt, .. } if receipt.rows == 2));
    assert_eq!(values(&fixture.records(&schema).await, "code"), ["A", "B"]);
}

/// Neither checked nor written is what a schema held that was removed.
pub async fn a_validation_of_a_removed_schema_is_not_found(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let rules = rules(&schema, json!([{"rule": "standardize", "property": "carrier", "trim": true}]));
    fixture.store.remove(schema.name(), None).await.expect("the schema is removed");
    let (request, _) = ValidationRequest::new(Arc::clone(&rules), created_at());
    let error = fixture.rule_checker().validate(&schema, request).await.expect_err("there is no such schema");
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
    let request = SuggestionRequest { rules, at: created_at() };
    let error = fixture.rule_checker().apply_suggestions(&schema, request).await.expect_err("there is no such schema");
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
}
