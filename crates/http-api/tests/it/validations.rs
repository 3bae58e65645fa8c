//! Rules that are checked against what is stored, as jobs.

use std::time::Duration;

use eider_application::ports::{StoreError, StoreErrorKind};
use eider_testkit::Operation;
use serde_json::{Value as Json, json};

use crate::app::{Answer, TestApp};
use crate::imports::reads_the_same_compressed;

const VALIDATIONS: &str = "/api/v1/schemas/flights/validations";
/// Longer than the call that starts a validation waits.
const PATIENCE: Duration = Duration::from_secs(20);

async fn app() -> TestApp {
    let app = TestApp::with_flights().await;
    app.load(json!([
        {"carrier": "UA", "flight": 1, "dep_delay": 5.0}, {"carrier": "ua", "flight": 2},
        {"carrier": " u", "flight": 3, "dep_delay": 1.5}, {"carrier": "AA", "flight": 2, "dep_delay": 90}]))
        .await;
    app
}

fn rules() -> Json {
    json!({"rules": [
        {"rule": "required", "property": "dep_delay", "severity": "warning"},
        {"rule": "standardize", "property": "CARRIER", "trim": true, "case": "upper", "name": "carriers"},
        {"rule": "duplicate", "properties": ["carrier", "flight"]},
        {"rule": "duplicate", "property": "flight"}]})
}

async fn start(app: &TestApp, rules: &Json) -> Answer {
    app.post(VALIDATIONS, rules).await
}

fn path_of(validation: &Json) -> String {
    format!("{VALIDATIONS}/{}", validation["id"].as_str().unwrap())
}

