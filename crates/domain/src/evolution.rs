//! A change of a schema: what its author asks for, and what stored records have to fulfil for it.

mod parse;

use crate::{DataType, Field, Index, Property, Schema, SchemaDefinition, ValueRef, Violation, ViolationCode};

/// A change of a schema from one version to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Evolution {
    next: SchemaDefinition,
    /// For each property of the next definition, its place in the one before; `None` for one that is added.
    origins: Vec<Option<usize>>,
    /// For each property of the next definition, the place in the document that speaks of it.
    pointers: Vec<String>,
}

impl Evolution {
    /// Parses a change of a definition: `{"description": …, "drop": ["name"], "change": {"name": {…}}, "add":
    /// [{…}]}`. A value of `change` is merged into the property as RFC 7396 says; `name` renames it.
    ///
    /// ```
    /// use eider_domain::{DemandKind, Evolution, Schema, SchemaDefinition, Timestamp};
    /// use serde_json::json;
    ///
    /// let document = json!({"name": "flights", "properties": [{"name": "delay", "type": "integer"}]});
    /// let definition = SchemaDefinition::parse(&document).expect("a valid definition");
    /// let schema = Schema::new(definition, 1, Timestamp::from_micros(0));
    ///
    /// let change = json!({"change": {"delay": {"required": true}}, "add": [{"name": "gate", "type": "string"}]});
    /// let evolution = Evolution::parse(schema.definition(), &change).expect("a valid change");
    /// assert_eq!(evolution.origins(), [Some(0), None]);
    /// assert_eq!(evolution.demands(&schema)[0].kind, DemandKind::Present, "no stored delay may be null");
    ///
    /// let narrower = json!({"change": {"delay": {"type": "boolean"}}});
    /// let violations = Evolution::parse(schema.definition(), &narrower).expect_err("values would be lost");
    /// assert_eq!(violations[0].pointer, "/change/delay/type");
    /// ```
    ///
    /// # Errors
    /// Every violation found, each with a JSON Pointer into `document`.
    pub fn parse(current: &SchemaDefinition, document: &serde_json::Value) -> Result<Self, Vec<Violation>> {
        parse::evolution(current, document)
    }

    /// The definition that the change leads to.
    pub fn next(&self) -> &SchemaDefinition {
        &self.next
    }

    /// For each property of the next definition, its place in the one before; `None` for one that is added.
    pub fn origins(&self) -> &[Option<usize>] {
        &self.origins
    }

    /// [`SchemaDefinition::unsupported_keys`] of the next definition, each with a JSON Pointer into the change.
    pub fn unsupported_keys(&self) -> Vec<Violation> {
        let names: Vec<Option<String>> =
            self.next.properties().iter().map(|property| Some(property.name.key())).collect();
        let violations = self.next.unsupported_keys().into_iter();
        violations.map(|violation| parse::addressed(violation, &self.pointers, &names)).collect()
    }

    /// Whether the change leaves the definition as it is.
    pub fn is_nothing(&self, current: &SchemaDefinition) -> bool {
        self.next == *current
    }

    /// The properties of the next definition, each with what it was before.
    pub fn properties<'s>(&'s self, before: &'s Schema) -> impl Iterator<Item = (&'s Property, Option<&'s Property>)> {
        let origins = self.origins.iter().map(|origin| origin.map(|index| &before.properties()[index]));
        self.next.properties().iter().zip(origins)
    }

    /// What stored records have to fulfil, each by itself, in the order of the next definition.
    pub fn demands(&self, before: &Schema) -> Vec<Demand> {
        let mut demands = Vec::new();
        for (index, (property, origin)) in self.properties(before).enumerate() {
            let Some(was) = origin else {
                if property.is_required && property.default.is_none() {
                    demands.push(Demand { property: index, origin: None, kind: DemandKind::Present });
                }
                continue;
            };
            let mut demand = |kind| demands.push(Demand { property: index, origin: self.origins[index], kind });
            if property.is_required && !was.is_required {
                demand(DemandKind::Present);
            }
            if property.data_type != was.data_type {
                demand(DemandKind::Convertible { from: was.data_type });
            }
            if property.constraints != was.constraints && !property.constraints.is_empty() {
                demand(DemandKind::Constrained { from: was.data_type });
            }
        }
        demands
    }

    /// What no two stored records may share under the next definition and might under the one before.
    pub fn new_keys(&self, before: &Schema, next: &Schema) -> Vec<NewKey> {
        let unique = |schema: &Schema| schema.indexes().into_iter().filter(|index| index.is_unique);
        let known: Vec<Vec<usize>> = unique(before).map(|index| index.places()).collect();
        let new_key = |index: Index| {
            let places = index.places();
            let origins: Vec<Option<usize>> = places.iter().map(|place| self.origins[*place]).collect();
            let is_same = |known: &Vec<usize>| {
                known.len() == origins.len() && known.iter().all(|place| origins.contains(&Some(*place)))
            };
            // An added property without a default is null, so that no record has the key.
            let is_null = |place: &usize| self.origins[*place].is_none() && next.properties()[*place].default.is_none();
            let is_new = !known.iter().any(is_same) && !places.iter().any(is_null);
            is_new.then_some(NewKey { fields: index.fields, origins })
        };
        unique(next).filter_map(new_key).collect()
    }
}

