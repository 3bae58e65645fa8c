//! The types that values may have, and values: from text, from JSON, as Arrow.

mod characters;
mod data_type;
mod dialect;
mod exact_sum;
mod incoming;
mod nested;
mod number;
pub mod temporal;
mod timestamp;
mod value;

pub use characters::CharacterSet;
pub use data_type::{DataType, Family, JsonKind, MAX_DECIMAL_PRECISION, TimeParts};
pub use dialect::{
    Ambiguous, DecimalSeparator, Dialect, DialectOption, EpochUnit, MAX_TOKEN_CHARS, MAX_TOKENS, TOO_FINE, TimeFormat,
    Zone,
};
pub use exact_sum::ExactSum;
pub(crate) use incoming::typed;
pub use incoming::{Incoming, Refusal};
pub use nested::{DEFAULT_JSON_DEPTH, JsonFault, MAX_JSON_DEPTH, check_json, compacted, count_values, parse_json};
pub use timestamp::Timestamp;
pub use value::{Value, ValueError, ValueRef, is_plausible};
pub(crate) use value::{accepted_text, parse_uuid};
