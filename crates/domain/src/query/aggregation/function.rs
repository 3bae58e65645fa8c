//! The functions over the records of a group.

use strum::{EnumCount, IntoStaticStr};

use super::AggregationError;
use crate::{DataType, Family, Field, MAX_DECIMAL_PRECISION, UnknownName};

/// A function over the records of a group. All but `count` without a field pass over nulls; over nothing but nulls,
/// counts are 0 and the others null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumCount, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Function {
    /// How many records there are, or how many have a value.
    Count,
    /// The sum: of `integer` an `integer`, of `decimal` a `decimal` of 38 digits.
    Sum,
    /// The mean; a `number`.
    Avg,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The standard deviation of a sample; a `number`, null over fewer than two values.
    Stddev,
    /// How many different values there are.
    CountDistinct,
    /// About how many different values there are, in bounded memory.
    ApproxCountDistinct,
    /// The value at a share of the way from the least to the greatest: of numbers a `number`, interpolated; of times the
    /// least value that so large a share does not exceed.
    Quantile,
}

impl Function {
    /// All functions.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Count,
        Self::Sum,
        Self::Avg,
        Self::Min,
        Self::Max,
        Self::Stddev,
        Self::CountDistinct,
        Self::ApproxCountDistinct,
        Self::Quantile,
    ];

    /// The name in queries.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The function of a name.
    ///
    /// # Errors
    /// [`UnknownName`] with the nearest name, or all of them.
    pub fn parse(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|function| function.name() == name);
        found.ok_or_else(|| UnknownName::new("function", name, Self::ALL.map(Self::name)))
    }

    /// Whether it counts, and so is never null.
    pub fn is_count(self) -> bool {
        matches!(self, Self::Count | Self::CountDistinct | Self::ApproxCountDistinct)
    }

    /// The type of the function over a field of a type, where it applies.
    fn over(self, data_type: DataType) -> Option<DataType> {
        let family = data_type.family();
        match self {
            Self::Count => Some(DataType::Integer),
            Self::CountDistinct | Self::ApproxCountDistinct => data_type.is_comparable().then_some(DataType::Integer),
            Self::Min | Self::Max => data_type.is_ordered().then_some(data_type),
            Self::Sum => {
                let widest = |scale| DataType::Decimal { precision: MAX_DECIMAL_PRECISION, scale };
                let sum = if let DataType::Decimal { scale, .. } = data_type { widest(scale) } else { data_type };
                (family == Family::Number).then_some(sum)
            }
            Self::Avg | Self::Stddev => (family == Family::Number).then_some(DataType::Number),
            Self::Quantile => match family {
                Family::Number => Some(DataType::Number),
                Family::Time => Some(data_type),
                Family::Text | Family::Boolean | Family::Identifier | Family::Nested => None,
            },
        }
    }
}

/// A function and what it works on. Built only by [`Aggregate::new`], so that they fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    function: Function,
    field: Option<Field>,
    quantile: Option<f64>,
    data_type: DataType,
}

impl Aggregate {
    /// A function over a field; `quantile` is the share for [`Function::Quantile`], 0 to 1.
    ///
    /// # Errors
    /// [`AggregationError`] when the function does not apply to the field, or lacks what it needs.
    pub fn new(function: Function, field: Option<Field>, quantile: Option<f64>) -> Result<Self, AggregationError> {
        let data_type = match &field {
            Some(field) => function
                .over(field.data_type())
                .ok_or_else(|| AggregationError::NotApplicable(function, field.clone()))?,
            None if function == Function::Count => DataType::Integer,
            None => return Err(AggregationError::NeedsField(function)),
        };
        match (function, quantile) {
            (Function::Quantile, Some(share)) if (0.0..=1.0).contains(&share) => {}
            (Function::Quantile, _) => return Err(AggregationError::NoQuantile),
            (_, Some(_)) => return Err(AggregationError::NeedsNoQuantile(function)),
            (_, None) => {}
        }
        Ok(Self { function, field, quantile, data_type })
    }

    /// The function.
    pub fn function(&self) -> Function {
        self.function
    }

    /// The field that it works on; none counts records.
    pub fn field(&self) -> Option<&Field> {
        self.field.as_ref()
    }

    /// The share of [`Function::Quantile`], 0 to 1.
    pub fn quantile(&self) -> Option<f64> {
        self.quantile
    }

    /// The type of the figure.
    pub fn data_type(&self) -> DataType {
        self.data_type
    }

    /// The name of a column that is given none.
    pub(super) fn default_name(&self) -> String {
        let function = self.function.name();
        self.field.as_ref().map_or_else(|| function.to_owned(), |field| format!("{function}_{field}"))
    }
}
