//! Changes of schemas.

use std::collections::HashMap;
use std::sync::Arc;

use eider_application::{
    CONTRADICTION_SAMPLE, Contradiction, Contradictions, EvolutionOutcome, EvolutionRequest, ScanRequest, SchemaVersion,
};
use eider_domain::{
    DemandKind, Projection, RECORD_FIELD_COUNT, RecordId, RecordQuery, Schema, SystemField, Value, widened,
};

use super::scan;
use super::table::{StoredRecord, Table};

pub(super) fn evolve(table: &mut Table, request: &EvolutionRequest) -> EvolutionOutcome {
    let EvolutionRequest { schema, evolution, at, is_dry_run } = request;
    let contradictions = contradictions(table, request);
    if !contradictions.is_empty() {
        return EvolutionOutcome::Contradicted(contradictions);
    }
    if *is_dry_run {
        return EvolutionOutcome::Possible;
    }
    let next = Arc::new(Schema::new(evolution.next().clone(), schema.version() + 1, schema.created_at()));
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

fn contradictions(table: &Table, request: &EvolutionRequest) -> Vec<Contradiction> {
    let EvolutionRequest { schema, evolution, .. } = request;
    let mut by_themselves = Contradictions::new(evolution, schema);
    let projection = Projection::of(schema, by_themselves.fields().to_vec());
    let everything = ScanRequest::new(RecordQuery { projection, ..RecordQuery::everything(schema) });
    let found = table.find(&everything);
    by_themselves.look_at(&scan::whole(schema, everything, &found));
    let mut contradictions = by_themselves.into_found();
    for demand in evolution.demands(schema).into_iter().filter(|demand| demand.kind == DemandKind::Unique) {
        let next = &evolution.next().properties()[demand.property];
        let text = |record: &StoredRecord| match demand.origin {
            Some(origin) => record.values[RECORD_FIELD_COUNT + origin].text(schema.properties()[origin].data_type),
            None => next.default.as_ref().and_then(|value| value.text(next.data_type)),
        };
        let mut holders: HashMap<String, Vec<RecordId>> = HashMap::new();
        for record in &table.records {
            let Value::Uuid(id) = record.values[SystemField::Id as usize] else { continue };
            if let Some(text) = text(record) {
                holders.entry(text).or_default().push(RecordId::new(id));
            }
        }
        let mut ids: Vec<RecordId> = holders.into_values().filter(|ids| ids.len() > 1).flatten().collect();
        let records = ids.len() as u64;
        if records > 0 {
            ids.truncate(CONTRADICTION_SAMPLE);
            let property = next.name.clone();
            contradictions.push(Contradiction { property, code: demand.kind.code(), records, sample: ids });
        }
    }
    contradictions
}
