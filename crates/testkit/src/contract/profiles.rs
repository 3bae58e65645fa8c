//! Statistics of the values of a schema.

use std::slice;
use std::sync::Arc;

use arrow_array::RecordBatch;
use eider_application::ports::{
    CommitOutcome, CommitTerms, DataProfile, FieldProfile, OnConflict, PROFILE_TEXT_CHARS, ProfileRequest, Statistic,
    WriteRequest,
};
use eider_domain::{DataType, Field, Filter, Schema, SchemaDefinition, Value};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult};
use serde_json::{Map, Value as Json, json};

use super::Fixture;
use super::generated::for_all;
use crate::{MemoryStore, condition, created_at, strategies};

/// Cases of generated records unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 48;

/// The profile of every property.
async fn profile(fixture: &Fixture, schema: &Arc<Schema>, filter: Filter) -> DataProfile {
    let fields = schema.fields().into_iter().filter(|field| matches!(field, Field::Property { .. })).collect();
    let request = ProfileRequest { filter, fields };
    fixture.profiler().profile(schema, &request).await.expect("a profile")
}

/// The statistics of a field by name, without quantiles, and its most frequent values.
fn shown(profile: &FieldProfile) -> Json {
    let data_type = profile.field.data_type();
    let mut shown = Map::new();
    for (statistic, value) in &profile.statistics {
        let name = match statistic {
            Statistic::Count => "count",
            Statistic::Distinct => "distinct",
            Statistic::Min => "min",
            Statistic::Max => "max",
            Statistic::Mean => "mean",
            Statistic::Quantile(_) => continue,
            Statistic::MinLength => "min_length",
            Statistic::MaxLength => "max_length",
        };
        shown.insert(name.to_owned(), value.to_json(statistic.data_type(data_type)));
    }
    let top = profile.top.iter().map(|(value, count)| json!([value.to_json(data_type), count]));
    shown.insert("top".to_owned(), top.collect());
    Json::Object(shown)
}

fn definition() -> Json {
    json!({"name": "s", "properties": [
        {"name": "carrier", "type": "string"}, {"name": "seats", "type": "integer"},
        {"name": "delay", "type": "number"}, {"name": "fare", "type": "decimal", "precision": 38, "scale": 2},
        {"name": "is_late", "type": "boolean"}, {"name": "day", "type": "date"}, {"name": "gate_time", "type": "time"},
        {"name": "at", "type": "datetime"}, {"name": "code", "type": "uuid"}, {"name": "extra", "type": "object"},
        {"name": "list", "type": "array"}]})
}

/// Each type has its statistics, of its values alone.
pub async fn a_profile_has_the_statistics_of_every_type(fixture: Fixture) {
    let schema = fixture.create(definition()).await;
    let (low, high) = ("01890a5d-ac96-774b-bcce-b302099a8057", "ffffffff-ffff-ffff-ffff-ffffffffffff");
    let records = json!([
        {"carrier": "UA", "seats": 4, "delay": 1.5, "fare": "10.50", "is_late": true, "day": "2024-02-29",
         "gate_time": "08:15:00", "at": "2024-02-29T08:15:00Z", "code": high, "extra": {"a": 1}, "list": [1]},
        {"carrier": "é🦆e\u{301}", "seats": -1, "delay": -0.5, "fare": "-0.50", "is_late": false, "day": "0000-01-01",
         "gate_time": "00:00:00", "at": "9999-12-31T23:59:59.999999Z", "code": low, "extra": {}, "list": []},
        {"carrier": "UA", "seats": 4, "delay": 1.5, "fare": "10.50", "is_late": true, "day": "2024-02-29",
         "gate_time": "08:15:00", "at": "2024-02-29T08:15:00Z", "code": high},
        {}
    ]);
    fixture.write(&schema, records).await;
    let profile = profile(&fixture, &schema, Filter::everything()).await;
    assert_eq!(profile.records, 4);
    let expected = json!({
        "carrier": {"count": 3, "distinct": 2, "min": "UA", "max": "é🦆e\u{301}", "min_length": 2, "max_length": 4,
                    "top": [["UA", 2], ["é🦆e\u{301}", 1]]},
        "seats": {"count": 3, "distinct": 2, "min": -1, "max": 4, "mean": 7.0 / 3.0, "top": [[4, 2], [-1, 1]]},
        "delay": {"count": 3, "distinct": 2, "min": -0.5, "max": 1.5, "mean": 2.5 / 3.0, "top": [[1.5, 2], [-0.5, 1]]},
        "fare": {"count": 3, "distinct": 2, "min": "-0.50", "max": "10.50", "mean": 20.5 / 3.0,
                 "top": [["10.50", 2], ["-0.50", 1]]},
        "is_late": {"count": 3, "distinct": 2, "top": [[true, 2], [false, 1]]},
        "day": {"count": 3, "distinct": 2, "min": "0000-01-01", "max": "2024-02-29",
                "top": [["2024-02-29", 2], ["0000-01-01", 1]]},
        "gate_time": {"count": 3, "distinct": 2, "min": "00:00:00.000000", "max": "08:15:00.000000",
                      "top": [["08:15:00.000000", 2], ["00:00:00.000000", 1]]},
        "at": {"count": 3, "distinct": 2, "min": "2024-02-29T08:15:00.000000Z", "max": "9999-12-31T23:59:59.999999Z",
               "top": [["2024-02-29T08:15:00.000000Z", 2], ["9999-12-31T23:59:59.999999Z", 1]]},
        "code": {"count": 3, "distinct": 2, "min": low, "max": high, "top": [[high, 2], [low, 1]]},
        "extra": {"count": 2, "top": []},
        "list": {"count": 2, "top": []}
    });
    let found = profile.fields.iter().map(|field| (field.field.name().to_owned(), shown(field)));
    assert_eq!(Json::Object(found.collect()), expected);
    for field in &profile.fields {
        check_quantiles(field).expect("quantiles of the type, between the least and the greatest value");
    }
}

