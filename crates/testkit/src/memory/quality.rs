//! Rules on quality, record by record.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use eider_application::ports::{
    CommitReceipt, RecordStream, RuleOutcome, StoreError, StoredIssues, SuggestionOutcome, SuggestionRequest,
    Validation, ValidationRequest, issue_columns,
};
use eider_domain::{
    Check, DataType, Field, Finding, Mended, Rule, SystemField, Timestamp, Value, Version, chains, mended, refusal,
};
use futures::{StreamExt, stream};

use super::conflicts::{key, unique_keys};
use super::table::Table;
use crate::column::column_of;

/// The issues of each rule.
#[derive(Debug)]
struct MemoryIssues(Vec<RecordBatch>);

#[async_trait]
impl StoredIssues for MemoryIssues {
    async fn of_rule(&self, rule: usize) -> Result<RecordStream, StoreError> {
        let issues = self.0[rule].clone();
        Ok(RecordStream::new(issues.schema(), stream::iter([Ok(issues)]).boxed()))
    }
}

/// Checks every rule. Of the issues of each those are kept that have room in its share, in bytes of their columns.
pub(super) fn validate(table: &Table, request: &ValidationRequest) -> Validation {
    let (mut kept, mut is_any_truncated, mut bytes) = (Vec::new(), false, 0);
    for (place, rule) in request.rules.iter().enumerate() {
        let started = Instant::now();
        let issues = issues(table, rule, request.at);
        let suggestions = issues.iter().filter(|issue| rule.suggests() && issue.last() != Some(&Value::Null)).count();
        let batch = batch(rule, &issues);
        let room = u128::from(request.max_issue_bytes) * (place as u128 + 1) / request.rules.len() as u128;
        let size = batch.get_array_memory_size() as u128;
        let is_truncated = !issues.is_empty() && bytes + size > room;
        bytes += if is_truncated { 0 } else { size };
        is_any_truncated |= is_truncated;
        request.progress.found(RuleOutcome {
            issues: issues.len() as u64,
            suggestions: suggestions as u64,
            is_truncated,
            elapsed: started.elapsed(),
        });
        kept.push(if is_truncated { batch.slice(0, 0) } else { batch });
    }
    Validation {
        records: table.records.len() as u64,
        commit_seq: *table.committed.borrow(),
        is_truncated: is_any_truncated,
        issues: Arc::new(MemoryIssues(kept)),
    }
}

/// The issues of a rule, each with the values of [`issue_columns`].
fn issues(table: &Table, rule: &Rule, now: Timestamp) -> Vec<Vec<Value>> {
    let mut seen = HashSet::new();
    let mut issues = Vec::new();
    for record in &table.records {
        let values: Vec<&Value> = rule.fields().iter().map(|field| &record.values[field.column()]).collect();
        let finding = if matches!(rule.check(), Check::Duplicate) {
            let is_repeated = key(rule.fields(), &record.values).is_some_and(|key| !seen.insert(key));
            is_repeated.then_some(Finding { suggestion: None })
        } else {
            rule.finding(values[0], now)
        };
        let Some(finding) = finding else { continue };
        let id = &record.values[SystemField::Id as usize];
        let mut issue: Vec<Value> = [id].into_iter().chain(values).cloned().collect();
        if rule.suggests() {
            issue.push(finding.suggestion.unwrap_or(Value::Null));
        }
        issues.push(issue);
    }
    issues
}

fn batch(rule: &Rule, issues: &[Vec<Value>]) -> RecordBatch {
    let types = rule.fields().iter().map(Field::data_type);
    let types = [DataType::Uuid].into_iter().chain(types).chain(rule.suggests().then_some(DataType::String));
    let column = |(place, data_type): (usize, DataType)| {
        column_of(data_type, &issues.iter().map(|issue| &issue[place]).collect::<Vec<_>>())
    };
    let columns = types.enumerate().map(column).collect();
    RecordBatch::try_new(issue_columns(rule), columns).expect("the columns are those of the rule's issues")
}

/// Applies rules together to every record that breaks them.
pub(super) fn apply(table: &mut Table, request: &SuggestionRequest) -> SuggestionOutcome {
    let mut changed = vec![0; request.rules.len()];
    let chains = chains(&request.rules);
    let mut replacements = HashMap::new();
    for record in &table.records {
        let mut values = record.values.clone();
        let mut is_changed = false;
        for (field, places) in &chains {
            let value = &mut values[field.column()];
            let Value::Text(text) = &*value else { continue };
            match mended(&request.rules, places, text) {
                Mended::Unchanged => {}
                Mended::Unsettled { by } => return SuggestionOutcome::Unsettled(by),
                Mended::Changed { text, by } => {
                    *value = Value::Text(text.into());
                    for place in by {
                        changed[place] += 1;
                    }
                    is_changed = true;
                }
            }
        }
        if is_changed {
            replacements.insert(record.sequence, values);
        }
    }
    let fields: Vec<&Field> = request.rules.iter().filter_map(|rule| rule.fields().first()).collect();
    for field in &fields {
        let property = &table.schema.properties()[field.column() - SystemField::ALL.len()];
        let changed = table.records.iter().filter_map(|record| Some((record, replacements.get(&record.sequence)?)));
        let mut new = changed.filter(|(record, values)| record.values[field.column()] != values[field.column()]);
        if let Some(code) = new.find_map(|(_, values)| refusal(property, &values[field.column()])) {
            return SuggestionOutcome::NotStorable((*field).clone(), code);
        }
    }
    let is_changed = |key: &Vec<Field>| key.iter().any(|field| fields.contains(&field));
    for key_fields in unique_keys(&table.schema).filter(is_changed) {
        let values = table.records.iter().map(|record| replacements.get(&record.sequence).unwrap_or(&record.values));
        let keys: Vec<Vec<String>> = values.filter_map(|values| key(&key_fields, values)).collect();
        if keys.iter().collect::<HashSet<_>>().len() < keys.len() {
            return SuggestionOutcome::NotUnique(key_fields);
        }
    }
    if replacements.is_empty() {
        let receipt = CommitReceipt { rows: 0, commit_seq: *table.committed.borrow() };
        return SuggestionOutcome::Written { receipt, changed };
    }
    let mut rows = Vec::new();
    table.records.retain(|record| match replacements.remove(&record.sequence) {
        Some(values) => {
            rows.push(replaced(values, request.at));
            false
        }
        None => true,
    });
    let written = rows.len() as u64;
    table.insert(rows);
    SuggestionOutcome::Written { receipt: CommitReceipt { rows: written, commit_seq: table.commit() }, changed }
}

/// The next version of a record.
fn replaced(mut values: Vec<Value>, at: Timestamp) -> Vec<Value> {
    values[SystemField::UpdatedAt as usize] = Value::Datetime(at.as_micros());
    if let Value::Integer(version) = &mut values[SystemField::Version as usize] {
        *version = Version::from_i64(*version).next().as_i64();
    }
    values
}
