//! Keys of several properties: no two records share one.

use std::sync::Arc;

use eider_application::ports::{
    Change, ChangeOutcome, CommitOutcome, CommitTerms, ConflictingKey, IdOrigin, KeyConflict, OnConflict,
    SuggestionOutcome, SuggestionRequest, WriteReceipt, WriteRequest,
};
use eider_domain::{RecordId, RuleSet, Schema, Timestamp, Version, ViolationCode, listed};
use serde_json::{Value as Json, json};

use super::Fixture;
use super::evolution::{evolve, existing_violations};
use crate::{batch, values};

/// Flights of a carrier, a number and a day; some with words of what a store might call its own.
async fn flights(fixture: &Fixture) -> Arc<Schema> {
    let properties = json!([
        {"name": "n", "type": "integer"}, {"name": "carrier", "type": "string"},
        {"name": "k0", "type": "integer"}, {"name": "day", "type": "date", "is_indexed": true}]);
    let unique = json!([{"properties": ["carrier", "k0", "day"]}, {"properties": ["n", "k0"], "severity": "warning"}]);
    fixture.create(json!({"name": "s", "properties": properties, "unique": unique})).await
}

fn flight(n: i64, carrier: &str, number: i64, day: u32) -> Json {
    json!({"n": n, "carrier": carrier, "k0": number, "day": format!("2013-01-{day:02}")})
}

fn id(number: u32) -> String {
    format!("00000000-0000-7000-8000-{number:012x}")
}

fn named(conflicts: &[KeyConflict]) -> Vec<(u64, String, ConflictingKey)> {
    conflicts.iter().map(|conflict| (conflict.row, listed(&conflict.fields), conflict.with)).collect()
}

const KEY: &str = "`carrier`, `k0` and `day`";

/// A key comes twice neither in a write nor in the store; records that differ in one of its properties are different.
pub async fn a_key_of_several_may_not_come_twice(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let records = [flight(1, "UA", 1, 1), flight(2, "UA", 1, 2), flight(3, "UA", 2, 1), flight(4, "AA", 1, 1)];
    fixture.write(&schema, Json::from(records.to_vec())).await;
    let again = json!([flight(5, "DL", 1, 1), flight(6, "AA", 1, 1), flight(7, "DL", 1, 1), flight(8, "AA", 2, 1)]);
    let conflicts = fixture.refused(&schema, again).await;
    let key = || KEY.to_owned();
    assert_eq!(named(&conflicts), [(1, key(), ConflictingKey::Stored), (2, key(), ConflictingKey::Row(0))]);
    assert_eq!(values(&fixture.records(&schema).await, "n"), [1, 2, 3, 4]);
}

/// A record in which one of the values is null has no key.
pub async fn a_null_in_a_key_conflicts_with_nothing(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let records = json!([{"carrier": "UA", "k0": 1}, {"carrier": "UA", "k0": 1}, {"k0": 1, "day": "2013-01-01"}, {}]);
    for _ in 0..2 {
        fixture.write(&schema, records.clone()).await;
    }
    for number in [1, 2] {
        let record = json!({"id": id(number), "carrier": "UA", "k0": 1});
        assert!(matches!(create(&fixture, &schema, record).await, ChangeOutcome::Committed { .. }));
    }
    assert_eq!(fixture.records(&schema).await.len(), 10);
}

/// Values of every comparable type can be part of a key, and are compared as by themselves.
pub async fn keys_of_every_type_conflict(fixture: Fixture) {
    let cases = [
        (json!({"type": "string"}), json!("a\0b"), json!("a\0b"), json!("A\0b")),
        (json!({"type": "integer"}), json!(i64::MAX), json!(i64::MAX), json!(i64::MAX - 1)),
        (json!({"type": "number"}), json!(0.0), json!(-0.0), json!(f64::MIN_POSITIVE)),
        (json!({"type": "decimal", "precision": 38, "scale": 2}), json!("-0.05"), json!("-0.050"), json!("0.05")),
        (json!({"type": "boolean"}), json!(true), json!(true), json!(false)),
        (json!({"type": "date"}), json!("0000-01-01"), json!("0000-01-01"), json!("9999-12-31")),
        (json!({"type": "time"}), json!("00:00:00"), json!("00:00:00.000000"), json!("00:00:00.000001")),
        (
            json!({"type": "datetime"}),
            json!("2000-01-01T00:00:00Z"),
            json!("2000-01-01T01:00:00+01:00"),
            json!("2000-01-01T01:00:00Z"),
        ),
        (json!({"type": "uuid"}), json!(id(10)), json!(id(10).to_uppercase()), json!(id(11))),
    ];
    for (index, (mut property, one, same, other)) in cases.into_iter().enumerate() {
        property["name"] = "part".into();
        let schema = fixture
            .create(json!({"name": format!("s{index}"), "properties": [property, {"name": "other", "type": "string"}],
                "unique": [{"properties": ["part", "other"]}]}))
            .await;
        fixture.write(&schema, json!([{"part": one, "other": "x"}, {"part": other, "other": "x"}])).await;
        let conflicts =
            fixture.refused(&schema, json!([{"part": one, "other": "y"}, {"part": same, "other": "x"}])).await;
        assert_eq!(named(&conflicts), [(1, "`part` and `other`".to_owned(), ConflictingKey::Stored)], "{property}");
        let created = create(&fixture, &schema, json!({"part": same, "other": "x"})).await;
        assert!(matches!(created, ChangeOutcome::Conflict(_)), "{property}: {created:?}");
    }
}

