//! Schemas change with their tables, and nobody sees half of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use eider_application::ports::{
    Change, CommitOutcome, CommitTerms, EvolutionOutcome, EvolutionRequest, ExistingDataViolation, IdOrigin,
    ScanRequest, StoreError, StoreErrorKind, WriteRequest,
};
use eider_domain::{DataType, Evolution, Filter, RecordId, RecordQuery, Schema, Timestamp, Value, ViolationCode};
use futures::StreamExt;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::Fixture;
use super::fixture::collect;
use super::generated::for_all;
use crate::strategies::{data_type, value};
use crate::{MemoryStore, integers, rows, values};

/// Cases unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 48;

fn request(schema: &Arc<Schema>, change: &Json) -> EvolutionRequest {
    let evolution = Evolution::parse(schema.definition(), change).expect("the change is valid");
    EvolutionRequest { schema: Arc::clone(schema), evolution, at: Timestamp::from_micros(7), is_dry_run: false }
}

pub(super) async fn evolve(fixture: &Fixture, schema: &Arc<Schema>, change: Json) -> Arc<Schema> {
    match fixture.evolution().evolve(request(schema, &change)).await.expect("the change ends") {
        EvolutionOutcome::Evolved(schema) => schema,
        other => panic!("{change} became {other:?}"),
    }
}

pub(super) async fn existing_violations(
    fixture: &Fixture,
    schema: &Arc<Schema>,
    change: Json,
) -> Vec<ExistingDataViolation> {
    let dry_run = EvolutionRequest { is_dry_run: true, ..request(schema, &change) };
    let tried = fixture.evolution().evolve(dry_run).await.expect("the trial ends");
    match fixture.evolution().evolve(request(schema, &change)).await.expect("the change ends") {
        EvolutionOutcome::Contradicted(found) => {
            assert!(matches!(tried, EvolutionOutcome::Contradicted(tried) if tried == found), "{change}");
            found
        }
        other => panic!("{change} became {other:?}"),
    }
}

fn kind<T>(result: Result<T, StoreError>) -> StoreErrorKind {
    result.err().expect("the call fails").kind()
}

/// The records without what every record has.
async fn properties(fixture: &Fixture, schema: &Arc<Schema>) -> Vec<Json> {
    let mut records = fixture.records(schema).await;
    for record in &mut records {
        let record = record.as_object_mut().expect("a record is an object");
        record.retain(|name, _| schema.property_index(name).is_some());
    }
    records
}

async fn flights(fixture: &Fixture) -> Arc<Schema> {
    let schema = fixture
        .create(json!({"name": "flights", "properties": [
            {"name": "carrier", "type": "string", "required": true, "is_indexed": true},
            {"name": "flight", "type": "integer", "is_indexed": true},
            {"name": "tailnum", "type": "string"},
            {"name": "day", "type": "date"}
        ]}))
        .await;
    let records = json!([
        {"carrier": "UA", "flight": 1545, "tailnum": "N14228", "day": "2013-01-01"},
        {"carrier": "AA", "flight": 1141, "tailnum": "N619AA", "day": "2013-01-02"},
        {"carrier": "UA", "flight": 1714, "tailnum": null, "day": null}
    ]);
    fixture.write(&schema, records).await;
    schema
}

async fn indexes(fixture: &Fixture, schema: &Arc<Schema>) -> Vec<(String, bool)> {
    let statistics = fixture.store.statistics(schema).await.expect("statistics");
    statistics.indexes.into_iter().map(|index| (index.fields[0].name().to_owned(), index.is_unique)).collect()
}

/// Properties are dropped, renamed and added at once; stored values follow, and added ones have their default.
pub async fn properties_come_go_and_change_their_names(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let change = json!({
        "description": "changed",
        "drop": ["day"],
        "change": {"tailnum": {"name": "aircraft"}, "carrier": {"name": "airline"}},
        "add": [{"name": "seats", "type": "integer"}, {"name": "origin", "type": "string", "required": true, "default": "EWR"}]
    });
    let schema = evolve(&fixture, &schema, change).await;
    assert_eq!((schema.version(), schema.definition().description()), (2, Some("changed")));
    assert_eq!(fixture.store.get(schema.name()).await.expect("the schema").definition(), schema.definition());
    let before = [
        json!({"airline": "UA", "flight": 1545, "aircraft": "N14228", "seats": null, "origin": "EWR"}),
        json!({"airline": "AA", "flight": 1141, "aircraft": "N619AA", "seats": null, "origin": "EWR"}),
        json!({"airline": "UA", "flight": 1714, "aircraft": null, "seats": null, "origin": "EWR"}),
    ];
    assert_eq!(properties(&fixture, &schema).await, before);
    let added = json!({"airline": "B6", "flight": 725, "aircraft": "N804JB", "seats": 162, "origin": "JFK"});
    fixture.write(&schema, json!([added])).await;
    let mut all = before.to_vec();
    all.push(added);
    assert_eq!(properties(&fixture, &schema).await, all);
    assert_eq!(indexes(&fixture, &schema).await, [("airline".to_owned(), false), ("flight".to_owned(), false)]);
}