/// Whether statistics of the values may leave the range of doubles.
fn is_huge(profile: &FieldProfile) -> bool {
    size_of(profile) > 1e300
}

/// The greatest absolute value of a field of numbers.
fn size_of(profile: &FieldProfile) -> f64 {
    let size = |statistic| match (profile.statistic(statistic), profile.field.data_type()) {
        (Value::Null, _) => 0.0,
        (value, data_type) => value.text(data_type).and_then(|text| text.parse::<f64>().ok()).map_or(0.0, f64::abs),
    };
    size(Statistic::Min).max(size(Statistic::Max))
}

/// Every quantile is there if there are values, and lies between the least and the greatest of them.
fn check_quantiles(profile: &FieldProfile) -> Result<(), String> {
    let data_type = profile.field.data_type();
    let of = |statistic: Statistic| statistic.data_type(data_type);
    let as_double = |value: &Value, data_type| match value {
        Value::Integer(_) | Value::Number(_) | Value::Decimal(_) => value.text(data_type)?.parse::<f64>().ok(),
        _ => None,
    };
    let (least, greatest) = (profile.statistic(Statistic::Min), profile.statistic(Statistic::Max));
    for (statistic, value) in
        profile.statistics.iter().filter(|(statistic, _)| matches!(statistic, Statistic::Quantile(_)))
    {
        let is_between = match (as_double(value, of(*statistic)), as_double(least, data_type)) {
            (Some(value), Some(least)) => {
                let greatest = as_double(greatest, data_type).unwrap_or(f64::NAN);
                let margin = 1e-9 * least.abs().max(greatest.abs());
                (least - margin..=greatest + margin).contains(&value)
            }
            _ => {
                value.compare(least).is_none_or(std::cmp::Ordering::is_ge)
                    && value.compare(greatest).is_none_or(std::cmp::Ordering::is_le)
                    && ((*value == Value::Null) == (*least == Value::Null) || is_huge(profile))
            }
        };
        if !is_between {
            return Err(format!("{statistic:?} of {} is {value:?}, not from {least:?} to {greatest:?}", profile.field));
        }
    }
    Ok(())
}