async fn create(fixture: &Fixture, schema: &Arc<Schema>, record: Json) -> ChangeOutcome {
    let change = Change::Create { record: batch(schema, json!([record])), ids: IdOrigin::Client, answer: None };
    fixture.store.change(schema, change).await.expect("the change ends")
}

/// Changes of single records take keys and give them up.
pub async fn single_changes_keep_keys_apart(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let with_id = |number: u32, mut record: Json| {
        record["id"] = id(number).into();
        record
    };
    let is_committed = |outcome: &ChangeOutcome| matches!(outcome, ChangeOutcome::Committed { .. });
    assert!(is_committed(&create(&fixture, &schema, with_id(1, flight(1, "UA", 1, 1))).await));
    assert!(is_committed(&create(&fixture, &schema, with_id(2, flight(2, "UA", 1, 2))).await));
    match create(&fixture, &schema, with_id(3, flight(3, "UA", 1, 2))).await {
        ChangeOutcome::Conflict(conflicts) => {
            assert_eq!(named(&conflicts), [(0, KEY.to_owned(), ConflictingKey::Stored)]);
        }
        other => panic!("{other:?}"),
    }
    let replace = async |number: u32, version: i64, mut record: Json| {
        record["version"] = json!(version + 1);
        let record = batch(&schema, json!([with_id(number, record)]));
        let change = Change::Replace { record, expected: Version::from_i64(version) };
        fixture.store.change(&schema, change).await.expect("the change ends")
    };
    assert!(matches!(replace(1, 1, flight(4, "UA", 1, 2)).await, ChangeOutcome::Conflict(_)));
    assert!(is_committed(&replace(1, 1, flight(5, "UA", 1, 1)).await), "its own key");
    assert!(is_committed(&replace(1, 2, flight(6, "UA", 9, 1)).await));
    assert!(is_committed(&create(&fixture, &schema, with_id(4, flight(7, "UA", 1, 1))).await), "the key is free");
    let id = RecordId::parse(&id(2)).expect("an id");
    let deleted = fixture.store.change(&schema, Change::Delete { id, expected: None }).await.expect("the change ends");
    assert!(is_committed(&deleted));
    assert!(is_committed(&create(&fixture, &schema, with_id(5, flight(8, "UA", 1, 2))).await));
    let mut found: Vec<i64> = values(&fixture.records(&schema).await, "n").iter().filter_map(Json::as_i64).collect();
    found.sort_unstable();
    assert_eq!(found, [6, 7, 8]);
}

/// Changes that are sent together do not share a key either.
pub async fn of_changes_at_once_one_has_the_key(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let changes = (0..16).map(|number| {
        let mut record = flight(number, "UA", number % 2, 1);
        record["id"] = id(u32::try_from(number).unwrap_or_default()).into();
        create(&fixture, &schema, record)
    });
    let outcomes = futures::future::join_all(changes).await;
    let committed = outcomes.iter().filter(|outcome| matches!(outcome, ChangeOutcome::Committed { .. }));
    assert_eq!(committed.count(), 2);
    assert_eq!(fixture.records(&schema).await.len(), 2);
}

