//! Aggregations: records in groups, and figures over each group.

mod date_unit;
mod function;

use arrow_schema::{Schema as ArrowSchema, SchemaRef};

use crate::{ColumnName, DataType, Direction, Field, Filter, SortKey, UnknownName};

pub use date_unit::DateUnit;
pub use function::{Aggregate, Function};

/// What the records of a group have in common; null is a value of its own here.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupKey {
    /// The value of a field, never of an `object` or an `array`.
    Field(Field),
    /// The beginning of the unit of time that a `date` or a `datetime` falls into, in UTC.
    Truncated {
        /// The field.
        field: Field,
        /// The unit.
        unit: DateUnit,
    },
}

impl GroupKey {
    /// The value of a field.
    ///
    /// # Errors
    /// [`AggregationError::NoGroups`] for nested JSON.
    pub fn of(field: Field) -> Result<Self, AggregationError> {
        if field.data_type().is_comparable() { Ok(Self::Field(field)) } else { Err(AggregationError::NoGroups(field)) }
    }

    /// The unit of time that a field falls into.
    ///
    /// # Errors
    /// [`AggregationError::NotTruncated`] unless the field is a `datetime`, or a `date` and the unit a day or longer.
    pub fn truncated(field: Field, unit: DateUnit) -> Result<Self, AggregationError> {
        let is_truncated = match unit {
            DateUnit::Second | DateUnit::Minute | DateUnit::Hour => field.data_type() == DataType::Datetime,
            DateUnit::Day | DateUnit::Week | DateUnit::Month | DateUnit::Quarter | DateUnit::Year => {
                field.data_type().has_day()
            }
        };
        if is_truncated {
            Ok(Self::Truncated { field, unit })
        } else {
            Err(AggregationError::NotTruncated(field, unit))
        }
    }

    /// The field.
    pub fn field(&self) -> &Field {
        match self {
            Self::Field(field) | Self::Truncated { field, .. } => field,
        }
    }
}

/// Why there is no such aggregation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AggregationError {
    /// The values of the field are not compared.
    #[error("`{}` is of type `{}`, whose values make no groups", .0.name(), .0.data_type())]
    NoGroups(Field),
    /// The field's values have no such part.
    #[error("`{}` is of type `{}`, which is not cut to a {}", .0.name(), .0.data_type(), .1.name())]
    NotTruncated(Field, DateUnit),
    /// The function works on a field, and none is given.
    #[error("`{}` needs a `field`", .0.name())]
    NeedsField(Function),
    /// The function makes no sense for the field's type.
    #[error("`{}` does not apply to `{}`, which is of type `{}`", .0.name(), .1.name(), .1.data_type())]
    NotApplicable(Function, Field),
    /// A quantile is asked for at no place, or beyond the ends.
    #[error("`quantile` needs a `p` from 0 to 1")]
    NoQuantile,
    /// Another function than `quantile` is given a `p`.
    #[error("`{}` takes no `p`", .0.name())]
    NeedsNoQuantile(Function),
    /// Two columns have the same name.
    #[error("two columns are called `{0}`; name one of them with `as`")]
    SameName(ColumnName),
    /// There are neither keys nor functions.
    #[error("an aggregation has at least one of `group_by` and `aggregate`")]
    Empty,
}

/// A question about groups of the records of one schema. Its columns are the keys of the groups, then the figures.
///
/// Without keys all records are one group, also when there are none.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregation {
    keys: Vec<(ColumnName, GroupKey)>,
    aggregates: Vec<(ColumnName, Aggregate)>,
    /// Which records.
    pub filter: Filter,
    /// Which groups; a filter over the columns.
    pub having: Filter,
    /// In which order; ties, and everything when empty, are in the ascending order of the keys.
    pub sort: Vec<SortKey>,
}