/// A filter chooses the records; where none matches there are no values, and no statistics but the counts.
pub async fn a_profile_is_of_the_records_that_match(fixture: Fixture) {
    let schema = fixture.create(definition()).await;
    let records = json!([{"carrier": "UA", "seats": 1}, {"carrier": "AA", "seats": 2}, {"carrier": "UA", "seats": 3},
        {"carrier": "UA"}]);
    fixture.write(&schema, records).await;
    let of_ua = profile(&fixture, &schema, condition(&schema, "carrier", "eq", json!("UA"))).await;
    assert_eq!(of_ua.records, 3);
    let expected = json!({"count": 2, "distinct": 2, "min": 1, "max": 3, "mean": 2.0, "top": [[1, 1], [3, 1]]});
    assert_eq!(shown(&of_ua.fields[1]), expected);
    let of_none = profile(&fixture, &schema, condition(&schema, "carrier", "eq", json!("ZZ"))).await;
    assert_eq!(of_none.records, 0);
    let expected = json!({"count": 0, "distinct": 0, "min": null, "max": null, "mean": null, "top": []});
    assert_eq!(shown(&of_none.fields[1]), expected);
    let expected =
        json!({"count": 0, "distinct": 0, "min": null, "max": null, "min_length": null, "max_length": null, "top": []});
    assert_eq!(shown(&of_none.fields[0]), expected);
    assert!(of_none.fields.iter().all(|field| check_quantiles(field).is_ok()));
}

/// The record's own fields have statistics too, in the order in which they are asked for.
pub async fn a_profile_has_the_fields_that_are_asked_for(fixture: Fixture) {
    let schema = fixture.create(definition()).await;
    fixture.write(&schema, json!([{"seats": 1}, {"seats": 1}])).await;
    let fields = ["version", "seats"].map(|name| schema.field(name).expect("a field")).to_vec();
    let request = ProfileRequest { filter: Filter::everything(), fields: fields.clone() };
    let profile = fixture.profiler().profile(&schema, &request).await.expect("a profile");
    assert_eq!(profile.fields.iter().map(|field| field.field.clone()).collect::<Vec<_>>(), fields);
    assert_eq!(shown(&profile.fields[0]), shown(&profile.fields[1]));
}

/// Of a long text the beginning is shown, and its length; it is not among the most frequent values.
pub async fn long_texts_are_cut_in_a_profile(fixture: Fixture) {
    let schema = fixture.create(json!({"name": "s", "properties": [{"name": "text", "type": "string"}]})).await;
    let (most, more) = ("é".repeat(PROFILE_TEXT_CHARS), "é".repeat(PROFILE_TEXT_CHARS + 1));
    fixture.write(&schema, json!([{"text": more}, {"text": more}, {"text": most}])).await;
    let profile = profile(&fixture, &schema, Filter::everything()).await;
    let expected = json!({"count": 3, "distinct": 2, "min": most, "max": most, "min_length": PROFILE_TEXT_CHARS,
        "max_length": PROFILE_TEXT_CHARS + 1, "top": [[most, 1]]});
    assert_eq!(shown(&profile.fields[0]), expected);
}

/// Means of numbers beyond a double are null, and those of decimals never beyond it.
pub async fn large_numbers_have_a_profile(fixture: Fixture) {
    let schema = fixture.create(definition()).await;
    let large = "9".repeat(36) + ".99";
    fixture
        .write(&schema, (0..20).map(|_| json!({"delay": f64::MAX, "fare": large, "seats": i64::MAX})).collect())
        .await;
    let profile = profile(&fixture, &schema, Filter::everything()).await;
    let mean = |index: usize| profile.fields[index].statistic(Statistic::Mean).clone();
    assert_eq!(mean(2), Value::Number(f64::MAX), "their sum is beyond a double, and their mean is not");
    let (Value::Number(seats), Value::Number(fares)) = (mean(1), mean(3)) else { panic!("a mean is a number") };
    assert!((seats / 2_f64.powi(63) - 1.0).abs() < 1e-9, "{seats}");
    assert!((fares / 1e36 - 1.0).abs() < 1e-9, "{fares}");
}

/// Of a thousand values, about the right share lies below each quantile.
pub async fn quantiles_of_a_profile_are_near(fixture: Fixture) {
    let schema = fixture.create(definition()).await;
    let day = |n: i64| format!("20{:02}-{:02}-{:02}", n / 100 % 100, n / 10 % 10 + 1, n % 10 + 1);
    let records = (0..1000).map(|n| json!({"seats": n * 7 % 1000, "day": day(n * 7 % 1000)}));
    fixture.write(&schema, records.collect()).await;
    let profile = profile(&fixture, &schema, Filter::everything()).await;
    let days: Vec<String> = (0..1000).map(day).collect();
    for (index, data_type) in [(1, DataType::Integer), (5, DataType::Date)] {
        for (statistic, value) in &profile.fields[index].statistics {
            let Statistic::Quantile(share) = statistic else { continue };
            let below = match value {
                Value::Number(number) => *number,
                other => {
                    let text = other.text(data_type).expect("a day");
                    let below = days.iter().filter(|day| **day < text).count();
                    f64::from(u32::try_from(below).expect("a thousand days"))
                }
            };
            assert!(
                (below / 1000.0 - share).abs() < 0.02,
                "{statistic:?} has {below} of 1000 values below it: {value:?}"
            );
        }
    }
}