/// A required property can be added to records that an index finds.
pub async fn a_required_property_comes_beside_an_index(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let added = json!({"name": "seats", "type": "integer", "required": true, "default": 7});
    let schema = evolve(&fixture, &schema, json!({"add": [added]})).await;
    assert_eq!(values(&properties(&fixture, &schema).await, "seats"), [7, 7, 7]);
    let found = fixture.matching(&schema, crate::condition(&schema, "flight", "eq", json!(1141))).await;
    assert_eq!(values(&found, "carrier"), ["AA"]);
}

/// Values that get a wider type are the same values.
pub async fn types_widen_with_their_values(fixture: Fixture) {
    let schema = fixture
        .create(json!({"name": "s", "properties": [
            {"name": "a", "type": "integer", "is_indexed": true},
            {"name": "b", "type": "integer"},
            {"name": "c", "type": "decimal", "precision": 5, "scale": 2},
            {"name": "d", "type": "decimal", "precision": 5, "scale": 2},
            {"name": "e", "type": "date", "is_unique": true},
            {"name": "f", "type": "date"},
            {"name": "g", "type": "boolean"},
            {"name": "h", "type": "uuid"},
            {"name": "i", "type": "integer"}
        ]}))
        .await;
    let id = "0190b2f0-5bd0-7cc0-8000-00000000000a";
    let record = json!({"a": -7, "b": 12, "c": "-0.50", "d": "999.99", "e": "2013-01-01", "f": "1969-12-31", "g": true, "h": id, "i": 3});
    let empty =
        json!({"a": null, "b": null, "c": null, "d": null, "e": null, "f": null, "g": null, "h": null, "i": null});
    fixture.write(&schema, json!([record, empty])).await;
    let change = json!({"change": {
        "a": {"type": "number"},
        "b": {"type": "decimal", "precision": 10, "scale": 1},
        "c": {"precision": 8, "scale": 4},
        "d": {"type": "string"},
        "e": {"type": "datetime"},
        "f": {"type": "string"},
        "g": {"type": "string"},
        "h": {"type": "string"},
        "i": {"type": "string"}
    }});
    let schema = evolve(&fixture, &schema, change).await;
    let widened = json!({"a": -7.0, "b": "12.0", "c": "-0.5000", "d": "999.99", "e": "2013-01-01T00:00:00.000000Z", "f": "1969-12-31", "g": "true", "h": id, "i": "3"});
    assert_eq!(properties(&fixture, &schema).await, [widened, empty]);
    assert_eq!(indexes(&fixture, &schema).await, [("a".to_owned(), false), ("e".to_owned(), true)]);
    let found = fixture.matching(&schema, crate::condition(&schema, "a", "eq", json!(-7.0))).await;
    assert_eq!(found.len(), 1);
}

/// A generated change is possible exactly when its dry run says so, and leaves what it leaves in the memory store,
/// whatever the types, values and defaults.
///
/// Runs 48 cases of up to 5 records each, or as many as `PROPTEST_CASES` says.
#[expect(clippy::unused_async, reason = "every case is async; proptest is not")]
pub async fn a_change_does_what_its_dry_run_promised(fixture: Fixture) {
    let types = (data_type(), data_type(), any::<bool>());
    let types = types.prop_map(|(was, other, is_same)| (was, if is_same { was } else { widening(was, other) }));
    let values =
        types.prop_flat_map(|(was, is)| (Just((was, is)), vec(option::of(value(was)), 0..5), option::of(value(is))));
    let added = data_type().prop_flat_map(|added| (Just(added), option::of(value(added))));
    let flags = (any::<[bool; 5]>(), any::<[bool; 3]>());
    for_all(CASES, &(values, added, flags), async |((types, stored, allowed), added, flags)| {
        promised_is_done(&fixture, DrawnChange { types, allowed, added, flags }, stored).await
    });
}

