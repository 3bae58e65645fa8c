//! Flights as a load test writes them: the sample of the repository, varied by a seed, in any number.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Map, Value, json};

/// The sample that the repository carries.
pub(crate) const SAMPLE: &str = include_str!("../../samples/flights.ndjson");
/// A schema for it.
const SCHEMA: &str = include_str!("../../samples/flights.schema.json");

/// Days of the year over which flights are spread.
const DAYS: u32 = 365;

/// A source of flights: the same seed gives the same flights.
#[derive(Debug)]
pub(crate) struct Flights {
    sample: Vec<Map<String, Value>>,
    random: StdRng,
    next: usize,
}

impl Flights {
    /// The flights of a seed, from the first.
    ///
    /// # Errors
    /// Never, as long as the sample is NDJSON.
    pub(crate) fn new(seed: u64) -> Result<Self> {
        let sample = SAMPLE.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("the sample")?;
        Ok(Self { sample, random: StdRng::seed_from_u64(seed), next: 0 })
    }

    /// The next flight, as a JSON object without a line end, about 300 bytes. Flights of the sample come in turn, each
    /// with a day, a delay, a flight number and an aircraft of its own.
    pub(crate) fn next_record(&mut self) -> String {
        let mut flight = self.sample[self.next % self.sample.len()].clone();
        self.next += 1;
        let day_of_year = self.random.random_range(0..DAYS);
        let (month, day) = (day_of_year / 31 + 1, day_of_year % 28 + 1);
        let hour = flight["hour"].as_u64().unwrap_or_default();
        flight["month"] = json!(month);
        flight["day"] = json!(day);
        flight["time_hour"] = json!(format!("2013-{month:02}-{day:02}T{hour:02}:00:00Z"));
        flight["flight"] = json!(self.random.random_range(1..9_000));
        if !flight["dep_delay"].is_null() {
            flight["dep_delay"] = json!(self.random.random_range(-20..180));
        }
        if !flight["tailnum"].is_null() {
            flight["tailnum"] = json!(tail_number(self.random.random_range(0..AIRCRAFT)));
        }
        Value::Object(flight).to_string()
    }

    /// So many flights, a line each.
    pub(crate) fn lines(&mut self, records: usize) -> Bytes {
        let mut lines = String::with_capacity(records * 320);
        for _ in 0..records {
            let _ = writeln!(lines, "{}", self.next_record());
        }
        lines.into()
    }
}

/// How many aircraft fly: each has one flight in so many.
pub(crate) const AIRCRAFT: u32 = 4_000;

/// The tail number of an aircraft, of [`AIRCRAFT`].
pub(crate) fn tail_number(aircraft: u32) -> String {
    format!("N{:05}", aircraft * 7 % 100_000)
}

/// A schema for them under a name, with an index on the named properties and on no other.
pub(crate) fn schema(name: &str, indexed: &[&str]) -> Value {
    let mut schema: Value = serde_json::from_str(SCHEMA).unwrap_or_default();
    schema["name"] = json!(name);
    for property in schema["properties"].as_array_mut().into_iter().flatten() {
        let is_indexed = property["name"].as_str().is_some_and(|name| indexed.contains(&name));
        property["is_indexed"] = json!(is_indexed);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_flights_and_another_gives_others() {
        let lines = |seed| Flights::new(seed).expect("the sample is NDJSON").lines(100);
        assert_eq!(lines(7), lines(7));
        assert_ne!(lines(7), lines(8));
    }

    #[test]
    fn every_flight_is_a_line_that_the_schema_names_all_fields_of() {
        let lines = Flights::new(1).expect("the sample is NDJSON").lines(5_000);
        let schema = schema("s", &["tailnum"]);
        let names: Vec<&str> =
            schema["properties"].as_array().into_iter().flatten().filter_map(|field| field["name"].as_str()).collect();
        let flights: Vec<Map<String, Value>> = lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("a JSON object"))
            .collect();
        assert_eq!(flights.len(), 5_000);
        for flight in flights {
            assert!(flight.keys().eq(names.iter()), "{flight:?}");
        }
    }
}