/// Rows whose key is stored are passed over, or replace the record that has it.
pub async fn a_taken_key_is_passed_over_or_replaced(fixture: Fixture) {
    let schema = flights(&fixture).await;
    fixture.write(&schema, json!([flight(1, "UA", 1, 1), flight(2, "AA", 1, 1)])).await;
    let write = async |on_conflict: OnConflict, records: Json| {
        let request = WriteRequest { on_conflict, ..WriteRequest::new(Arc::clone(&schema)) };
        match fixture.commit_as(request, &[batch(&schema, records)], CommitTerms::all_or_nothing()).await {
            (CommitOutcome::Committed(receipt), _) => [receipt.created, receipt.updated, receipt.ignored],
            other => panic!("{other:?}"),
        }
    };
    let records = json!([flight(3, "UA", 1, 1), flight(4, "DL", 1, 1), flight(5, "DL", 1, 1)]);
    assert_eq!(write(OnConflict::Ignore, records.clone()).await, [1, 0, 2]);
    assert_eq!(values(&fixture.records(&schema).await, "n"), [1, 2, 4]);
    assert_eq!(write(OnConflict::Replace, records).await, [0, 2, 1]);
    assert_eq!(values(&fixture.records(&schema).await, "n"), [2, 3, 5]);
    let versions = values(&fixture.records(&schema).await, "version");
    assert_eq!(versions, [1, 2, 2]);
}

/// A key that stored records share is refused with them; one that they do not holds from then on.
pub async fn keys_come_and_go_with_a_change_of_the_schema(fixture: Fixture) {
    let properties = json!([{"name": "gone", "type": "integer", "is_indexed": true},
        {"name": "n", "type": "integer"}, {"name": "carrier", "type": "string"}, {"name": "day", "type": "date"}]);
    let schema = fixture.create(json!({"name": "s", "properties": properties})).await;
    let record = |n: i64, carrier: &str, day: &str| json!({"n": n, "carrier": carrier, "day": day});
    let (first, second) = ("2013-01-01", "2013-01-02");
    let records = json!([record(1, "UA", first), record(2, "UA", second), record(3, "AA", first), record(1, "AA", second),
        {"n": 1, "carrier": "UA"}, {"n": 1, "carrier": "UA"}]);
    fixture.write(&schema, records).await;
    let of = |names: &[&str]| json!({"unique": [{"properties": names}]});
    let found = existing_violations(&fixture, &schema, of(&["n", "carrier"])).await;
    let names: Vec<&str> = found[0].properties.iter().map(eider_domain::PropertyName::as_str).collect();
    assert_eq!((names, found[0].code, found[0].records), (vec!["n", "carrier"], ViolationCode::UniqueViolation, 3));
    assert_eq!((found.len(), found[0].sample.len()), (1, 3));
    let mut added = of(&["mark", "day"]);
    added["add"] = json!([{"name": "mark", "type": "string", "default": "x"}]);
    assert_eq!(existing_violations(&fixture, &schema, added).await[0].records, 4);

    let schema = evolve(&fixture, &schema, of(&["carrier", "day"])).await;
    let refused =
        async |schema: &Arc<Schema>, n: i64| named(&fixture.refused(schema, json!([record(n, "UA", first)])).await);
    assert_eq!(refused(&schema, 4).await[0].1, "`carrier` and `day`");
    let indexes = fixture.store.statistics(&schema).await.expect("statistics").indexes;
    assert_eq!(indexes, schema.indexes());
    assert_eq!(indexes.len(), 2);
    // What stands before it in the table goes, and what it is of changes its name.
    let change = json!({"drop": ["gone"], "change": {"carrier": {"name": "airline"}, "day": {"type": "datetime"}}});
    let schema = evolve(&fixture, &schema, change).await;
    let again = json!([{"n": 5, "airline": "UA", "day": "2013-01-01T00:00:00Z"}]);
    assert_eq!(named(&fixture.refused(&schema, again).await)[0].1, "`airline` and `day`");
    assert_eq!(fixture.store.statistics(&schema).await.expect("statistics").indexes, schema.indexes());
    let schema = evolve(&fixture, &schema, json!({"unique": null})).await;
    fixture.write(&schema, json!([{"n": 5, "airline": "UA", "day": "2013-01-01T00:00:00Z"}])).await;
    assert_eq!(fixture.store.statistics(&schema).await.expect("statistics").indexes, []);
    assert_eq!(fixture.records(&schema).await.len(), 7);
}

