//! Groups and figures.

use std::sync::Arc;

use eider_application::ports::{ProfileRequest, Statistic, StoreErrorKind};
use eider_domain::{Aggregation, Condition, DataType, Direction, ExactSum, Filter, Operator, Schema, SortKey, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult};
use serde_json::{Value as Json, json};

use super::generated::for_all;
use super::{Fixture, collect};
use crate::{MemoryStore, aggregation, batch, condition, not, schema, strategies};

/// Cases of generated aggregations unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 64;

fn definition() -> Json {
    json!({"name": "s", "properties": [
        {"name": "carrier", "type": "string"}, {"name": "seats", "type": "integer"},
        {"name": "delay", "type": "number"}, {"name": "fare", "type": "decimal", "precision": 10, "scale": 2},
        {"name": "is_late", "type": "boolean"}, {"name": "day", "type": "date"}, {"name": "gate_time", "type": "time"},
        {"name": "at", "type": "datetime"}, {"name": "code", "type": "uuid"}]})
}

/// The condition that a column of an aggregation has a value.
fn on_column(aggregation: &Aggregation, name: &str, operator: &str, value: &Json) -> Filter {
    let (field, operator) =
        (aggregation.field(name).expect("a column"), Operator::parse(operator).expect("an operator"));
    Condition::from_json(field, operator, value).expect("a condition that fits the column").into()
}

async fn flights(fixture: &Fixture) -> Arc<Schema> {
    let schema = fixture.create(definition()).await;
    let first = json!([
        {"carrier": "UA", "seats": 100, "delay": 4.0, "fare": "10.50", "day": "2024-02-29", "at": "2024-02-29T23:30:00Z"},
        {"carrier": "AA", "seats": 50, "delay": -1.5, "fare": "0.01", "day": "2024-03-01", "at": "2024-03-01T00:00:00Z"},
        {"carrier": "UA", "seats": 200, "delay": 2.0, "fare": "20.00", "day": "2024-02-29", "at": "2024-02-29T12:00:00Z"},
        {"carrier": null, "seats": null, "delay": 7.0, "day": "2024-12-31", "at": null},
    ]);
    let second = json!([
        {"carrier": "UA", "seats": 100, "delay": null, "fare": "0.50", "day": "2023-01-01", "at": "2023-01-01T00:00:00Z"},
        {"carrier": null, "seats": 7, "day": null},
    ]);
    fixture.write(&schema, first).await;
    fixture.write(&schema, second).await;
    schema
}

/// Each function gives its figure, of its type.
pub async fn every_function_works_on_what_it_applies_to(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let figures = [
        "count",
        "count(delay)",
        "sum(seats)",
        "sum(delay)",
        "sum(fare)",
        "avg(seats)",
        "avg(fare)",
        "min(delay)",
        "max(day)",
        "min(carrier)",
        "stddev(delay)",
        "count_distinct(seats)",
        "approx_count_distinct(seats)",
        "p0=quantile(seats;0)",
        "p50=quantile(delay;0.5)",
        "p75=quantile(seats;0.75)",
        "noon=quantile(at;0.5)",
    ];
    let groups = fixture.groups(&schema, &aggregation(&schema, &["carrier"], &figures)).await;
    let nulls = json!({"carrier": null, "count": 2, "count_delay": 1, "sum_seats": 7, "sum_delay": 7.0, "sum_fare": null,
        "avg_seats": 7.0, "avg_fare": null, "min_delay": 7.0, "max_day": "2024-12-31", "min_carrier": null,
        "stddev_delay": null, "count_distinct_seats": 1, "approx_count_distinct_seats": 1, "p0": 7.0, "p50": 7.0,
        "p75": 7.0, "noon": null});
    let united = json!({"carrier": "UA", "count": 3, "count_delay": 2, "sum_seats": 400, "sum_delay": 6.0,
        "sum_fare": "31.00", "avg_seats": 400.0 / 3.0, "avg_fare": 31.0 / 3.0, "min_delay": 2.0, "max_day": "2024-02-29",
        "min_carrier": "UA", "stddev_delay": 2.0_f64.sqrt(), "count_distinct_seats": 2, "approx_count_distinct_seats": 2,
        "p0": 100.0, "p50": 3.0, "p75": 150.0, "noon": "2024-02-29T12:00:00.000000Z"});
    assert_eq!(groups.len(), 3);
    agree(&groups[1], &united).expect("the group of UA");
    agree(&groups[2], &nulls).expect("the group of null");
}

