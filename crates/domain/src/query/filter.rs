//! Which records a query wants: a tree of conditions, typed when it is built.

use std::fmt;

use serde_json::Value as Json;
use strum::{EnumCount, IntoStaticStr};

use crate::types::typed;
use crate::{DataType, Family, Field, Incoming, UnknownName, Value, ValueRef, spelled};

/// How a condition compares. Comparisons follow SQL: a null never matches, not even under `not`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumCount, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Equal to one of a list.
    In,
    /// Text matches a pattern: `%` any run of characters, `_` one; there is no escape.
    Like,
    /// As `like`, without regard to case.
    Ilike,
    /// Has no value.
    IsNull,
    /// Has a value.
    IsNotNull,
}

impl Operator {
    /// All operators.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Eq,
        Self::Ne,
        Self::Gt,
        Self::Gte,
        Self::Lt,
        Self::Lte,
        Self::In,
        Self::Like,
        Self::Ilike,
        Self::IsNull,
        Self::IsNotNull,
    ];

    /// The operator's name in filters.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The operator of a name.
    ///
    /// # Errors
    /// [`UnknownName`] with the nearest name, or all of them.
    pub fn parse(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|operator| operator.name() == name);
        found.ok_or_else(|| UnknownName::new("operator", name, Self::ALL.map(Self::name)))
    }

    /// Whether it makes sense for fields of a type.
    pub fn applies_to(self, data_type: DataType) -> bool {
        match self {
            Self::IsNull | Self::IsNotNull => true,
            Self::Eq | Self::Ne | Self::In => data_type.is_comparable(),
            Self::Gt | Self::Gte | Self::Lt | Self::Lte => data_type.is_ordered(),
            Self::Like | Self::Ilike => data_type.family() == Family::Text,
        }
    }

    /// What it compares with.
    pub fn operand(self) -> OperandKind {
        match self {
            Self::Eq | Self::Ne | Self::Gt | Self::Gte | Self::Lt | Self::Lte => OperandKind::Value,
            Self::In => OperandKind::List,
            Self::Like | Self::Ilike => OperandKind::Pattern,
            Self::IsNull | Self::IsNotNull => OperandKind::Nothing,
        }
    }
}

/// What an operator compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperandKind {
    /// Nothing.
    Nothing,
    /// One value.
    Value,
    /// One text with `%` and `_`.
    Pattern,
    /// Any number of values.
    List,
}

/// What a condition compares with; values are of the field's type and never null.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Nothing: `is_null` and `is_not_null`.
    Nothing,
    /// One value.
    One(Value),
    /// Any of these, with none nothing: `in`.
    Many(Vec<Value>),
}

/// Why a condition cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The operator makes no sense for the field's type.
    #[error("`{operator}` does not apply to `{field}`, which is of type `{data_type}`")]
    NotApplicable {
        /// The operator's name.
        operator: &'static str,
        /// The field's name.
        field: String,
        /// The field's type.
        data_type: DataType,
    },
    /// A value is not of the field's type.
    #[error("the value of `{field}.{operator}` is not valid: {detail}")]
    InvalidValue {
        /// The operator's name.
        operator: &'static str,
        /// The field's name.
        field: String,
        /// What is wrong with the value.
        detail: String,
    },
}

/// A comparison of one field. Built only by [`Condition::from_text`] and [`Condition::from_json`], so that
/// operator, type and values always fit.
///
/// ```
/// use eider_domain::{Condition, Filter, Operator, Schema, SchemaDefinition, Timestamp};
/// use serde_json::json;
///
/// let document = json!({"name": "flights", "properties": [{"name": "delay", "type": "integer"}]});
/// let definition = SchemaDefinition::parse(&document).expect("a valid definition");
/// let schema = Schema::new(definition, 1, Timestamp::from_micros(0));
/// let delay = schema.field("delay").expect("a property");
///
/// // `?delay.gt=60`, or no delay at all.
/// let late = Condition::from_text(delay.clone(), Operator::Gt, "60")?;
/// let unknown = Condition::from_text(delay.clone(), Operator::IsNull, "true")?;
/// let either = Filter::Or(vec![late.into(), unknown.into()]);
/// assert_eq!(either.fields(), [&delay, &delay]);
/// assert!(Condition::from_text(delay.clone(), Operator::Gt, "much").is_err(), "no integer");
/// assert!(Condition::from_text(delay, Operator::Like, "6%").is_err(), "texts have patterns");
/// # Ok::<(), eider_domain::FilterError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    field: Field,
    operator: Operator,
    operand: Operand,
}

