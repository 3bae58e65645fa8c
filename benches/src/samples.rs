//! Records to measure with, as NDJSON.

use std::fmt::Write as _;
use std::sync::Arc;

use eider_domain::{Schema, SchemaDefinition, Timestamp};
use serde_json::{Value as Json, json};

/// Real flights, a JSON object a line: samples/README.md.
pub const FLIGHTS: &str = include_str!("../../samples/flights.ndjson");

/// Records of a sample of one property.
const ROWS_BY_TYPE: usize = 2_000;
/// Values of a sample of a width.
const VALUES_BY_WIDTH: usize = 20_000;

/// Records of a schema.
#[derive(Debug)]
pub struct Sample {
    /// What they are.
    pub name: String,
    /// Their schema.
    pub schema: Arc<Schema>,
    /// The records, a line each.
    pub lines: String,
    /// How many they are.
    pub rows: usize,
}

/// The schema of the flights, as a document.
///
/// # Panics
/// When the sample is not JSON.
pub fn flights_document() -> Json {
    serde_json::from_str(include_str!("../../samples/flights.schema.json")).expect("the schema is JSON")
}

/// The schema of a document.
///
/// # Panics
/// When it is not valid.
pub fn schema(document: &Json) -> Schema {
    let definition = SchemaDefinition::parse(document).expect("the schema is valid");
    Schema::new(definition, 1, Timestamp::from_micros(0))
}

impl Sample {
    fn new(name: impl Into<String>, document: &Json, lines: String) -> Self {
        let rows = lines.lines().count();
        Self { name: name.into(), schema: Arc::new(schema(document)), lines, rows }
    }

    /// The flights.
    pub fn flights() -> Self {
        Self::new("flights", &flights_document(), FLIGHTS.to_owned())
    }

    /// The same records under a schema in which every name that they have is an alias.
    ///
    /// # Panics
    /// Never: the document is the sample's own.
    pub fn flights_by_aliases() -> Self {
        let mut document = flights_document();
        for property in document["properties"].as_array_mut().expect("a schema has properties") {
            let name = property["name"].as_str().expect("a property has a name").to_owned();
            property["name"] = format!("{name} of the flight").into();
            property["aliases"] = json!([name]);
        }
        Self::new("flights by aliases", &document, FLIGHTS.to_owned())
    }

    /// Flights that all break a constraint, and have a property that there is none of.
    pub fn invalid_flights() -> Self {
        let lines = FLIGHTS.replace("\"month\":", "\"month\":9").replace("\"tailnum\":", "\"tailnun\":");
        Self::new("invalid flights", &flights_document(), lines)
    }

    /// A sample of one property for each type but `array`, which is read and written as `object` is.
    pub fn by_type() -> Vec<Self> {
        const TYPES: [&str; 10] =
            ["string", "integer", "number", "decimal", "boolean", "date", "time", "datetime", "uuid", "object"];
        let sample = |name: &str| {
            let mut property = json!({"name": "value", "type": name, "required": true});
            if name == "decimal" {
                property["precision"] = 12.into();
                property["scale"] = 2.into();
            }
            let document = json!({"name": "sample", "properties": [property]});
            let line = |n| format!("{{\"value\":{}}}\n", value(name, n));
            Self::new(name, &document, (0..ROWS_BY_TYPE).map(line).collect())
        };
        TYPES.map(sample).into()
    }

    /// Instants with an offset and without, each of a property that reads them, and other texts in a dialect.
    pub fn by_dialect() -> Vec<Self> {
        /// The JSON of the value of a row.
        type Value = fn(usize) -> String;

        let sample = |(name, members, value): (&str, Json, Value)| {
            let mut property = json!({"name": "value", "required": true});
            property
                .as_object_mut()
                .into_iter()
                .zip(members.as_object())
                .for_each(|(all, own)| all.extend(own.clone()));
            let document = json!({"name": "sample", "properties": [property]});
            let line = |n| format!("{{\"value\":{}}}\n", value(n));
            Self::new(name, &document, (0..ROWS_BY_TYPE).map(line).collect())
        };
        let samples: [(&str, Json, Value); 6] = [
            ("datetime with offset", json!({"type": "datetime"}), |n| value("datetime", n)),
            (
                "datetime in a zone",
                json!({"type": "datetime", "time_zone": "America/New_York", "ambiguous": "later"}),
                |n| value("datetime", n).replace('Z', ""),
            ),
            ("datetime by a pattern", json!({"type": "datetime", "formats": ["%Y-%m-%dT%H:%M:%S%z"]}), |n| {
                value("datetime", n).replace('Z', "+0000")
            }),
            ("integer", json!({"type": "integer"}), |n| value("integer", n)),
            ("integer with a point", json!({"type": "integer"}), |n| format!("{}.0", value("integer", n))),
            (
                "decimal with a comma",
                json!({"type": "decimal", "precision": 12, "scale": 2, "decimal_separator": ","}),
                |n| value("decimal", n).replace('.', ","),
            ),
        ];
        samples.map(sample).into()
    }