/// Without keys there is one group, also of no records; with keys there are none of no records.
pub async fn all_records_are_one_group_without_keys(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let figures = ["count", "sum(seats)", "max(at)", "count_distinct(carrier)"];
    let whole = aggregation(&schema, &[], &figures);
    let expected = json!([{"count": 6, "sum_seats": 457, "max_at": "2024-03-01T00:00:00.000000Z",
        "count_distinct_carrier": 2}]);
    assert_eq!(Json::from(fixture.groups(&schema, &whole).await), expected);
    let nothing = condition(&schema, "seats", "gt", json!(1_000_000));
    let mut none = whole;
    none.filter = nothing.clone();
    let expected = json!([{"count": 0, "sum_seats": null, "max_at": null, "count_distinct_carrier": 0}]);
    assert_eq!(Json::from(fixture.groups(&schema, &none).await), expected);
    let mut grouped = aggregation(&schema, &["carrier"], &figures);
    grouped.filter = nothing;
    assert!(fixture.groups(&schema, &grouped).await.is_empty());
    let keys_alone = aggregation(&schema, &["carrier"], &[]);
    let expected = json!([{"carrier": "AA"}, {"carrier": "UA"}, {"carrier": null}]);
    assert_eq!(Json::from(fixture.groups(&schema, &keys_alone).await), expected);
}

/// Records without a value of a key are a group; values that are missing do not count.
pub async fn null_is_a_key_and_never_part_of_a_figure(fixture: Fixture) {
    let schema = fixture.create(definition()).await;
    fixture.write(&schema, json!([{"seats": 1}, {"carrier": "x"}, {}, {"carrier": "x", "seats": 3}])).await;
    let groups =
        fixture.groups(&schema, &aggregation(&schema, &["carrier"], &["count", "count(seats)", "avg(seats)"])).await;
    let expected = json!([{"carrier": "x", "count": 2, "count_seats": 1, "avg_seats": 3.0},
        {"carrier": null, "count": 2, "count_seats": 1, "avg_seats": 1.0}]);
    assert_eq!(Json::from(groups), expected);
}

/// Every comparable type can be a key, counted and compared.
pub async fn values_of_every_type_make_groups(fixture: Fixture) {
    let cases = [
        (json!({"type": "string"}), ["", "é🦆"].map(Json::from)),
        (json!({"type": "integer"}), [i64::MIN, i64::MAX].map(Json::from)),
        (json!({"type": "number"}), [5e-324, f64::MAX].map(Json::from)),
        (
            json!({"type": "decimal", "precision": 38, "scale": 2}),
            ["-999999999999999999999999999999999999.99", "0.01"].map(Json::from),
        ),
        (json!({"type": "boolean"}), [false, true].map(Json::from)),
        (json!({"type": "date"}), ["0000-01-01", "9999-12-31"].map(Json::from)),
        (json!({"type": "time"}), ["00:00:00.000000", "23:59:59.999999"].map(Json::from)),
        (json!({"type": "datetime"}), ["0000-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"].map(Json::from)),
        (
            json!({"type": "uuid"}),
            ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"].map(Json::from),
        ),
    ];
    for (index, (mut property, [least, greatest])) in cases.into_iter().enumerate() {
        property["name"] = "v".into();
        let is_ordered = property["type"] != "boolean";
        let schema = fixture.create(json!({"name": format!("s{index}"), "properties": [property]})).await;
        let records = json!([{"v": greatest}, {"v": least}, {"v": null}, {"v": greatest}]);
        fixture.write(&schema, records).await;
        let groups = fixture.groups(&schema, &aggregation(&schema, &["v"], &["n=count"])).await;
        assert_eq!(Json::from(groups), json!([{"v": least, "n": 1}, {"v": greatest, "n": 2}, {"v": null, "n": 1}]));
        let distinct = fixture.groups(&schema, &aggregation(&schema, &[], &["n=count_distinct(v)"])).await;
        assert_eq!(Json::from(distinct), json!([{"n": 2}]));
        if is_ordered {
            let ends = fixture.groups(&schema, &aggregation(&schema, &[], &["a=min(v)", "z=max(v)"])).await;
            assert_eq!(Json::from(ends), json!([{"a": least, "z": greatest}]));
        }
    }
}

