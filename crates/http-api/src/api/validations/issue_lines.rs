//! The issues of a rule as NDJSON.

use arrow_array::RecordBatch;
use eider_application::ports::issue_columns;
use eider_domain::{DataType, Field, Rule};
use eider_formats::json::JsonForm;
use eider_formats::{TextForm, columns_of, types_of};
use serde_json::json;

/// Writes the issues of one rule, a line each.
#[derive(Debug)]
pub(crate) struct IssueLines {
    /// What stands between the record's id and its values.
    property: Box<[u8]>,
    /// What stands before each value: its name where there are several.
    prefixes: Vec<Box<[u8]>>,
    types: Vec<Option<DataType>>,
    suggests: bool,
    /// What stands behind the suggestion, which is the same of every issue.
    end: Box<[u8]>,
}

impl IssueLines {
    pub(crate) fn new(rule: &Rule) -> Self {
        let properties: Vec<&str> = rule.fields().iter().map(Field::name).collect();
        let property = format!(",\"property\":{},\"current_value\":", json!(properties.join(",")));
        let prefix = |(index, name): (usize, &&str)| {
            let opening = if index == 0 { '{' } else { ',' };
            if properties.len() == 1 { String::new() } else { format!("{opening}\"{name}\":") }
        };
        let end = format!(
            ",\"rule\":{},\"message\":{},\"category\":{},\"severity\":{}}}\n",
            json!(rule.name()),
            json!(rule.message()),
            json!(rule.category().name()),
            json!(rule.severity().name())
        );
        Self {
            property: property.into_bytes().into(),
            prefixes: properties.iter().enumerate().map(prefix).map(|prefix| prefix.into_bytes().into()).collect(),
            types: types_of(&issue_columns(rule)),
            suggests: rule.suggests(),
            end: end.into_bytes().into(),
        }
    }

    /// Appends a line for each issue of a batch with the columns of [`issue_columns`].
    pub(crate) fn write(&self, batch: &RecordBatch, out: &mut Vec<u8>) {
        let mut columns = columns_of(batch, &self.types);
        let (ids, values) = columns.split_at_mut(1);
        let (values, suggestions) = values.split_at_mut(self.prefixes.len());
        for row in 0..batch.num_rows() {
            out.extend_from_slice(b"{\"record_id\":");
            ids[0].write::<JsonForm>(row, out);
            out.extend_from_slice(&self.property);
            for (prefix, value) in self.prefixes.iter().zip(&mut *values) {
                out.extend_from_slice(prefix);
                value.write::<JsonForm>(row, out);
            }
            if self.prefixes.len() > 1 {
                out.push(b'}');
            }
            out.extend_from_slice(b",\"suggested_value\":");
            match suggestions.first_mut().filter(|_| self.suggests) {
                Some(suggestion) => suggestion.write::<JsonForm>(row, out),
                None => JsonForm::null(out),
            }
            out.extend_from_slice(&self.end);
        }
    }
}
