//! Schemas, records, filters and validation: the rules of the record store.
//!
//! Everything here is pure. Nothing reads a clock, a file or a socket, nothing is `async`, and no type
//! of a storage engine or of a web framework appears. Arrow's schema types are the one exception: Arrow is
//! the data model that every layer shares.

// A new variant is asked for by the compiler wherever it matters.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

mod access;
mod evolution;
mod names;
mod quality;
mod query;
mod record;
mod schema;
mod types;
mod violation;

pub use access::{Grant, PatternError, SchemaPattern, Verb};
pub use evolution::{Demand, DemandKind, Evolution, NewKey, widened};
pub use names::{
    ColumnName, MAX_PROPERTY_NAME_CHARS, MAX_SCHEMA_NAME_CHARS, Misquoted, NameError, PropertyName, SchemaName,
    UnknownName, abbreviate, leading_name, nearest, spelled,
};
pub use quality::{
    Category, Check, Finding, LetterCase, MAX_RULES, Mended, Rule, RuleSet, StandardForm, WHITE_SPACE, chains, mended,
    refusal,
};
pub use query::{
    Aggregate, Aggregation, AggregationError, Condition, Cursor, CursorError, DateUnit, Direction, Filter, FilterError,
    Function, GroupKey, Operand, OperandKind, Operator, Position, Projection, QueryFingerprint, RecordQuery, SortKey,
};
pub use record::{RecordCheck, RecordId, RecordIdError, RecordValidator, Slot, Version};
pub use schema::{
    Constraints, Field, Index, MAX_ALIAS_CHARS, MAX_ALIASES, MAX_DESCRIPTION_CHARS, MAX_KEPT_VERSION,
    MAX_KEY_PROPERTIES, MAX_PROPERTIES, MAX_UNIQUE_KEYS, NameMeaning, NameRuleError, NameRules, Property,
    RECORD_FIELD_COUNT, Schema, SchemaDefinition, SourceName, SourceNames, SystemField, UniqueKey, UnknownField,
    Warnings, listed,
};
pub use types::{
    Ambiguous, CharacterSet, DEFAULT_JSON_DEPTH, DataType, DecimalSeparator, Dialect, DialectOption, EpochUnit,
    ExactSum, Family, Incoming, JsonFault, JsonKind, MAX_DECIMAL_PRECISION, MAX_JSON_DEPTH, MAX_TOKEN_CHARS,
    MAX_TOKENS, Refusal, TOO_FINE, TimeFormat, TimeParts, Timestamp, Value, ValueError, ValueRef, Zone, check_json,
    compacted, count_values, is_plausible, parse_json, temporal,
};
pub use violation::{Severity, Violation, ViolationCode, pointer_to};