/// Instants and days fall into units of time in UTC; weeks begin on Monday.
pub async fn times_are_cut_to_every_unit(fixture: Fixture) {
    let schema = fixture.create(definition()).await;
    let instant = "2024-12-31T23:59:59.999999Z";
    fixture.write(&schema, json!([{"at": instant, "day": "2024-12-31"}, {"at": "1969-05-15T12:34:56.5Z"}])).await;
    for (unit, late, early) in [
        ("second", "2024-12-31T23:59:59", "1969-05-15T12:34:56"),
        ("minute", "2024-12-31T23:59:00", "1969-05-15T12:34:00"),
        ("hour", "2024-12-31T23:00:00", "1969-05-15T12:00:00"),
        ("day", "2024-12-31T00:00:00", "1969-05-15T00:00:00"),
        ("week", "2024-12-30T00:00:00", "1969-05-12T00:00:00"),
        ("month", "2024-12-01T00:00:00", "1969-05-01T00:00:00"),
        ("quarter", "2024-10-01T00:00:00", "1969-04-01T00:00:00"),
        ("year", "2024-01-01T00:00:00", "1969-01-01T00:00:00"),
    ] {
        let key = format!("{unit}(at)");
        let groups = fixture.groups(&schema, &aggregation(&schema, &[&key], &[])).await;
        let expected = json!([{"at": format!("{early}.000000Z")}, {"at": format!("{late}.000000Z")}]);
        assert_eq!(Json::from(groups), expected, "{unit}");
        if !["second", "minute", "hour"].contains(&unit) {
            let key = format!("{unit}(day)");
            let groups = fixture.groups(&schema, &aggregation(&schema, &[&key], &[])).await;
            assert_eq!(Json::from(groups), json!([{"day": late[..10]}, {"day": null}]), "{unit}");
        }
    }
}

/// The filter comes before the groups, `having` after them, with the logic of filters.
pub async fn a_filter_chooses_records_and_having_groups(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let mut asked = aggregation(&schema, &["carrier"], &["n=count", "sum(seats)"]);
    asked.filter = condition(&schema, "seats", "gte", json!(50));
    let columns = asked.clone();
    let having = |name: &str, operator: &str, value: Json| on_column(&columns, name, operator, &value);
    for (having, expected) in [
        (having("n", "gt", json!(1)), json!([{"carrier": "UA", "n": 3, "sum_seats": 400}])),
        (not(having("sum_seats", "eq", json!(400))), json!([{"carrier": "AA", "n": 1, "sum_seats": 50}])),
        (having("carrier", "like", json!("A%")), json!([{"carrier": "AA", "n": 1, "sum_seats": 50}])),
        (having("carrier", "is_null", Json::Null), json!([])),
    ] {
        asked.having = having;
        let groups = fixture.groups(&schema, &asked).await;
        assert_eq!(Json::from(groups), expected);
    }
}

/// The order asked for comes first, then that of the keys, and a limit cuts it; nulls come last.
pub async fn groups_come_in_their_order(fixture: Fixture) {
    let schema = fixture.create(definition()).await;
    let record = |n: i64| json!({"carrier": format!("c{}", n % 7), "is_late": n % 2 == 0, "seats": n % 3});
    fixture.write(&schema, (0..84).map(record).chain([json!({})]).collect()).await;
    let mut asked = aggregation(&schema, &["carrier", "is_late"], &["n=count", "top=max(seats)"]);
    let key = |name: &str, direction| SortKey { field: asked.field(name).expect("a column"), direction };
    asked.sort = vec![key("n", Direction::Ascending), key("is_late", Direction::Descending)];
    let groups = fixture.groups(&schema, &asked).await;
    let shown: Vec<String> = groups.iter().map(|group| format!("{} {}", group["carrier"], group["is_late"])).collect();
    let mut expected = vec!["null null".to_owned()];
    expected.extend([true, false].iter().flat_map(|late| (0..7).map(move |n| format!("\"c{n}\" {late}"))));
    assert_eq!(shown, expected);
    let stream = fixture.aggregator().aggregate(&schema, &asked, Some(4)).await.expect("the aggregation begins");
    assert_eq!(crate::rows(&collect(stream).await.expect("it ends")), groups[..4]);
}