impl Condition {
    /// A condition from a query string: `field.operator=text`.
    ///
    /// `in` takes values between commas or a JSON array; `is_null=false` means `is_not_null`.
    ///
    /// # Errors
    /// [`FilterError`] when the operator does not fit the type or the text is no value of it.
    pub fn from_text(field: Field, operator: Operator, text: &str) -> Result<Self, FilterError> {
        if operator.operand() == OperandKind::List && text.starts_with('[') {
            let list = serde_json::from_str(text)
                .map_err(|_| invalid_value(&field, operator, "it starts with `[` but is not a JSON array"))?;
            return Self::from_json(field, operator, &list);
        }
        let parse = |text: &str| {
            ValueRef::parse(field.data_type(), text)
                .map(ValueRef::into_owned)
                .map_err(|error| invalid_value(&field, operator, error.to_string()))
        };
        if !operator.applies_to(field.data_type()) {
            return Err(not_applicable(&field, operator));
        }
        let operand = match operator.operand() {
            OperandKind::Nothing => match text {
                "true" | "" => return Self::null_test(field, operator, true),
                "false" => return Self::null_test(field, operator, false),
                _ => return Err(invalid_value(&field, operator, "expected true or false")),
            },
            OperandKind::List => Operand::Many(text.split(',').map(parse).collect::<Result<_, _>>()?),
            OperandKind::Value | OperandKind::Pattern => Operand::One(parse(text)?),
        };
        Ok(Self { field, operator, operand })
    }

    /// A condition from a JSON document: `{"field": …, "operator": …, "value": …}`.
    ///
    /// # Errors
    /// [`FilterError`] when the operator does not fit the type or the value is not of it.
    pub fn from_json(field: Field, operator: Operator, value: &Json) -> Result<Self, FilterError> {
        let parse = |value: &Json| match typed(field.data_type(), Incoming::from_json(value)) {
            Ok(ValueRef::Null) => {
                Err(invalid_value(&field, operator, "null is never equal to anything; use `is_null`"))
            }
            Ok(value) => Ok(value.into_owned()),
            Err((_, detail)) => Err(invalid_value(&field, operator, detail)),
        };
        if !operator.applies_to(field.data_type()) {
            return Err(not_applicable(&field, operator));
        }
        let operand = match (operator.operand(), value) {
            (OperandKind::Nothing, Json::Null) => return Self::null_test(field, operator, true),
            (OperandKind::Nothing, Json::Bool(holds)) => return Self::null_test(field, operator, *holds),
            (OperandKind::Nothing, _) => return Err(invalid_value(&field, operator, "expected true or false")),
            (OperandKind::List, Json::Array(list)) => Operand::Many(list.iter().map(parse).collect::<Result<_, _>>()?),
            (OperandKind::List, _) => return Err(invalid_value(&field, operator, "expected a list")),
            (OperandKind::Value | OperandKind::Pattern, value) => Operand::One(parse(value)?),
        };
        Ok(Self { field, operator, operand })
    }

    /// The condition that a record has this id.
    pub fn id_equals(id: crate::RecordId) -> Self {
        Self {
            field: Field::System(crate::SystemField::Id),
            operator: Operator::Eq,
            operand: Operand::One(Value::Uuid(*id.as_uuid())),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "shares the signature of the constructors that call it")]
    fn null_test(field: Field, operator: Operator, holds: bool) -> Result<Self, FilterError> {
        let operator = if (operator == Operator::IsNull) == holds { Operator::IsNull } else { Operator::IsNotNull };
        Ok(Self { field, operator, operand: Operand::Nothing })
    }

    /// The field compared.
    pub fn field(&self) -> &Field {
        &self.field
    }

    /// How it is compared.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// What it is compared with.
    pub fn operand(&self) -> &Operand {
        &self.operand
    }
}

fn invalid_value(field: &Field, operator: Operator, detail: impl Into<String>) -> FilterError {
    FilterError::InvalidValue { operator: operator.name(), field: field.name().to_owned(), detail: detail.into() }
}

fn not_applicable(field: &Field, operator: Operator) -> FilterError {
    FilterError::NotApplicable {
        operator: operator.name(),
        field: field.name().to_owned(),
        data_type: field.data_type(),
    }
}

/// A predicate over records with SQL's three-valued logic: only records for which it is true match.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of these; with none, every record matches.
    And(Vec<Filter>),
    /// At least one of these; with none, no record matches.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// One comparison.
    Condition(Condition),
}

impl Filter {
    /// Matches every record.
    pub fn everything() -> Self {
        Self::And(Vec::new())
    }

