//! Samples of bodies that hold record after record.

use std::fmt;

use eider_domain::{DataType, Incoming, RecordCheck, RecordValidator, Schema, SchemaDefinition, Slot, Timestamp};
use serde_json::{Value as Json, json};

use super::forms::Form;
use super::{Finding, Fit, Survey};
use crate::options::ReadOptions;
use crate::reader::ReadError;
use crate::reader::rows::{Frame, Framer};

/// The types that a value of JSON or CSV may have, the strictest first. A number is a decimal where a double would
/// forget digits of it; a text that looks like one is text.
pub(crate) const TYPES: [DataType; DataType::STRICTEST_FIRST.len()] = DataType::STRICTEST_FIRST;

/// Reads the records of one body without a schema.
pub(crate) trait RecordSampler: fmt::Debug + Send {
    /// Takes note of the next record.
    ///
    /// # Errors
    /// When the body cannot be of the format, or has too many columns.
    fn read(
        &mut self,
        line: u64,
        frame: Frame<'_>,
        trial: &mut TypeTrial<'_>,
        survey: &mut Survey,
    ) -> Result<(), ReadError>;

    /// Ends the body.
    ///
    /// # Errors
    /// When what was read is no body of the format.
    fn end(&self, survey: &Survey) -> Result<(), ReadError>;

    /// An option that all of the records speak for, which is set in `options`, and why.
    fn find(&self, _options: &mut ReadOptions) -> Option<Finding> {
        None
    }
}

/// The first records of a body.
#[derive(Debug)]
pub(crate) struct RowSample {
    framer: Box<dyn Framer>,
    pub(crate) sampler: Box<dyn RecordSampler>,
    /// What says whether a type takes a value.
    schema: TrialSchema,
    json_depth: usize,
    most: u64,
    pub(crate) survey: Survey,
}

impl RowSample {
    pub(crate) fn new(
        framer: Box<dyn Framer>,
        sampler: Box<dyn RecordSampler>,
        json_depth: usize,
        most: u64,
    ) -> Result<Self, ReadError> {
        Ok(Self { framer, sampler, schema: TrialSchema::new()?, json_depth, most, survey: Survey::new() })
    }

    pub(crate) fn is_full(&self) -> bool {
        self.survey.records() >= self.most
    }

    pub(crate) fn push(&mut self, block: &[u8]) -> Result<(), ReadError> {
        self.run(|framer, sink| framer.push(block, sink))
    }

    pub(crate) fn end(&mut self) -> Result<(), ReadError> {
        self.run(|framer, sink| framer.finish(sink))?;
        self.sampler.end(&self.survey)
    }

    fn run(
        &mut self,
        feed: impl FnOnce(&mut dyn Framer, &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let Self { framer, sampler, schema, json_depth, most, survey } = self;
        let mut outcome = Ok(());
        let cut = feed(&mut **framer, &mut |line, frame| {
            if outcome.is_ok() && survey.records() < *most {
                let mut trial = schema.trial(*json_depth);
                outcome = sampler.read(line, frame, &mut trial, survey);
            }
        });
        outcome.and(cut)
    }
}

/// The property of a type in the schema that says what it takes. Digits of decimals are counted instead.
fn property_of(data_type: DataType) -> Json {
    let name = if matches!(data_type, DataType::Decimal { .. }) { "string" } else { data_type.name() };
    json!({"name": data_type.name(), "type": name})
}

/// A schema with a property of each of [`TYPES`], and one of each form of texts.
#[derive(Debug)]
pub(crate) struct TrialSchema {
    schema: Schema,
    forms: Vec<Form>,
}

impl TrialSchema {
    pub(crate) fn new() -> Result<Self, ReadError> {
        let forms = Form::all();
        let of_forms = forms.iter().enumerate().map(|(place, form)| form.property(&format!("form_{place}")));
        let properties: Vec<Json> = TYPES.into_iter().map(property_of).chain(of_forms).collect();
        let definition = SchemaDefinition::parse(&json!({"name": "trial", "properties": properties}));
        let schema = Schema::new(definition.map_err(ReadError::SchemaInvalid)?, 1, Timestamp::from_micros(0));
        Ok(Self { schema, forms })
    }

    /// The check of one record.
    pub(crate) fn trial(&self, json_depth: usize) -> TypeTrial<'_> {
        let check = RecordValidator::new(&self.schema).with_json_depth(json_depth).check();
        TypeTrial { schema: &self.schema, forms: &self.forms, check, json_depth }
    }
}

/// The check of one record, which tells of each type whether it takes a value.
pub(crate) struct TypeTrial<'t> {
    pub(crate) schema: &'t Schema,
    pub(super) forms: &'t [Form],
    pub(crate) check: RecordCheck<'t>,
    pub(crate) json_depth: usize,
}

impl TypeTrial<'_> {
    /// What a type makes of a value.
    pub(crate) fn fit(&mut self, data_type: DataType, token: Incoming<'_>) -> Fit {
        let is_taken = self.check.value(slot_of(data_type), token).is_some();
        self.fit_of(is_taken)
    }

    /// What a type made of a value that the check has taken or refused.
    pub(crate) fn fit_of(&mut self, is_taken: bool) -> Fit {
        if is_taken {
            return Fit::Fits;
        }
        self.check.abandon();
        Fit::Breaks
    }
}

/// The slot of a type in the schema that says what it takes.
pub(crate) fn slot_of(data_type: DataType) -> Slot {
    Slot::Property(TYPES.iter().position(|of| *of == data_type).unwrap_or_default())
}
