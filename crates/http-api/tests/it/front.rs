//! Where a newcomer begins: `/`, `/api/v1` and the icon.

use std::collections::BTreeSet;

use serde_json::json;

use crate::app::{Answer, TestApp};

/// What Firefox and Chromium send when an address is typed.
const BROWSERS: [&str; 2] = [
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
];

async fn accepting(app: &TestApp, accept: &str) -> Answer {
    app.send(app.request("GET", "/").header("accept", accept)).await
}

#[tokio::test]
async fn a_browser_is_sent_to_the_page() {
    let app = TestApp::start();
    let others = ["text/html", "text/*", "application/json;q=0.5, text/html;q=0.6", "TEXT/HTML, application/json"];
    for accept in BROWSERS.into_iter().chain(others) {
        let answer = accepting(&app, accept).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/docs"), "{accept}");
        assert_eq!((answer.header("vary"), answer.text.as_str()), ("accept", ""), "{accept}");
    }
    assert_eq!(app.get("/docs").await.status, 200);
}

#[tokio::test]
async fn everybody_else_is_told_what_this_is() {
    let app = TestApp::start();
    let plain = app.get("/").await;
    assert_eq!((plain.status, plain.header("content-type")), (200, "application/json"), "{}", plain.text);
    assert_eq!((plain.header("vary"), plain.header("cache-control")), ("accept", "no-store"));
    assert_eq!(plain.json()["name"], "eider");
    assert_eq!(plain.json()["version"], env!("CARGO_PKG_VERSION"));
    for accept in [
        "*/*",
        "",
        "application/json",
        "application/json, text/html",
        "text/html;q=0.9, application/json",
        "text/html;q=0, */*",
        "image/png",
        "not a media type",
    ] {
        let answer = accepting(&app, accept).await;
        assert_eq!((answer.status, answer.header("vary")), (200, "accept"), "{accept}");
        assert_eq!(answer.text, plain.text, "{accept}");
    }
}

#[tokio::test]
async fn every_link_leads_somewhere() {
    let app = TestApp::start();
    for path in ["/", "/api/v1"] {
        let links = app.get(path).await.json()["links"].as_object().unwrap().clone();
        let names: Vec<&str> = links.keys().map(String::as_str).collect();
        assert_eq!(names, ["api", "documentation", "openapi", "health", "metrics"], "{path}");
        for link in links.values() {
            let link = link.as_str().unwrap();
            assert_eq!(app.get(link).await.status, 200, "{link}");
        }
    }
}

#[tokio::test]
async fn the_base_of_the_api_lists_the_routes_that_there_are() {
    let app = TestApp::start();
    let answer = app.get("/api/v1").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{}", answer.text);
    assert_eq!(app.get("/api/v1/").await.text, answer.text, "a slash more changes nothing");
    let mut listed = BTreeSet::new();
    for resource in answer.json()["resources"].as_array().unwrap() {
        let path = resource["path"].as_str().unwrap();
        for (method, sentence) in resource["methods"].as_object().unwrap() {
            assert!(sentence.as_str().unwrap().ends_with('.'), "{method} {path}: {sentence}");
            listed.insert((path.to_owned(), method.clone()));
        }
    }
    let document = app.get("/openapi.json").await.json();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/api/v1/")) {
        described.extend(item.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase())));
    }
    assert!(listed.len() > 30, "{listed:?}");
    assert_eq!(listed, described);
}

#[tokio::test]
async fn no_key_is_needed_to_find_the_way() {
    let app = TestApp::with_flights().await;
    let open = [app.get("/").await.text, app.get("/api/v1").await.text];
    app.keys.replace(Vec::new());
    for path in ["/", "/favicon.ico", "/api/v1", "/api/v1/"] {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
    assert_eq!([app.get("/").await.text, app.get("/api/v1").await.text], open, "it is the same for everybody");
    assert!(open.iter().all(|text| !text.contains("flights")), "{open:?}");
    for path in ["/api/v1", "/api/v1/"] {
        let wrong = app.send(app.request("GET", path).bearer_auth("wrong")).await;
        assert_eq!(wrong.problem(), (401, "unauthorized".to_owned()), "{path}: as with the description of the API");
    }
    for path in ["/metrics", "/api/v1/schemas", "/api/v1//", "//", "/favicon.ico/"] {
        assert_eq!(app.get(path).await.problem(), (401, "unauthorized".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn methods_and_parameters_that_there_are_not_are_refused() {
    let app = TestApp::start();
    for path in ["/", "/favicon.ico", "/api/v1", "/api/v1/"] {
        let refused = app.post(path, &json!({})).await;
        assert_eq!((refused.problem().0, refused.header("allow")), (405, "GET, HEAD, OPTIONS"), "{path}");
        let refused = app.get(&format!("{path}?a=1")).await;
        assert_eq!(refused.problem(), (400, "unknown_parameter".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn the_icon_is_kept_by_browsers() {
    let app = TestApp::start();
    let response = app.request("GET", "/favicon.ico").send().await.unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((response.status().as_u16(), header("content-type")), (200, "image/vnd.microsoft.icon".to_owned()));
    assert_eq!(header("cache-control"), "public, max-age=604800");
    let tag = header("etag");
    let icon = response.bytes().await.unwrap();
    // ICONDIR: reserved, of icons, two of them; each is a PNG at the place that its entry names.
    assert_eq!(icon[..6], [0, 0, 1, 0, 2, 0]);
    for (entry, size) in [(&icon[6..22], 16), (&icon[22..38], 32)] {
        let number = |at: usize| u32::from_le_bytes(entry[at..at + 4].try_into().unwrap()) as usize;
        let image = &icon[number(12)..number(12) + number(8)];
        assert_eq!((entry[0], entry[1]), (size, size));
        assert!(image.starts_with(b"\x89PNG\r\n\x1a\n") && image[16..24] == [0, 0, 0, size, 0, 0, 0, size]);
    }
    let known = app.send(app.request("GET", "/favicon.ico").header("if-none-match", &tag)).await;
    assert_eq!((known.status, known.header("etag"), known.text.as_str()), (304, tag.as_str(), ""));
    let other = app.send(app.request("GET", "/favicon.ico").header("if-none-match", "\"other\"")).await;
    assert_eq!(other.status, 200);
}
