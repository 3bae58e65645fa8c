//! Pages by cursor and by number, and counts.

use serde_json::{Value as Json, json};

use crate::app::{MAX_PAGE_BYTES, TestApp};

const PAGE: &str = "/api/v1/records/flights";

async fn app_with(count: i64) -> TestApp {
    let app = TestApp::with_flights().await;
    let records: Vec<Json> =
        (0..count).map(|n| json!({"carrier": if n % 2 == 0 { "UA" } else { "AA" }, "flight": n})).collect();
    app.load(records.into()).await;
    app
}

fn flights(answer: &Json) -> Vec<i64> {
    answer["data"].as_array().unwrap().iter().map(|record| record["flight"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn pages_follow_each_other_by_cursor_and_by_link() {
    let app = app_with(25).await;
    for query in ["limit=10", "limit=10&sort=carrier,-flight", "limit=10&sort=-carrier&fields=flight"] {
        let mut path = format!("{PAGE}?{query}");
        let mut seen = Vec::new();
        loop {
            let answer = app.get(&path).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let document = answer.json();
            seen.extend(flights(&document));
            assert_eq!(document["page"]["limit"], 10);
            assert_eq!(document["page"]["total"], json!(null));
            let Some(next) = document["page"]["next"].as_str() else {
                assert_eq!((&document["page"]["has_more"], answer.header("link")), (&json!(false), ""));
                break;
            };
            assert_eq!(document["page"]["has_more"], true);
            let link = answer.header("link");
            path = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).unwrap().to_owned();
            assert!(path.contains(&next.replace('-', "%2D").replace('_', "%5F")), "{path} {next}");
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..25).collect::<Vec<_>>(), "{query}");
    }
}

#[tokio::test]
async fn a_page_without_a_limit_has_a_hundred_records() {
    let app = app_with(101).await;
    let answer = app.get(PAGE).await.json();
    assert_eq!((flights(&answer).len(), &answer["page"]["has_more"]), (100, &json!(true)));
    assert_eq!(flights(&app.get(&format!("{PAGE}?limit=101")).await.json()).len(), 101);
}

#[tokio::test]
async fn numbered_pages_answer_how_many_there_are() {
    let app = app_with(25).await;
    let answer = app.get(&format!("{PAGE}?page=3&size=10&sort=flight")).await.json();
    assert_eq!(flights(&answer), [20, 21, 22, 23, 24]);
    assert_eq!(
        answer["page"],
        json!({"limit": 10, "has_more": false, "next": null, "total": 25, "page": 3, "pages": 3})
    );
    let beyond = app.get(&format!("{PAGE}?page=9&size=10")).await.json();
    assert_eq!((flights(&beyond).len(), &beyond["page"]["total"]), (0, &json!(25)));
    let answer = app.get(&format!("{PAGE}?page=1002&size=10")).await;
    assert_eq!(answer.problem(), (400, "invalid_parameter".to_owned()));
    assert!(answer.detail().contains("page.next"));
}

#[tokio::test]
async fn a_total_is_counted_on_request() {
    let app = app_with(25).await;
    let answer = app.get(&format!("{PAGE}?limit=1&count=exact&carrier.eq=UA")).await.json();
    assert_eq!(answer["page"]["total"], 13);
    assert_eq!(app.get(&format!("{PAGE}/count?carrier.eq=UA")).await.json(), json!({"count": 13}));
}

#[tokio::test]
async fn a_limit_is_refused_never_cut_down() {
    let app = app_with(1).await;
    for control in [
        "limit=0",
        "limit=-1",
        "limit=10001",
        "limit=ten",
        "limit=",
        "limit=1.5",
        "limit=99999999999999999999",
        "size=0",
        "size=10001",
    ] {
        let answer = app.get(&format!("{PAGE}?{control}")).await;
        assert_eq!(answer.problem(), (400, "invalid_limit".to_owned()), "{control}");
    }
    for control in ["page=0", "page=x", "page=1&limit=5", "page=1&cursor=x", "count=maybe", "limit=1&limit=2"] {
        let answer = app.get(&format!("{PAGE}?{control}")).await;
        assert_eq!(answer.problem(), (400, "invalid_parameter".to_owned()), "{control}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_query_is_refused() {
    let app = app_with(25).await;
    let answer = app.get(&format!("{PAGE}?limit=5&sort=flight")).await.json();
    let cursor = answer["page"]["next"].as_str().unwrap();
    for query in [
        format!("sort=-flight&cursor={cursor}"),
        format!("sort=flight&carrier.eq=UA&cursor={cursor}"),
        "cursor=abc".to_owned(),
    ] {
        let answer = app.get(&format!("{PAGE}?{query}")).await;
        assert_eq!(answer.problem(), (400, "invalid_cursor".to_owned()), "{query}");
    }
    // Another limit and other fields show other parts of the same result.
    let answer = app.get(&format!("{PAGE}?limit=7&sort=flight&fields=flight&cursor={cursor}")).await.json();
    assert_eq!(flights(&answer), (5..12).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_whose_records_are_too_large_is_refused_and_a_stream_of_them_is_not() {
    let app = TestApp::with_flights().await;
    let wide = json!({"carrier": "UA", "extra": {"text": "x".repeat(MAX_PAGE_BYTES / 10)}});
    app.load(Json::Array(vec![wide; 12])).await;
    let refused = app.get(PAGE).await;
    assert_eq!(refused.problem(), (400, "invalid_limit".to_owned()));
    assert!(refused.detail().contains(&MAX_PAGE_BYTES.to_string()), "{}", refused.text);
    assert_eq!(app.get(&format!("{PAGE}?limit=8")).await.status, 200);
    assert_eq!(app.get(&format!("{PAGE}?fields=id,carrier")).await.status, 200);
    assert_eq!(app.get(&format!("{PAGE}/stream")).await.text.lines().count(), 12);
}