/// A column is told from a field of its name.
pub async fn columns_may_have_the_names_of_fields(fixture: Fixture) {
    let schema = flights(&fixture).await;
    let mut asked =
        aggregation(&schema, &["carrier=month(at)", "at=carrier"], &["seats=max(day)", "id=count", "day=sum(seats)"]);
    asked.filter = condition(&schema, "seats", "gt", json!(60));
    asked.having = on_column(&asked, "id", "eq", &json!(2));
    let expected =
        json!([{"carrier": "2024-02-01T00:00:00.000000Z", "at": "UA", "seats": "2024-02-29", "id": 2, "day": 300}]);
    assert_eq!(Json::from(fixture.groups(&schema, &asked).await), expected);
}

/// What comes on the way to a figure may be beyond a double, or nothing; the figure counts.
pub async fn figures_fit_whatever_comes_on_the_way_to_them(fixture: Fixture) {
    let document = json!({"name": "s", "properties": [{"name": "g", "type": "string"}, {"name": "x", "type": "number"},
        {"name": "d", "type": "decimal", "precision": 38, "scale": 0}]});
    let schema = fixture.create(document).await;
    let large = "9".repeat(38);
    let group = |name: &str, values: [f64; 2]| values.map(|x| json!({"g": name, "x": x, "d": large}));
    let records = [
        group("a", [f64::MAX, f64::MAX]),
        group("b", [f64::MAX, -f64::MAX]),
        group("c", [1e200, 3e200]),
        group("d", [1e-200, 3e-200]),
        group("e", [1.5e308, 1.5e308]),
        group("f", [2.0, 4.0]),
        group("g", [1e300, 1e-300]),
    ];
    fixture.write(&schema, records.as_flattened().to_vec().into()).await;
    let close = |found: &Json, expected: f64| {
        let found = found.as_f64().expect("a number");
        (found - expected).abs() <= expected.abs() * 1e-12
    };
    let asked = aggregation(&schema, &["g"], &["avg(x)", "avg(d)", "stddev(d)"]);
    let groups = fixture.groups(&schema, &asked).await;
    for (group, mean) in groups.iter().zip([f64::MAX, 0.0, 2e200, 2e-200, 1.5e308, 3.0, 5e299]) {
        assert!(close(&group["avg_x"], mean), "{group}, expected {mean}");
        assert!(close(&group["avg_d"], 1e38) && close(&group["stddev_d"], 0.0), "{group}");
    }
    assert_eq!(groups.len(), 7);
    let mut asked = aggregation(&schema, &["g"], &["stddev(x)"]);
    asked.filter = condition(&schema, "g", "ne", json!("b"));
    let groups = fixture.groups(&schema, &asked).await;
    let two = 2_f64.sqrt();
    for (group, deviation) in groups.iter().zip([0.0, two * 1e200, two * 1e-200, 0.0, two, 1e300 / two]) {
        assert!(close(&group["stddev_x"], deviation), "{group}, expected {deviation}");
    }
    assert_eq!(groups.len(), 6);
}

/// Sums of integers end at 64 bits and those of decimals at 38 digits; nothing wraps around.
pub async fn a_sum_that_does_not_fit_its_type_is_refused(fixture: Fixture) {
    let document = json!({"name": "s", "properties": [
        {"name": "i", "type": "integer"}, {"name": "d", "type": "decimal", "precision": 38, "scale": 0}]});
    let schema = fixture.create(document).await;
    let large = "9".repeat(38);
    fixture.write(&schema, json!([{"i": i64::MAX, "d": large}, {"i": 1, "d": large}])).await;
    for figure in ["sum(i)", "sum(d)"] {
        let asked = aggregation(&schema, &[], &[figure]);
        let outcome = match fixture.aggregator().aggregate(&schema, &asked, None).await {
            Ok(stream) => collect(stream).await,
            Err(error) => Err(error),
        };
        assert_eq!(outcome.expect_err("the sum does not fit").kind(), StoreErrorKind::OutOfRange, "{figure}");
    }
    fixture.write(&schema, json!([{"i": -1}])).await;
    let groups = fixture.groups(&schema, &aggregation(&schema, &[], &["sum(i)"])).await;
    assert_eq!(Json::from(groups), json!([{"sum_i": i64::MAX}]));
}