/// A type that values of another may be had as: the one that was drawn, or text.
fn widening(was: DataType, other: DataType) -> DataType {
    match (was, other) {
        (DataType::Integer, DataType::Number | DataType::Decimal { .. }) | (DataType::Date, DataType::Datetime) => {
            other
        }
        (DataType::Decimal { precision, scale }, DataType::Integer) => {
            DataType::Decimal { precision: (precision + 3).min(38), scale }
        }
        _ => DataType::String,
    }
}

fn described(name: &str, data_type: DataType) -> Json {
    let mut document = json!({"name": name, "type": data_type.name()});
    if let DataType::Decimal { precision, scale } = data_type {
        document["precision"] = precision.into();
        document["scale"] = scale.into();
    }
    document
}

/// What is drawn of a change: the types of a property before and after it, a least value that it is to allow, and the type
/// and default of a property that it may add.
struct DrawnChange {
    types: (DataType, DataType),
    allowed: Option<Value>,
    added: (DataType, Option<Value>),
    flags: ([bool; 5], [bool; 3]),
}

impl DrawnChange {
    /// The schema that is changed, and the change.
    fn documents(&self) -> (Json, Json) {
        let ((was, is), (added, default)) = (self.types, &self.added);
        let ([is_required, is_unique, is_renamed, is_indexed, was_indexed], [adds, adds_required, adds_unique]) =
            self.flags;
        let mut before = described("a", was);
        before["is_indexed"] = (was_indexed && was.is_comparable()).into();
        let mut change = described("a", is);
        change["required"] = is_required.into();
        change["is_unique"] = (is_unique && is.is_comparable()).into();
        change["is_indexed"] = (is_indexed && is.is_comparable()).into();
        if is_renamed {
            change["name"] = "c".into();
        }
        let has_minimum = is.is_ordered() && !matches!(is, DataType::String | DataType::Uuid);
        if let Some(least) = self.allowed.as_ref().filter(|_| has_minimum) {
            change["constraints"] = json!({"minimum": least.to_json(is)});
        }
        let mut change = json!({"change": {"a": change}});
        if adds {
            let mut property = described("b", *added);
            property["required"] = adds_required.into();
            property["is_unique"] = (adds_unique && added.is_comparable()).into();
            property["default"] = default.as_ref().map_or(Json::Null, |value| value.to_json(*added));
            change["add"] = json!([property]);
        }
        (json!({"name": "s", "properties": [before, {"name": "z", "type": "integer"}]}), change)
    }
}

async fn promised_is_done(fixture: &Fixture, drawn: DrawnChange, stored: Vec<Option<Value>>) -> TestCaseResult {
    let (before, change) = drawn.documents();
    let record = |(number, value): (u128, &Option<Value>)| {
        let value = value.as_ref().map_or(Json::Null, |value| value.to_json(drawn.types.0));
        json!({"id": Uuid::from_u128(number), "a": value, "z": 1})
    };
    let records: Vec<Json> = (0..).zip(&stored).map(record).collect();
    let memory = Fixture::new(Arc::new(MemoryStore::new()));
    let found = tried_and_done(fixture, &before, &records, &change).await?;
    prop_assert_eq!(found, tried_and_done(&memory, &before, &records, &change).await?, "{}", change);
    Ok(())
}

/// What a change makes of records, or what of them contradicts it, once its dry run has said the same; `None` when it is
/// none of the schema.
async fn tried_and_done(
    fixture: &Fixture,
    before: &Json,
    records: &[Json],
    change: &Json,
) -> Result<Option<Result<Vec<Json>, Vec<ExistingDataViolation>>>, TestCaseError> {
    let schema = fixture.create(before.clone()).await;
    if !records.is_empty() {
        fixture.write(&schema, records.into()).await;
    }
    let Ok(evolution) = Evolution::parse(schema.definition(), change) else {
        fixture.store.remove(schema.name(), None).await.expect("the schema is removed");
        return Ok(None);
    };
    let run = |is_dry_run| {
        let (schema, evolution) = (Arc::clone(&schema), evolution.clone());
        let at = Timestamp::from_micros(7);
        fixture.evolution().evolve(EvolutionRequest { schema, evolution, at, is_dry_run })
    };
    let (tried, done) = (run(true).await, run(false).await);
    let changed = match &done {
        Ok(EvolutionOutcome::Evolved(schema)) => properties(fixture, schema).await,
        _ => Vec::new(),
    };
    fixture.store.remove(schema.name(), None).await.expect("the schema is removed");
    match (tried, done) {
        (Ok(EvolutionOutcome::Possible), Ok(EvolutionOutcome::Evolved(_))) => Ok(Some(Ok(changed))),
        (Ok(EvolutionOutcome::Contradicted(tried)), Ok(EvolutionOutcome::Contradicted(mut found))) => {
            prop_assert_eq!(&tried, &found);
            // Which of many are named first is up to the store.
            for violation in &mut found {
                violation.sample.sort_unstable();
            }
            Ok(Some(Err(found)))
        }
        (tried, done) => Err(TestCaseError::fail(format!("{change}: tried {tried:?}, done {done:?}"))),
    }
}

