//! Backups at the edge. What is in them is tried on the binary.

use crate::app::TestApp;

#[tokio::test]
async fn a_store_that_takes_no_copies_says_so() {
    let app = TestApp::start();
    let answer = app.get("/api/v1/backup").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (501, Some("unsupported")), "{}", answer.text);
}

#[tokio::test]
async fn a_backup_that_nobody_took_is_not_found() {
    let app = TestApp::start();
    let answer = app.get("/api/v1/backup/019a0000-0000-7000-8000-000000000000").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("backup_not_found")), "{}", answer.text);
    let answer = app.delete("/api/v1/backup").await;
    assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD, OPTIONS"));
}
