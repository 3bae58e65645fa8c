//! The profile of the sample, held against statistics made from its file.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::process::{FLIGHTS, Server, json_of};

fn column(name: &str) -> Vec<Json> {
    let values = FLIGHTS.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()[name].clone());
    values.filter(|value| !value.is_null()).collect()
}

#[tokio::test]
async fn figures_are_those_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with_flights(directory.path()).await;
    let profile = json_of(server.get("/api/v1/schemas/flights/profile"), 200).await;
    let flights = FLIGHTS.lines().count();
    assert_eq!(profile["count"], flights);
    for property in profile["properties"].as_array().unwrap() {
        let name = property["name"].as_str().unwrap();
        let values = column(name);
        assert_eq!(property["count"], values.len(), "{name}");
        assert_eq!(property["nulls"], flights - values.len(), "{name}");
        let mut counts = BTreeMap::<String, u64>::new();
        for value in &values {
            *counts.entry(value.to_string()).or_default() += 1;
        }
        #[expect(clippy::cast_precision_loss, reason = "a few thousand values")]
        let (distinct, exact) = (property["distinct"].as_f64().unwrap(), counts.len() as f64);
        assert!((distinct - exact).abs() <= 1.0 + exact / 10.0, "{name}: {distinct} of {exact}");
        let most = counts.values().max().copied();
        assert_eq!(property["top"][0]["count"].as_u64(), most, "{name}");
        if name == "time_hour" {
            // Its values are written with microseconds.
            continue;
        }
        for top in property["top"].as_array().unwrap() {
            let count = counts.get(&top["value"].to_string()).copied();
            assert_eq!(top["count"].as_u64(), count, "{name}: {top}");
        }
        let numbers: Vec<f64> = values.iter().filter_map(Json::as_f64).collect();
        if !numbers.is_empty() {
            let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
            let greatest = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            assert_eq!((property["min"].as_f64(), property["max"].as_f64()), (Some(least), Some(greatest)), "{name}");
            #[expect(clippy::cast_precision_loss, reason = "a few thousand values")]
            let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
            assert!((property["mean"].as_f64().unwrap() - mean).abs() < 1e-6 * mean.abs().max(1.0), "{name}");
        }
    }
}