/// Profiles of generated records are those of the memory store, but for what is approximate and the last bits of means.
#[expect(clippy::unused_async, reason = "every case is async; proptest is not")]
pub async fn generated_profiles_agree_with_the_memory_store(fixture: Fixture) {
    let scenario = strategies::definition().prop_flat_map(|definition| {
        let schema = Arc::new(Schema::new(definition.clone(), 1, created_at()));
        let filter = prop_oneof![1 => Just(Filter::everything()), 1 => strategies::filter(&schema)];
        // Unique values would be refused.
        let batch = strategies::records(Arc::clone(&schema), 1..40);
        (Just(definition), batch, filter)
    });
    for_all(CASES, &scenario, async |(definition, batch, filter)| {
        let without_keys = without_keys(&definition);
        let memory = Fixture::new(Arc::new(MemoryStore::new()));
        let (tested, expected) = (fixture.create(without_keys.clone()).await, memory.create(without_keys).await);
        write_first_of_each_id(&fixture, &tested, &batch).await;
        write_first_of_each_id(&memory, &expected, &batch).await;
        let outcome = agree(
            &profile(&fixture, &tested, filter.clone()).await,
            &profile(&memory, &expected, filter.clone()).await,
        );
        fixture.store.remove(tested.name(), None).await.expect("the schema is removed");
        outcome
    });
}

/// Stores generated records, of which some may have the same id.
async fn write_first_of_each_id(fixture: &Fixture, schema: &Arc<Schema>, batch: &RecordBatch) {
    let request = WriteRequest { on_conflict: OnConflict::Ignore, ..WriteRequest::new(Arc::clone(schema)) };
    let terms = CommitTerms::all_or_nothing();
    let (outcome, _) = fixture.commit_as(request, slice::from_ref(batch), terms).await;
    assert!(matches!(outcome, CommitOutcome::Committed(_)), "{outcome:?}");
}

fn without_keys(definition: &SchemaDefinition) -> Json {
    let mut document = definition.to_json();
    for property in document["properties"].as_array_mut().expect("a list of properties") {
        property["is_unique"] = false.into();
    }
    document["unique"] = Json::Null;
    document
}

fn agree(found: &DataProfile, expected: &DataProfile) -> TestCaseResult {
    prop_assert_eq!(found.records, expected.records);
    for (found, expected) in found.fields.iter().zip(&expected.fields) {
        prop_assert_eq!(&found.top, &expected.top, "{}", found.field);
        check_quantiles(found).map_err(TestCaseError::fail)?;
        let longest = expected.statistics.iter().find(|(statistic, _)| *statistic == Statistic::MaxLength);
        let has_long_texts = longest.is_some_and(|(_, longest)| match longest {
            Value::Integer(chars) => usize::try_from(*chars).is_ok_and(|chars| chars > PROFILE_TEXT_CHARS),
            _ => false,
        });
        for ((statistic, value), (of, other)) in found.statistics.iter().zip(&expected.statistics) {
            prop_assert_eq!(statistic, of);
            let is_near = match (statistic, value, other) {
                (Statistic::Quantile(_), ..) => true,
                // Some long texts are not counted, and the rest of them estimated.
                (Statistic::Distinct, Value::Integer(_), Value::Integer(_)) if has_long_texts => true,
                (Statistic::Mean, value, other) => are_near(value, other, expected),
                _ => value == other,
            };
            prop_assert!(is_near, "{:?} of {}: {:?} is not {:?}", statistic, expected.field, value, other);
        }
    }
    Ok(())
}

/// Whether two means differ by rounding alone. A sum of doubles may leave their range in one order and not in another.
fn are_near(found: &Value, exact: &Value, profile: &FieldProfile) -> bool {
    match (found, exact) {
        (Value::Number(found), Value::Number(exact)) => (found - exact).abs() <= 1e-9 * size_of(profile),
        (Value::Null, Value::Null) => true,
        _ => is_huge(profile),
    }
}
