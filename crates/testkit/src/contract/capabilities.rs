//! What a store claims holds.

use std::sync::Arc;

use eider_application::ports::{Access, BackupMethod, Durability, Indexes, ReadRequest, ReadShape, ScanRequest};
use eider_application::{Error, SchemaService};
use eider_domain::{Operator, RecordQuery, ViolationCode};
use serde_json::json;

use super::Fixture;
use crate::{FixedClock, condition};

/// What was committed is there when a durable store is opened again. One in memory has nothing to open.
pub async fn what_is_durable_outlives_the_store(fixture: Fixture) {
    let schema = fixture.create(json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]})).await;
    fixture.write(&schema, json!([{"n": 1}, {"n": 2}])).await;
    let (durability, records) = (fixture.store.capabilities().durability, fixture.records(&schema).await);
    match (durability, fixture.reopened().await) {
        (Durability::Fsync, Some(fixture)) => {
            let schema = fixture.store.get(schema.name()).await.expect("the schema was kept");
            assert_eq!(fixture.records(&schema).await, records);
        }
        (Durability::Fsync, None) => panic!("the fixture of a durable store opens it again: `Fixture::reopening`"),
        (Durability::Memory, reopened) => assert!(reopened.is_none(), "what can be opened again is no mere memory"),
    }
}

/// A schema with unique keys is refused, each key with its pointer, or no value comes twice.
pub async fn unique_keys_are_kept_or_refused(fixture: Fixture) {
    let schemas = SchemaService::new(Arc::clone(&fixture.store), Arc::new(FixedClock::default()));
    let document = json!({"name": "s", "properties": [
        {"name": "a", "type": "integer"}, {"name": "b", "type": "integer", "is_unique": true}],
        "unique": [{"properties": ["a", "b"]}, {"properties": ["a"], "severity": "warning"}]});
    match (fixture.store.capabilities().has_unique_keys, schemas.create(document).await) {
        (true, created) => {
            let schema = created.expect("keys are kept");
            let receipt = fixture.write(&schema, json!([{"a": 1, "b": 1}, {"a": 1, "b": 2}])).await;
            assert_eq!(receipt.shared.iter().map(|key| key.records).sum::<u64>(), 1, "soft keys are counted");
            assert_eq!(fixture.refused(&schema, json!([{"a": 2, "b": 2}])).await.len(), 1);
        }
        (false, Err(Error::SchemaInvalid(violations))) => {
            let named: Vec<_> =
                violations.iter().map(|violation| (violation.pointer.as_str(), violation.code)).collect();
            let pointers = ["/properties/1/is_unique", "/unique/0", "/unique/1"];
            assert_eq!(named, pointers.map(|pointer| (pointer, ViolationCode::UnsupportedKey)));
            assert!(fixture.store.list().await.expect("a list").is_empty());
        }
        (false, other) => panic!("keys that are not kept are refused: {other:?}"),
    }
}

/// A store hands out copies of itself if, and only if, it says so.
pub async fn copies_are_handed_out_as_claimed(fixture: Fixture) {
    match (fixture.store.capabilities().backup, fixture.store.backups()) {
        (BackupMethod::File, Some(source)) => drop(source.backup().await.expect("a copy begins")),
        (BackupMethod::External | BackupMethod::None, None) => {}
        (claimed, source) => panic!("{claimed:?} is claimed, and there is {source:?}"),
    }
}

/// An exact index finds the records of a value; one that is ignored finds nothing.
pub async fn indexes_serve_as_claimed(fixture: Fixture) {
    let property = json!({"name": "n", "type": "integer", "is_indexed": true});
    let schema = fixture.create(json!({"name": "s", "properties": [property]})).await;
    fixture.write(&schema, (0..5_000).map(|n| json!({"n": n})).collect()).await;
    let query = RecordQuery { filter: condition(&schema, "n", "eq", json!(7)), ..RecordQuery::everything(&schema) };
    let explainer = fixture.explainer();
    let plan = explainer.explain(&schema, &ReadRequest::Scan(ScanRequest::new(query))).await.expect("a plan");
    assert_eq!(plan.returned, 1);
    match fixture.store.capabilities().indexes {
        Indexes::Exact => {
            let shape = ReadShape { conditions: vec![("n".to_owned(), Operator::Eq)], has_others: false };
            assert!(explainer.index_serves(&shape, "n"), "an index serves equality");
        }
        Indexes::Pruning => assert!(!matches!(plan.access, Access::Index { .. }), "{plan:?}"),
        Indexes::Ignored => assert_eq!(plan.access, Access::FullScan),
    }
}
