//! Changes of schemas.

use std::collections::BTreeMap;
use std::sync::Arc;

use eider_application::ports::{
    EXISTING_VIOLATION_SAMPLE, EvolutionOutcome, EvolutionRequest, ExistingDataViolation, ScanRequest, SchemaVersion,
};
use eider_application::quality::ExistingDataCheck;
use eider_domain::{Field, Projection, RECORD_FIELD_COUNT, RecordId, RecordQuery, SystemField, Value, widened};

use super::conflicts::key_of;
use super::table::Table;
use crate::reference::{Shape, StoredRecord};

pub(super) fn evolve(table: &mut Table, request: &EvolutionRequest) -> EvolutionOutcome {
    let EvolutionRequest { schema, evolution, at, is_dry_run } = request;
    let violations = existing_violations(table, request);
    if !violations.is_empty() {
        return EvolutionOutcome::Contradicted(violations);
    }
    if *is_dry_run {
        return EvolutionOutcome::Possible;
    }
    let next = Arc::new(schema.evolved(evolution));
    for record in &mut table.records {
        let values = record.values[..RECORD_FIELD_COUNT].iter().cloned();
        let properties = evolution.properties(schema).zip(evolution.origins()).map(|((next, before), origin)| {
            match (before, origin) {
                (Some(before), Some(origin)) => {
                    let value = &record.values[RECORD_FIELD_COUNT + origin];
                    widened(value, before.data_type, next.data_type).unwrap_or(Value::Null)
                }
                _ => next.default.clone().unwrap_or(Value::Null),
            }
        });
        let values = values.chain(properties).collect();
        *record = Arc::new(StoredRecord { sequence: record.sequence, values });
    }
    table.versions.push(SchemaVersion { version: next.version(), definition: next.definition().clone(), since: *at });
    table.schema = Arc::clone(&next);
    EvolutionOutcome::Evolved(next)
}

fn existing_violations(table: &Table, request: &EvolutionRequest) -> Vec<ExistingDataViolation> {
    let EvolutionRequest { schema, evolution, .. } = request;
    let mut check = ExistingDataCheck::new(evolution, schema);
    let projection = Projection::of(schema, check.fields().to_vec());
    let everything = ScanRequest::new(RecordQuery { projection, ..RecordQuery::everything(schema) });
    let found = table.find(&everything);
    check.look_at(&Shape::new(schema, &everything).batch(&found));
    let mut violations = check.into_found();
    let next = schema.evolved(evolution);
    for key in evolution.new_keys(schema, &next) {
        let part = |record: &StoredRecord, field: &Field, origin: &Option<usize>| match origin {
            Some(origin) => key_of(schema.properties()[*origin].data_type, &record.values[RECORD_FIELD_COUNT + origin]),
            // In every record the same.
            None => Some(field.name().to_owned()),
        };
        let mut holders: BTreeMap<Vec<String>, Vec<RecordId>> = BTreeMap::new();
        for record in &table.records {
            let Value::Uuid(id) = record.values[SystemField::Id as usize] else { continue };
            let parts = key.fields.iter().zip(&key.origins);
            if let Some(values) = parts.map(|(field, origin)| part(record, field, origin)).collect() {
                holders.entry(values).or_default().push(RecordId::new(id));
            }
        }
        let mut ids: Vec<RecordId> = holders.into_values().filter(|ids| ids.len() > 1).flatten().collect();
        let records = ids.len() as u64;
        if records > 0 {
            ids.truncate(EXISTING_VIOLATION_SAMPLE);
            violations.push(ExistingDataViolation::of_key(&key, records, ids));
        }
    }
    violations
}