/// A value that the wider type cannot hold keeps the schema as it is.
pub async fn a_value_that_would_be_lost_contradicts(fixture: Fixture) {
    let schema = fixture.create(json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]})).await;
    fixture.write_batch(&schema, integers(&schema, (1 << 53)..(1 << 53) + 3)).await;
    let found = existing_violations(&fixture, &schema, json!({"change": {"n": {"type": "number"}}})).await;
    assert_eq!((found.len(), found[0].records, found[0].code), (1, 2, ViolationCode::OutOfRange));
    assert_eq!(fixture.records(&schema).await.len(), 3);
}

/// What stored records lack cannot be required; the records are counted, and some are named.
pub async fn what_records_lack_cannot_be_required(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let lacking = fixture.matching(&schema, crate::condition(&schema, "tailnum", "is_null", Json::Null)).await;
    let change = json!({"change": {"tailnum": {"required": true}, "flight": {"required": true}}});
    let found = existing_violations(&fixture, &schema, change.clone()).await;
    let ids: Vec<String> = found[0].sample.iter().map(RecordId::to_string).collect();
    assert_eq!((found.len(), found[0].properties[0].as_str(), found[0].records), (1, "tailnum", 1));
    assert_eq!(ids.iter().map(|id| json!(id)).collect::<Vec<_>>(), values(&lacking, "id"));

    let added =
        existing_violations(&fixture, &schema, json!({"add": [{"name": "x", "type": "string", "required": true}]}))
            .await;
    assert_eq!((added[0].records, added[0].code), (3, ViolationCode::RequiredMissing));

    fixture.delete(&schema, &crate::condition(&schema, "tailnum", "is_null", Json::Null)).await;
    let schema = evolve(&fixture, &schema, change).await;
    let schema = evolve(&fixture, &schema, json!({"change": {"flight": {"required": false}}})).await;
    fixture.write(&schema, json!([{"carrier": "DL", "tailnum": "N1"}])).await;
    assert_eq!(fixture.records(&schema).await.len(), 3);
}

/// Stored values that a constraint would refuse keep the schema as it is.
pub async fn stored_values_can_contradict_a_constraint(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let change = json!({"change": {"carrier": {"constraints": {"enum": ["UA", "DL"]}}, "flight": {"constraints": {"minimum": 1200}}}});
    let found = existing_violations(&fixture, &schema, change).await;
    let found: BTreeSet<(&str, &str, u64)> =
        found.iter().map(|found| (found.properties[0].as_str(), found.code.name(), found.records)).collect();
    assert_eq!(found, BTreeSet::from([("carrier", "not_in_enum", 1), ("flight", "below_minimum", 1)]));
    evolve(&fixture, &schema, json!({"change": {"flight": {"constraints": {"minimum": 1000}}}})).await;
}

/// What comes twice cannot be unique; what does not is from then on.
pub async fn what_comes_twice_cannot_be_unique(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let found = existing_violations(&fixture, &schema, json!({"change": {"carrier": {"is_unique": true}}})).await;
    assert_eq!((found[0].records, found[0].code, found[0].sample.len()), (2, ViolationCode::UniqueViolation, 2));
    let same = json!({"add": [{"name": "x", "type": "string", "is_unique": true, "default": "y"}]});
    assert_eq!(existing_violations(&fixture, &schema, same).await[0].records, 3);

    let schema = evolve(&fixture, &schema, json!({"change": {"tailnum": {"is_unique": true}}})).await;
    let refused = fixture.refused(&schema, json!([{"carrier": "UA", "tailnum": "N14228"}])).await;
    assert_eq!(refused.len(), 1);
    let schema = evolve(&fixture, &schema, json!({"change": {"tailnum": {"is_unique": false}}})).await;
    fixture.write(&schema, json!([{"carrier": "UA", "tailnum": "N14228"}])).await;
}

