//! Dirt in real flights: found, suggested, mended.

use serde_json::{Value as Json, json};

use crate::process::{FLIGHTS, SCHEMA, Server, json_of};

const JSON: &str = "application/json";
const VALIDATIONS: &str = "/api/v1/schemas/flights/validations";

/// The sample as it would come from a source that nobody checks: of every tenth flight the code of the airline is in lower
/// case, of every hundredth with spaces around it.
fn dirty() -> Vec<Json> {
    let mut flights: Vec<Json> = FLIGHTS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (number, flight) in flights.iter_mut().enumerate() {
        let carrier = flight["carrier"].as_str().unwrap();
        let spelt = match number {
            number if number % 100 == 0 => format!(" {carrier} "),
            number if number % 10 == 0 => carrier.to_lowercase(),
            _ => continue,
        };
        if spelt != carrier {
            flight["carrier"] = json!(spelt);
        }
    }
    flights
}

/// Whether a text is `N`, one to five digits and up to two letters.
fn is_tail_number(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('N') else { return false };
    let letters = rest.trim_start_matches(|character: char| character.is_ascii_digit());
    let digits = rest.len() - letters.len();
    (1..=5).contains(&digits) && letters.len() <= 2 && letters.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// A server with the dirty sample, whose schema asks nothing of its texts.
async fn server(data_dir: &std::path::Path) -> Server {
    let server = Server::start(data_dir);
    let mut schema: Json = serde_json::from_str(SCHEMA).unwrap();
    for property in schema["properties"].as_array_mut().unwrap() {
        property.as_object_mut().unwrap().remove("constraints");
    }
    json_of(server.post("/api/v1/schemas", JSON, schema.to_string()), 201).await;
    let body = dirty().iter().map(Json::to_string).collect::<Vec<_>>().join("\n");
    json_of(server.post("/api/v1/records/flights/bulk", "application/x-ndjson", body), 201).await;
    server
}

async fn validate(server: &Server, rules: &Json, status: u16) -> Json {
    json_of(server.post(VALIDATIONS, JSON, rules.to_string()), status).await
}

async fn issues(server: &Server, validation: &Json, query: &str) -> Vec<Json> {
    let path = format!("{VALIDATIONS}/{}/issues{query}", validation["id"].as_str().unwrap());
    let text = server.get(&path).send().await.unwrap().error_for_status().unwrap().text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn dirt_in_flights_is_found_suggested_and_mended() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path()).await;
    let rules = json!({"rules": [
        {"rule": "required", "property": "dep_time", "severity": "warning"},
        {"rule": "pattern", "property": "tailnum", "pattern": "^N[0-9]{1,5}[A-Z]{0,2}$"},
        {"rule": "standardize", "property": "carrier", "trim": true, "case": "upper"}]});
    let validation = validate(&server, &rules, 200).await;
    let flights = dirty();
    let missing = flights.iter().filter(|flight| flight["dep_time"].is_null()).count();
    let tails = flights.iter().filter_map(|flight| flight["tailnum"].as_str());
    let strange = tails.filter(|tail| !is_tail_number(tail)).count();
    let carrier_of = |flight: &Json| flight["carrier"].as_str().unwrap().to_owned();
    let spelt = flights.iter().map(carrier_of).filter(|carrier| carrier.trim().to_uppercase() != *carrier).count();
    assert!(missing > 0 && strange > 0 && spelt > 200, "{missing} {strange} {spelt}");
    let counted: Vec<_> = validation["rules"].as_array().unwrap().iter().map(|rule| rule["issues"].clone()).collect();
    assert_eq!(counted, [missing, strange, spelt]);
    assert_eq!((&validation["records"], &validation["suggestions"]), (&json!(flights.len()), &json!(spelt)));

    let found = issues(&server, &validation, "?property=carrier").await;
    assert_eq!(found.len(), spelt);
    for issue in &found {
        let (current, suggested) = (issue["current_value"].as_str().unwrap(), issue["suggested_value"].as_str());
        assert_eq!(suggested, Some(current.trim().to_uppercase().as_str()));
    }
    let tails = issues(&server, &validation, "?rule=pattern_tailnum").await;
    assert!(tails.iter().all(|issue| !is_tail_number(issue["current_value"].as_str().unwrap())));

    let apply = format!("{VALIDATIONS}/{}/apply", validation["id"].as_str().unwrap());
    let applied = json_of(server.post(&apply, JSON, json!({"rules": ["standardize_carrier"]}).to_string()), 200).await;
    assert_eq!(applied["changed"], spelt);
    let again = validate(&server, &rules, 200).await;
    assert_eq!((&again["rules"][2]["issues"], &again["commit_seq"]), (&json!(0), &applied["commit_seq"]));
    assert_eq!(issues(&server, &again, "").await.len(), missing + strange);
    let changed = json_of(server.get("/api/v1/records/flights/count?version.eq=2"), 200).await;
    assert_eq!((server.count().await, &changed["count"]), (flights.len(), &json!(spelt)));
    assert!((server.metric("eider_validations_ended_total{outcome=\"done\"}").await - 2.0).abs() < f64::EPSILON);
    let ended = server.logged().into_iter().filter(|line| line["msg"].as_str().unwrap().ends_with("validation ended"));
    let logged: Vec<_> = ended.map(|line| line["validation.issues"].clone()).collect();
    assert_eq!(logged, [missing + strange + spelt, missing + strange]);
}

#[tokio::test]
async fn patterns_that_only_the_schema_reads_are_checked_as_it_reads_them() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path()).await;
    let pattern = |pattern: &str| json!({"rule": "pattern", "property": "tailnum", "pattern": pattern});
    let patterns = [r"^\u{4e}", r"^\p{Letter}", r"^\b{start}N", "^[A-Z&&[^A-M]]", "^[[N]x]"];
    let rules = json!({"rules": patterns.map(pattern)});
    let found = validate(&server, &rules, 200).await;
    assert_eq!((&found["state"], &found["issues"]), (&json!("done"), &json!(0)), "{found}");
    let refused = validate(&server, &json!({"rules": [pattern("(?=N)")]}), 422).await;
    assert_eq!(
        (&refused["code"], &refused["errors"][0]["pointer"]),
        (&json!("rules_invalid"), &json!("/rules/0/pattern"))
    );
}
