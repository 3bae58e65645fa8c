//! Values of each type.

use std::fmt;

use eider_domain::{DataType, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

const MICROS_PER_SECOND: i64 = 1_000_000;
/// 0000-01-01 and 9999-12-31 as days since 1970-01-01.
const DAYS: [i64; 2] = [-719_528, 2_932_896];
/// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z.
const INSTANTS: [i64; 2] = [DAYS[0] * 86_400 * MICROS_PER_SECOND, (DAYS[1] + 1) * 86_400 * MICROS_PER_SECOND - 1];

/// A non-null value of a type: mostly a few that occur again and again, so that filters, ties and conflicts
/// happen, and the edges of the type; else any.
pub fn value(data_type: DataType) -> BoxedStrategy<Value> {
    match data_type {
        DataType::String => text().prop_map(|text| Value::Text(text.into())).boxed(),
        DataType::Integer => mostly([0, 1, 2, -1, i64::MIN, i64::MAX], any::<i64>()).prop_map(Value::Integer).boxed(),
        DataType::Number => {
            let edges = [0.0, -0.0, 1.5, -1.5, 0.1, 1e15, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324];
            mostly(edges, any::<f64>().prop_filter("finite", |n| n.is_finite())).prop_map(Value::Number).boxed()
        }
        DataType::Decimal { precision, .. } => {
            let greatest = 10_i128.pow(u32::from(precision)) - 1;
            let edges = [0, 1, -1, 5.min(greatest), greatest, -greatest];
            mostly(edges, -greatest..=greatest).prop_map(Value::Decimal).boxed()
        }
        DataType::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        DataType::Date => {
            let days = mostly([0, -1, 20_484, DAYS[0], DAYS[1]], DAYS[0]..=DAYS[1]);
            days.prop_map(|days| Value::Date(i32::try_from(days).unwrap_or(0))).boxed()
        }
        DataType::Time => {
            let last = 86_400 * MICROS_PER_SECOND - 1;
            mostly([0, 1, 29_700 * MICROS_PER_SECOND, last], 0..=last).prop_map(Value::Time).boxed()
        }
        DataType::Datetime => instant().prop_map(Value::Datetime).boxed(),
        DataType::Uuid => {
            let top_bit = 1 << 127;
            mostly([0, 1, top_bit, u128::MAX], any::<u128>()).prop_map(|n| Value::Uuid(Uuid::from_u128(n))).boxed()
        }
        DataType::Object => object().prop_map(|json| nested(&json)).boxed(),
        DataType::Array => vec(json(), 0..4).prop_map(|list| nested(&Json::Array(list))).boxed(),
    }
}

/// Microseconds since 1970 in the years 0000 to 9999.
pub(super) fn instant() -> impl Strategy<Value = i64> {
    mostly([0, -1, 1_769_847_300_000_000, INSTANTS[0], INSTANTS[1]], INSTANTS[0]..=INSTANTS[1])
}

/// Unicode text: empty, hostile, of more than one byte per character, or any.
pub fn text() -> impl Strategy<Value = String> {
    let likely = [
        "",
        " ",
        "a",
        "A",
        "b",
        "ab",
        "aB",
        "é",
        "É",
        "ß",
        "🦆",
        "\0",
        "a\0b",
        "\n",
        "%",
        "_",
        "a%b",
        "\\",
        "'",
        "\"",
        "' OR 1=1 --",
        "null",
        "NaN",
        "e\u{301}",
        "\u{10ffff}",
        "١",
    ];
    prop_oneof![
        3 => proptest::sample::select(likely.to_vec()).prop_map(str::to_owned),
        1 => vec(any::<char>(), 0..8).prop_map(String::from_iter),
    ]
}

fn mostly<T: Clone + fmt::Debug + 'static, const N: usize>(
    likely: [T; N],
    any: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<T> {
    prop_oneof![3 => proptest::sample::select(Vec::from(likely)), 1 => any].boxed()
}

fn nested(json: &Json) -> Value {
    Value::Json(json.to_string().into())
}

fn object() -> impl Strategy<Value = Json> {
    vec((text(), json()), 0..4).prop_map(|members| Json::Object(Map::from_iter(members)))
}

/// Any JSON, a few levels deep.
fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1e9..1e9).prop_map(Json::from),
        text().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::Array),
            vec((text(), inner), 0..4).prop_map(|members| Json::Object(Map::from_iter(members))),
        ]
    })
}
