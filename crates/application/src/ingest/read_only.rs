//! Fields of a record that the server keeps, sent back by a client that has read them.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use eider_domain::{SystemField, Violation, ViolationCode, temporal};
use memchr::memmem;
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

/// What a body says of them. They may be sent where they are what is stored, so that what `GET` answers can be sent
/// back.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct GivenReadOnly {
    #[serde(default, deserialize_with = "given")]
    created_at: Option<Json>,
    #[serde(default, deserialize_with = "given")]
    updated_at: Option<Json>,
    #[serde(default, deserialize_with = "given")]
    version: Option<Json>,
}

/// A value, null too.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

impl GivenReadOnly {
    /// Of a body that is a JSON object; nothing of what is none, which is refused elsewhere.
    pub(super) fn of(body: &[u8]) -> Self {
        let is_named = |field: SystemField| memmem::find(body, field.name().as_bytes()).is_some();
        if ![SystemField::CreatedAt, SystemField::UpdatedAt, SystemField::Version].into_iter().any(is_named) {
            return Self::default();
        }
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// What differs from a record.
    pub(super) fn differences(&self, current: &RecordBatch) -> Vec<Violation> {
        let time =
            |field: SystemField| current.column(field as usize).as_primitive::<TimestampMicrosecondType>().value(0);
        let is_time = |given: &Json, field| given.as_str().and_then(temporal::parse_datetime) == Some(time(field));
        let version = current.column(SystemField::Version as usize).as_primitive::<Int64Type>().value(0);
        let given = [
            (SystemField::CreatedAt, &self.created_at),
            (SystemField::UpdatedAt, &self.updated_at),
            (SystemField::Version, &self.version),
        ];
        let differs = given.into_iter().filter_map(|(field, given)| {
            let given = given.as_ref()?;
            let is_same = match field {
                SystemField::Version => given.as_i64() == Some(version),
                _ => is_time(given, field),
            };
            (!is_same).then_some(field)
        });
        let violation = |field: SystemField| {
            let detail =
                format!("`{}` is kept by the server, and what is sent differs from what is stored", field.name());
            Violation::new(format!("/{}", field.name()), ViolationCode::ReadOnly, detail)
        };
        differs.map(violation).collect()
    }
}
