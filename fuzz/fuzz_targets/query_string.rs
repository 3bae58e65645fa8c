//! The query string of a page: accepted filters are the same when they are written out.
#![no_main]

use eider_http_api::reading::query_string;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let schema = eider_fuzz::schema();
    let Ok(query) = query_string(text, &schema) else { return };
    assert!(query.filter.condition_count() <= 100 && query.sort.len() <= 20);
    if let Some(written) = eider_fuzz::filter_text(&query.filter) {
        let again = query_string(&written, &schema).expect("what was accepted is accepted");
        assert_eq!(again.filter, query.filter, "{written}");
    }
});
