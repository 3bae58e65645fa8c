//! A query body: accepted conditions are the same when they are written out.
#![no_main]

use eider_http_api::reading::{Query, query_body};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value as Json, json};

fuzz_target!(|text: &[u8]| {
    let Ok(document) = serde_json::from_slice::<Json>(text) else { return };
    let schema = eider_fuzz::schema();
    let (filter, having) = match query_body(&document, &schema) {
        Ok(Query::Records(query)) => (query.filter, None),
        Ok(Query::Groups(aggregation)) => (aggregation.filter, Some(aggregation.having)),
        Err(_) => return,
    };
    let conditions = filter.condition_count() + having.map_or(0, |having| having.condition_count());
    assert!(conditions <= 100);
    let written = json!({"where": eider_fuzz::filter_json(&filter)});
    match query_body(&written, &schema) {
        Ok(Query::Records(query)) => assert_eq!(query.filter, filter, "{written}"),
        other => panic!("{written}: {other:?}"),
    }
});
