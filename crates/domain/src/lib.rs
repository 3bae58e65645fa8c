//! Schemas, records, filters and validation: the rules of the record store.
//!
//! Everything here is pure. Nothing reads a clock, a file or a socket, nothing is `async`, and no type
//! of a storage engine or of a web framework appears. Arrow's schema types are the one exception: Arrow is
//! the data model that every layer shares.

mod access;
mod aggregation;
mod constraints;
mod cursor;
mod data_type;
mod definition;
mod evolution;
mod exact_sum;
mod field;
mod filter;
mod index;
mod name;
mod nested;
mod patterns;
mod property;
mod quality;
mod query;
mod record;
mod report;
mod schema;
mod severity;
mod suggest;
pub mod temporal;
mod validation;
mod value;
mod violation;
mod violations;

pub use access::{Grant, PatternError, SchemaPattern, Verb};
pub use aggregation::{Aggregate, Aggregation, AggregationError, DateUnit, Function, GroupKey};
pub use constraints::Constraints;
pub use cursor::{Cursor, CursorError, Position, QueryFingerprint};
pub use data_type::{DataType, MAX_DECIMAL_PRECISION};
pub use definition::{MAX_DESCRIPTION_CHARS, MAX_PROPERTIES, SchemaDefinition};
pub use evolution::{Demand, DemandKind, Evolution, NewKey, widened};
pub use exact_sum::ExactSum;
pub use field::{Field, SystemField, UnknownField};
pub use filter::{Condition, Filter, FilterError, Operand, Operator};
pub use index::{Index, MAX_KEY_PROPERTIES, MAX_UNIQUE_KEYS, UniqueKey, listed};
pub use name::{ColumnName, MAX_NAME_CHARS, NameError, PropertyName, SchemaName};
pub use nested::{DEFAULT_JSON_DEPTH, JsonFault, MAX_JSON_DEPTH, check_json, compacted, count_values, parse_json};
pub use property::{Property, Warnings};
pub use quality::{
    Category, CharacterSet, Check, Finding, LetterCase, MAX_RULES, Mended, Rule, RuleSet, StandardForm, WHITE_SPACE,
    chains, mended, refusal,
};
pub use query::{Direction, Projection, RecordQuery, SortKey};
pub use record::{RecordId, RecordIdError, Timestamp, Version};
pub use schema::{RECORD_FIELD_COUNT, Schema};
pub use severity::Severity;
pub use suggest::{UnknownName, nearest};
pub use validation::{Incoming, RecordCheck, RecordValidator, Slot};
pub use value::{Value, ValueError, ValueRef};
pub use violation::{Violation, ViolationCode};