/// Sums and means of doubles that cancel each other out are those of exact arithmetic, of all records, of groups and in
/// profiles.
#[expect(clippy::unused_async, reason = "every case is async; proptest is not")]
pub async fn sums_and_means_lose_nothing_that_cancels(fixture: Fixture) {
    let magnitude = prop_oneof![
        Just(1.0),
        Just(0.1),
        Just(9_007_199_254_740_992.0),
        Just(1e300),
        Just(f64::MAX),
        Just(5e-324),
        Just(1e-290),
        any::<f64>()
    ];
    let number = magnitude.prop_filter("finite", |number| number.is_finite());
    let member = (0..3_i64, number, any::<bool>(), any::<bool>());
    for_all(CASES, &vec(member, 1..24), async |members| is_exact(&fixture, members).await);
}

async fn is_exact(fixture: &Fixture, members: Vec<(i64, f64, bool, bool)>) -> TestCaseResult {
    let definition =
        json!({"name": "s", "properties": [{"name": "g", "type": "integer"}, {"name": "x", "type": "number"}]});
    let schema = fixture.create(definition).await;
    let values = members.iter().flat_map(|(group, number, is_negative, is_undone)| {
        let number = if *is_negative { -number } else { *number };
        [(*group, number)].into_iter().chain(is_undone.then_some((*group, -number)))
    });
    let mut values: Vec<(i64, f64)> = values.collect();
    // What undoes a value comes after others.
    values.sort_by_key(|(group, number)| (number.is_sign_negative(), *group));
    let records = values.iter().map(|(group, number)| json!({"g": group, "x": number})).collect();
    fixture.write(&schema, records).await;
    let mean = |group: Option<i64>| {
        let (mut sum, mut count) = (ExactSum::default(), 0);
        for (_, number) in values.iter().filter(|(of, _)| group.is_none_or(|group| group == *of)) {
            sum.add(*number);
            count += 1;
        }
        (sum.divided_by(1), sum.divided_by(count))
    };
    let is_near =
        |found: &Json, exact: f64| found.as_f64().is_some_and(|found| (found - exact).abs() <= exact.abs() * 1e-12);
    let mut outcome = Ok(());
    for keys in [&[][..], &["g"]] {
        let groups = fixture.groups(&schema, &aggregation(&schema, keys, &["avg(x)"])).await;
        for group in &groups {
            let (sum, exact) = mean(group["g"].as_i64());
            if !is_near(&group["avg_x"], exact) {
                outcome = Err(TestCaseError::fail(format!("{group}: the mean is {exact}")));
            }
            if !sum.is_finite() {
                continue;
            }
            let mut asked = aggregation(&schema, keys, &["sum(x)"]);
            asked.filter =
                group["g"].as_i64().map_or_else(Filter::everything, |of| condition(&schema, "g", "eq", json!(of)));
            let found = fixture.groups(&schema, &asked).await;
            if !is_near(&found[0]["sum_x"], sum) {
                outcome = Err(TestCaseError::fail(format!("{}: the sum is {sum}", found[0])));
            }
        }
    }
    let request = ProfileRequest { filter: Filter::everything(), fields: vec![schema.field("x").expect("a property")] };
    let profile = fixture.profiler().profile(&schema, &request).await.expect("a profile");
    let found = profile.fields[0].statistic(Statistic::Mean).to_json(DataType::Number);
    if !is_near(&found, mean(None).1) {
        outcome = Err(TestCaseError::fail(format!("the profile has {found} for {}", mean(None).1)));
    }
    fixture.store.remove(schema.name(), None).await.expect("the schema is removed");
    outcome
}

