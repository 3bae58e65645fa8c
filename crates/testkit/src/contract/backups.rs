//! Copies of everything.

use eider_application::ports::StoreErrorKind;
use futures::TryStreamExt;
use serde_json::json;

use super::Fixture;

/// A copy has the bytes that it says it has, and names each schema with its last commit.
pub async fn a_copy_says_what_it_holds(fixture: Fixture) {
    let numbers = |name: &str| json!({"name": name, "properties": [{"name": "n", "type": "integer"}]});
    let (first, _empty) = (fixture.create(numbers("first")).await, fixture.create(numbers("empty")).await);
    let receipt = fixture.write(&first, json!([{"n": 1}, {"n": 2}])).await;
    let backup = fixture.backups().backup().await.expect("a copy begins");
    let schemas: Vec<(&str, u64)> = backup.schemas.iter().map(|(name, seq)| (name.as_str(), *seq)).collect();
    assert_eq!(schemas, [("empty", 0), ("first", receipt.commit_seq.expect("a commit"))]);
    let bytes =
        backup.pieces.try_fold(0, async |sum, piece| Ok(sum + piece.len() as u64)).await.expect("the copy ends");
    assert_eq!(bytes, backup.bytes);
}

/// One copy is taken at a time, and another when it is over. Writes go on meanwhile.
pub async fn one_copy_is_taken_at_a_time(fixture: Fixture) {
    let schema = fixture.create(json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]})).await;
    let backup = fixture.backups().backup().await.expect("a copy begins");
    let error = fixture.backups().backup().await.expect_err("another is taken");
    assert_eq!((error.kind(), error.budget()), (StoreErrorKind::Unavailable, Some("backups")));
    fixture.write(&schema, json!([{"n": 1}])).await;
    drop(backup);
    fixture.backups().backup().await.expect("a copy begins");
}
