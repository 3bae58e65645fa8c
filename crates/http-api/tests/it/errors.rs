//! The `type` of every problem leads to what it means.

use eider_application::ErrorCode;
use serde_json::json;

use crate::app::TestApp;

const PAGE: &str = include_str!("../../../../docs/reference/errors.md");

#[tokio::test]
async fn every_code_is_explained_to_everybody() {
    let app = TestApp::start();
    app.keys.replace(Vec::new());
    for code in ErrorCode::ALL {
        let path = format!("/errors/{code}");
        let answer = app.get(&path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{path}");
        assert_eq!((answer.header("vary"), answer.header("cache-control")), ("accept", "public, max-age=3600"));
        let said = answer.json();
        let section = PAGE.split(&format!("\n### {code}\n\n")).nth(1).unwrap();
        let status: u16 = section.split('.').next().unwrap().parse().unwrap();
        let retryable = code.is_retryable();
        let expected = json!({"type": path, "title": code.title(), "status": status, "code": code.name(),
            "meaning": said["meaning"], "retryable": retryable});
        assert_eq!(said, expected);
        let meaning = said["meaning"].as_str().unwrap();
        assert!(
            meaning.len() > 20 && meaning.starts_with(|first: char| first.is_uppercase() || first == '`'),
            "{meaning}"
        );
        assert!(meaning.ends_with('.') && !meaning.contains("](") && !meaning.contains('\n'), "{meaning}");

        let page = app.send(app.request("GET", &path).header("accept", "text/html, */*;q=0.8")).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
        // One that is long may be compressed as well.
        assert_eq!(page.header("vary").split(", ").next(), Some("accept"), "{path}");
        assert!(page.text.starts_with("<!doctype html>") && page.text.contains(&format!("<title>{code}</title>")));
        assert!(page.text.contains(&format!("HTTP status: {status} ")) && !page.text.contains('`'), "{}", page.text);
        assert_eq!(page.text.contains("may succeed later"), retryable, "{path}");
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    }
}

#[tokio::test]
async fn the_type_of_a_problem_is_where_it_is_explained() {
    let app = TestApp::start();
    for path in
        ["/nowhere", "/api/v1/schemas/absent", "/api/v1/schemas?a=1", "/errors/absent", "/errors/", "/errors/a/b"]
    {
        let problem = app.get(path).await;
        let (status, code) = problem.problem();
        let explained = app.get(problem.json()["type"].as_str().unwrap()).await.json();
        let (known, named) = (&explained["status"], &explained["code"]);
        assert_eq!((known, named), (&json!(status), &json!(code)), "{path}");
    }
    for path in ["/errors/absent", "/errors/Internal", "/errors/", "/errors/internal/"] {
        assert_eq!(app.get(path).await.problem(), (404, "route_not_found".to_owned()), "{path}");
    }
    assert_eq!(app.get("/errors/internal?a=1").await.problem(), (400, "unknown_parameter".to_owned()));
    assert_eq!(app.post("/errors/internal", &json!({})).await.problem().0, 405);
}