impl Aggregation {
    /// Every group of every record. A key without a name has that of its field, a figure that of its function and field.
    ///
    /// # Errors
    /// [`AggregationError::Empty`], [`AggregationError::SameName`].
    pub fn new(
        keys: Vec<(Option<ColumnName>, GroupKey)>,
        aggregates: Vec<(Option<ColumnName>, Aggregate)>,
    ) -> Result<Self, AggregationError> {
        let named = |name: Option<ColumnName>, default: String| name.unwrap_or_else(|| ColumnName::derived(default));
        let keys = keys.into_iter().map(|(name, key)| (named(name, key.field().name().to_owned()), key));
        let keys: Vec<(ColumnName, GroupKey)> = keys.collect();
        let aggregates = aggregates.into_iter().map(|(name, figure)| (named(name, figure.default_name()), figure));
        let aggregates: Vec<(ColumnName, Aggregate)> = aggregates.collect();
        let mut taken: Vec<&ColumnName> = keys.iter().map(|(name, _)| name).collect();
        taken.extend(aggregates.iter().map(|(name, _)| name));
        if taken.is_empty() {
            return Err(AggregationError::Empty);
        }
        taken.sort_unstable();
        if let Some(twice) = taken.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(AggregationError::SameName(twice[0].clone()));
        }
        Ok(Self { keys, aggregates, filter: Filter::everything(), having: Filter::everything(), sort: Vec::new() })
    }

    /// The keys of the groups.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &GroupKey> {
        self.keys.iter().map(|(_, key)| key)
    }

    /// The figures over each group.
    pub fn aggregates(&self) -> impl ExactSizeIterator<Item = &Aggregate> {
        self.aggregates.iter().map(|(_, aggregate)| aggregate)
    }

    /// The columns, in their order: keys, then figures.
    pub fn fields(&self) -> Vec<Field> {
        let keys = self.keys.iter().map(|(name, key)| (name, key.field().data_type()));
        let aggregates = self.aggregates.iter().map(|(name, aggregate)| (name, aggregate.data_type()));
        let columns = keys.chain(aggregates).enumerate();
        columns.map(|(index, (name, data_type))| Field::Computed { name: name.clone(), data_type, index }).collect()
    }

    /// The column of a name, without regard to case.
    ///
    /// # Errors
    /// [`UnknownName`] with the nearest name there is, or all of them.
    pub fn field(&self, name: &str) -> Result<Field, UnknownName> {
        let fields = self.fields();
        let found = fields.iter().find(|field| field.name().eq_ignore_ascii_case(name));
        found.cloned().ok_or_else(|| UnknownName::new("column", name, fields.iter().map(Field::name)))
    }

    /// The whole order of the groups: that asked for, then the keys, which no two groups share.
    pub fn order(&self) -> Vec<SortKey> {
        let mut order = self.sort.clone();
        for field in self.fields().into_iter().take(self.keys.len()) {
            if order.iter().all(|key| key.field != field) {
                order.push(SortKey { field, direction: Direction::Ascending });
            }
        }
        order
    }

    /// The Arrow schema of batches of groups. Counts are never null.
    pub fn arrow(&self) -> SchemaRef {
        let is_count = |index: usize| {
            let figure = index.checked_sub(self.keys.len()).and_then(|index| self.aggregates.get(index));
            figure.is_some_and(|(_, aggregate)| aggregate.function().is_count())
        };
        let fields = self.fields().into_iter().enumerate();
        let fields = fields.map(|(index, field)| field.data_type().arrow_field(field.name(), !is_count(index)));
        ArrowSchema::new(fields.collect::<Vec<_>>()).into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Schema, SchemaDefinition, Timestamp};

    fn field(name: &str) -> Field {
        let document = json!({"name": "s", "properties": [
            {"name": "carrier", "type": "string"}, {"name": "delay", "type": "number"},
            {"name": "fare", "type": "decimal", "precision": 10, "scale": 2}, {"name": "day", "type": "date"},
            {"name": "at", "type": "datetime"}, {"name": "extra", "type": "object"}]});
        let schema = Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0));
        schema.field(name).unwrap()
    }

    fn figure(function: Function, name: &str) -> Aggregate {
        Aggregate::new(function, Some(field(name)), None).unwrap()
    }

    fn column(name: &str) -> ColumnName {
        ColumnName::parse(name).unwrap()
    }

    #[test]
    fn columns_are_keys_then_figures_and_have_names_and_types() {
        let keys = vec![
            (None, GroupKey::of(field("carrier")).unwrap()),
            (Some(column("month")), GroupKey::truncated(field("at"), DateUnit::Month).unwrap()),
        ];
        let figures = vec![
            (None, Aggregate::new(Function::Count, None, None).unwrap()),
            (None, figure(Function::Sum, "fare")),
            (None, figure(Function::Min, "day")),
        ];
        let aggregation = Aggregation::new(keys, figures).unwrap();
        let columns: Vec<(String, DataType)> =
            aggregation.fields().iter().map(|field| (field.name().to_owned(), field.data_type())).collect();
        let expected = [
            ("carrier", DataType::String),
            ("month", DataType::Datetime),
            ("count", DataType::Integer),
            ("sum_fare", DataType::Decimal { precision: 38, scale: 2 }),
            ("min_day", DataType::Date),
        ];
        assert_eq!(columns, expected.map(|(name, data_type)| (name.to_owned(), data_type)));
        assert_eq!(aggregation.field("SUM_FARE").unwrap().column(), 3);
        assert_eq!(
            aggregation.field("sum_fair").unwrap_err().to_string(),
            "there is no column `sum_fair`; did you mean `sum_fare`?"
        );
        let nullable: Vec<bool> = aggregation.arrow().fields().iter().map(|field| field.is_nullable()).collect();
        assert_eq!(nullable, [true, true, false, true, true]);
    }

    #[test]
    fn ties_are_in_the_order_of_the_keys() {
        let keys = ["carrier", "day"].map(|name| (None, GroupKey::of(field(name)).unwrap()));
        let mut aggregation = Aggregation::new(keys.into(), vec![(None, figure(Function::Avg, "delay"))]).unwrap();
        aggregation.sort = ["avg_delay", "day"]
            .map(|name| SortKey { field: aggregation.field(name).unwrap(), direction: Direction::Descending })
            .into();
        let order: Vec<String> =
            aggregation.order().iter().map(|key| format!("{} {:?}", key.field, key.direction)).collect();
        assert_eq!(order, ["avg_delay Descending", "day Descending", "carrier Ascending"]);
    }

    #[test]
    fn names_are_unique_without_regard_to_case() {
        let keys = vec![(None, GroupKey::of(field("carrier")).unwrap())];
        let figures = vec![(Some(column("Carrier")), figure(Function::Max, "delay"))];
        assert!(matches!(Aggregation::new(keys, figures), Err(AggregationError::SameName(_))));
        assert_eq!(Aggregation::new(vec![], vec![]), Err(AggregationError::Empty));
    }

    #[test]
    fn functions_and_keys_apply_only_where_they_make_sense() {
        for (function, name) in [
            (Function::Sum, "carrier"),
            (Function::Avg, "day"),
            (Function::Stddev, "at"),
            (Function::Min, "extra"),
            (Function::CountDistinct, "extra"),
        ] {
            let refused = Aggregate::new(function, Some(field(name)), None);
            assert_eq!(refused, Err(AggregationError::NotApplicable(function, field(name))), "{function:?} {name}");
        }
        assert_eq!(Aggregate::new(Function::Max, None, None), Err(AggregationError::NeedsField(Function::Max)));
        for p in [None, Some(-0.1), Some(1.5), Some(f64::NAN)] {
            let refused = Aggregate::new(Function::Quantile, Some(field("delay")), p);
            assert_eq!(refused, Err(AggregationError::NoQuantile), "{p:?}");
        }
        let refused = Aggregate::new(Function::Sum, Some(field("delay")), Some(0.5));
        assert_eq!(refused, Err(AggregationError::NeedsNoQuantile(Function::Sum)));
        assert!(matches!(GroupKey::of(field("extra")), Err(AggregationError::NoGroups(_))));
        assert!(GroupKey::truncated(field("day"), DateUnit::Week).is_ok());
        assert!(matches!(GroupKey::truncated(field("day"), DateUnit::Hour), Err(AggregationError::NotTruncated(..))));
        assert!(GroupKey::truncated(field("carrier"), DateUnit::Year).is_err());
    }
}