/// An estimate of how many different values there are is never beyond how many values there are.
pub async fn an_estimate_is_never_beyond_what_there_is(fixture: Fixture) {
    let definition = json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]});
    let schema = fixture.create(definition).await;
    let mut next = 0;
    for rows in [1, 100, 11_000, 13_000, 17_000] {
        fixture.write_batch(&schema, crate::integers(&schema, next..next + rows)).await;
        next += rows;
        let groups = fixture.groups(&schema, &aggregation(&schema, &[], &["approx_count_distinct(n)"])).await;
        let estimate = groups[0]["approx_count_distinct_n"].as_i64().expect("a count");
        assert!((1..=next).contains(&estimate), "{estimate} of {next}");
        let request =
            ProfileRequest { filter: Filter::everything(), fields: vec![schema.field("n").expect("a property")] };
        let profile = fixture.profiler().profile(&schema, &request).await.expect("a profile");
        let Value::Integer(distinct) = profile.fields[0].statistic(Statistic::Distinct) else { panic!("a count") };
        assert!((1..=next).contains(distinct), "{distinct} of {next}");
    }
}

/// Generated aggregations over records with many ties give the groups that the memory store gives, in the same order.
#[expect(clippy::unused_async, reason = "every case is async; proptest is not")]
pub async fn generated_aggregations_agree_with_the_memory_store(fixture: Fixture) {
    let asked = strategies::aggregation(&Arc::new(schema(definition())));
    let scenario = (vec(record(), 0..40), vec(asked, 1..=6));
    for_all(CASES, &scenario, async |(records, asked)| agrees(&fixture, records, &asked).await);
}

/// A record with few different values, so that groups have several members.
fn record() -> impl Strategy<Value = Json> {
    let one_of = |values: Json| proptest::sample::select(values.as_array().expect("a list").clone());
    let text = one_of(json!(["a", "b", "A", "", null]));
    let integer = one_of(json!([0, 1, -7, 1000, null]));
    let number = one_of(json!([0.5, -2.25, 1e6, 0.1, null]));
    let decimal = one_of(json!(["0.01", "-10.50", "99999999.99", null]));
    let boolean = one_of(json!([true, false, null]));
    let date = one_of(json!(["2024-02-29", "2023-12-31", "0001-01-01", null]));
    let time = one_of(json!(["00:00:00", "23:59:59.999999", null]));
    let instant = one_of(json!(["2024-02-29T23:59:59.5Z", "1969-12-31T00:00:00Z", "2024-02-29T00:00:01Z", null]));
    let code = one_of(json!(["01890a5d-ac96-774b-bcce-b302099a8057", "ffffffff-ffff-ffff-ffff-ffffffffffff", null]));
    (text, integer, number, decimal, boolean, date, time, instant, code).prop_map(
        |(text, integer, number, decimal, boolean, date, time, instant, code)| {
            json!({"carrier": text, "seats": integer, "delay": number, "fare": decimal, "is_late": boolean, "day": date,
                "gate_time": time, "at": instant, "code": code})
        },
    )
}

async fn agrees(fixture: &Fixture, records: Vec<Json>, asked: &[Aggregation]) -> TestCaseResult {
    let memory = Fixture::new(Arc::new(MemoryStore::new()));
    let (tested, expected) = (fixture.create(definition()).await, memory.create(definition()).await);
    let batch = batch(&tested, Json::from(records));
    fixture.write_batch(&tested, batch.clone()).await;
    memory.write_batch(&expected, batch).await;
    let mut outcome = Ok(());
    for aggregation in asked {
        let (found, expected) =
            (fixture.groups(&tested, aggregation).await, memory.groups(&expected, aggregation).await);
        let same =
            found.len() == expected.len() && found.iter().zip(&expected).all(|pair| agree(pair.0, pair.1).is_ok());
        if !same {
            outcome = Err(TestCaseError::fail(format!("{found:#?} is not {expected:#?}")));
            break;
        }
    }
    fixture.store.remove(tested.name(), None).await.expect("the schema is removed");
    outcome
}

/// Whether two groups are the same but for the last bits of doubles, which depend on the order of additions.
fn agree(found: &Json, expected: &Json) -> Result<(), String> {
    let (left, right) = (found.as_object().expect("a group"), expected.as_object().expect("a group"));
    let is_near = |left: &Json, right: &Json| match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1.0),
        _ => left == right,
    };
    let is_same = left.len() == right.len()
        && left.iter().all(|(name, value)| right.get(name).is_some_and(|other| is_near(value, other)));
    if is_same { Ok(()) } else { Err(format!("{found} is not {expected}")) }
}