    /// A sample of records of so many properties, by turns of the types that most are of.
    pub fn of_width(properties: usize) -> Self {
        const TYPES: [&str; 4] = ["string", "integer", "number", "datetime"];
        let type_of = |index: usize| TYPES[index % TYPES.len()];
        let property = |index| json!({"name": format!("property_{index}"), "type": type_of(index), "required": true});
        let document = json!({"name": "sample", "properties": (0..properties).map(property).collect::<Vec<_>>()});
        let mut lines = String::new();
        for row in 0..VALUES_BY_WIDTH / properties {
            for index in 0..properties {
                let begin = if index == 0 { "{" } else { "," };
                // Writing to a string cannot fail.
                let _ = write!(lines, "{begin}\"property_{index}\":{}", value(type_of(index), row + index));
            }
            lines.push_str("}\n");
        }
        Self::new(properties.to_string(), &document, lines)
    }
}

/// A value of a type as JSON, another for each number below a million.
fn value(data_type: &str, n: usize) -> String {
    // Spreads the numbers, so that values do not come in order.
    let n = n * 7_919 % 1_000_003;
    match data_type {
        "integer" => format!("{}", n * 37),
        "number" => format!("{}.{}", n % 1_000, n),
        "decimal" => format!("\"{}.{:02}\"", n * 13, n % 100),
        "boolean" => format!("{}", n.is_multiple_of(3)),
        "date" => format!("\"2{:03}-{:02}-{:02}\"", n % 100, n % 12 + 1, n % 28 + 1),
        "time" => format!("\"{:02}:{:02}:{:02}\"", n % 24, n % 60, n % 59),
        "datetime" => format!("\"2013-{:02}-{:02}T{:02}:{:02}:00Z\"", n % 12 + 1, n % 28 + 1, n % 24, n % 60),
        "uuid" => format!("\"0190a5d2-{:04x}-7{:03x}-8{:03x}-{n:012x}\"", n % 65_536, n % 4_096, n % 4_095),
        "object" => format!("{{\"gate\":\"B{}\",\"seats\":{n},\"tags\":[true,null,{}]}}", n % 90, n % 7),
        _ => format!("\"text number {n}\""),
    }
}

/// Query strings over the flights, and what is in them.
pub fn query_strings() -> [(&'static str, String); 3] {
    let ids: Vec<String> = (0..100).map(|n| format!("01890a5d-ac96-774b-bcce-b302099a{n:04}")).collect();
    let five = "carrier.in=UA,AA,B6&dep_delay.gte=15&dep_delay.lt=120&time_hour.gte=2013-01-01T00:00:00Z\
                &dest.like=I%25&sort=-time_hour,flight&fields=id,carrier,flight,dep_delay&limit=100";
    [
        ("1 condition", "carrier.eq=UA".to_owned()),
        ("5 conditions", five.to_owned()),
        ("100 ids", format!("id.in={}", ids.join(","))),
    ]
}

/// A query body over the flights with seven conditions.
pub fn query_body() -> Json {
    json!({
        "where": {"and": [
            {"field": "carrier", "op": "in", "value": ["UA", "AA", "B6"]},
            {"or": [
                {"field": "dep_delay", "op": "gte", "value": 60},
                {"and": [
                    {"field": "arr_delay", "op": "gte", "value": 30},
                    {"field": "distance", "op": "lt", "value": 500},
                ]},
            ]},
            {"not": {"field": "tailnum", "op": "is_null"}},
            {"field": "time_hour", "op": "gte", "value": "2013-01-01T00:00:00Z"},
            {"field": "dest", "op": "like", "value": "I%"},
        ]},
        "select": ["id", "carrier", "flight", "dep_delay"],
        "sort": [{"field": "time_hour", "order": "desc"}, "flight"],
        "limit": 100,
    })
}