    /// Whether the filter is [`Filter::everything`].
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::And(parts) if parts.is_empty())
    }

    /// The conditions that every matching record fulfils: those that stand alone or are joined by nothing but `and`.
    pub fn required_conditions(&self) -> Vec<&Condition> {
        match self {
            Self::And(parts) => parts.iter().flat_map(Self::required_conditions).collect(),
            Self::Condition(condition) => vec![condition],
            Self::Or(_) | Self::Not(_) => Vec::new(),
        }
    }

    /// The conditions, in the order of the tree.
    pub fn conditions(&self) -> Vec<&Condition> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::conditions).collect(),
            Self::Not(part) => part.conditions(),
            Self::Condition(condition) => vec![condition],
        }
    }

    /// The fields that are compared, in the order of the tree, each as often as it is.
    pub fn fields(&self) -> Vec<&Field> {
        self.conditions().into_iter().map(Condition::field).collect()
    }

    /// Number of conditions in the tree.
    pub fn condition_count(&self) -> usize {
        self.conditions().len()
    }
}

impl From<Condition> for Filter {
    fn from(condition: Condition) -> Self {
        Self::Condition(condition)
    }
}

/// A form in which two filters are the same text exactly when they are the same filter; holds values, so never log it.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, name: &str, parts: &[Filter]| {
            write!(f, "{name}(")?;
            parts.iter().try_for_each(|part| write!(f, "{part},"))?;
            f.write_str(")")
        };
        match self {
            Self::And(parts) => list(f, "and", parts),
            Self::Or(parts) => list(f, "or", parts),
            Self::Not(part) => write!(f, "not({part})"),
            Self::Condition(Condition { field, operator, operand }) => {
                write!(f, "{}.{}", spelled(field.name()), operator.name())?;
                let values: &[Value] = match operand {
                    Operand::Nothing => &[],
                    Operand::One(value) => std::slice::from_ref(value),
                    Operand::Many(values) => values,
                };
                values.iter().try_for_each(|value| write!(f, "={:?}", value.text(field.data_type())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Schema, SchemaDefinition, Timestamp};

    fn schema() -> Schema {
        let document = json!({"name": "s", "properties": [
            {"name": "carrier", "type": "string"}, {"name": "delay", "type": "number"},
            {"name": "ok", "type": "boolean"}, {"name": "extra", "type": "object"}]});
        Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0))
    }

    fn condition(field: &str, operator: &str, text: &str) -> Result<Condition, FilterError> {
        Condition::from_text(schema().field(field).unwrap(), Operator::parse(operator).unwrap(), text)
    }

    #[test]
    fn text_is_parsed_to_the_type_of_the_field() {
        assert_eq!(condition("delay", "gte", "60").unwrap().operand(), &Operand::One(Value::Number(60.0)));
        assert!(matches!(condition("delay", "gte", "soon"), Err(FilterError::InvalidValue { .. })));
    }

    #[test]
    fn in_takes_commas_or_a_json_array() {
        let commas = condition("carrier", "in", "UA,AA").unwrap();
        assert_eq!(commas, condition("carrier", "in", r#"["UA","AA"]"#).unwrap());
        assert!(condition("carrier", "in", r#"["UA",1]"#).is_err());
        assert!(condition("carrier", "in", "[").is_err());
        assert_eq!(condition("carrier", "in", "[]").unwrap().operand(), &Operand::Many(Vec::new()));
    }

    #[test]
    fn is_null_false_means_is_not_null() {
        assert_eq!(condition("delay", "is_null", "false").unwrap().operator(), Operator::IsNotNull);
        assert_eq!(condition("delay", "is_not_null", "false").unwrap().operator(), Operator::IsNull);
        assert!(condition("delay", "is_null", "maybe").is_err());
    }

    #[test]
    fn operators_apply_only_where_they_make_sense() {
        for (field, operator) in [("delay", "like"), ("ok", "gt"), ("extra", "eq"), ("extra", "in")] {
            assert!(
                matches!(condition(field, operator, "x"), Err(FilterError::NotApplicable { .. })),
                "{field}.{operator}"
            );
        }
        assert!(condition("extra", "is_null", "true").is_ok());
    }

    #[test]
    fn an_unknown_operator_names_the_nearest() {
        assert_eq!(Operator::parse("gtt").unwrap_err().to_string(), "there is no operator `gtt`; did you mean `gt`?");
    }

    #[test]
    fn conditions_below_or_and_not_are_not_required() {
        let one = |text: &str| Filter::from(condition("carrier", "eq", text).unwrap());
        let (a, b) = (one("a"), one("b"));
        let filter = Filter::And(vec![
            a.clone(),
            Filter::And(vec![b.clone(), Filter::Or(vec![one("c")])]),
            Filter::Not(Box::new(one("d"))),
        ]);
        assert!(filter.required_conditions().into_iter().cloned().map(Filter::from).eq([a, b]));
    }

    #[test]
    fn different_filters_have_different_texts() {
        let one = Filter::from(condition("carrier", "in", r#"["a,b"]"#).unwrap());
        let two = Filter::from(condition("carrier", "in", r#"["a","b"]"#).unwrap());
        assert_ne!(one.to_string(), two.to_string());
    }
}
