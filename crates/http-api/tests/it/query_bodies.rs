//! Queries as JSON bodies: pages, aggregations and streams.

use std::time::Duration;

use eider_application::ingest::IngestLimits;
use eider_application::ports::{StoreError, StoreErrorKind};
use eider_http_api::HttpSettings;
use eider_testkit::Operation;
use serde_json::{Value as Json, json};

use crate::app::{Answer, TestApp, broken_body};

const QUERY: &str = "/api/v1/records/flights/query";
const STREAM: &str = "/api/v1/records/flights/stream";

async fn load(app: &TestApp) {
    app.load(json!([
        {"carrier": "UA", "flight": 1, "dep_delay": 10.5, "time_hour": "2013-01-01T10:00:00Z"},
        {"carrier": "AA", "flight": 2, "dep_delay": -3, "time_hour": "2013-01-01T11:00:00Z"},
        {"carrier": "B6", "flight": 3, "dep_delay": null, "time_hour": "2013-01-02T00:00:00Z"},
        {"carrier": "UA", "flight": 4, "dep_delay": 90, "time_hour": "2013-01-02T09:00:00Z"},
    ]))
    .await;
}

async fn app() -> TestApp {
    let app = TestApp::with_flights().await;
    load(&app).await;
    app
}

fn flights_of(answer: &Answer) -> Vec<i64> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["data"].as_array().unwrap().iter().map(|record| record["flight"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn conditions_are_joined_by_and_or_and_not() {
    let app = app().await;
    let carrier = |name: &str| json!({"field": "carrier", "op": "eq", "value": name});
    let late = json!({"field": "dep_delay", "op": "gte", "value": 10.5});
    for (tree, expected) in [
        (carrier("UA"), vec![1, 4]),
        (json!({"and": [carrier("UA"), late]}), vec![1, 4]),
        (json!({"or": [carrier("B6"), {"field": "flight", "operator": "in", "value": [2]}]}), vec![2, 3]),
        (json!({"not": carrier("UA")}), vec![2, 3]),
        (json!({"not": late}), vec![2]),
        (json!({"and": [{"or": [carrier("UA"), carrier("AA")]}, {"not": {"and": [carrier("UA"), late]}}]}), vec![2]),
        (json!({"and": []}), vec![1, 2, 3, 4]),
        (json!({"or": []}), vec![]),
        (json!({"field": "dep_delay", "op": "is_null"}), vec![3]),
        (Json::Null, vec![1, 2, 3, 4]),
    ] {
        let answer = app.post(QUERY, &json!({"where": tree})).await;
        assert_eq!(flights_of(&answer), expected, "{tree}");
    }
}

#[tokio::test]
async fn a_body_selects_sorts_counts_and_goes_on_behind_a_cursor() {
    let app = app().await;
    let mut body = json!({"select": ["flight", "carrier"], "limit": 3, "count": "exact",
        "sort": [{"field": "carrier", "order": "desc"}, "-flight"]});
    let first = app.post(QUERY, &body).await;
    assert_eq!(flights_of(&first), [4, 1, 3]);
    assert_eq!(first.json()["data"][0], json!({"flight": 4, "carrier": "UA"}));
    assert_eq!(first.json()["page"]["total"], 4);
    assert_eq!(first.header("link"), "", "a link cannot hold a body");
    body["cursor"] = first.json()["page"]["next"].clone();
    let second = app.post(QUERY, &body).await;
    assert_eq!(flights_of(&second), [2]);
    assert_eq!(second.json()["page"]["has_more"], false);
    body["where"] = json!({"field": "flight", "op": "gt", "value": 0});
    assert_eq!(app.post(QUERY, &body).await.problem(), (400, "invalid_cursor".to_owned()));
}

#[tokio::test]
async fn the_method_query_asks_the_same() {
    let app = app().await;
    let request = app.request("QUERY", "/api/v1/records/flights").json(&json!({"limit": 1}));
    assert_eq!(flights_of(&app.send(request).await), [1]);
    let refused = app.send(app.request("PUT", "/api/v1/records/flights")).await;
    assert_eq!(refused.header("allow"), "DELETE, GET, POST, QUERY, HEAD, OPTIONS");
}

#[tokio::test]
async fn an_aggregation_has_keys_figures_having_and_an_order() {
    let app = app().await;
    let body = json!({
        "where": {"field": "flight", "op": "gt", "value": 0},
        "group_by": ["carrier", {"date_trunc": "day", "field": "time_hour", "as": "day"}],
        "aggregate": [{"fn": "count", "as": "n"}, {"fn": "avg", "field": "dep_delay", "as": "mean_delay"},
            {"fn": "quantile", "p": 0.5, "field": "flight", "as": "median"}, {"fn": "max", "field": "time_hour"}],
        "having": {"not": {"field": "carrier", "op": "eq", "value": "B6"}},
        "sort": [{"field": "mean_delay", "order": "desc"}], "limit": 2});
    let answer = app.post(QUERY, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let expected = json!({"data": [
        {"carrier": "UA", "day": "2013-01-02T00:00:00.000000Z", "n": 1, "mean_delay": 90.0, "median": 4.0,
            "max_time_hour": "2013-01-02T09:00:00.000000Z"},
        {"carrier": "UA", "day": "2013-01-01T00:00:00.000000Z", "n": 1, "mean_delay": 10.5, "median": 1.0,
            "max_time_hour": "2013-01-01T10:00:00.000000Z"}],
        "page": {"limit": 2, "has_more": true, "next": null, "total": null}});
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn groups_come_in_every_format_and_as_streams() {
    let app = app().await;
    let body = json!({"group_by": ["carrier"], "aggregate": [{"fn": "sum", "field": "flight"}]});
    let csv = app.post(&format!("{QUERY}?format=csv"), &body).await;
    assert_eq!(csv.text, "carrier,sum_flight\r\nAA,2\r\nB6,3\r\nUA,5\r\n");
    let lines = app.post(STREAM, &body).await;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let expected = "{\"carrier\":\"AA\",\"sum_flight\":2}\n{\"carrier\":\"B6\",\"sum_flight\":3}\n{\"carrier\":\"UA\",\"sum_flight\":5}\n";
    assert_eq!(lines.text, expected);
    let nothing = json!({"where": {"or": []}, "group_by": ["carrier"], "aggregate": [{"fn": "count"}]});
    assert_eq!(app.post(&format!("{STREAM}?format=csv"), &nothing).await.text, "carrier,count\r\n");
    let limited = json!({"group_by": ["carrier"], "limit": 1});
    assert_eq!(app.post(STREAM, &limited).await.text, "{\"carrier\":\"AA\"}\n");
}

#[tokio::test]
async fn a_stream_takes_a_query_body_and_goes_on_behind_its_cursors() {
    let app = app().await;
    let body =
        json!({"where": {"field": "carrier", "op": "ne", "value": "B6"}, "select": ["flight"], "sort": ["-flight"]});
    assert_eq!(app.post(STREAM, &body).await.text, "{\"flight\":4}\n{\"flight\":2}\n{\"flight\":1}\n");
    let framed = app.post(&format!("{STREAM}?profile=framed&checkpoint_rows=1"), &body).await;
    let lines: Vec<Json> = framed.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let cursor = lines.iter().find(|line| line["t"] == "cursor").unwrap()["cursor"].as_str().unwrap();
    let rest = app.post(&format!("{STREAM}?resume={cursor}"), &body).await;
    assert_eq!(rest.text, "{\"flight\":2}\n{\"flight\":1}\n");
    for (path, body) in [
        (STREAM.to_owned(), json!({"cursor": cursor})),
        (STREAM.to_owned(), json!({"count": "exact"})),
        (format!("{STREAM}?profile=framed"), json!({"group_by": ["carrier"]})),
        (format!("{STREAM}?resume={cursor}"), json!({"group_by": ["carrier"]})),
    ] {
        assert_eq!(app.post(&path, &body).await.problem(), (400, "invalid_parameter".to_owned()), "{path} {body}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_said_with_its_place() {
    let app = app().await;
    let condition = |value: Json| json!({"where": {"and": [{"field": "flight", "op": "eq", "value": 1}, value]}});
    for (body, code, detail) in [
        (json!({"wher": {}}), "unknown_parameter", "there is no member `wher`; did you mean `where`?"),
        (json!([]), "invalid_parameter", "expected an object"),
        (
            condition(json!({"field": "carier", "op": "eq"})),
            "unknown_property",
            "`/where/and/1`: there is no property `carier`; did you mean `carrier`?",
        ),
        (condition(json!({"field": "carrier", "op": "eqq"})), "unknown_operator", "did you mean `eq`?"),
        (
            condition(json!({"field": "flight", "op": "gt", "value": "x"})),
            "invalid_filter",
            "`/where/and/1`: the value of `flight.gt`",
        ),
        (condition(json!({"field": "flight", "op": "eq"})), "invalid_filter", "null is never equal"),
        (condition(json!({"field": "flight"})), "invalid_parameter", "`/where/and/1`: `op` is missing"),
        (condition(json!({"op": "eq"})), "invalid_parameter", "`/where/and/1`: `field` is missing"),
        (condition(json!({"and": [], "field": "flight"})), "invalid_parameter", "`/where/and/1/and`: it stands alone"),
        (json!({"where": {"and": {}}}), "invalid_parameter", "`/where/and`: expected a list"),
        (json!({"select": ["nope"]}), "unknown_property", "`/select/0`"),
        (json!({"sort": [{"field": "flight", "order": "up"}]}), "invalid_parameter", "`/sort/0/order`: an order is"),
        (json!({"sort": ["flight", "-Flight"]}), "invalid_parameter", "`/sort/1`: `flight` is given twice"),
        (json!({"sort": ["extra"]}), "invalid_parameter", "which has no order"),
        (json!({"limit": 0}), "invalid_parameter", "`/limit`: expected a whole number from 1"),
        (json!({"limit": 10_001}), "invalid_limit", "stream the query to read everything"),
        (json!({"count": "maybe"}), "invalid_parameter", "`/count`: it takes none, exact"),
        (json!({"timeout_ms": 60_001}), "invalid_parameter", "`/timeout_ms`: a query may take 60000 ms at most"),
        (
            json!({"aggregate": [{"fn": "average", "field": "flight"}]}),
            "invalid_aggregation",
            "`/aggregate/0`: there is no function `average`",
        ),
        (
            json!({"aggregate": [{"fn": "sum", "field": "carrier"}]}),
            "invalid_aggregation",
            "`sum` does not apply to `carrier`",
        ),
        (json!({"aggregate": [{"fn": "quantile", "field": "flight"}]}), "invalid_aggregation", "needs a `p`"),
        (json!({"aggregate": [{"fn": "count", "as": ""}]}), "invalid_parameter", "`/aggregate/0/as`: a name must not"),
        (
            json!({"group_by": [{"field": "time_hour", "date_trunc": "dya"}]}),
            "invalid_aggregation",
            "did you mean `day`?",
        ),
        (json!({"group_by": [{"field": "flight", "date_trunc": "day"}]}), "invalid_aggregation", "not cut to a day"),
        (json!({"group_by": ["extra"]}), "invalid_aggregation", "make no groups"),
        (json!({"group_by": []}), "invalid_aggregation", "at least one of"),
        (json!({"group_by": ["carrier", "Carrier"]}), "invalid_aggregation", "two columns are called"),
        (json!({"group_by": ["carrier"], "select": ["id"]}), "invalid_parameter", "`/select`: it does not go together"),
        (
            json!({"group_by": ["carrier"], "sort": ["flight"]}),
            "unknown_property",
            "`/sort/0`: there is no column `flight`",
        ),
        (
            json!({"group_by": ["carrier"], "having": {"field": "n", "op": "gt", "value": 1}}),
            "unknown_property",
            "`/having`: there is no column `n`",
        ),
    ] {
        let answer = app.post(QUERY, &body).await;
        assert_eq!(answer.problem(), (400, code.to_owned()), "{body}: {}", answer.text);
        assert!(answer.detail().contains(detail), "{body}: {}", answer.detail());
    }
    let place = app.post(QUERY, &condition(json!({"field": "flight"}))).await.json()["pointer"].clone();
    assert_eq!(place, "/where/and/1");
    assert_eq!(app.post_text(QUERY, "application/json", "{").await.problem(), (400, "malformed_json".to_owned()));
    assert_eq!(app.post_text(QUERY, "text/csv", "{}").await.problem(), (415, "unsupported_media_type".to_owned()));
    let filtered = app.post(&format!("{QUERY}?flight.eq=1"), &json!({})).await;
    assert_eq!(filtered.problem(), (400, "unknown_parameter".to_owned()));
}

#[tokio::test]
async fn a_query_has_so_many_parts_at_most() {
    let settings = HttpSettings {
        max_conditions: 3,
        max_filter_depth: 3,
        max_sort_keys: 1,
        max_columns: 2,
        ..HttpSettings::default()
    };
    let app = TestApp::start_with(settings, IngestLimits::default());
    app.create_flights().await;
    let one = json!({"field": "flight", "op": "gt", "value": 0});
    let count = json!({"field": "count", "op": "gt", "value": 0});
    let counted =
        |having: Json| json!({"where": {"and": [one, one]}, "aggregate": [{"fn": "count"}], "having": having});
    for allowed in [
        json!({"where": {"and": [one, one, one]}, "sort": ["flight"]}),
        json!({"where": {"not": {"or": [one]}}}),
        counted(count.clone()),
    ] {
        assert_eq!(app.post(QUERY, &allowed).await.status, 200, "{allowed}");
    }
    for refused in [
        json!({"where": {"and": [one, one, one, one]}}),
        json!({"where": {"not": {"not": {"not": one}}}}),
        counted(json!({"and": [count, count]})),
        json!({"sort": ["flight", "carrier"]}),
        json!({"group_by": ["flight", "carrier"], "aggregate": [{"fn": "count"}]}),
    ] {
        assert_eq!(app.post(QUERY, &refused).await.problem(), (400, "query_too_complex".to_owned()), "{refused}");
    }
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_interrupted() {
    let app = app().await;
    let _held = app.store.hold_scan_after(0);
    let answer = app.post(QUERY, &json!({"timeout_ms": 50})).await;
    assert_eq!(answer.problem(), (504, "timeout".to_owned()));
    assert_eq!(answer.detail(), "the query was interrupted after 50 ms");
    app.store.wait_for_open_scans(0).await;
    let _held = app.store.hold_scan_after(0);
    assert_eq!(app.post(STREAM, &json!({"timeout_ms": 50})).await.problem(), (504, "timeout".to_owned()));
    app.store.wait_for_open_scans(0).await;

    let settings = HttpSettings { query_timeout: Duration::from_millis(50), ..HttpSettings::default() };
    let app = TestApp::start_with(settings, IngestLimits::default());
    app.create_flights().await;
    load(&app).await;
    let _held = app.store.hold_scan_after(0);
    assert_eq!(app.get("/api/v1/records/flights").await.problem(), (504, "timeout".to_owned()));
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_said_so() {
    let app = TestApp::with_flights().await;
    app.load(json!([{"carrier": "UA", "flight": i64::MAX, "dep_delay": f64::MAX}, {"carrier": "UA", "flight": 1, "dep_delay": f64::MAX}]))
        .await;
    for field in ["flight", "dep_delay"] {
        let body = json!({"aggregate": [{"fn": "sum", "field": field}]});
        for path in [QUERY, STREAM] {
            let answer = app.post(path, &body).await;
            assert_eq!(answer.problem(), (422, "figure_out_of_range".to_owned()), "{field} {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_failing_aggregation_has_its_status_before_the_first_group_and_breaks_off_later() {
    let app = app().await;
    app.store.fail_next(Operation::Aggregate, StoreError::new(StoreErrorKind::Internal, "planted"));
    let body = json!({"group_by": ["flight"], "aggregate": [{"fn": "sum", "field": "dep_delay"}]});
    assert_eq!(app.post(STREAM, &body).await.problem(), (500, "internal".to_owned()));
    // The in-memory store hands out three groups at a time: the fourth is one whose sum is no number.
    app.load(json!([{"carrier": "ZZ", "flight": 9, "dep_delay": f64::MAX}, {"carrier": "ZZ", "flight": 9, "dep_delay": f64::MAX}]))
        .await;
    let response = app.request("POST", STREAM).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let text = String::from_utf8(broken_body(response).await).unwrap();
    let last: Json = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["$error"]["code"], "figure_out_of_range", "{text}");
}

#[tokio::test]
async fn an_answer_to_a_body_is_kept_until_the_next_commit() {
    let app = app().await;
    let groups = json!({"group_by": ["carrier"], "aggregate": [{"fn": "count"}]});
    for (body, operation) in [(groups, Operation::Aggregate), (json!({"sort": ["-flight"]}), Operation::Scan)] {
        let first = app.post(QUERY, &body).await;
        app.store.fail_next(operation, StoreError::new(StoreErrorKind::Internal, "planted"));
        let second = app.post(QUERY, &body).await;
        assert_eq!((second.status, &second.text), (200, &first.text), "nothing is asked");
        let known = app.request("POST", QUERY).header("if-none-match", first.header("etag")).json(&body);
        assert_eq!(app.send(known).await.status, 304);
        app.load(json!([{"carrier": "ZZ", "flight": 7}])).await;
        assert_eq!(app.post(QUERY, &body).await.status, 500, "a commit has it asked anew");
        let later = app.post(QUERY, &body).await;
        assert_ne!((later.text.as_str(), later.header("etag")), (first.text.as_str(), first.header("etag")));
    }
}
