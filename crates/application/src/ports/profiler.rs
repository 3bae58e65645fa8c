//! What is asked of the values of a schema, and the statistics that answer it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use eider_domain::{DataType, Family, Field, Filter, Schema, Value};

use crate::ports::StoreError;

/// The shares of the quantiles of a profile.
pub const PROFILE_QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// Most values that a profile names as the most frequent of a field.
pub const PROFILE_TOP: usize = 10;

/// Characters of a text that a profile shows: longer ones are cut as `min` and `max`, and are never among the most
/// frequent.
pub const PROFILE_TEXT_CHARS: usize = 1_000;

/// Different values up to which the most frequent of a field are found by counting all of them.
pub const PROFILE_COUNTED_VALUES: u64 = 10_000;

/// Whose values are looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileRequest {
    /// Which records.
    pub filter: Filter,
    /// Which of their fields, each once.
    pub fields: Vec<Field>,
}

/// A statistic of the values of a field. But for the count, it is null where there are no values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// Records that have a value.
    Count,
    /// How many different values there are; beyond [`PROFILE_COUNTED_VALUES`] about, exact to some per cent.
    Distinct,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The mean; null when the sum of the values is beyond a double.
    Mean,
    /// About the value that a share of all values does not exceed, from 0 to 1.
    Quantile(f64),
    /// Characters of the shortest text.
    MinLength,
    /// Characters of the longest text.
    MaxLength,
}

impl Statistic {
    /// The statistics that there are of values of a type.
    pub fn of(data_type: DataType) -> Vec<Self> {
        let mut statistics = vec![Self::Count];
        if data_type.is_comparable() {
            statistics.push(Self::Distinct);
        }
        if data_type.is_ordered() {
            statistics.extend([Self::Min, Self::Max]);
        }
        if is_number(data_type) {
            statistics.push(Self::Mean);
        }
        if is_number(data_type) || is_time(data_type) {
            statistics.extend(PROFILE_QUANTILES.map(Self::Quantile));
        }
        if data_type.family() == Family::Text {
            statistics.extend([Self::MinLength, Self::MaxLength]);
        }
        statistics
    }

    /// The type of the statistic over values of a type.
    pub fn data_type(self, values: DataType) -> DataType {
        match self {
            Self::Count | Self::Distinct | Self::MinLength | Self::MaxLength => DataType::Integer,
            Self::Mean => DataType::Number,
            Self::Quantile(_) if !is_time(values) => DataType::Number,
            Self::Min | Self::Max | Self::Quantile(_) => values,
        }
    }
}

fn is_number(data_type: DataType) -> bool {
    data_type.family() == Family::Number
}

fn is_time(data_type: DataType) -> bool {
    data_type.family() == Family::Time
}

/// What the values of a field are like.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldProfile {
    /// The field.
    pub field: Field,
    /// The statistics of its type, in the order of [`Statistic::of`], each of its [`Statistic::data_type`].
    pub statistics: Vec<(Statistic, Value)>,
    /// The most frequent values and how many records have them, the most frequent first, ties in ascending order;
    /// none of an `object` or an `array`. Where there are more than [`PROFILE_COUNTED_VALUES`] different values, one
    /// may be missing, and those that come once do; the counts are exact.
    pub top: Vec<(Value, u64)>,
}

impl FieldProfile {
    /// A statistic; null when the type does not have it.
    pub fn statistic(&self, statistic: Statistic) -> &Value {
        self.statistics.iter().find(|(of, _)| *of == statistic).map_or(&Value::Null, |(_, value)| value)
    }
}

/// What the values of the matching records of a schema are like.
#[derive(Debug, Clone, PartialEq)]
pub struct DataProfile {
    /// How many records match.
    pub records: u64,
    /// The fields asked for, in that order.
    pub fields: Vec<FieldProfile>,
}

/// Describes the values of records.
#[async_trait]
pub trait Profiler: fmt::Debug + Send + Sync + 'static {
    /// Statistics of the values of matching records, from one snapshot and in bounded memory. Cancel-safe: dropping the
    /// future stops it.
    ///
    /// # Errors
    /// As [`crate::ports::RecordReader::scan`].
    async fn profile(&self, schema: &Arc<Schema>, request: &ProfileRequest) -> Result<DataProfile, StoreError>;
}