async fn issues(app: &TestApp, validation: &Json, query: &str) -> Vec<Json> {
    let answer = app.get(&format!("{}/issues{query}", path_of(validation))).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-ndjson"), "{}", answer.text);
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The document of a validation once it is in a state.
async fn until(app: &TestApp, path: &str, state: &str) -> Json {
    let reached = async {
        loop {
            let document = app.get(path).await.json();
            if document["state"] == state {
                return document;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("it is never {state}"))
}

#[tokio::test]
async fn a_small_validation_is_answered_with_what_it_found() {
    let app = app().await;
    let answer = start(&app, &rules()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let document = answer.json();
    assert_eq!(answer.header("location"), path_of(&document));
    let shown = ["schema", "state", "records", "commit_seq", "issues", "suggestions", "truncated"];
    let shown = shown.map(|member| document[member].clone());
    let expected = [json!("flights"), json!("done"), json!(4), json!(4), json!(4), json!(2), json!(false)];
    assert_eq!(shown, expected);
    assert_eq!(document["progress"], json!({"rules": 4, "done": 4}));
    assert_eq!(document["by_property"], json!({"carrier": 2, "dep_delay": 1, "flight": 1}));
    assert_eq!(document["by_severity"], json!({"error": 3, "warning": 1}));
    let found: Vec<_> =
        document["rules"].as_array().unwrap().iter().map(|rule| (&rule["name"], &rule["issues"])).collect();
    let expected = [
        (json!("required_dep_delay"), json!(1)),
        (json!("carriers"), json!(2)),
        (json!("duplicate_carrier_flight"), json!(0)),
        (json!("duplicate_flight"), json!(1)),
    ];
    assert_eq!(found, expected.iter().map(|(name, issues)| (name, issues)).collect::<Vec<_>>());
    assert!(document["rules"].as_array().unwrap().iter().all(|rule| rule["elapsed_ms"].as_f64().unwrap() >= 0.0));
    assert_eq!(app.get(&path_of(&document)).await.json(), document);
    assert_eq!(app.get(VALIDATIONS).await.json(), json!({"data": [document]}));
}

#[tokio::test]
async fn issues_are_compressed_as_their_client_likes() {
    let app = app().await;
    let validation = start(&app, &rules()).await.json();
    reads_the_same_compressed(&app, &format!("{}/issues", path_of(&validation))).await;
}

#[tokio::test]
async fn issues_are_lines_and_are_chosen_by_rule_property_and_severity() {
    let app = app().await;
    let validation = start(&app, &rules()).await.json();
    let all = issues(&app, &validation, "").await;
    let record = |flight: u64| {
        let app = &app;
        async move {
            let page = app.get(&format!("/api/v1/records/flights?carrier.ne=AA&flight.eq={flight}")).await.json();
            page["data"][0]["id"].clone()
        }
    };
    assert_eq!(all.len(), 4);
    let missing = json!({"record_id": record(2).await, "property": "dep_delay", "current_value": null,
        "suggested_value": null, "rule": "required_dep_delay", "message": "the value is missing", "category": "missing",
        "severity": "warning"});
    assert_eq!(all[0], missing);
    let spelt = json!({"record_id": record(3).await, "property": "carrier", "current_value": " u",
        "suggested_value": "U", "rule": "carriers", "message": "the text is not in its standard form",
        "category": "standardization", "severity": "error"});
    assert_eq!(all[2], spelt);
    assert_eq!((&all[3]["current_value"], &all[3]["category"]), (&json!(2), &json!("duplicate")));
    for (query, expected) in [
        ("?rule=CARRIERS", &all[1..3]),
        ("?rule=required_dep_delay,duplicate_flight&severity=error", &all[3..]),
        ("?property=Carrier", &all[1..3]),
        ("?severity=warning", &all[..1]),
        ("?severity=warning&property=flight", &[]),
    ] {
        assert_eq!(issues(&app, &validation, query).await, expected, "{query}");
    }
    for query in ["?rule=nothing", "?property=dest", "?severity=fatal"] {
        let answer = app.get(&format!("{}/issues{query}", path_of(&validation))).await;
        assert_eq!(answer.problem(), (400, "invalid_parameter".to_owned()), "{query}");
    }
}

#[tokio::test]
async fn values_of_several_properties_stand_in_an_object() {
    let app = app().await;
    app.load(json!([{"carrier": "UA", "flight": 1}])).await;
    let validation =
        start(&app, &json!({"rules": [{"rule": "duplicate", "properties": ["flight", "carrier"]}]})).await.json();
    let found = issues(&app, &validation, "").await;
    let shown = (&found[0]["property"], &found[0]["current_value"], &found[0]["suggested_value"]);
    assert_eq!(shown, (&json!("flight,carrier"), &json!({"flight": 1, "carrier": "UA"}), &json!(null)));
}

#[tokio::test]
async fn without_a_body_the_rules_are_those_of_the_schema() {
    let app = app().await;
    let answer = app.send(app.request("POST", VALIDATIONS)).await;
    let document = answer.json();
    let names: Vec<&str> =
        document["rules"].as_array().unwrap().iter().map(|rule| rule["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["required_carrier", "length_carrier", "duplicate_confirmation"]);
    assert_eq!((answer.status, &document["issues"]), (200, &json!(0)));
}

#[tokio::test]
async fn rules_that_are_not_valid_are_all_named() {
    let app = app().await;
    let bad = json!({"rules": [{"rule": "pattern", "property": "flight", "pattern": "x"},
        {"rule": "length", "property": "carrier"}, {"rule": "required", "property": "dest"}]});
    let answer = start(&app, &bad).await;
    assert_eq!(answer.problem(), (422, "rules_invalid".to_owned()));
    let errors = answer.json()["errors"].clone();
    let pointers: Vec<&str> =
        errors.as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/rules/0/property", "/rules/1", "/rules/2/property"]);
    let malformed = app.post_text(VALIDATIONS, "application/json", "{").await;
    assert_eq!(malformed.problem(), (400, "malformed_json".to_owned()));
    assert_eq!(app.get(VALIDATIONS).await.json(), json!({"data": []}));
}

#[tokio::test]
async fn a_validation_that_takes_longer_is_answered_before_its_end() {
    let app = app().await;
    let gate = app.store.hold_scan_after(0);
    let answer = start(&app, &rules()).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let document = answer.json();
    let path = path_of(&document);
    assert_eq!(answer.header("location"), path);
    let shown = ["state", "finished_at", "elapsed_ms", "records", "issues"].map(|member| document[member].clone());
    assert_eq!(shown, [json!("running"), json!(null), json!(null), json!(null), json!(0)]);
    assert_eq!(document["progress"], json!({"rules": 4, "done": 0}));
    assert_eq!(document["rules"][0]["issues"], json!(null));
    for path in [format!("{path}/issues"), format!("{path}/apply")] {
        let method = if path.ends_with("apply") { "POST" } else { "GET" };
        let early = app.send(app.request(method, &path)).await;
        assert_eq!(early.problem(), (409, "validation_unfinished".to_owned()));
    }
    gate.open();
    let document = until(&app, &path, "done").await;
    assert_eq!((&document["issues"], &document["progress"]["done"]), (&json!(4), &json!(4)));
    assert_eq!(issues(&app, &document, "").await.len(), 4);
}

#[tokio::test]
async fn a_validation_that_is_cancelled_stops_and_one_that_has_ended_goes() {
    let app = app().await;
    let _gate = app.store.hold_scan_after(0);
    let path = path_of(&start(&app, &rules()).await.json());
    assert_eq!(app.store.open_scans(), 1);
    assert_eq!(app.delete(&path).await.status, 204);
    app.store.wait_for_open_scans(0).await;
    let document = until(&app, &path, "cancelled").await;
    assert_eq!(document["records"], json!(null));
    assert_eq!(app.get(&format!("{path}/issues")).await.problem(), (409, "validation_unfinished".to_owned()));
    assert_eq!(app.delete(&path).await.status, 204);
    for method in ["GET", "DELETE"] {
        assert_eq!(app.send(app.request(method, &path)).await.problem(), (404, "validation_not_found".to_owned()));
    }
    for id in ["nonsense", "01890a5d-ac96-774b-bcce-b302099a8057"] {
        let answer = app.get(&format!("{VALIDATIONS}/{id}")).await;
        assert_eq!(answer.problem(), (404, "validation_not_found".to_owned()));
    }
}

#[tokio::test]
async fn so_many_validations_run_at_once() {
    let app = app().await;
    let gates = [app.store.hold_scan_after(0), app.store.hold_scan_after(0)];
    let (first, second) = (rules(), rules());
    let (first, second) = tokio::join!(start(&app, &first), start(&app, &second));
    assert_eq!((first.status, second.status), (202, 202));
    let refused = start(&app, &rules()).await;
    assert_eq!(refused.problem(), (503, "overloaded".to_owned()));
    assert_eq!((&refused.json()["budget"], refused.header("retry-after")), (&json!("validations"), "1"));
    assert_eq!(app.delete(&path_of(&first.json())).await.status, 204);
    assert_eq!(start(&app, &rules()).await.status, 200, "there is room again");
    gates.into_iter().for_each(eider_testkit::ScanGate::open);
    until(&app, &path_of(&second.json()), "done").await;
}

#[tokio::test]
async fn a_validation_that_fails_says_with_which_code() {
    let app = app().await;
    app.store.fail_next(Operation::Validate, StoreError::new(StoreErrorKind::StorageFull, "the disk is full"));
    assert_eq!(start(&app, &rules()).await.problem(), (507, "storage_full".to_owned()));
    app.store.fail_next(Operation::Validate, StoreError::unavailable("pool", "none free"));
    let answer = start(&app, &rules()).await;
    assert_eq!((answer.problem(), &answer.json()["budget"]), ((503, "overloaded".to_owned()), &json!("pool")));
    let listed = app.get(VALIDATIONS).await.json();
    let shown = |place: usize| (listed["data"][place]["state"].clone(), listed["data"][place]["failure"].clone());
    assert_eq!(
        [shown(0), shown(1)],
        [(json!("failed"), json!("overloaded")), (json!("failed"), json!("storage_full"))]
    );
}

#[tokio::test]
async fn what_meets_a_change_of_the_schema_is_made_again() {
    let app = app().await;
    let changed = || StoreError::new(StoreErrorKind::SchemaChanged, "the schema was changed");
    app.store.fail_next(Operation::Validate, changed());
    let started = start(&app, &rules()).await;
    assert_eq!((started.status, &started.json()["state"]), (200, &json!("done")));
    assert_eq!(app.get(VALIDATIONS).await.json()["data"].as_array().unwrap().len(), 1);
    app.store.fail_next(Operation::ApplySuggestions, changed());
    let applied = app.post(&format!("{}/apply", path_of(&started.json())), &Json::Null).await;
    assert_eq!(applied.status, 200, "{}", applied.text);
}

#[tokio::test]
async fn what_is_kept_expires_and_makes_room_for_others() {
    let app = app().await;
    let none = json!({"rules": [{"rule": "required", "property": "carrier"}]});
    let first = path_of(&start(&app, &none).await.json());
    for _ in 0..31 {
        start(&app, &none).await;
    }
    assert_eq!(app.get(&first).await.status, 200);
    start(&app, &none).await;
    assert_eq!(app.get(&first).await.status, 404, "the oldest of 33 made room");
    app.clock.advance(Duration::from_hours(1));
    assert_eq!(app.get(VALIDATIONS).await.json()["data"].as_array().unwrap().len(), 32);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(app.get(VALIDATIONS).await.json(), json!({"data": []}));
}

#[tokio::test]
async fn validations_belong_to_their_schema() {
    let app = app().await;
    let path = path_of(&start(&app, &rules()).await.json());
    let elsewhere = path.replace("flights", "ships");
    assert_eq!(app.get(&elsewhere).await.problem(), (404, "schema_not_found".to_owned()));
    assert_eq!(app.delete("/api/v1/schemas/flights").await.status, 204);
    app.clock.advance(Duration::from_secs(1));
    app.create_flights().await;
    assert_eq!(app.get(&path).await.problem(), (404, "validation_not_found".to_owned()), "it is another schema");
}

#[tokio::test]
async fn suggestions_of_chosen_rules_are_written() {
    let app = app().await;
    let spelt = json!({"rules": [
        {"rule": "standardize", "property": "carrier", "trim": true, "case": "upper", "name": "case"},
        {"rule": "values", "property": "carrier", "values": ["UA", "AA", "U"], "name": "list"},
        {"rule": "required", "property": "dep_delay"}]});
    let validation = start(&app, &spelt).await.json();
    let apply = format!("{}/apply", path_of(&validation));
    for (chosen, pointer) in [(json!(["nothing"]), "/rules/0"), (json!(["case", "required_dep_delay"]), "/rules/1")] {
        let refused = app.post(&apply, &json!({"rules": chosen})).await;
        assert_eq!(refused.problem(), (422, "rules_invalid".to_owned()));
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
    }
    assert_eq!(app.post(&apply, &json!({"rules": "case"})).await.problem(), (400, "malformed_request".to_owned()));

    let applied = app.post(&apply, &json!({"rules": ["CASE"]})).await.json();
    let expected = (&json!(2), &json!(6), &json!([{"name": "case", "changed": 2}]));
    assert_eq!((&applied["changed"], &applied["commit_seq"], &applied["rules"]), expected);
    let page = app.get("/api/v1/records/flights?version.eq=2&fields=carrier,flight").await.json();
    assert_eq!(page["data"], json!([{"carrier": "UA", "flight": 2}, {"carrier": "U", "flight": 3}]));
    let again = app.send(app.request("POST", &apply)).await.json();
    let nothing = json!([{"name": "case", "changed": 0}, {"name": "list", "changed": 0}]);
    assert_eq!((&again["changed"], &again["commit_seq"], &again["rules"]), (&json!(0), &json!(6), &nothing));
    assert_eq!(start(&app, &spelt).await.json()["suggestions"], 0);
}

#[tokio::test]
async fn suggestions_that_the_schema_refuses_are_problems() {
    let app = TestApp::start();
    let schema = json!({"name": "flights", "properties": [
        {"name": "code", "type": "string", "is_unique": true},
        {"name": "carrier", "type": "string", "constraints": {"pattern": "^[a-z]*$"}}]});
    assert_eq!(app.post("/api/v1/schemas", &schema).await.status, 201);
    app.load(json!([{"code": "A"}, {"code": "a", "carrier": "ua"}])).await;
    let upper = |property: &str| json!({"rules": [{"rule": "standardize", "property": property, "case": "upper"}]});
    for (property, status, code, violation) in [
        ("code", 409, "unique_violation", "unique_violation"),
        ("carrier", 422, "validation_failed", "pattern_mismatch"),
    ] {
        let validation = start(&app, &upper(property)).await.json();
        let refused = app.send(app.request("POST", &format!("{}/apply", path_of(&validation)))).await;
        assert_eq!(refused.problem(), (status, code.to_owned()));
        let error = refused.json()["errors"][0].clone();
        assert_eq!((&error["code"], &error["pointer"]), (&json!(violation), &json!(format!("/{property}"))));
    }
}

#[tokio::test]
async fn suggestions_follow_the_property_that_was_checked_and_not_its_name() {
    let app = app().await;
    let schema = "/api/v1/schemas/pairs";
    let string = |name: &str| json!({"name": name, "type": "string"});
    let definition = json!({"name": "pairs", "properties": [string("a"), string("b"), string("c")]});
    assert_eq!(app.post("/api/v1/schemas", &definition).await.status, 201);
    let record = json!({"a": "keep", "b": "bb", "c": "cc"});
    assert_eq!(app.post("/api/v1/records/pairs", &record).await.status, 201);
    let upper = |name: &str| json!({"rule": "standardize", "property": name, "case": "upper"});
    let started = app.post(&format!("{schema}/validations"), &json!({"rules": [upper("b"), upper("c")]})).await.json();
    let apply = format!("{schema}/validations/{}/apply", started["id"].as_str().unwrap());
    let patch = async |change: Json| {
        let answer = app.send(app.request("PATCH", schema).json(&change)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    patch(json!({"change": {"a": {"name": "b"}, "b": {"name": "a"}, "c": {"constraints": {"max_length": 3}}}})).await;
    let refused = app.send(app.request("POST", &apply)).await;
    assert_eq!(refused.problem(), (422, "rules_invalid".to_owned()));
    assert_eq!(refused.json()["errors"][0]["code"], json!("contradictory_change"));
    let applied = app.post(&apply, &json!({"rules": ["standardize_b"]})).await;
    assert_eq!((applied.status, &applied.json()["changed"]), (200, &json!(1)), "{}", applied.text);
    let page = app.get("/api/v1/records/pairs?fields=a,b,c").await.json();
    assert_eq!(page["data"], json!([{"a": "BB", "b": "keep", "c": "cc"}]));
    // Another property of the name is not the one that was checked.
    patch(json!({"drop": ["a"]})).await;
    patch(json!({"add": [string("a")]})).await;
    let refused = app.post(&apply, &json!({"rules": ["standardize_b"]})).await;
    assert_eq!(refused.problem(), (422, "rules_invalid".to_owned()));
}

#[tokio::test]
async fn rules_that_undo_each_other_are_named() {
    let app = app().await;
    let rule = |name: &str, spellings: Json| json!({"rule": "standardize", "property": "carrier", "name": name, "spellings": spellings});
    let rules =
        json!({"rules": [rule("there", json!({"UA": "m", "AA": "n"})), rule("back", json!({"m": "AA", "n": "UA"}))]});
    let started = start(&app, &rules).await.json();
    let refused = app.send(app.request("POST", &format!("{}/apply", path_of(&started)))).await;
    assert_eq!(refused.problem(), (422, "rules_invalid".to_owned()));
    let error = refused.json()["errors"][0].clone();
    assert!(error["detail"].as_str().unwrap().contains("there, back"), "{error}");
    assert_eq!(app.get("/api/v1/records/flights/count?version.gt=1").await.json()["count"], json!(0));
}

#[tokio::test]
async fn metrics_count_the_outcomes_of_validations() {
    let app = app().await;
    start(&app, &rules()).await;
    app.store.fail_next(Operation::Validate, StoreError::new(StoreErrorKind::Internal, "it failed"));
    start(&app, &rules()).await;
    let _gate = app.store.hold_scan_after(0);
    let path = path_of(&start(&app, &rules()).await.json());
    let value = |text: &str, name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
    };
    let statistics = app.get("/metrics").await.text;
    assert!((value(&statistics, "eider_validations_running") - 1.0).abs() < f64::EPSILON);
    app.delete(&path).await;
    app.store.wait_for_open_scans(0).await;
    let ended = |outcome: &str| format!("eider_validations_ended_total{{outcome=\"{outcome}\"}}");
    let reached = async {
        loop {
            let statistics = app.get("/metrics").await.text;
            if value(&statistics, &ended("cancelled")) > 0.0 {
                return statistics;
            }
        }
    };
    let statistics = tokio::time::timeout(PATIENCE, reached).await.unwrap();
    for (name, expected) in [
        (ended("done"), 1.0),
        (ended("failed"), 1.0),
        (ended("cancelled"), 1.0),
        ("eider_validations_running".to_owned(), 0.0),
        ("eider_validation_duration_seconds_count".to_owned(), 3.0),
    ] {
        assert!((value(&statistics, &name) - expected).abs() < f64::EPSILON, "{name} in {statistics}");
    }
}