/// Indexes are made and go with their properties.
pub async fn indexes_come_and_go(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let change = json!({"change": {"carrier": {"is_indexed": false}, "day": {"is_indexed": true}, "tailnum": {"is_unique": true}}});
    let schema = evolve(&fixture, &schema, change).await;
    let expected = [("flight", false), ("tailnum", true), ("day", false)];
    assert_eq!(indexes(&fixture, &schema).await, expected.map(|(name, is_unique)| (name.to_owned(), is_unique)));
    let schema = evolve(&fixture, &schema, json!({"drop": ["flight"]})).await;
    assert_eq!(indexes(&fixture, &schema).await.len(), 2);
    let found = fixture.matching(&schema, crate::condition(&schema, "tailnum", "eq", json!("N619AA"))).await;
    assert_eq!(values(&found, "carrier"), ["AA"]);
}

/// Properties can take each other's names.
pub async fn names_can_be_swapped(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let swap = json!({"change": {"carrier": {"name": "tailnum", "required": false}, "tailnum": {"name": "Carrier"}, "day": {"name": "DAY"}}});
    let schema = evolve(&fixture, &schema, swap).await;
    let first = json!({"tailnum": "UA", "flight": 1545, "Carrier": "N14228", "DAY": "2013-01-01"});
    assert_eq!(properties(&fixture, &schema).await[0], first);
}

/// Versions are kept with the time from which they held.
pub async fn versions_are_remembered(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let first = schema.definition().clone();
    let second = evolve(&fixture, &schema, json!({"drop": ["day"]})).await;
    let third = evolve(&fixture, &second, json!({"add": [{"name": "day", "type": "integer"}]})).await;
    let versions = fixture.evolution().versions(schema.name()).await.expect("versions");
    let found: Vec<_> = versions.iter().map(|version| (version.version, &version.definition, version.since)).collect();
    let since = Timestamp::from_micros(7);
    assert_eq!(
        found,
        [(1, &first, schema.created_at()), (2, second.definition(), since), (3, third.definition(), since)]
    );
    assert_eq!(properties(&fixture, &third).await[0]["day"], Json::Null);
    fixture.store.remove(schema.name(), None).await.expect("the schema is removed");
    assert_eq!(kind(fixture.evolution().versions(schema.name()).await), StoreErrorKind::NotFound);
    assert_eq!(
        kind(fixture.evolution().evolve(request(&third, &json!({"drop": ["day"]}))).await),
        StoreErrorKind::NotFound
    );
}

/// Who still has the version before is told so by every call.
pub async fn a_version_that_has_gone_is_told_so(fixture: Fixture) {
    let before = flights(&fixture).await;
    let id = RecordId::parse(fixture.records(&before).await[0]["id"].as_str().expect("an id")).expect("an id");
    let schema = evolve(&fixture, &before, json!({"drop": ["tailnum"]})).await;
    let (store, everything) = (&fixture.store, Filter::everything());
    let scan = store.scan(&before, ScanRequest::new(RecordQuery::everything(&before))).await;
    assert_eq!(kind(scan), StoreErrorKind::SchemaChanged);
    assert_eq!(kind(store.count(&before, &everything).await), StoreErrorKind::SchemaChanged);
    assert_eq!(kind(store.record(&before, id).await), StoreErrorKind::SchemaChanged);
    assert_eq!(kind(store.delete(&before, &everything, u64::MAX).await), StoreErrorKind::SchemaChanged);
    assert_eq!(kind(store.change(&before, Change::Delete { id, expected: None }).await), StoreErrorKind::SchemaChanged);
    let again = fixture.evolution().evolve(request(&before, &json!({"drop": ["day"]}))).await;
    assert_eq!(kind(again), StoreErrorKind::SchemaChanged);
    let record = store.record(&schema, id).await.expect("a read").expect("the record");
    assert_eq!(rows(&record)[0]["flight"], 1545);
}

