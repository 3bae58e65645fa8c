//! Answers that are kept with the writes that they answer.

use std::sync::Arc;
use std::time::Instant;

use eider_application::ports::{
    AnswerDraft, AnswerToKeep, Change, ChangeOutcome, CommitTerms, DraftFailures, IdOrigin, RowLines, WriteRequest,
};
use eider_domain::{Schema, Timestamp};
use futures::future::join_all;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::Fixture;
use crate::{batch, created_at, values};

async fn codes(fixture: &Fixture) -> Arc<Schema> {
    let properties = json!([{"name": "n", "type": "integer"}, {"name": "code", "type": "string", "is_unique": true}]);
    fixture.create(json!({"name": "s", "properties": properties})).await
}

fn id(number: u32) -> String {
    format!("00000000-0000-7000-8000-{number:012x}")
}

/// An answer is found after its write, for as long as it is asked for, and not after a write that was refused.
pub async fn an_answer_is_kept_with_its_write(fixture: Fixture) {
    let schema = codes(&fixture).await;
    let keep = async |key: &str, records: Json| {
        let answer = AnswerToKeep {
            key: key.to_owned(),
            fingerprint: format!("{key}!"),
            at: created_at(),
            draft: draft(json!({"created": 0, "failed": 3, "ids": [], "kept": "as it is"})),
        };
        let terms = CommitTerms { answer: Some(answer), ..CommitTerms::all_or_nothing() };
        let request = WriteRequest::new(Arc::clone(&schema));
        fixture.commit_as(request, &[batch(&schema, records)], terms).await
    };
    let kept = async |key: &str, since: Timestamp| {
        fixture.idempotency_records().idempotency_record(&schema, key, since).await.expect("a look")
    };
    assert_eq!(kept("first", created_at()).await, None);
    keep("first", json!([{"code": "a"}, {}])).await;
    keep("second", json!([{"code": "a"}])).await;
    let answer = kept("first", created_at()).await.expect("the answer is kept");
    assert_eq!((answer.fingerprint.as_str(), answer.at), ("first!", created_at()));
    let text = json_of(&answer.text);
    assert_eq!((&text["created"], &text["failed"], &text["kept"]), (&json!(2), &json!(3), &json!("as it is")));
    assert_eq!(kept("second", created_at()).await, None);
    let later = Timestamp::from_micros(created_at().as_micros() + 1);
    assert_eq!(kept("first", later).await, None);
}

/// An answer says why rows were refused, by their lines, as far as it has room; and what it does not name is told so.
pub async fn an_answer_names_the_rows_that_were_refused(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture.write(&schema, json!([{"code": "a"}])).await;
    let mut lines = RowLines::default();
    for (row, line) in [(0, 1), (1, 4), (2, 5), (3, 6)] {
        lines.push(row, line);
    }
    let keep = async |key: &str, room: usize| {
        let report = Some(Uuid::from_u128(7));
        let failures = DraftFailures { named: Vec::new(), room, is_truncated: false, report, lines: lines.clone() };
        let draft = AnswerDraft { failures: Some(failures), ..draft(json!({"failed": 0})) };
        let (key, fingerprint) = (key.to_owned(), String::new());
        let answer = AnswerToKeep { key, fingerprint, at: created_at(), draft };
        let terms = CommitTerms { max_refused: u64::MAX, answer: Some(answer) };
        let records = json!([{"code": "a"}, {"code": "b"}, {"code": "a"}, {"code": "a"}]);
        let request = WriteRequest { is_dry_run: false, ..WriteRequest::new(Arc::clone(&schema)) };
        fixture.commit_as(request, &[batch(&schema, records)], terms).await;
    };
    keep("all", 3).await;
    keep("some", 2).await;
    for (key, lines, is_truncated) in [("all", vec![1, 5, 6], false), ("some", vec![1, 4], true)] {
        let answer =
            fixture.idempotency_records().idempotency_record(&schema, key, created_at()).await.expect("a look");
        let text = json_of(&answer.expect("the answer is kept").text);
        assert_eq!(values(text["failures"].as_array().expect("a list"), "line"), lines);
        assert_eq!((&text["failures_truncated"], text["import_id"].is_string()), (&json!(is_truncated), is_truncated));
    }
}

/// The answer of a creation is kept with the number of its commit, one of a creation that was refused is not, and
/// creations that share a commit have each their own.
pub async fn an_answer_is_kept_with_a_creation(fixture: Fixture) {
    let schema = codes(&fixture).await;
    let at = Timestamp::from_micros(1_000_000);
    let keyed = async |number: u32, code: &str| {
        let answer = AnswerToKeep {
            key: format!("key {number}"),
            fingerprint: format!("print {number}"),
            at,
            draft: draft(json!({"commit_seq": null, "n": number})),
        };
        let record = batch(&schema, json!([{"n": number, "code": code, "id": id(number)}]));
        let change = Change::Create { record, ids: IdOrigin::Generated, answer: Some(Box::new(answer)) };
        fixture.store.change(&schema, change).await.expect("the change ends")
    };
    let codes: Vec<String> = (0..20).map(|number| format!("code {}", number % 15)).collect();
    let outcomes = join_all((0..20_u32).zip(&codes).map(|(number, code)| keyed(number, code))).await;
    for (number, outcome) in (0..20_u32).zip(outcomes) {
        let kept = fixture
            .idempotency_records()
            .idempotency_record(&schema, &format!("key {number}"), at)
            .await
            .expect("a look");
        match outcome {
            ChangeOutcome::Committed { commit_seq, .. } => {
                let kept = kept.expect("the answer is kept");
                assert_eq!(json_of(&kept.text), json!({"commit_seq": commit_seq, "n": number}));
                assert_eq!((kept.fingerprint, kept.at), (format!("print {number}"), at));
            }
            ChangeOutcome::Conflict(_) => assert_eq!(kept, None),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fixture.records(&schema).await.len(), 15);
}

/// An answer with these members.
fn draft(members: Json) -> AnswerDraft {
    let Json::Object(members) = members else { panic!("an answer is an object") };
    AnswerDraft { members, began: Instant::now(), failures: None }
}

fn json_of(text: &str) -> Json {
    serde_json::from_str(text).expect("an answer is JSON")
}
