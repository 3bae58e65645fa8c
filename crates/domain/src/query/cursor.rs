//! Cursors: an opaque text that says where a page ended, bound to the query that made it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Direction, Field, Filter, Schema, SortKey, Value, ValueRef, spelled};

/// The place of a record in the order of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// The record's values of the sort keys, in their order; null where it has none.
    pub keys: Vec<Value>,
    /// The record's position in commit order, which breaks ties.
    pub sequence: i64,
}

/// What identifies a query for its cursors: 128 bits of SHA-256 over schema, filter and order, and over which columns
/// their names stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryFingerprint(String);

impl QueryFingerprint {
    /// The fingerprint of a filter and an order over a schema. A schema made anew under an old name differs, and so
    /// does a query whose names have come to stand for other properties.
    pub(crate) fn of(schema: &Schema, filter: &Filter, sort: &[SortKey]) -> Self {
        let mut text = format!("{} {filter}", schema.identity());
        for key in sort {
            let sign = if key.direction == Direction::Ascending { '+' } else { '-' };
            let _ = write!(text, " {sign}{} {}", spelled(key.field.name()), key.field.data_type());
        }
        let mut fields: Vec<&Field> = filter.fields();
        fields.extend(sort.iter().map(|key| &key.field));
        for field in fields {
            if let Field::Property { index, .. } = field {
                let _ = write!(text, " {} {}", schema.property_ids()[*index], field.data_type());
            }
        }
        Self(URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..16]))
    }
}

/// Why a text is not a cursor of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// The text was not made by this store.
    #[error("the cursor is not one that this server made")]
    Malformed,
    /// The cursor belongs to a query with another schema, filter or sort.
    #[error(
        "the cursor belongs to another query; schema, filters and sort must stay as they were, in the store that made it"
    )]
    OtherQuery,
}

/// A cursor as it is encoded: fingerprint, keys as text, sequence.
///
/// ```
/// use eider_domain::{
///     Cursor, CursorError, Direction, Position, RecordQuery, Schema, SchemaDefinition, SortKey, Timestamp, Value,
/// };
/// use serde_json::json;
///
/// let document = json!({"name": "flights", "properties": [{"name": "delay", "type": "integer"}]});
/// let definition = SchemaDefinition::parse(&document).expect("a valid definition");
/// let schema = Schema::new(definition, 1, Timestamp::from_micros(0));
/// let delay = schema.field("delay").expect("a property");
/// let sort = vec![SortKey { field: delay, direction: Direction::Descending }];
/// let query = RecordQuery { sort, ..RecordQuery::everything(&schema) };
///
/// // Behind the record with a delay of 90, the seventh in commit order.
/// let position = Position { keys: vec![Value::Integer(90)], sequence: 7 };
/// let text = Cursor::encode(&query.fingerprint(&schema), &query.sort, &position);
/// assert_eq!(Cursor::decode(&text, &query.fingerprint(&schema), &query.sort), Ok(position));
///
/// let unsorted = RecordQuery::everything(&schema).fingerprint(&schema);
/// assert_eq!(Cursor::decode(&text, &unsorted, &[]), Err(CursorError::OtherQuery));
/// ```
#[derive(Debug, Serialize, Deserialize)]
pub struct Cursor {
    #[serde(rename = "q")]
    fingerprint: String,
    #[serde(rename = "k")]
    keys: Vec<Option<String>>,
    #[serde(rename = "s")]
    sequence: i64,
}

impl Cursor {
    /// Encodes a position within the order `sort` of the query with `fingerprint`.
    pub fn encode(fingerprint: &QueryFingerprint, sort: &[SortKey], position: &Position) -> String {
        let texts = sort.iter().zip(&position.keys).map(|(key, value)| value.text(key.field.data_type()));
        let cursor = Self { fingerprint: fingerprint.0.clone(), keys: texts.collect(), sequence: position.sequence };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
    }

    /// Decodes a cursor of the query with `fingerprint` and the order `sort`.
    ///
    /// # Errors
    /// [`CursorError`] when the text is no cursor or belongs to another query.
    pub fn decode(text: &str, fingerprint: &QueryFingerprint, sort: &[SortKey]) -> Result<Position, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError::Malformed)?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|_| CursorError::Malformed)?;
        if cursor.fingerprint != fingerprint.0 {
            return Err(CursorError::OtherQuery);
        }
        if cursor.keys.len() != sort.len() {
            return Err(CursorError::Malformed);
        }
        let keys = sort.iter().zip(&cursor.keys).map(|(key, text)| match text {
            None => Ok(Value::Null),
            Some(text) => ValueRef::parse(key.field.data_type(), text)
                .map(ValueRef::into_owned)
                .map_err(|_| CursorError::Malformed),
        });
        Ok(Position { keys: keys.collect::<Result<_, _>>()?, sequence: cursor.sequence })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Condition, Operator, RecordQuery, SchemaDefinition, Timestamp};

    fn schema(created_at: i64) -> Schema {
        let document =
            json!({"name": "s", "properties": [{"name": "a", "type": "string"}, {"name": "b", "type": "number"}]});
        Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(created_at))
    }

    fn sorted_query(schema: &Schema) -> RecordQuery {
        let key = |name: &str, direction| SortKey { field: schema.field(name).unwrap(), direction };
        let mut query = RecordQuery::everything(schema);
        query.sort = vec![key("a", Direction::Ascending), key("b", Direction::Descending)];
        query
    }

    #[test]
    fn a_cursor_decodes_to_its_position() {
        let schema = schema(0);
        let query = sorted_query(&schema);
        let position = Position { keys: vec![Value::Text("é\"".into()), Value::Null], sequence: 7 };
        let text = Cursor::encode(&query.fingerprint(&schema), &query.sort, &position);
        assert_eq!(Cursor::decode(&text, &query.fingerprint(&schema), &query.sort), Ok(position));
    }

    #[test]
    fn a_cursor_is_bound_to_schema_filter_and_sort() {
        let schema = schema(0);
        let query = sorted_query(&schema);
        let text = Cursor::encode(
            &query.fingerprint(&schema),
            &query.sort,
            &Position { keys: vec![Value::Null; 2], sequence: 1 },
        );

        let mut other_sort = query.clone();
        other_sort.sort[0].direction = Direction::Descending;
        let mut other_filter = query.clone();
        other_filter.filter = Condition::from_text(schema.field("a").unwrap(), Operator::Eq, "x").unwrap().into();
        for other in
            [other_sort.fingerprint(&schema), other_filter.fingerprint(&schema), query.fingerprint(&self::schema(1))]
        {
            assert_eq!(Cursor::decode(&text, &other, &query.sort), Err(CursorError::OtherQuery));
        }
    }

    #[test]
    fn text_that_is_no_cursor_is_malformed() {
        let schema = schema(0);
        let query = sorted_query(&schema);
        for text in ["", "abc", "e30", "🦆"] {
            assert_eq!(Cursor::decode(text, &query.fingerprint(&schema), &query.sort), Err(CursorError::Malformed));
        }
    }
}