/// A scan that has begun goes on with its snapshot and its schema, also when an index goes with its property.
pub async fn a_scan_outlives_a_change_of_its_schema(fixture: Fixture) {
    const ROWS: i64 = 200_000;
    let definition = json!({"name": "s", "properties": [
        {"name": "n", "type": "integer"}, {"name": "last", "type": "integer", "is_indexed": true}]});
    let schema = fixture.create(definition).await;
    fixture.write_batch(&schema, integers(&schema, 0..ROWS)).await;
    let scan = || fixture.store.scan(&schema, ScanRequest::new(RecordQuery::everything(&schema)));
    let mut begun = scan().await.expect("the scan begins");
    let first = begun.next().await.expect("a batch").expect("a batch");
    let untouched = scan().await.expect("the scan begins");
    let next = evolve(
        &fixture,
        &schema,
        json!({"change": {"n": {"type": "number"}}, "add": [{"name": "m", "type": "integer", "default": 1}]}),
    )
    .await;
    let next = evolve(&fixture, &next, json!({"drop": ["n", "last"]})).await;
    fixture.write(&next, json!([{"m": 2}])).await;
    let mut seen = first.num_rows() as u64;
    while let Some(batch) = begun.next().await {
        let batch = batch.expect("the scan goes on");
        assert_eq!(batch.schema(), first.schema());
        seen += batch.num_rows() as u64;
    }
    assert_eq!(seen, ROWS.unsigned_abs());
    let all = collect(untouched).await.expect("the scan ends");
    assert!(values(&rows(&all), "n").into_iter().eq((0..ROWS).map(Json::from)));
    assert_eq!(fixture.store.count(&next, &Filter::everything()).await.expect("a count"), ROWS.unsigned_abs() + 1);
}

/// A write that began before a change is stored when the change does not concern its columns, and refused when it does.
pub async fn a_write_outlives_a_change_that_does_not_concern_it(fixture: Fixture) {
    let before = flights(&fixture).await;
    let begin = async |schema: &Arc<Schema>| {
        let mut writer =
            fixture.store.begin_write(WriteRequest::new(Arc::clone(schema))).await.expect("a write begins");
        let batch = crate::batch(schema, json!([{"carrier": "DL", "flight": 461}]));
        writer.append(batch, IdOrigin::Generated).await.expect("the batch is taken");
        writer
    };
    let writer = begin(&before).await;
    let schema =
        evolve(&fixture, &before, json!({"description": "d", "change": {"tailnum": {"is_indexed": true}}})).await;
    let outcome = writer.commit(CommitTerms::all_or_nothing()).await.expect("the commit ends").outcome;
    assert!(matches!(outcome, CommitOutcome::Committed(receipt) if receipt.created == 1));
    assert_eq!(fixture.records(&schema).await.len(), 4);

    let writer = begin(&schema).await;
    let schema = evolve(&fixture, &schema, json!({"add": [{"name": "seats", "type": "integer"}]})).await;
    assert_eq!(kind(writer.commit(CommitTerms::all_or_nothing()).await), StoreErrorKind::SchemaChanged);
    assert_eq!(fixture.records(&schema).await.len(), 4);
}

/// Of changes at once each is made of what the one before it left, or told so.
pub async fn changes_at_once_come_one_after_the_other(fixture: Fixture) {
    let mut schema = flights(&fixture).await;
    for round in 0..5 {
        let add =
            |name: &str| request(&schema, &json!({"add": [{"name": format!("{name}{round}"), "type": "integer"}]}));
        let (one, other) = tokio::join!(fixture.evolution().evolve(add("a")), fixture.evolution().evolve(add("b")));
        let (evolved, stale): (Vec<_>, Vec<_>) = [one, other].into_iter().partition(Result::is_ok);
        assert_eq!((evolved.len(), stale.len()), (1, 1));
        assert!(stale.into_iter().all(|outcome| kind(outcome) == StoreErrorKind::SchemaChanged));
        schema = fixture.store.get(schema.name()).await.expect("the schema");
        assert_eq!(schema.version(), 2 + round);
    }
    assert_eq!(fixture.records(&schema).await.len(), 3);
}

/// Numbers of commits go on, and so does the order of records.
pub async fn the_order_of_commit_goes_on(fixture: Fixture) {
    let before = flights(&fixture).await;
    let first = fixture.store.commit_seq(&before).await.expect("a number");
    let schema = evolve(&fixture, &before, json!({"drop": ["day"], "add": [{"name": "n", "type": "integer"}]})).await;
    assert_eq!(fixture.store.commit_seq(&schema).await.expect("a number"), first);
    let receipt = fixture.write(&schema, json!([{"carrier": "DL", "n": 4}])).await;
    assert_eq!(receipt.commit_seq, Some(first + 1));
    assert_eq!(values(&properties(&fixture, &schema).await, "n"), [json!(null), json!(null), json!(null), json!(4)]);
}