/// A write that was prepared before a key was made is not stored with it.
pub async fn a_key_concerns_a_write_that_has_begun(fixture: Fixture) {
    let schema = fixture
        .create(
            json!({"name": "s", "properties": [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}]}),
        )
        .await;
    let mut writer = fixture.store.begin_write(WriteRequest::new(Arc::clone(&schema))).await.expect("a writer");
    writer.append(batch(&schema, json!([{"a": 1, "b": 1}, {"a": 1, "b": 1}])), IdOrigin::Client).await.expect("rows");
    evolve(&fixture, &schema, json!({"unique": [{"properties": ["a", "b"]}]})).await;
    let outcome = writer.commit(CommitTerms::all_or_nothing()).await;
    assert!(outcome.is_err(), "{outcome:?}");
}

/// Suggestions that would make two records share a key write nothing.
pub async fn suggestions_do_not_make_records_share_a_key(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let before =
        fixture.write(&schema, json!([flight(1, "UA", 1, 1), flight(2, "ua", 1, 1), flight(3, "ua", 2, 1)])).await;
    let document = json!({"rules": [{"rule": "standardize", "property": "carrier", "case": "upper"}]});
    let rules = RuleSet::parse(&document, &schema).expect("valid rules").rules().to_vec();
    let request = || SuggestionRequest { rules: rules.clone().into(), at: Timestamp::from_micros(9) };
    let outcome = fixture.rule_checker().apply_suggestions(&schema, request()).await.expect("the call ends");
    assert!(matches!(&outcome, SuggestionOutcome::NotUnique(fields) if listed(fields) == KEY), "{outcome:?}");
    assert_eq!(Some(fixture.store.commit_seq(&schema).await.expect("a number")), before.commit_seq);
    fixture.delete(&schema, &crate::condition(&schema, "n", "eq", json!(2))).await;
    let outcome = fixture.rule_checker().apply_suggestions(&schema, request()).await.expect("the call ends");
    assert!(matches!(outcome, SuggestionOutcome::Written { .. }), "{outcome:?}");
    assert_eq!(values(&fixture.records(&schema).await, "carrier"), ["UA", "UA"]);
}

/// Records that share a key that they should not share are stored, and told of.
pub async fn soft_unique_keys_are_counted(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let told = |receipt: &WriteReceipt| -> Vec<(String, u64)> {
        receipt.shared.iter().map(|key| (listed(&key.fields), key.records)).collect()
    };
    let key = "`n` and `k0`";
    let first = fixture.write(&schema, json!([flight(1, "UA", 1, 1), flight(2, "UA", 1, 2), {}, {"n": 1}])).await;
    assert_eq!(told(&first), []);
    let records =
        json!([flight(1, "AA", 1, 1), flight(3, "AA", 1, 2), flight(3, "AA", 1, 3), flight(3, "AA", 1, 4), {"n": 1}]);
    assert_eq!(told(&fixture.write(&schema, records).await), [(key.to_owned(), 3)]);

    let shared = async |number: u32, n: i64, carrier: &str| {
        let mut record = flight(n, carrier, 1, 9);
        record["id"] = id(number).into();
        match create(&fixture, &schema, record).await {
            ChangeOutcome::Committed { shared, .. } => shared.iter().map(|fields| listed(fields)).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(shared(1, 7, "UA").await, [""; 0]);
    assert_eq!(shared(2, 7, "AA").await, [key]);
    let replace = async |n: i64| {
        let mut record = flight(n, "UA", 1, 9);
        (record["id"], record["version"]) = (id(1).into(), json!(n - 5));
        let change = Change::Replace { record: batch(&schema, json!([record])), expected: Version::from_i64(n - 6) };
        fixture.store.change(&schema, change).await.expect("the change ends")
    };
    assert!(matches!(replace(7).await, ChangeOutcome::Committed { shared, .. } if shared.len() == 1));
    assert!(matches!(replace(8).await, ChangeOutcome::Committed { shared, .. } if shared.is_empty()));
}

/// The rules of a schema have its keys, those that are wishes as warnings.
pub async fn a_validation_finds_keys_that_are_shared(fixture: Fixture) {
    let schema = flights(&fixture).await;
    fixture.write(&schema, json!([flight(1, "UA", 1, 1), flight(1, "AA", 1, 1), flight(2, "DL", 1, 1)])).await;
    let rules = RuleSet::of(&schema);
    let names: Vec<&str> = rules.rules().iter().map(eider_domain::Rule::name).collect();
    assert_eq!(names, ["duplicate_carrier_k0_day", "duplicate_n_k0"]);
    let found = super::quality::issues(&fixture, &schema, &rules.rules().into()).await;
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1]);
}
