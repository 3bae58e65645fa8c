//! Records that are refused: each with its code, and nothing stored.

use serde_json::json;

use crate::app::TestApp;

/// A body, the status and the code of the problem, and the code of its first violation.
const REFUSED: [(&str, u16, &str, &str); 19] = [
    ("{\"carrier\": ", 400, "malformed_json", ""),
    ("", 400, "malformed_json", ""),
    (r#"{"carrier": "UA"} {"#, 400, "malformed_json", ""),
    (r#"{"carrier": "UA", "dep_delay": NaN}"#, 400, "malformed_json", ""),
    ("[1]", 422, "validation_failed", "not_an_object"),
    (r#"{"carrier": "UA", "planet": "Mars"}"#, 422, "validation_failed", "unknown_property"),
    (r#"{"carrier": "UA", "flight": "12"}"#, 422, "validation_failed", "type_mismatch"),
    (r#"{"carrier": "UA", "flight": 1.5}"#, 422, "validation_failed", "type_mismatch"),
    (r#"{"carrier": "UA", "flight": 9223372036854775808}"#, 422, "validation_failed", "out_of_range"),
    (r#"{"carrier": "UA", "dep_delay": 1e400}"#, 422, "validation_failed", "out_of_range"),
    (r#"{"carrier": "UA", "dep_delay": "NaN"}"#, 422, "validation_failed", "type_mismatch"),
    (r#"{"carrier": "UA", "time_hour": 1356998400}"#, 422, "validation_failed", "type_mismatch"),
    (r#"{"carrier": "UA", "time_hour": "2013-02-30T00:00:00Z"}"#, 422, "validation_failed", "invalid_value"),
    ("{}", 422, "validation_failed", "required_missing"),
    (r#"{"carrier": null}"#, 422, "validation_failed", "required_missing"),
    (r#"{"carrier": "UA", "carrier": "AA"}"#, 422, "validation_failed", "duplicate_key"),
    (r#"{"carrier": "UAL"}"#, 422, "validation_failed", "too_long"),
    (r#"{"carrier": "UA", "id": "7"}"#, 422, "validation_failed", "invalid_value"),
    (r#"{"carrier": "UA", "created_at": "2013-01-01T00:00:00Z"}"#, 422, "validation_failed", "read_only"),
];

#[tokio::test]
async fn a_bad_record_is_refused_and_nothing_is_stored() {
    let app = TestApp::with_flights().await;
    for (body, status, code, violation) in REFUSED {
        let answer = app.post_text("/api/v1/records/flights", "application/json", body).await;
        assert_eq!(answer.problem(), (status, code.to_owned()), "{body}");
        if !violation.is_empty() {
            assert_eq!(answer.json()["errors"][0]["code"], violation, "{body}");
        }
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn a_bad_record_in_a_bulk_body_is_named_by_its_line() {
    let app = TestApp::with_flights().await;
    // What cannot stand on a line of its own, or would not be one element, is left out.
    for (body, _, code, violation) in REFUSED.into_iter().filter(|(body, ..)| !body.is_empty() && !body.ends_with('{'))
    {
        let expected = if violation.is_empty() { code } else { violation };
        let lines = format!("{{\"carrier\":\"AA\"}}\n{body}\n{{\"carrier\":\"AA\"}}\n");
        let answer = app.post_text("/api/v1/records/flights/bulk", "application/x-ndjson", lines).await;
        assert_eq!(answer.problem(), (422, "validation_failed".to_owned()), "{body}");
        assert_eq!(answer.json()["failures"][0]["line"], 2, "{body}");
        assert_eq!(answer.json()["failures"][0]["code"], expected, "{body}");
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn a_problem_names_the_types_and_the_nearest_name() {
    let app = TestApp::with_flights().await;
    let answer =
        app.post("/api/v1/records/flights", &json!({"carrier": "UA", "flight": "12", "dep_dealy": 1})).await.json();
    assert_eq!(
        answer["errors"][0],
        json!({
            "pointer": "/flight", "code": "type_mismatch", "expected": "integer", "actual": "string",
            "detail": "expected a whole number from -9223372036854775808 to 9223372036854775807, found string",
        })
    );
    assert_eq!(answer["errors"][1]["detail"], "the schema has no property `dep_dealy`; did you mean `dep_delay`?");
}
