//! The answers of routes that are problems.

use std::collections::BTreeMap;

use eider_application::ErrorCode::{self, Overloaded, RateLimited};
use serde_json::{Map, Value as Json, json};

use crate::api::Route;
use crate::error::{PROBLEM_JSON, status_of};

/// The answers of a route that are problems, by status.
pub(super) fn responses(route: &Route) -> Map<String, Json> {
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in route.all_problems() {
        by_status.entry(status_of(code).as_u16()).or_default().push(code);
    }
    by_status.into_iter().map(|(status, codes)| (status.to_string(), response(status, &codes))).collect()
}

fn response(status: u16, codes: &[ErrorCode]) -> Json {
    let names: Vec<&str> = codes.iter().map(|code| code.name()).collect();
    let meanings: Vec<String> = codes.iter().map(|code| format!("- `{code}`: {}.", code.title())).collect();
    let schema = json!({
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "properties": {"status": {"const": status}, "code": {"enum": names}},
    });
    let mut response = json!({"description": meanings.join("\n"), "content": {PROBLEM_JSON: {"schema": schema}}});
    if codes.contains(&Overloaded) || codes.contains(&RateLimited) {
        response["headers"] = json!({"Retry-After": {
            "description": "In how many seconds to try again.", "schema": {"type": "integer"}}});
    }
    response
}