impl Schema {
    /// The next version of the schema, after a change of it. Properties stay the same ones, whatever becomes of their
    /// names and places.
    #[must_use]
    pub fn evolved(&self, evolution: &Evolution) -> Self {
        let known = self.property_ids();
        let new_ids = u64::from(self.version() + 1) << 32;
        let ids = evolution.origins().iter().zip(0_u64..);
        let ids = ids.map(|(origin, place)| origin.map_or(new_ids | place, |was| known[was])).collect();
        self.next(evolution.next().clone(), ids)
    }
}

/// Properties whose values no two stored records may share once a schema has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// The properties of the next schema.
    pub fields: Vec<Field>,
    /// For each its place in the definition before; `None` for one that is added, whose value is its default in every
    /// record.
    pub origins: Vec<Option<usize>>,
}

/// Something that stored records have to fulfil, each by itself, before a schema may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// The place of the property in the next definition.
    pub property: usize,
    /// Its place in the definition before; `None` for one that is added.
    pub origin: Option<usize>,
    /// What is asked of its values.
    pub kind: DemandKind,
}

/// What is asked of the stored values of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemandKind {
    /// None is null.
    Present,
    /// The next type can hold each.
    Convertible {
        /// The type that they have.
        from: DataType,
    },
    /// Each satisfies the next constraints.
    Constrained {
        /// The type that they have.
        from: DataType,
    },
}

impl DemandKind {
    /// What a record does that does not fulfil it.
    pub fn code(self) -> ViolationCode {
        match self {
            Self::Present => ViolationCode::RequiredMissing,
            Self::Convertible { .. } => ViolationCode::OutOfRange,
            Self::Constrained { .. } => ViolationCode::InvalidConstraint,
        }
    }
}

impl Demand {
    /// What is wrong with a stored value.
    pub fn broken_by(&self, next: &Property, value: &ValueRef<'_>) -> Option<ViolationCode> {
        if matches!(value, ValueRef::Null) {
            return (self.kind == DemandKind::Present).then(|| self.kind.code());
        }
        match self.kind {
            DemandKind::Present => None,
            DemandKind::Convertible { from } => {
                widened(value, from, next.data_type).is_none().then(|| self.kind.code())
            }
            DemandKind::Constrained { from } => {
                let widened = widened(value, from, next.data_type)?;
                next.constraints.check(next.data_type, &widened).err().map(|(code, _)| code)
            }
        }
    }
}

/// A value of one type as one of another that it may be widened to; `None` when it cannot be had without loss.
pub fn widened<'a>(value: &ValueRef<'a>, from: DataType, to: DataType) -> Option<ValueRef<'a>> {
    /// The integers that a double holds, each by itself.
    const EXACT: u64 = 1 << 53;
    match (value, to) {
        _ if from == to => Some(value.clone()),
        (ValueRef::Null, _) => Some(ValueRef::Null),
        (ValueRef::Integer(number), DataType::Number) if number.unsigned_abs() > EXACT => None,
        (ValueRef::Date(days), DataType::Datetime) => Some(ValueRef::Datetime(i64::from(*days) * 86_400_000_000)),
        (value, to) => {
            let text = value.text(from)?;
            ValueRef::parse(to, &text).ok().map(ValueRef::into_owned)
        }
    }
}

#[cfg(test)]
mod tests;
